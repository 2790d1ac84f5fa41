import { describe, expect, it } from 'vitest'
import {
  attemptStarts,
  configured,
  freshEndpoint,
  gate,
  nextAllowance,
  observe,
  parked,
  unparked,
  type Verdict,
} from '../../src/dispatch/endpoint.ts'
import type { EndpointRecord } from '../../src/storage/records.ts'
import { seededRandom } from './harness.ts'

const random = { ...seededRandom(1), fraction: () => 0.5 }
const failure = (at: number, given: Partial<Extract<Verdict, { kind: 'failed' }>> = {}): Verdict => ({
  kind: 'failed',
  at,
  message: 'HTTP 500',
  slowDown: false,
  retryAfterMs: undefined,
  ...given,
})
const success = (at: number): Verdict => ({ kind: 'delivered', at })
const gone = (at: number): Verdict => ({ kind: 'gone', at, message: 'HTTP 410', generation: 1, resumeAt: null })

function after(...verdicts: Verdict[]): EndpointRecord {
  return verdicts.reduce((record, verdict) => observe(record, verdict, random), freshEndpoint('billing'))
}
const failures = (count: number, from = 0) => Array.from({ length: count }, (_, index) => failure(from + index))
const webhook = (generation: number, resumeAt?: string) => ({ generation, resumeAt })

describe('the circuit', () => {
  it('opens with the tenth failure in a row', () => {
    expect(gate(after(...failures(9)), 100)).toEqual({ open: true, single: false })
    const open = after(...failures(10))
    expect(open.circuit).toBe('open')
    expect(gate(open, 100)).toEqual({ open: false, until: 9 + 30_000 })
    expect(after(...failures(9), success(9), ...failures(9, 10)).circuit).toBe('closed')
  })

  it('lets one request through as a probe, and pauses twice as long each time it fails, up to 15 minutes', () => {
    let record = after(...failures(10))
    const pauses: number[] = []
    for (let round = 0; round < 7; round += 1) {
      const at = record.probeAt ?? 0
      expect(gate(record, at)).toEqual({ open: true, single: true })
      record = attemptStarts(record)
      expect(record.circuit).toBe('half-open')
      record = observe(record, failure(at), random)
      pauses.push((record.probeAt ?? 0) - at)
    }
    expect(pauses).toEqual([60_000, 120_000, 240_000, 480_000, 900_000, 900_000, 900_000])
  })

  it('is not opened further by what was in flight when it opened', () => {
    const open = after(...failures(10))
    expect(observe(open, failure(50), random)).toMatchObject({ opened: 1, probeAt: open.probeAt })
  })

  it('closes with any success and forgets how often it had opened', () => {
    const closed = observe(attemptStarts(after(...failures(10))), success(40_000), random)
    expect(closed).toMatchObject({ circuit: 'closed', opened: 0, consecutiveFailures: 0, probeAt: null })
    expect(gate(closed, 40_000)).toEqual({ open: true, single: false })
  })

  it('half-open after a restart lets one request through', () => {
    expect(gate(attemptStarts(after(...failures(10))), 0)).toEqual({ open: true, single: true })
  })
})

describe('concurrency', () => {
  it('halves when asked to slow down, falls to one when the circuit opens, and doubles with success', () => {
    const closed = after(failure(0))
    expect(nextAllowance(10, failure(0, { slowDown: true }), closed, 10)).toBe(5)
    expect(nextAllowance(1, failure(0, { slowDown: true }), closed, 10)).toBe(1)
    expect(nextAllowance(10, failure(0), closed, 10)).toBe(10)
    expect(nextAllowance(10, failure(0), after(...failures(10)), 10)).toBe(1)
    expect([1, 2, 4, 8, 10].map((before) => nextAllowance(before, success(0), closed, 10))).toEqual([2, 4, 8, 10, 10])
  })
})

describe('an endpoint that asks for less', () => {
  it('is left alone for as long as Retry-After says', () => {
    const record = after(failure(1000, { slowDown: true, retryAfterMs: 7000 }))
    expect(gate(record, 7999)).toEqual({ open: false, until: 8000 })
    expect(gate(record, 8000)).toEqual({ open: true, single: false })
  })

  it('is left alone for a second, then twice as long each time, up to a minute', () => {
    const pauses = [1, 2, 3, 4, 5, 6, 7, 8].map((count) => {
      const record = after(...Array.from({ length: count }, () => failure(0, { slowDown: true })))
      return record.notBefore
    })
    expect(pauses).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
  })
})

