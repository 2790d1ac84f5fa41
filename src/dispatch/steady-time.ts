import type { Clock } from '../base/clock.ts'

/** Wall-clock time for comparing with stored times, made safe against steps of the clock. */
export interface SteadyTime {
  /** For "is it due": a step of the clock, either way, makes nothing wait longer than it should. Never runs backwards. */
  due(): number
  /** For "is it too late": a step of the clock, either way, makes nothing expire earlier than it should. */
  deadline(): number
  /** How far `due` is ahead of the wall clock: a time noted by it, less this, is when it was. */
  lead(): number
  /** Goes on from a time that an earlier process noted by `due`: what it scheduled was counted from there. */
  goOnFrom(noted: number): void
}

const STEP_MS = 60_000

/**
 * Follows the wall clock by a clock that never steps. `due` goes by the furthest the wall clock has ever been ahead of that one: a
 * step backwards delays no retry, and neither does one that takes a step forwards back, whatever was scheduled between the two.
 * For `deadline`, where the two part by more than 60 s, somebody set the clock (or the machine slept): it then goes by the earlier,
 * so that a step forwards grants every deadline the length of the step. Of `due` a new process is told, see `goOnFrom`; the other begins anew.
 */
export function createSteadyTime(clock: Clock): SteadyTime {
  let wallStart = clock.now()
  let elapsedStart = clock.elapsed()
  let furthest = wallStart - elapsedStart

  function steady(wall: number, elapsed: number): number {
    // Whole milliseconds, as the wall clock gives and the store takes.
    const expected = Math.round(wallStart + elapsed - elapsedStart)
    if (Math.abs(wall - expected) > STEP_MS) return expected
    // Small corrections are what keeps a clock right: go along.
    wallStart = wall
    elapsedStart = elapsed
    return wall
  }

  function due(): number {
    const wall = clock.now()
    const elapsed = clock.elapsed()
    furthest = Math.max(furthest, wall - elapsed)
    // Whoever asks only now and then what is too late must not take a sum of small corrections for a step.
    steady(wall, elapsed)
    return Math.round(furthest + elapsed)
  }

  return {
    due,
    lead: () => due() - clock.now(),
    goOnFrom(noted) {
      furthest = Math.max(furthest, noted - clock.elapsed())
    },
    deadline() {
      const wall = clock.now()
      return Math.min(wall, steady(wall, clock.elapsed()))
    },
  }
}
