import type { Random } from '../base/random.ts'
import type { ProgrammedWebhook } from '../routing/snapshot.ts'
import { deliveryId } from '../storage/delivery-id.ts'
import type { AttemptRecord, DeliveryRecord, DeliveryUpdate, PendingDelivery } from '../storage/records.ts'
import type { Verdict } from './endpoint.ts'
import type { Receiver } from './receiver.ts'
import { afterFailure, parseRetryAfter, statusMeaning } from './schedule.ts'
import type { OutgoingRequest, Reply } from './send.ts'

/** What one request says, before it is signed. */
export interface Message {
  /** `webhook-id` */
  readonly id: string
  /** `x-nepenthes-event` */
  readonly event: string
  /** `x-nepenthes-delivery` */
  readonly delivery: string
  /** `x-nepenthes-attempt`, from 1 */
  readonly attempt: number
  readonly body: string
}

/** The request of a delivery's next attempt: the stored body, signed now. `nowMs` is wall-clock time. */
export function attemptRequest(
  { eventId, eventName, seq, attempts, body }: PendingDelivery,
  receiver: Receiver,
  timeoutMs: number,
  nowMs: number,
): OutgoingRequest {
  const message = { id: eventId, event: eventName, delivery: deliveryId(seq), attempt: attempts + 1, body }
  return signedRequest(message, receiver, timeoutMs, nowMs)
}

/** The request that carries a message, signed now. */
export function signedRequest(message: Message, receiver: Receiver, timeoutMs: number, nowMs: number): OutgoingRequest {
  const body = Buffer.from(message.body)
  const timestamp = Math.floor(nowMs / 1000)
  const headers = [
    ...receiver.headers,
    'x-nepenthes-event',
    message.event,
    'x-nepenthes-delivery',
    message.delivery,
    'x-nepenthes-attempt',
    String(message.attempt),
    'webhook-id',
    message.id,
    'webhook-timestamp',
    String(timestamp),
  ]
  if (receiver.signer) {
    const signatures = receiver.signer.sign(message.id, timestamp, body)
    headers.push('webhook-signature', signatures.standard, 'X-OP-Signature', signatures.legacy)
  }
  return { receiver, headers, body, timeoutMs }
}

/** What an attempt's reply means: for the log, for the delivery and for its endpoint. */
export interface Judgement {
  /** Undefined when nothing was sent: a refused address spends no attempt. */
  readonly attempt: AttemptRecord | undefined
  readonly update: DeliveryUpdate
  readonly verdict: Verdict
}

export interface AttemptTimes {
  /** Wall clock, when the attempt began. */
  readonly startedAt: number
  /** Wall clock, now. */
  readonly now: number
  /** What due times are counted from; see steady-time.ts. */
  readonly due: number
}

export function judgeReply(
  delivery: PendingDelivery,
  webhook: ProgrammedWebhook,
  reply: Reply,
  times: AttemptTimes,
  random: Random,
): Judgement {
  if (reply.outcome === 'address-blocked') return blockedJudgement(delivery, reply, times)
  const attempt = attemptRecord(delivery, reply, times.startedAt)
  const meaning = statusMeaning(reply.statusCode)
  if (meaning === 'success') {
    return { attempt, update: delivered(attempt, times.now), verdict: { kind: 'delivered', at: times.due } }
  }
  const retryAfterMs = parseRetryAfter(reply.retryAfter, times.now)
  const { maxAttempts, ordering } = webhook.spec
  const failed = { attempt: attempt.attempt, meaning, retryAfterMs, maxAttempts, ordering, now: times.due }
  const next = afterFailure(failed, random)
  const dead = next.state === 'dead'
  const update: DeliveryUpdate = {
    seq: delivery.seq,
    state: next.state,
    attempts: attempt.attempt,
    nextAttemptAt: dead ? delivery.nextAttemptAt : next.nextAttemptAt,
    lastFailure: dead ? `${reply.message} (${next.why})` : reply.message,
    finishedAt: dead ? times.now : null,
  }
  const at = times.due
  if (meaning === 'gone') {
    const { generation, resumeAt, uid } = webhook
    return {
      attempt,
      update,
      verdict: { kind: 'gone', at, message: reply.message, generation, resumeAt: resumeAt ?? null, uid },
    }
  }
  const slowDown = meaning === 'slow-down'
  return { attempt, update, verdict: { kind: 'failed', at, message: reply.message, slowDown, retryAfterMs } }
}

function delivered(attempt: AttemptRecord, now: number): DeliveryUpdate {
  return {
    seq: attempt.deliverySeq,
    state: 'delivered',
    attempts: attempt.attempt,
    nextAttemptAt: attempt.startedAt,
    lastFailure: '',
    finishedAt: now,
  }
}

function attemptRecord(delivery: PendingDelivery, reply: Reply, startedAt: number): AttemptRecord {
  return {
    deliverySeq: delivery.seq,
    attempt: delivery.attempts + 1,
    startedAt,
    durationMs: reply.durationMs,
    outcome: reply.outcome,
    statusCode: reply.statusCode,
    message: reply.message,
    responseBody: reply.responseBody,
  }
}

function blockedJudgement(delivery: PendingDelivery, reply: Reply, times: AttemptTimes): Judgement {
  const { seq, attempts, nextAttemptAt } = delivery
  const update: DeliveryUpdate = {
    seq,
    state: 'pending',
    attempts,
    nextAttemptAt,
    lastFailure: reply.message,
    finishedAt: null,
  }
  return { attempt: undefined, update, verdict: { kind: 'blocked', at: times.due, message: reply.message } }
}

/** The end of a delivery whose time is up, with the reason that held it. */
export function expiredUpdate(delivery: DeliveryRecord, reason: string, now: number): DeliveryUpdate {
  const { seq, attempts, nextAttemptAt } = delivery
  const lastFailure = `not delivered within 4 days of its event: ${reason}`
  return { seq, state: 'dead', attempts, nextAttemptAt, lastFailure, finishedAt: now }
}
