import type { Clock } from '../../src/base/clock.ts'

/** Time that stands still until the test moves it. */
export interface FakeClock extends Clock {
  /** Moves time forward, calling what falls due in order. */
  advance(ms: number): void
  /** Time goes by in which nothing is called, as when the event loop stands still; whatever fell due is called late, at its end. */
  stall(ms: number): void
  /** Sets the wall clock forwards or back; `elapsed` and what is scheduled do not notice. */
  step(ms: number): void
  /** How far `advance` must go for the next scheduled call; Infinity if none is. */
  readonly untilNext: number
  /** How many calls are scheduled. */
  readonly timers: number
}

export function createFakeClock(startMs = Date.parse('2026-03-01T12:00:00Z')): FakeClock {
  const scheduled = new Set<{ at: number; fn: () => void }>()
  let elapsed = 0
  let stepped = 0
  const next = (until: number) => [...scheduled].filter((entry) => entry.at <= until).sort((a, b) => a.at - b.at)[0]
  return {
    now: () => startMs + stepped + elapsed,
    elapsed: () => elapsed,
    after(delayMs, fn) {
      const entry = { at: elapsed + Math.max(delayMs, 0), fn }
      scheduled.add(entry)
      return { cancel: () => scheduled.delete(entry) }
    },
    advance(ms) {
      const until = elapsed + ms
      for (let due = next(until); due; due = next(until)) {
        scheduled.delete(due)
        elapsed = due.at
        due.fn()
      }
      elapsed = until
    },
    stall(ms) {
      elapsed += ms
      for (let due = next(elapsed); due; due = next(elapsed)) {
        scheduled.delete(due)
        due.fn()
      }
    },
    step(ms) {
      stepped += ms
    },
    get untilNext() {
      return Math.max(0, Math.min(...[...scheduled].map((entry) => entry.at)) - elapsed)
    },
    get timers() {
      return scheduled.size
    },
  }
}
