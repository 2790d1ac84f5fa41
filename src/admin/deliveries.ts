import type { FastifyInstance } from 'fastify'

import type { Clock } from '../base/clock.ts'
import { fail, ok, type Result } from '../base/result.ts'
import { resourceKey } from '../resources/resource.ts'
import type { StatusListing } from '../status/listing.ts'
import { deliveryId, parseDeliveryId } from '../storage/delivery-id.ts'
import type { AttemptRecord, DeliveryRecord, DeliveryState } from '../storage/records.ts'
import type { DeliveryFilter, DeliveryStore } from '../storage/store.ts'
import { parseId, parseLimit, parseState } from './delivery-filter.ts'
import { badRequest, notFound, type Refusal, refuse } from './refusal.ts'

const LIMIT_DEFAULT = 50

/** One event on its way to one webhook, as the delivery log shows it. Times are RFC 3339 in UTC with milliseconds. */
export interface DeliveryView {
  /** What the receiver got as `x-nepenthes-delivery`. */
  readonly id: string
  /** What the receiver got as `webhook-id`. */
  readonly eventId: string
  readonly event: string
  readonly projectId: number
  readonly webhook: string
  readonly state: DeliveryState
  readonly attempts: number
  readonly occurredAt: string
  /** null unless pending. */
  readonly nextAttemptAt: string | null
  readonly finishedAt: string | null
  /** Why the last attempt failed or the delivery ended; empty when neither. */
  readonly lastFailure: string
}

export interface AttemptView extends Omit<AttemptRecord, 'deliverySeq' | 'startedAt'> {
  readonly startedAt: string
}

export interface DeliveryDetailView extends DeliveryView {
  /** The request body, byte for byte. */
  readonly body: string
  readonly log: readonly AttemptView[]
}

export interface DeliveryRouteDependencies {
  readonly deliveries: DeliveryStore
  readonly listing: StatusListing
  readonly clock: Clock
  /** When a pending delivery is due, by the wall clock. */
  readonly dueAt: DueAt
}

type DueAt = (delivery: DeliveryRecord) => number

interface ListRequest {
  Querystring: { webhook?: string; state?: string; limit?: string; before?: string }
}
interface DeliveryRequest {
  Params: { id: string }
}

/** `/v1/deliveries`: the delivery log, newest first, and sending again. */
export function deliveryRoutes(server: FastifyInstance, dependencies: DeliveryRouteDependencies): void {
  const { deliveries, dueAt } = dependencies
  server.get<ListRequest>('/deliveries', async (request, reply) => {
    const filter = readFilter(request.query)
    if (!filter.ok) return refuse(reply, filter.error)
    return { items: (await deliveries.deliveries(filter.value)).map((delivery) => deliveryView(delivery, dueAt)) }
  })
  server.get<DeliveryRequest>('/deliveries/:id', async (request, reply) => {
    const delivery = await findDelivery(deliveries, request.params.id)
    return delivery ? detailView(delivery, dueAt) : refuse(reply, noDelivery(request.params.id))
  })
  server.post<DeliveryRequest>('/deliveries/:id/redeliver', async (request, reply) => {
    const again = await redeliver(dependencies, request.params.id)
    return again.ok ? reply.code(201).send(deliveryView(again.value, dueAt)) : refuse(reply, again.error)
  })
}

async function findDelivery(deliveries: DeliveryStore, id: string): ReturnType<DeliveryStore['delivery']> {
  const seq = parseDeliveryId(id)
  return seq === undefined ? undefined : deliveries.delivery(seq)
}

async function redeliver(
  { deliveries, listing, clock }: DeliveryRouteDependencies,
  id: string,
): Promise<Result<DeliveryRecord, Refusal>> {
  const past = await findDelivery(deliveries, id)
  if (!past) return fail(noDelivery(id))
  // Nobody would work on a delivery of a webhook there is not: it would pend until its deadline.
  if (!listing.get(resourceKey('Webhook', past.webhook))) {
    return fail({
      status: 409,
      code: 'WebhookGone',
      message: `delivery ${id} went to the webhook "${past.webhook}", which does not exist any more`,
      hint: 'Create a webhook of this name, then redeliver.',
    })
  }
  const again = await deliveries.redeliver(past.seq, clock.now())
  return again ? ok(again) : fail(noDelivery(id))
}

function noDelivery(id: string): Refusal {
  const hint =
    parseDeliveryId(id) === undefined
      ? 'Ids of deliveries look like dlv_2n9c: see `nepenthes deliveries list`.'
      : 'The log keeps deliveries for a limited time only.'
  return notFound(`there is no delivery "${id}"`, hint)
}

function readFilter(query: ListRequest['Querystring']): Result<DeliveryFilter, Refusal> {
  const { webhook, limit = String(LIMIT_DEFAULT) } = query
  const state = query.state === undefined ? undefined : parseState(query.state)
  if (state && !state.ok) return fail(badRequest(`state "${query.state}": expected ${state.error}`))
  const count = parseLimit(limit)
  if (!count.ok) return fail(badRequest(`limit "${limit}": expected ${count.error}`))
  const before = query.before === undefined ? undefined : parseId(query.before)
  if (before && !before.ok) return fail(badRequest(`before "${query.before}": expected ${before.error}`))
  return ok({
    limit: count.value,
    ...(webhook !== undefined && { webhook }),
    ...(state && { state: state.value }),
    ...(before && { beforeSeq: before.value }),
  })
}

function deliveryView(delivery: DeliveryRecord, dueAt: DueAt): DeliveryView {
  return {
    id: deliveryId(delivery.seq),
    eventId: delivery.eventId,
    event: delivery.eventName,
    projectId: delivery.projectId,
    webhook: delivery.webhook,
    state: delivery.state,
    attempts: delivery.attempts,
    occurredAt: rfc3339(delivery.occurredAt),
    nextAttemptAt: delivery.state === 'pending' ? rfc3339(dueAt(delivery)) : null,
    finishedAt: delivery.finishedAt === null ? null : rfc3339(delivery.finishedAt),
    lastFailure: delivery.lastFailure,
  }
}

function detailView(
  delivery: DeliveryRecord & { body: string; log: readonly AttemptRecord[] },
  dueAt: DueAt,
): DeliveryDetailView {
  return { ...deliveryView(delivery, dueAt), body: delivery.body, log: delivery.log.map(attemptView) }
}

function attemptView({ deliverySeq: _, startedAt, ...rest }: AttemptRecord): AttemptView {
  return { ...rest, startedAt: rfc3339(startedAt) }
}

function rfc3339(epochMs: number): string {
  return new Date(epochMs).toISOString()
}
