import { judgeDelivering } from '../status/delivery-health.ts'
import type { DeliveryHealth } from '../status/status.ts'
import { laneGate, type Lane } from './lane.ts'

/** What the dispatcher tells of a webhook for its status. */
export function laneHealth(lane: Lane, now: number, lead: number): DeliveryHealth {
  const shown = (time: number | null) => (time === null ? null : time - lead)
  const { record } = lane
  const enabled = lane.webhook?.spec.enabled ?? true
  const { status, reason, message } = lane.delivering ?? judgeDelivering(undefined, enabled, record, now)
  return {
    delivering: { status, reason, message },
    lastSuccessAt: shown(record.lastSuccessAt),
    lastFailureAt: shown(record.lastFailureAt),
    lastFailure: record.lastFailure,
    consecutiveFailures: record.consecutiveFailures,
    pending: lane.pending,
    nextAttemptAt: shown(nextAttemptAt(lane, now)),
    handledResumeAt: record.handledResumeAt,
  }
}

/** When something can be tried next; null when nothing pends, when it is being tried now, or when only a change would help. */
function nextAttemptAt(lane: Lane, now: number): number | null {
  if (lane.pending === 0) return null
  const gate = laneGate(lane, now)
  if (!gate.open) return gate.until
  const due = lane.window?.nextDue() ?? Infinity
  return Number.isFinite(due) && lane.inFlight === 0 ? due : null
}
