import { assert } from '../base/assert.ts'
import type { Random } from '../base/random.ts'
import type { ProgrammedWebhook } from '../routing/snapshot.ts'
import type { EndpointRecord } from '../storage/records.ts'
import { jittered, WAIT_MAX_MS } from './schedule.ts'

/**
 * What the dispatcher believes of an endpoint, as a state machine over its record. Pure: record, input and time in, record out.
 *
 * circuit `closed`
 *   Normal work, up to the webhook's concurrency. Entered by any success. Left for `open` by the tenth failure in a row.
 * circuit `open`
 *   Nothing is sent until `probeAt`; deliveries queue and spend no attempts. Entered from `closed` by the tenth failure in a row
 *   and from `half-open` by another; each time in a row the pause doubles, from 30 s to 15 min. Left for `half-open` by the probe.
 * circuit `half-open`
 *   One delivery is on its way to find out. A success closes the circuit, and concurrency doubles from one with each further
 *   success; a failure opens it again. Stored as it stands: after a restart the next delivery is the probe.
 *
 * Beside the circuit three facts stop or slow an endpoint, each with its own end:
 * `gone` (a 410): nothing is sent until the spec's generation or the resume annotation changes.
 * `blocked` (the address may not be dialled): one delivery tries again every 15 minutes, nothing having been sent; ends with the
 *   first attempt whose address is accepted, whatever becomes of it.
 * `notBefore` (429, 502, 503, 504): nothing is sent before it; ends by itself.
 */
export type Verdict =
  | { readonly kind: 'delivered'; readonly at: number }
  | {
      readonly kind: 'failed'
      readonly at: number
      readonly message: string
      /** The status code asked for less. */
      readonly slowDown: boolean
      readonly retryAfterMs: number | undefined
    }
  | {
      readonly kind: 'gone'
      readonly at: number
      readonly message: string
      readonly generation: number
      readonly resumeAt: string | null
      readonly uid?: string | undefined
    }
  | { readonly kind: 'blocked'; readonly at: number; readonly message: string }

const FAILURES_TO_OPEN = 10
const PROBE_FIRST_MS = 30_000
const PROBE_MAX_MS = 15 * 60_000
const BLOCKED_RETRY_MS = 15 * 60_000
const SLOW_FIRST_MS = 1000
const SLOW_MAX_MS = 60_000

export function freshEndpoint(webhook: string): EndpointRecord {
  return {
    webhook,
    circuit: 'closed',
    probeAt: null,
    opened: 0,
    consecutiveFailures: 0,
    firstFailureAt: null,
    lastSuccessAt: null,
    lastFailureAt: null,
    lastFailure: '',
    gone: null,
    blocked: null,
    notBefore: null,
    handledResumeAt: null,
    parkedAt: null,
  }
}

/** Whether anything may be sent now: with `single`, one request at a time. Closed: until when, null for until something changes. */
export type Gate =
  { readonly open: true; readonly single: boolean } | { readonly open: false; readonly until: number | null }

const OPEN: Gate = { open: true, single: false }
const OPEN_FOR_ONE: Gate = { open: true, single: true }

export function gate(record: EndpointRecord, now: number): Gate {
  if (record.gone) return { open: false, until: null }
  const probeAt = record.circuit === 'open' ? record.probeAt : null
  const until = Math.max(
    waitUntil(record.notBefore, now),
    waitUntil(record.blocked?.retryAt, now),
    waitUntil(probeAt, now),
  )
  if (until > now) return { open: false, until }
  return record.circuit === 'closed' && !record.blocked ? OPEN : OPEN_FOR_ONE
}

/** A wait longer than any we give was written under a clock that was ahead: it is over. */
function waitUntil(time: number | null | undefined, now: number): number {
  return time == null || time > now + WAIT_MAX_MS ? 0 : time
}

/** The next request of an open circuit is its probe. */
export function attemptStarts(record: EndpointRecord): EndpointRecord {
  return record.circuit === 'open' ? { ...record, circuit: 'half-open', probeAt: null } : record
}

/** What an attempt's outcome makes of the record. */
export function observe(record: EndpointRecord, verdict: Verdict, random: Random): EndpointRecord {
  switch (verdict.kind) {
    case 'delivered':
      return delivered(record, verdict.at)
    case 'failed':
      return failed(record, verdict, random)
    case 'gone': {
      const { at, generation, resumeAt, uid } = verdict
      const gone = { at, generation, resumeAt, ...(uid === undefined ? {} : { uid }) }
      return { ...countFailure(record, at, verdict.message), blocked: null, gone }
    }
    case 'blocked': {
      const { at, message } = verdict
      const blocked = { at: record.blocked?.at ?? at, retryAt: at + BLOCKED_RETRY_MS, message }
      return { ...record, blocked, lastFailureAt: at, lastFailure: message }
    }
  }
}

function delivered(record: EndpointRecord, at: number): EndpointRecord {
  return {
    ...proven(record),
    circuit: 'closed',
    probeAt: null,
    opened: 0,
    consecutiveFailures: 0,
    firstFailureAt: null,
    lastSuccessAt: at,
    blocked: null,
  }
}

