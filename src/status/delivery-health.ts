import type { DeliveringReason } from './status.ts'

/** What is known of a webhook's endpoint, as far as `Delivering` cares. Times in ms since the epoch, null for never. */
export interface EndpointFacts {
  readonly circuit: 'closed' | 'open' | 'half-open'
  readonly gone: object | null
  /** A 410 was lifted and nothing has arrived since. */
  readonly unproven?: boolean
  readonly blocked: { readonly message: string } | null
  readonly consecutiveFailures: number
  readonly firstFailureAt: number | null
  readonly lastFailureAt: number | null
  readonly lastFailure: string
  readonly lastSuccessAt: number | null
}

/** What is said at the moment, and since when. */
export interface Delivering {
  readonly status: 'True' | 'False' | 'Unknown'
  readonly reason: DeliveringReason
  readonly message: string
  /** When the status last went from True to False or back. */
  readonly flippedAt: number | null
}

const FLIP_INTERVAL_MS = 60_000
const FAILING_SPAN_MS = 5000

type Finding = Omit<Delivering, 'flippedAt'>

/**
 * What to say now. A condition must not flicker: one failure, or several within five seconds, say nothing yet, and a flip waits
 * until the one before is a minute old (`flipDue` tells when). The message stays while status and reason do; counters and the
 * latest failure are in `status.delivery`. Returns `previous` itself when there is nothing new.
 */
export function judgeDelivering(
  previous: Delivering | undefined,
  enabled: boolean,
  facts: EndpointFacts,
  now: number,
): Delivering {
  const finding = enabled ? judge(previous, facts) : DISABLED
  if (!previous) return { ...finding, flippedAt: null }
  if (previous.status === finding.status && previous.reason === finding.reason) return previous
  if (!isFlip(previous, finding)) return { ...finding, flippedAt: previous.flippedAt }
  // A flip in the future happened under a clock that was ahead: long ago, for all that is known.
  const flippedAgo = now - (previous.flippedAt ?? -Infinity)
  if (flippedAgo >= 0 && flippedAgo < FLIP_INTERVAL_MS) return previous
  return { ...finding, flippedAt: now }
}

/** When to judge again because a flip had to wait: undefined if none does. */
export function flipDue(current: Delivering, enabled: boolean, facts: EndpointFacts): number | undefined {
  if (!enabled || current.flippedAt === null) return undefined
  return isFlip(current, judge(current, facts)) ? current.flippedAt + FLIP_INTERVAL_MS : undefined
}

function isFlip(previous: Finding, next: Finding): boolean {
  return previous.status !== next.status && previous.status !== 'Unknown' && next.status !== 'Unknown'
}

const DISABLED: Finding = {
  status: 'Unknown',
  reason: 'Disabled',
  message: 'The webhook is disabled; pending deliveries wait.',
}
const NO_DELIVERIES: Finding = { status: 'Unknown', reason: 'NoDeliveries', message: 'Nothing was delivered yet.' }
const DELIVERED: Finding = { status: 'True', reason: 'Delivered', message: 'The last delivery succeeded.' }

function judge(previous: Finding | undefined, facts: EndpointFacts): Finding {
  if (facts.gone) {
    return failing(
      'EndpointGone',
      'The receiver answered 410 Gone: deliveries wait until the spec or the annotation nepenthes.dev/resumeAt changes.',
    )
  }
  if (facts.blocked) return failing('AddressBlocked', `The receiver may not be called: ${facts.blocked.message}.`)
  // An open circuit spends no attempts: a second failure five seconds on would not come, and nothing arrives meanwhile.
  if (facts.circuit !== 'closed') {
    return failing('CircuitOpen', `Deliveries kept failing and wait for a probe to succeed: ${facts.lastFailure}.`)
  }
  if (keepsFailing(facts) || facts.unproven) return failing('EndpointFailing', `Deliveries fail: ${facts.lastFailure}.`)
  if (facts.consecutiveFailures > 0) return undecided(previous, facts)
  return facts.lastSuccessAt === null ? NO_DELIVERIES : DELIVERED
}

/** Failing, but not for long enough to say so: what was said stands. */
function undecided(previous: Finding | undefined, facts: EndpointFacts): Finding {
  if (previous?.status === 'True') return previous
  // Whatever stopped it is over, but nothing has arrived yet.
  if (previous?.status === 'False') return failing('EndpointFailing', `Deliveries fail: ${facts.lastFailure}.`)
  return facts.lastSuccessAt === null ? NO_DELIVERIES : DELIVERED
}

function keepsFailing(facts: EndpointFacts): boolean {
  const span = (facts.lastFailureAt ?? 0) - (facts.firstFailureAt ?? Infinity)
  return facts.consecutiveFailures >= 2 && span >= FAILING_SPAN_MS
}

function failing(reason: DeliveringReason, message: string): Finding {
  return { status: 'False', reason, message }
}
