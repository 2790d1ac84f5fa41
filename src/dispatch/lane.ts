import { assert } from '../base/assert.ts'
import type { ProgrammedWebhook } from '../routing/snapshot.ts'
import type { Delivering } from '../status/delivery-health.ts'
import { judgeDelivering } from '../status/delivery-health.ts'
import type { EndpointRecord } from '../storage/records.ts'
import { DueWindow } from './due-window.ts'
import { gate, type Gate } from './endpoint.ts'
import { LineWindow } from './line-window.ts'
import { createReceiver, type Receiver } from './receiver.ts'
import type { Window, WindowBudget } from './window.ts'

/** One webhook's queue: nothing of a lane is shared with another, so neither a backlog nor a dead endpoint reaches beyond it. */
export interface Lane {
  readonly name: string
  record: EndpointRecord
  /** Undefined while the snapshot does not have it: deleted, or not yet known. */
  webhook: ProgrammedWebhook | undefined
  /** Prepared from the webhook's credentials when first needed; see `receiverOf`. */
  receiver: Receiver | undefined
  window: Window | undefined
  /** Pending deliveries, wherever they are. */
  pending: number
  inFlight: number
  /** Requests that may be in flight, within the webhook's concurrency: falls when the receiver asks, doubles with success. */
  allowance: number
  /** Likely to hold its places for long; see flight-limits.ts. */
  suspect: boolean
  /** Deliveries in flight or with an outcome that is not durable yet, by seq. */
  readonly inHand: Set<number>
  /** For each page being read: what left `inHand` since; the page may not know yet. */
  readonly leftWhileReading: Set<Set<number>>
  /** The ordering changed: what is in hand ends first. */
  draining: boolean
  /** Pending deliveries are being cancelled. */
  cancelling: boolean
  /** When the timetable wakes it. */
  wakeAt: number
  delivering: Delivering | undefined
  savedSuccessAt: number
}

/** An endpoint that was being spared when the program ended goes on as carefully as it would have. */
export function createLane(name: string, record: EndpointRecord, now: number): Lane {
  const atStart = gate(record, now)
  return {
    name,
    record,
    webhook: undefined,
    receiver: undefined,
    window: undefined,
    pending: 0,
    inFlight: 0,
    allowance: atStart.open && !atStart.single ? Infinity : 1,
    // How long its last failure took is not stored: its first attempt tells.
    suspect: record.consecutiveFailures > 0,
    inHand: new Set(),
    leftWhileReading: new Set(),
    draining: false,
    cancelling: false,
    wakeAt: Infinity,
    delivering: undefined,
    savedSuccessAt: record.lastSuccessAt ?? 0,
  }
}

/** Puts the webhook in force into the lane. What is in flight keeps what it was sent with; the next attempt uses this. */
export function equip(lane: Lane, webhook: ProgrammedWebhook | undefined, budget: WindowBudget): void {
  const before = lane.webhook
  lane.webhook = webhook
  if (before?.credentials !== webhook?.credentials) lane.receiver = undefined
  if (before?.spec.ordering === webhook?.spec.ordering && lane.window) return
  lane.window?.clear()
  lane.window = webhook && createWindow(webhook, budget)
  lane.draining = lane.inHand.size > 0
}

function createWindow(webhook: ProgrammedWebhook, budget: WindowBudget): Window {
  const { ordering } = webhook.spec
  return ordering === 'None' ? new DueWindow(budget) : new LineWindow(budget, ordering)
}

/**
 * Whether what a webhook is called with, or how, differs: reason enough to look again at an endpoint given up on. Since a start only
 * the generation can tell, that of the record: what comes from Secrets is not stored.
 */
export function receiverChanged(lane: Lane, after: ProgrammedWebhook): boolean {
  const { webhook: before, record } = lane
  if (before) return !sameReceiver(before, after)
  return (record.generation ?? after.generation) !== after.generation
}

/** Whether what is known of the one, such as that it does not answer, is known of the other. */
export function sameReceiver(before: ProgrammedWebhook, after: ProgrammedWebhook): boolean {
  if (before === after) return true
  if (before.generation !== after.generation || before.uid !== after.uid) return false
  const [old, now] = [before.credentials, after.credentials]
  if (!old || !now) return old === now
  return (
    old.url === now.url &&
    old.ca === now.ca &&
    old.signing.length === now.signing.length &&
    old.signing.every((secret, index) => now.signing[index]?.equals(secret)) &&
    old.headers.length === now.headers.length &&
    old.headers.every((header, index) => now.headers[index]?.value === header.value)
  )
}

/** The keys and headers for the credentials in force, prepared once for them. */
export function receiverOf(lane: Lane, version: string): Receiver {
  const credentials = lane.webhook?.credentials
  assert(credentials, 'a lane without credentials sends nothing')
  return (lane.receiver ??= createReceiver(credentials, version))
}

const CLOSED: Gate = { open: false, until: null }

/** Whether the lane may send, as far as it alone decides. */
export function laneGate(lane: Lane, now: number): Gate {
  const { webhook } = lane
  if (!webhook?.spec.enabled || !webhook.credentials || lane.draining || lane.cancelling) return CLOSED
  return gate(lane.record, now)
}

export function concurrency(lane: Lane, open: Extract<Gate, { open: true }>): number {
  return open.single ? 1 : Math.min(lane.webhook?.spec.maxConcurrency ?? 1, lane.allowance)
}

/** Why the lane's deliveries wait, for the people who find one of them dead: a reason of the status, then the cause. */
export function whyHeld(lane: Lane): string {
  const { webhook, record } = lane
  if (!webhook) return 'the webhook was deleted'
  if (!webhook.spec.enabled) return 'Disabled'
  if (webhook.hold) return `${webhook.hold.reason}: ${webhook.hold.message}`
  if (record.gone) return `EndpointGone: ${record.lastFailure}`
  if (record.blocked) return `AddressBlocked: ${record.blocked.message}`
  if (record.circuit !== 'closed') return `CircuitOpen: ${record.lastFailure}`
  // Since a success the last failure explains nothing any more.
  return record.consecutiveFailures === 0 ? 'it had to wait' : `EndpointFailing: ${record.lastFailure}`
}

/** Judges `Delivering` anew; answers whether it says something else now. */
export function rejudge(lane: Lane, now: number): boolean {
  const before = lane.delivering
  lane.delivering = judgeDelivering(before, lane.webhook?.spec.enabled ?? true, lane.record, now)
  return lane.delivering !== before
}
