import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  afterFailure,
  parseRetryAfter,
  retryWaitMs,
  statusMeaning,
  type FailedAttempt,
} from '../../src/dispatch/schedule.ts'
import { seededRandom } from './harness.ts'

const lowest = { ...seededRandom(1), fraction: () => 0 }
const middle = { ...seededRandom(1), fraction: () => 0.5 }
const highest = { ...seededRandom(1), fraction: () => 1 - Number.EPSILON }
const SECONDS = [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]

it('waits 5 s, 5 min, 30 min, 2 h, 5 h, 10 h, 14 h, 20 h, 24 h, each give or take 20 %', () => {
  SECONDS.forEach((seconds, index) => {
    expect(retryWaitMs(index + 1, middle)).toBe(seconds * 1000)
    expect(retryWaitMs(index + 1, lowest)).toBe(seconds * 800)
    expect(retryWaitMs(index + 1, highest)).toBeCloseTo(seconds * 1200, 3)
  })
})

describe('Retry-After', () => {
  const now = Date.parse('2026-03-01T12:00:00Z')
  const check = (value: string | undefined, ms: number | undefined) => expect(parseRetryAfter(value, now)).toBe(ms)
  afterEach(() => vi.unstubAllEnvs())

  it('is seconds or an HTTP date, between 1 s and 24 h', () => {
    check('120', 120_000)
    check(' 7 ', 7000)
    check('0', 1000)
    check('999999999', 86_400_000)
    check('Sun, 01 Mar 2026 12:10:00 GMT', 600_000)
    check('Sunday, 01-Mar-26 12:10:00 GMT', 600_000)
    check('Sun Mar  1 12:10:00 2026 GMT', 600_000)
    check('Sun, 01 Mar 2026 11:00:00 GMT', 1000)
    check('Mon, 01 Mar 2027 11:00:00 GMT', 86_400_000)
  })

  it('is in UTC where its form names no zone, wherever this machine is', () => {
    vi.stubEnv('TZ', 'America/New_York')
    check('Sun Mar  1 12:10:00 2026', 600_000)
    check('Sun Mar 01 12:10:00 2026', 600_000)
    check('Sun, 01 Mar 2026 07:10:00 -0500', 600_000)
  })

  it('is ignored when it is neither', () => {
    for (const value of [
      undefined,
      '',
      '-5',
      '1.5',
      '1e3',
      '99999999999',
      'soon',
      '12 monkeys',
      '2026-03-01',
      'Sun, later',
    ]) {
      check(value, undefined)
    }
  })
})

it('reads a status code as the contract does', () => {
  const check = (codes: number[], meaning: string) => codes.forEach((code) => expect(statusMeaning(code)).toBe(meaning))
  check([200, 201, 204, 299], 'success')
  check([410], 'gone')
  check([429, 502, 503, 504], 'slow-down')
  check([400, 401, 404, 422, 499], 'refused')
  check([300, 301, 304, 307, 399, 408, 425, 500, 501, 505, 599, 999], 'retry')
  expect(statusMeaning(null)).toBe('retry')
})

describe('after a failed attempt', () => {
  const base: FailedAttempt = {
    attempt: 1,
    meaning: 'retry',
    retryAfterMs: undefined,
    maxAttempts: 10,
    ordering: 'None',
    now: 1_000_000,
  }
  const check = (given: Partial<FailedAttempt>, expected: number | 'dead') => {
    const next = afterFailure({ ...base, ...given }, middle)
    expect(next.state === 'dead' ? 'dead' : next.nextAttemptAt - base.now).toBe(expected)
  }

  it('the schedule decides, up to maxAttempts', () => {
    check({ attempt: 1 }, 5000)
    check({ attempt: 9 }, 86_400_000)
    check({ attempt: 10 }, 'dead')
    check({ attempt: 3, maxAttempts: 3 }, 'dead')
    check({ attempt: 1, maxAttempts: 1 }, 'dead')
    check({ attempt: 2, meaning: 'refused' }, 300_000)
  })

  it('Retry-After lengthens the wait and never shortens it', () => {
    check({ attempt: 1, retryAfterMs: 120_000 }, 120_000)
    check({ attempt: 2, retryAfterMs: 1000 }, 300_000)
  })

  it('a line gives up at once when refused, after six attempts otherwise', () => {
    for (const ordering of ['Strict', 'PerProject'] as const) {
      check({ ordering, meaning: 'refused' }, 'dead')
      check({ ordering, attempt: 5 }, 18_000_000)
      check({ ordering, attempt: 6 }, 'dead')
      check({ ordering, attempt: 2, maxAttempts: 2 }, 'dead')
      check({ ordering, attempt: 1, meaning: 'slow-down' }, 5000)
    }
  })

  it('a 410 leaves the delivery waiting for the endpoint, even in a line', () => {
    check({ meaning: 'gone' }, 0)
    check({ meaning: 'gone', ordering: 'Strict' }, 0)
    check({ meaning: 'gone', ordering: 'Strict', attempt: 6 }, 0)
    check({ meaning: 'gone', attempt: 1, maxAttempts: 1 }, 0)
  })
})
