import type { FastifyInstance } from 'fastify'

import { fail, ok, type Result } from '../base/result.ts'
import { kindNamed } from '../resources/kinds.ts'
import { type ResourceKey, resourceKey } from '../resources/resource.ts'
import type { StatusListing } from '../status/listing.ts'
import type { Condition, ResourceWithStatus } from '../status/status.ts'
import type { AttemptRecord } from '../storage/records.ts'
import { badRequest, noSuchKind, notFound, type Refusal, refuse } from './refusal.ts'
import { readTimeoutMs } from './resources.ts'

/** What became of a request to a receiver that stood for no event. */
export interface PingOutcome extends Omit<AttemptRecord, 'deliverySeq' | 'attempt'> {
  readonly id: string
  readonly generation: number
  readonly signed: boolean
}

/** Why no ping was sent; the message is for people. */
interface PingRefusal {
  readonly reason: 'not-in-force' | 'held' | 'busy' | 'not-running'
  readonly message: string
}

/** The dispatcher, as far as the admin listener needs it for pings. */
export type Ping = (
  webhook: string,
  limits: { readonly timeoutMs: number | undefined; readonly signal: AbortSignal },
) => Promise<Result<PingOutcome, PingRefusal>>

/** A ping as `ping --output json` shows it. Times are RFC 3339 in UTC with milliseconds. */
export interface PingView extends Omit<PingOutcome, 'startedAt'> {
  readonly webhook: string
  /** Scheme and host; `(secret)` for urlFrom. */
  readonly endpoint: string
  readonly startedAt: string
  /** What else there is to know before one concludes that deliveries arrive: conditions that are not as they should be. */
  readonly notes: readonly string[]
}

interface PingRequest {
  Params: { kind: string; name: string }
  Querystring: { timeoutSeconds?: string }
}

export interface PingRouteDependencies {
  readonly listing: StatusListing
  readonly ping: Ping
}

/** `POST /v1/resources/webhook/NAME/ping`: 200 whatever the receiver answered, for that is what was asked. */
export function pingRoute(server: FastifyInstance, { listing, ping }: PingRouteDependencies): void {
  server.post<PingRequest>('/resources/:kind/:name/ping', async (request, reply) => {
    const { kind: kindName, name } = request.params
    const kind = kindNamed(kindName)
    if (!kind) return refuse(reply, noSuchKind(kindName))
    if (kind !== 'Webhook') return refuse(reply, badRequest(`${kind} has no receiver`, 'Only webhooks can be pinged.'))
    const key = resourceKey(kind, name)
    if (!listing.get(key)) return refuse(reply, notFound(`there is no ${key}`))
    const timeout = readPingTimeout(request.query.timeoutSeconds)
    if (!timeout.ok) return refuse(reply, timeout.error)
    const gone = new AbortController()
    reply.raw.once('close', () => gone.abort())
    const sent = await ping(name, { timeoutMs: timeout.value, signal: gone.signal })
    return sent.ok ? pingView(name, sent.value, listing.get(key)) : refuse(reply, pingRefusal(key, sent.error))
  })
}

/** Undefined: the webhook's own. */
function readPingTimeout(seconds: string | undefined): Result<number | undefined, Refusal> {
  if (seconds === undefined) return ok(undefined)
  const timeout = readTimeoutMs(seconds)
  return timeout.ok && timeout.value === 0 ? fail(badRequest('timeoutSeconds 0: nothing answers at once')) : timeout
}

function pingRefusal(key: ResourceKey, { reason, message }: PingRefusal): Refusal {
  switch (reason) {
    case 'not-in-force': {
      const hint = 'Its condition Accepted says why: see nepenthes explain.'
      return { status: 409, code: 'NothingInForce', message: `${key} cannot be pinged: ${message}`, hint }
    }
    case 'held': {
      const hint = 'Nothing is ever sent unsigned, or with a header missing: mend the Secret first.'
      return { status: 409, code: 'SecretUnusable', message: `${key} cannot be pinged: ${message}`, hint }
    }
    case 'busy':
      return { status: 409, code: 'PingUnderWay', message: `${key} is not pinged: ${message}`, hint: 'Try again.' }
    case 'not-running':
      return { status: 503, code: 'NotSending', message: `${key} is not pinged: ${message}`, hint: 'Try again.' }
  }
}

function pingView(
  webhook: string,
  { id, generation, signed, startedAt, ...outcome }: PingOutcome,
  resource: ResourceWithStatus | undefined,
): PingView {
  const { endpoint = '', conditions = [] } = resource?.status ?? {}
  const started = new Date(startedAt).toISOString()
  const notes = conditions.filter(isNoteworthy).map(noteText)
  return { webhook, endpoint, id, generation, signed, startedAt: started, ...outcome, notes }
}

function isNoteworthy({ type, status, reason }: Condition): boolean {
  if (type === 'Ready') return false
  return status === 'False' || (type === 'Delivering' && reason === 'Disabled')
}

function noteText({ type, status, reason, message }: Condition): string {
  return `${type} is ${status} (${reason}): ${message}`
}
