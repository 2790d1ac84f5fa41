import type { Clock } from '../../src/base/clock.ts'

/** Time that stands still until the test moves it. */
export interface FakeClock extends Clock {
  /** Moves time forward, calling what falls due in order. */
  advance(ms: number): void
  /** How many calls are scheduled. */
  readonly timers: number
}

export function createFakeClock(startMs = Date.parse('2026-03-01T12:00:00Z')): FakeClock {
  const scheduled = new Set<{ at: number; fn: () => void }>()
  let elapsed = 0
  const next = (until: number) => [...scheduled].filter((entry) => entry.at <= until).sort((a, b) => a.at - b.at)[0]
  return {
    now: () => startMs + elapsed,
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
    get timers() {
      return scheduled.size
    },
  }
}
