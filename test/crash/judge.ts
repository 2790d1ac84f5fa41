import { deliveryId } from '../../src/storage/delivery-id.ts'
import { settledBefore, type Arrival, type Kind, type Ledger } from './ledger.ts'
import type { Life } from './life.ts'
import { EVENTS_OF, WEBHOOKS } from './receivers.ts'

export interface Figures {
  readonly kills: number
  readonly acknowledged: number
  /** Writes the program died over: they may have happened or not. */
  readonly unanswered: number
  readonly requests: number
  /** Requests made again because the program died before their outcome was recorded, answered or not. */
  readonly repeated: number
  /** Of those, the ones that leave a receiver with an event it had accepted before: answered 2xx, and 2xx again. */
  readonly duplicates: number
}

export function figuresOf({ ledger, kills }: Life): Figures {
  const acknowledged = ledger.writes.filter((write) => write.id !== undefined).length
  const accepted = ledger.arrivals.filter(isAccepted)
  return {
    kills,
    acknowledged,
    unanswered: ledger.writes.length - acknowledged,
    requests: ledger.arrivals.length,
    repeated: [...byAttempt(ledger).values()].reduce((sum, same) => sum + same.length - 1, 0),
    duplicates: accepted.length - new Set(accepted.map((arrival) => arrival.deliveryId)).size,
  }
}

/** Everything about a life that breaks a promise, in words; empty when all were kept. */
export function brokenPromises(life: Life): string[] {
  return [...lostWrites(life), ...halfWrites(life), ...wrongRequests(life), ...wrongEnds(life)]
}

type Delivery = Life['deliveries'][number]

const isAccepted = ({ status }: { status: number | undefined }) => status !== undefined && status < 300

/** The requests made for one attempt: more than one only if the program died in between. */
function byAttempt(ledger: Ledger): Map<string, Arrival[]> {
  return Map.groupBy(ledger.arrivals, (arrival) => `${arrival.deliveryId} attempt ${arrival.attempt}`)
}

/** Every write answered 201 has its event, for every webhook that matches, with the very resource in it. */
function* lostWrites({ ledger, deliveries }: Life): Generator<string> {
  const byKey = Map.groupBy(deliveries, (delivery) => contentOf(delivery).key)
  for (const { key, kind, id } of ledger.writes) {
    if (id === undefined) continue
    const found = byKey.get(key) ?? []
    const webhooks = found.map((delivery) => delivery.webhook).sort()
    if (webhooks.join() !== webhooksFor(kind).join()) {
      yield `${key} was acknowledged, and its event is for ${webhooks.join() || 'nobody'}`
    }
    if (found.some((delivery) => contentOf(delivery).id !== id)) yield `${key} was acknowledged with another id`
    if (new Set(found.map((delivery) => delivery.eventId)).size > 1) yield `${key} has several events`
  }
}

function webhooksFor(kind: Kind): string[] {
  return WEBHOOKS.filter((name) => EVENTS_OF[name].includes(`${kind}:created`)).sort()
}

function contentOf({ body }: { body: string }): { key: string; id: number } {
  const { project, time_entry: entry } = JSON.parse(body) as {
    project?: { id: number; identifier: string }
    time_entry?: { id: number; comment: { raw: string } }
  }
  return { key: project?.identifier ?? entry?.comment.raw ?? '', id: project?.id ?? entry?.id ?? 0 }
}

/** A resource and its event came together or not at all, acknowledged or not. */
function* halfWrites({ deliveries, projects, timeEntries }: Life): Generator<string> {
  const stored = new Set([
    ...projects.map(({ identifier, id }) => `${identifier} ${id}`),
    ...timeEntries.map(({ comment, id }) => `${comment} ${id}`),
  ])
  const told = new Set(deliveries.map((delivery) => contentOf(delivery)).map(({ key, id }) => `${key} ${id}`))
  for (const one of told) if (!stored.has(one)) yield `${one}: an event of what is not there`
  for (const one of stored) if (!told.has(one)) yield `${one}: is there without its event`
}

/** Requests are of stored deliveries, with their very bytes, once an attempt; again only what could not have been recorded. */
function* wrongRequests({ ledger, deliveries }: Life): Generator<string> {
  const byId = new Map(deliveries.map((delivery) => [deliveryId(delivery.seq), delivery]))
  const settled = Array.from({ length: ledger.run + 1 }, (_, run) => settledBefore(ledger, run))
  for (const arrival of ledger.arrivals) {
    const delivery = byId.get(arrival.deliveryId)
    if (delivery?.eventId !== arrival.eventId || delivery.webhook !== arrival.webhook) {
      yield `${arrival.deliveryId} was sent, and is not in the log`
    } else if (!arrival.body.equals(Buffer.from(delivery.body))) yield `${arrival.deliveryId} was sent with other bytes`
  }
  for (const [attempt, same] of byAttempt(ledger)) {
    for (const [i, { run, answeredAt }] of same.slice(0, -1).entries()) {
      if (same[i + 1]?.run === run) yield `${attempt} was made twice in run ${run}`
      if (answeredAt < (settled[run] ?? 0))
        yield `${attempt} was made again though its outcome was recorded in run ${run}`
    }
  }
}

/** What the log says of each delivery is what its receiver saw, and nothing has ended but by being accepted. */
function* wrongEnds({ ledger, deliveries }: Life): Generator<string> {
  const arrivals = Map.groupBy(ledger.arrivals, (arrival) => arrival.deliveryId)
  for (const delivery of deliveries) {
    const id = `${deliveryId(delivery.seq)} to ${delivery.webhook}`
    const seen = lastAnswers(arrivals.get(deliveryId(delivery.seq)) ?? [])
    const logged = delivery.log.map(({ attempt, statusCode }) => `${attempt}: ${statusCode}`)
    if (logged.join() !== seen.join()) yield `${id}: the log says [${logged.join()}], the receiver [${seen.join()}]`
    if (delivery.attempts !== delivery.log.length)
      yield `${id}: ${delivery.attempts} attempts, ${delivery.log.length} logged`
    if (!endsWell(delivery)) yield `${id} is ${delivery.state}: ${delivery.lastFailure}`
  }
}

/** Per attempt the last request's status: that is the one whose outcome was recorded. */
function lastAnswers(arrivals: readonly Arrival[]): string[] {
  const last = new Map(arrivals.map(({ attempt, status }) => [attempt, status]))
  return [...last].map(([attempt, status]) => `${attempt}: ${status}`)
}

function endsWell({ state, webhook, log }: Delivery): boolean {
  const accepted = isAccepted({ status: log.at(-1)?.statusCode ?? undefined })
  if (state === 'pending') return webhook === 'flaky' && log.length > 0 && !accepted
  return state === 'delivered' && accepted
}
