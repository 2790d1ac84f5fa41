import { performance } from 'node:perf_hooks'

/** A scheduled call that has not happened yet. Cancelling twice, or after it ran, does nothing. */
export interface Timer {
  cancel(): void
}

/** Time as a dependency: tests move a fake one by hand, so nothing in the program reads the system's clock itself. */
export interface Clock {
  /** Wall-clock time in milliseconds since the Unix epoch. May step backwards or forwards. */
  now(): number
  /** Milliseconds since an arbitrary origin; never steps. Durations are measured with it. */
  elapsed(): number
  /** Calls `fn` once, `delayMs` from now (clamped to what the platform's timer can hold), unless cancelled. */
  after(delayMs: number, fn: () => void): Timer
}

/** Node's timers fire at once when given more than 2^31-1 ms: longer waits are cut and the caller looks again. */
export const TIMER_DELAY_MAX_MS = 2_147_483_647

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after(delayMs, fn) {
    const handle = setTimeout(fn, Math.min(Math.max(delayMs, 0), TIMER_DELAY_MAX_MS))
    return { cancel: () => clearTimeout(handle) }
  },
}

/** Resolves after `delayMs`, or at once when `signal` aborts; never rejects. */
export function sleep(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve()
    const done = () => {
      timer.cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
    const timer = clock.after(delayMs, done)
    signal?.addEventListener('abort', done, { once: true })
  })
}

/** RFC 3339 in UTC with whole seconds, as Kubernetes writes times in a status. */
export function rfc3339Seconds(epochMs: number): string {
  return new Date(epochMs).toISOString().replace(/\.\d{3}Z$/, 'Z')
}

/** RFC 3339 in UTC with microseconds, as Kubernetes writes a MicroTime. */
export function microTime(epochMs: number): string {
  return new Date(epochMs).toISOString().replace('Z', '000Z')
}