describe('a 410', () => {
  it('of an object that was made anew says nothing, though generations start again', () => {
    const record = after({ ...gone(5), uid: 'old' } as Verdict)
    expect(configured(record, { ...webhook(1), uid: 'old' }, false, 10).gone).not.toBeNull()
    // Not seen yet since a restart.
    expect(configured(record, webhook(1), false, 10).gone).not.toBeNull()
    expect(configured(record, { ...webhook(1), uid: 'new' }, false, 10).gone).toBeNull()
  })

  it('stops the endpoint until the generation or the annotation changes', () => {
    const record = after(gone(5))
    expect(gate(record, 1e15)).toEqual({ open: false, until: null })
    expect(configured(record, webhook(1), true, 10).gone).not.toBeNull()
    expect(configured(record, webhook(2), true, 10).gone).toBeNull()
    const resumed = configured(record, webhook(1, 'today'), false, 10)
    expect(resumed).toMatchObject({ gone: null, handledResumeAt: 'today' })
    const again = observe(resumed, { ...gone(20), resumeAt: 'today' } as Verdict, random)
    expect(configured(again, webhook(1, 'today'), false, 30).gone).not.toBeNull()
    expect(configured(again, webhook(1), false, 30).gone).not.toBeNull()
    expect(configured(again, webhook(1, 'tomorrow'), false, 30)).toMatchObject({
      gone: null,
      handledResumeAt: 'tomorrow',
    })
  })

  it('outlasts a resume that was withdrawn before it came, and is lifted by whatever is asked for after it', () => {
    const resumed = configured(after(gone(5)), webhook(1, 'today'), false, 10)
    const withdrawn = configured(resumed, webhook(1), false, 20)
    expect(withdrawn.handledResumeAt).toBeNull()
    const again = observe(withdrawn, gone(30), random)
    expect(configured(again, webhook(1), false, 40).gone).not.toBeNull()
    expect(configured(again, webhook(1, 'today'), false, 50)).toMatchObject({ gone: null, handledResumeAt: 'today' })
  })

  it('that was lifted leaves the endpoint unproven until something arrives', () => {
    const lifted = configured(after(success(1), gone(5)), webhook(1, 'today'), false, 10)
    expect(lifted.unproven).toBe(true)
    expect(configured(lifted, webhook(2, 'today'), true, 20).unproven).toBe(true)
    expect(observe(lifted, failure(30), random).unproven).toBe(true)
    expect(observe(lifted, success(30), random)).not.toHaveProperty('unproven')
    expect(unparked(parked(after(gone(5)), 10), 20).unproven).toBe(true)
    expect(unparked(parked(after(success(5)), 10), 20)).not.toHaveProperty('unproven')
  })

  it('to a request sent before the annotation changed stops nothing', () => {
    const resumed = configured(after(gone(5)), webhook(1, 'today'), false, 10)
    expect(configured(observe(resumed, gone(20), random), webhook(1, 'today'), false, 30).gone).toBeNull()
  })
})

describe('a time written under a clock that was years ahead', () => {
  it('keeps nothing waiting', () => {
    const ahead = 5 * 365 * 86_400_000
    const record = { ...freshEndpoint('billing'), notBefore: ahead, blocked: { at: 0, retryAt: ahead, message: '' } }
    expect(gate(record, 1000).open).toBe(true)
    expect(gate({ ...freshEndpoint('billing'), circuit: 'open', probeAt: ahead }, 1000).open).toBe(true)
  })
})

describe('a refused address', () => {
  const blocked = (at: number): Verdict => ({ kind: 'blocked', at, message: '10.0.0.1 is a private address' })

  it('is tried again every 15 minutes by one delivery, and counts as no failure of the circuit', () => {
    const record = after(blocked(1000))
    expect(record.consecutiveFailures).toBe(0)
    expect(gate(record, 1000)).toEqual({ open: false, until: 1000 + 900_000 })
    expect(gate(record, 901_000)).toEqual({ open: true, single: true })
    expect(observe(record, blocked(901_000), random).blocked).toMatchObject({ at: 1000, retryAt: 1_801_000 })
  })

  it('ends with the first address that is accepted', () => {
    expect(after(blocked(1000), failure(901_000)).blocked).toBeNull()
    expect(after(blocked(1000), success(901_000)).blocked).toBeNull()
  })
})

describe('a change of the configuration', () => {
  it('is reason to look again at once', () => {
    const open = after(...failures(10))
    expect(gate(configured(open, webhook(2), true, 500), 500)).toEqual({ open: true, single: true })
    expect(gate(configured(open, webhook(1, 'now'), false, 500), 500)).toEqual({ open: true, single: true })
    const slowed = after(failure(0, { slowDown: true, retryAfterMs: 1e6 }))
    expect(gate(configured(slowed, webhook(2), true, 5), 5)).toEqual({ open: true, single: false })
  })

  it('leaves the record as it is when nothing about it changes', () => {
    const open = after(...failures(10))
    expect(configured(open, webhook(1), false, 500)).toBe(open)
  })
})

it('a webhook that comes back is tried, whatever it was stopped for', () => {
  const back = unparked(parked(after(gone(5)), 10), 20)
  expect(back).toMatchObject({ parkedAt: null, gone: null })
  expect(gate(back, 20).open).toBe(true)
})
