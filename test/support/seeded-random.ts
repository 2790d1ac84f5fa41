/** Repeatable choices: a failing run is run again from its seed. */
export interface SeededRandom {
  /** Uniform in [0, 1). */
  fraction(): number
  /** Uniform among the integers from `least` to `most`, both included. */
  integer(least: number, most: number): number
  pick<T>(choices: readonly T[]): T
}

/** Mulberry32. */
export function seededRandom(seed: number): SeededRandom {
  let state = seed | 0
  const fraction = () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
  const integer = (least: number, most: number) => least + Math.floor(fraction() * (most - least + 1))
  return { fraction, integer, pick: (choices) => choices[integer(0, choices.length - 1)] as (typeof choices)[number] }
}
