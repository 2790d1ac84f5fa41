import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import { fail, ok, type Result } from '../base/result.ts'
import type { Credentials, ProgrammedWebhook, SnapshotReader } from '../routing/snapshot.ts'
import type { AttemptRecord } from '../storage/records.ts'
import { signedRequest } from './attempt.ts'
import { createReceiver } from './receiver.ts'
import type { OutgoingRequest, Reply, Send } from './send.ts'

/** What became of a ping; the words are those of an attempt. */
export interface PingReport extends Omit<AttemptRecord, 'deliverySeq' | 'attempt'> {
  /** What the receiver got as `webhook-id` and as `x-nepenthes-delivery`. */
  readonly id: string
  /** Of the spec it was sent by: the one in force. */
  readonly generation: number
  readonly signed: boolean
}

/** Why no ping was sent; the message is for people. */
export interface PingRefusal {
  readonly reason: 'not-in-force' | 'held' | 'busy' | 'not-running'
  readonly message: string
}

export interface PingLimits {
  /** Gives up sooner than the webhook's `timeoutSeconds`; never later. */
  readonly timeoutMs?: number | undefined
  /** Nobody waits for the answer any more. */
  readonly signal: AbortSignal
}

export interface PingOptions {
  readonly snapshots: SnapshotReader
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Of the program, for `user-agent`. */
  readonly version: string
  readonly send: Send
}

/** Pings under way at once, one a webhook: they are sent beside the deliveries, whose limits do not know of them. */
const PINGS_MAX = 10

export const NOT_RUNNING: PingRefusal = {
  reason: 'not-running',
  message: 'the operator does not send just now: it is starting, waiting for its turn, or stopping',
}

/**
 * Sends single requests to receivers because somebody asked, as an attempt is sent and by the spec in force, a disabled one included.
 * None is retried, stored or counted: what a person tries out must neither open a circuit nor close one.
 */
export class Pings {
  readonly #options: PingOptions
  readonly #underWay = new Set<string>()

  constructor(options: PingOptions) {
    this.#options = options
  }

  async send(name: string, limits: PingLimits): Promise<Result<PingReport, PingRefusal>> {
    const webhook = this.#options.snapshots.current.webhooks.get(name)
    if (!webhook) return fail({ reason: 'not-in-force', message: 'no spec of it was accepted, so none is in force' })
    const { credentials, hold } = webhook
    if (!credentials) return fail({ reason: 'held', message: hold?.message ?? '' })
    if (this.#underWay.has(name)) return fail({ reason: 'busy', message: 'a ping to it is under way' })
    if (this.#underWay.size >= PINGS_MAX) return fail({ reason: 'busy', message: `${PINGS_MAX} pings are under way` })
    this.#underWay.add(name)
    try {
      const report = await this.#ping(webhook, credentials, limits)
      return report ? ok(report) : fail(NOT_RUNNING)
    } finally {
      this.#underWay.delete(name)
    }
  }

  /** Undefined if it was given up. */
  async #ping(
    webhook: ProgrammedWebhook,
    credentials: Credentials,
    { timeoutMs = Infinity, signal }: PingLimits,
  ): Promise<PingReport | undefined> {
    const { clock, random, log, version } = this.#options
    const receiver = createReceiver(credentials, version)
    const id = `ping_${random.uuid().replaceAll('-', '')}`
    const message = { id, event: 'ping', delivery: id, attempt: 1, body: pingBody(webhook) }
    const startedAt = clock.now()
    const limitMs = Math.min(timeoutMs, webhook.spec.timeoutMs)
    const reply = await this.#exchange(signedRequest(message, receiver, limitMs, startedAt), signal)
    if (!reply) return undefined
    const { retryAfter: _, ...outcome } = reply
    log.info({ webhook: webhook.name, id, outcome: reply.outcome, status: reply.statusCode }, 'pinged')
    return { id, generation: webhook.generation, signed: receiver.signer !== undefined, startedAt, ...outcome }
  }

  #exchange(request: OutgoingRequest, signal: AbortSignal): Promise<Reply | undefined> {
    return new Promise((resolve) => {
      const settled = new AbortController()
      const abort = this.#options.send(request, (reply) => {
        settled.abort()
        resolve(reply)
      })
      // An abort of what has settled, which may be at once, does nothing.
      signal.addEventListener('abort', abort, { signal: settled.signal })
      if (signal.aborted) abort()
    })
  }
}

/** In the form of an event, but none: no event has a name without a colon, and none is about a webhook. */
function pingBody({ name, spec }: ProgrammedWebhook): string {
  const { displayName, events } = spec
  return JSON.stringify({ action: 'ping', webhook: { name, displayName, events } })
}
