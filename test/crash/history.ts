import { systemClock } from '../../src/base/clock.ts'
import type { PendingDelivery } from '../../src/storage/records.ts'
import type { Synchronous } from '../../src/storage/sqlite/pragmas.ts'
import { openSqliteStore } from '../../src/storage/sqlite/sqlite-store.ts'
import type { Store } from '../../src/storage/store.ts'
import { quiet } from '../reconcile/environment.ts'
import { attemptOf, delivered, insertUser, newEvent, writeSet } from '../storage/samples.ts'
import type { SeededRandom } from '../support/seeded-random.ts'
import { durableAfter, readImage, type Moments } from './power.ts'

const WEBHOOKS = ['audit', 'billing']
const WRITES_MAX = 5
/** Some larger than many pages, so that the log is copied back every few dozen steps. */
const BODY_BYTES_MAX = [500, 30_000, 150_000]

/** What had been acknowledged at some time: rows and events by their number, outcomes by the delivery's. */
export interface Acknowledged {
  readonly writes: number
  readonly delivered: readonly number[]
}

export interface Step extends Moments {
  /** At the moment of that name. */
  readonly before: Acknowledged
  /** Numbers of writes handed in by the next moment. */
  readonly handedIn: number
}

export interface HistoryOptions {
  readonly directory: string
  readonly steps: number
  readonly random: SeededRandom
  readonly synchronous: Synchronous
}

/**
 * Lets a store work: each step hands in several writes and outcomes at once, which become one commit, and waits until all are
 * acknowledged. Nothing is being written then, so the files can be looked at. Whoever iterates may take its time.
 */
export async function* history({ directory, steps, random, synchronous }: HistoryOptions): AsyncGenerator<Step> {
  // FULL is what the store is opened with by itself.
  const level = synchronous === 'FULL' ? {} : { synchronous }
  const store = await openSqliteStore({ directory, clock: systemClock, log: quiet, ...level })
  const fresh: PendingDelivery[] = []
  store.onDeliveries((deliveries) => void fresh.push(...deliveries))
  let acknowledged = readImage(directory)
  let durable = acknowledged
  let before: Acknowledged = { writes: 0, delivered: [] }
  for (let step = 0; step < steps; step++) {
    const writes = before.writes + random.integer(1, WRITES_MAX)
    const outcomes = fresh.splice(0, random.integer(0, fresh.length)).map(({ seq }) => seq)
    await Promise.all([...commits(store, before.writes, writes, random), ...outcomes.map((seq) => record(store, seq))])
    const moments = { durable, acknowledged, next: readImage(directory) }
    yield { ...moments, before, handedIn: writes }
    before = { writes, delivered: [...before.delivered, ...outcomes] }
    durable = durableAfter(synchronous, moments)
    acknowledged = moments.next
  }
  await store.close()
}

function commits(store: Store, after: number, upTo: number, random: SeededRandom): Promise<void>[] {
  return Array.from({ length: upTo - after }, async (_, i) => {
    const number = after + i + 1
    const body = 'x'.repeat(random.integer(1, random.pick(BODY_BYTES_MAX)))
    const events = [newEvent({ id: `evt_${number}`, body, webhooks: WEBHOOKS })]
    const result = await store.commit(writeSet({ mutations: [insertUser(number, `user ${number}`)], events }))
    if (result.outcome !== 'committed') throw new Error(`write ${number}: ${result.outcome}`)
  })
}

function record(store: Store, seq: number): Promise<void> {
  return store.recordDispatch({ attempts: [attemptOf(seq)], deliveries: [delivered(seq)], endpoints: [] })
}

/** What a store that was opened again holds wrongly, in words. */
export async function wrongIn(
  store: Store,
  { before, handedIn }: Pick<Step, 'before' | 'handedIn'>,
): Promise<string[]> {
  const { rows } = await store.list('users', { where: [], orderBy: [], limit: 1_000_000, offset: 0 })
  const users = new Set(rows.map((user) => user.id))
  const deliveries = await store.deliveries({ limit: 1_000_000 })
  const webhooks = Map.groupBy(deliveries, (delivery) => Number(delivery.eventId.slice('evt_'.length)))
  const states = new Map(deliveries.map((delivery) => [delivery.seq, delivery.state]))
  const wrong: string[] = []
  for (const number of new Set([...Array(handedIn + 1).keys(), ...users, ...webhooks.keys()])) {
    if (number === 0) continue
    const has = users.has(number)
    const told = (webhooks.get(number) ?? [])
      .map((delivery) => delivery.webhook)
      .sort()
      .join()
    if (!has && number <= before.writes) wrong.push(`write ${number} is lost`)
    if (told !== (has ? WEBHOOKS.join() : '')) wrong.push(`write ${number} and its event did not come together`)
    if (has && number > handedIn) wrong.push(`write ${number} was never made`)
  }
  const forgotten = before.delivered.filter((seq) => states.get(seq) !== 'delivered')
  return [...wrong, ...forgotten.map((seq) => `the outcome of ${seq} is lost`)]
}
