import type { Random } from '../base/random.ts'
import type { Ordering } from '../resources/vocabulary.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
export const DAY_MS = 24 * HOUR

/** Waits after the first, second, ... failed attempt: the example schedule of Standard Webhooks 1.0.0. */
const RETRY_WAITS_MS = [
  5 * SECOND,
  5 * MINUTE,
  30 * MINUTE,
  2 * HOUR,
  5 * HOUR,
  10 * HOUR,
  14 * HOUR,
  20 * HOUR,
  24 * HOUR,
]

/** After its event's time and this, a delivery is dead-lettered whatever held it. */
export const DEADLINE_MS = 4 * DAY_MS

/** No wait of ours is longer; a due time further away comes from a clock that was wrong. */
export const WAIT_MAX_MS = 30 * HOUR

const LINE_ATTEMPTS_MAX = 6

const RETRY_AFTER_MIN_MS = SECOND
const RETRY_AFTER_MAX_MS = DAY_MS

/** `ms` give or take 20 %, so that what failed together does not come back together. */
export function jittered(ms: number, random: Random): number {
  return ms * (0.8 + 0.4 * random.fraction())
}

/** Wait after the failed attempt number `attempt` (counted from 1), ±20 %. */
export function retryWaitMs(attempt: number, random: Random): number {
  const index = Math.min(attempt, RETRY_WAITS_MS.length) - 1
  return jittered(RETRY_WAITS_MS[index] ?? DAY_MS, random)
}

/**
 * `Retry-After` (RFC 9110 §10.2.3: seconds or an HTTP date) as a wait from `now`, clamped to 1 s .. 24 h; undefined if it is
 * neither. The asctime form of a date, which ends with its year, names no zone and is UTC (§5.6.7).
 */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  const text = value?.trim() ?? ''
  if (/^\d{1,10}$/.test(text)) return clampRetryAfter(Number(text) * SECOND)
  // Dates start with the day's name; Date.parse alone would take "-5" or "12 monkeys" for a year.
  if (!/^[A-Za-z]{3,9},? /.test(text)) return undefined
  const date = Date.parse(/ \d{4}$/.test(text) ? `${text} GMT` : text)
  return Number.isNaN(date) ? undefined : clampRetryAfter(date - now)
}

function clampRetryAfter(ms: number): number {
  return Math.min(Math.max(ms, RETRY_AFTER_MIN_MS), RETRY_AFTER_MAX_MS)
}

/**
 * success: delivered. gone: the endpoint wants no more. slow-down: too much at once, or too much for it now. refused: this very
 * delivery will never be taken; only a line acts on it. retry: anything else, no status code at all included.
 */
export type StatusMeaning = 'success' | 'gone' | 'slow-down' | 'refused' | 'retry'

export function statusMeaning(statusCode: number | null): StatusMeaning {
  if (statusCode === null) return 'retry'
  if (statusCode >= 200 && statusCode <= 299) return 'success'
  if (statusCode === 410) return 'gone'
  if (statusCode === 429 || statusCode === 502 || statusCode === 503 || statusCode === 504) return 'slow-down'
  if (statusCode === 408 || statusCode === 425) return 'retry'
  return statusCode >= 400 && statusCode <= 499 ? 'refused' : 'retry'
}

export interface FailedAttempt {
  /** Counts from 1. */
  readonly attempt: number
  readonly meaning: Exclude<StatusMeaning, 'success'>
  readonly retryAfterMs: number | undefined
  readonly maxAttempts: number
  readonly ordering: Ordering
  readonly now: number
}

export type NextStep =
  { readonly state: 'pending'; readonly nextAttemptAt: number } | { readonly state: 'dead'; readonly why: string }

/**
 * What follows a failed attempt. `Retry-After` can only lengthen the wait: a receiver that always asks for one second would
 * otherwise use up all attempts of a delivery in ten.
 */
export function afterFailure(failed: FailedAttempt, random: Random): NextStep {
  const { attempt, meaning, ordering, now } = failed
  // Gone is a word about the endpoint, not about the delivery: it ends none, and once it is resumed there is nothing to wait for.
  if (meaning === 'gone') return { state: 'pending', nextAttemptAt: now }
  const inLine = ordering !== 'None'
  if (inLine && meaning === 'refused') return { state: 'dead', why: 'refused, and its line must not wait' }
  const attemptsMax = inLine ? Math.min(failed.maxAttempts, LINE_ATTEMPTS_MAX) : failed.maxAttempts
  if (attempt >= attemptsMax) return { state: 'dead', why: `given up after ${attempt} attempts` }
  const wait = Math.max(retryWaitMs(attempt, random), failed.retryAfterMs ?? 0)
  return { state: 'pending', nextAttemptAt: Math.round(now + wait) }
}