/** Leaving a property out costs many times a plain copy, and is seldom needed: this is asked at every success. */
function proven(record: EndpointRecord): EndpointRecord {
  if (record.unproven === undefined) return record
  const { unproven: _, ...rest } = record
  return rest
}

function countFailure(record: EndpointRecord, at: number, message: string): EndpointRecord {
  return {
    ...record,
    consecutiveFailures: record.consecutiveFailures + 1,
    firstFailureAt: record.firstFailureAt ?? at,
    lastFailureAt: at,
    lastFailure: message,
  }
}

function failed(record: EndpointRecord, verdict: Extract<Verdict, { kind: 'failed' }>, random: Random): EndpointRecord {
  const counted = countFailure({ ...record, blocked: null }, verdict.at, verdict.message)
  const slowed = verdict.slowDown || verdict.retryAfterMs !== undefined ? slowDown(counted, verdict) : counted
  const opens =
    slowed.circuit === 'half-open' || (slowed.circuit === 'closed' && slowed.consecutiveFailures >= FAILURES_TO_OPEN)
  return opens ? openCircuit(slowed, verdict.at, random) : slowed
}

function slowDown(record: EndpointRecord, verdict: Extract<Verdict, { kind: 'failed' }>): EndpointRecord {
  const ownPause = Math.min(SLOW_FIRST_MS * 2 ** (record.consecutiveFailures - 1), SLOW_MAX_MS)
  const notBefore = Math.max(record.notBefore ?? 0, verdict.at + (verdict.retryAfterMs ?? ownPause))
  return { ...record, notBefore }
}

function openCircuit(record: EndpointRecord, at: number, random: Random): EndpointRecord {
  const pause = Math.min(PROBE_FIRST_MS * 2 ** record.opened, PROBE_MAX_MS)
  const probeAt = Math.round(at + jittered(pause, random))
  return { ...record, circuit: 'open', probeAt, opened: record.opened + 1 }
}

/** Requests that may be in flight after an outcome, given how many might before: half after a call to slow down, twice after a success. */
export function nextAllowance(allowance: number, verdict: Verdict, record: EndpointRecord, max: number): number {
  if (verdict.kind === 'delivered') return Math.min(max, allowance * 2)
  if (record.circuit !== 'closed' || record.gone || record.blocked) return 1
  return verdict.kind === 'failed' && verdict.slowDown ? Math.max(1, Math.floor(allowance / 2)) : allowance
}

/**
 * What the configuration in force makes of the record. `changed`: the spec or what it is called with is not what the record was
 * made under; whatever stopped the endpoint is then worth another look, at once.
 */
export function configured(
  record: EndpointRecord,
  webhook: Pick<ProgrammedWebhook, 'generation' | 'resumeAt' | 'uid'>,
  changed: boolean,
  now: number,
): EndpointRecord {
  const resumed = webhook.resumeAt !== undefined && webhook.resumeAt !== record.handledResumeAt
  const lifted = resumed || changed ? lookAgain(record, now) : record
  // Judged by what the request was sent under: a 410 that comes in after the annotation changed stops nothing.
  const asked = webhook.resumeAt !== undefined && webhook.resumeAt !== record.gone?.resumeAt
  const gone = record.gone && sameSpec(record.gone, webhook) && !asked ? record.gone : null
  // A withdrawn one is forgotten: put back from the status while the document cannot be read, it would lift a 410 it knows nothing of.
  const handledResumeAt = webhook.resumeAt ?? null
  const same = lifted === record && gone === record.gone && handledResumeAt === record.handledResumeAt
  if (same) return record
  const configured = { ...lifted, gone, handledResumeAt, generation: webhook.generation }
  return record.gone && !gone ? { ...configured, unproven: true } : configured
}

/** Remembers for a restart what the record was made under: see `receiverChanged`. */
export function madeUnder(record: EndpointRecord, generation: number): EndpointRecord {
  return record.generation === generation ? record : { ...record, generation }
}

/** While the object itself has not been seen, its generation has to do. */
function sameSpec(
  gone: NonNullable<EndpointRecord['gone']>,
  { generation, uid }: Pick<ProgrammedWebhook, 'generation' | 'uid'>,
): boolean {
  return gone.generation === generation && (uid === undefined || gone.uid === uid)
}

function lookAgain(record: EndpointRecord, now: number): EndpointRecord {
  if (record.circuit === 'closed' && !record.blocked && record.notBefore === null) return record
  return {
    ...record,
    probeAt: record.circuit === 'open' ? now : null,
    blocked: record.blocked && { ...record.blocked, retryAt: now },
    notBefore: null,
  }
}

/** The webhook is gone from the configuration; its pending deliveries wait for its return. */
export function parked(record: EndpointRecord, now: number): EndpointRecord {
  return record.parkedAt === null ? { ...record, parkedAt: now } : record
}

/** The webhook is back: as deliberate an act as any, so nothing it was stopped for stands. */
export function unparked(record: EndpointRecord, now: number): EndpointRecord {
  assert(record.parkedAt !== null, 'only a parked endpoint is unparked')
  const back = { ...lookAgain(record, now), gone: null, parkedAt: null }
  return record.gone ? { ...back, unproven: true } : back
}
