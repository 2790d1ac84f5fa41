import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createLog } from '../../src/base/log.ts'
import { Retention } from '../../src/dispatch/retention.ts'
import { openSqliteStore } from '../../src/storage/sqlite/sqlite-store.ts'
import type { PruneBounds, Pruned, Store } from '../../src/storage/store.ts'
import { needRoomToDrop } from '../storage/full.ts'
import { attemptOf, delivered, newEvent, NOON, writeSet } from '../storage/samples.ts'
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts'

const DAY = 86_400_000
const log = createLog('silent', () => undefined)

let directory: string
let store: Store
let clock: FakeClock
let looks: number
let pruned: Promise<Pruned>
let retention: Retention

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'nepenthes-retention-'))
  clock = createFakeClock(NOON)
  store = await openSqliteStore({ directory, clock, log, synchronous: 'OFF', maxPages: 2_000 })
  looks = 0
  pruned = Promise.resolve({ deliveries: 0 })
})
afterEach(async () => {
  await retention.stop()
  await store.close()
  rmSync(directory, { recursive: true })
})

/** `until`: what looking waits for. */
function keep(bounds: { maxAgeDays?: number; maxBytes?: number }, until?: Promise<void>): void {
  const prune = (given: PruneBounds) => {
    looks += 1
    const pruning = (until ?? Promise.resolve()).then(() => store.prune(given))
    if (!until) pruned = pruning
    return pruning
  }
  retention = new Retention({ maxAgeDays: 30, maxBytes: 2 ** 40, ...bounds, store: { prune }, clock, log })
  retention.start()
}

/** Two deliveries now, of which the first has ended. */
async function event(text = ''): Promise<void> {
  const body = JSON.stringify({ text })
  const seq = (await seqs())[0] ?? 0
  await store.commit(writeSet({ events: [newEvent({ occurredAt: clock.now(), body, webhooks: ['billing'] })] }))
  await store.commit(writeSet({ events: [newEvent({ occurredAt: clock.now(), body, webhooks: ['audit'] })] }))
  const ended = delivered(seq + 1, { finishedAt: clock.now() })
  await store.recordDispatch({ attempts: [attemptOf(seq + 1)], deliveries: [ended], endpoints: [] })
}

/** Newest first. */
const seqs = async () => (await store.deliveries({ limit: 1000 })).map(({ seq }) => seq)

/** Lets time pass, and what that sets off be done. */
async function pass(ms: number): Promise<void> {
  clock.advance(ms)
  await pruned
  await new Promise((resolve) => setImmediate(resolve))
}

it('drops what ended long ago and keeps what has not ended', async () => {
  keep({ maxAgeDays: 30 })
  await event()
  await pass(29 * DAY)
  expect(await seqs()).toEqual([2, 1])
  await pass(2 * DAY)
  await pass(3_600_000)
  expect(await seqs()).toEqual([2])
})

it('drops the oldest that have ended while the database is too large', async () => {
  keep({ maxBytes: 2 ** 20 })
  for (let index = 0; index < 400; index += 1) await event('x'.repeat(4000))
  expect(await seqs()).toHaveLength(800)
  await pass(60_000)
  const left = await store.deliveries({ limit: 1000 })
  expect(left.filter(({ state }) => state === 'delivered').length).toBeLessThan(400)
  expect(left.filter(({ state }) => state === 'pending')).toHaveLength(400)
})

it('believes no clock that was set ahead', async () => {
  keep({ maxAgeDays: 30 })
  await event()
  clock.step(365 * DAY)
  await pass(60_000)
  expect(await seqs()).toEqual([2, 1])
})

it('looks less often where looking takes long', async () => {
  const looked = Promise.withResolvers<void>()
  keep({}, looked.promise)
  await pass(60_000)
  await pass(10_000)
  looked.resolve()
  while (clock.timers === 0) await pass(0)
  await pass(900_000)
  expect(looks).toBe(1)
  await pass(200_000)
  expect(looks).toBe(2)
})

it('waits for no room on the disk: it looks again later, and stops when it is told to', async () => {
  keep({ maxAgeDays: 30 })
  await event()
  const dropping = needRoomToDrop(directory)
  await pass(31 * DAY)
  await pass(3_600_000)
  expect([looks, await seqs()]).toEqual([2, [2, 1]])
  dropping.needsNone()
  await pass(3_600_000)
  expect(await seqs()).toEqual([2])
  await event()
  await pass(31 * DAY)
  needRoomToDrop(directory)
  clock.advance(3_600_000)
  expect(looks).toBe(5)
  await retention.stop()
  expect([await seqs(), store.healthy]).toEqual([[4, 3, 2], true])
})

it('does nothing once it is stopped', async () => {
  keep({})
  await retention.stop()
  await pass(DAY)
  expect([looks, clock.timers]).toEqual([0, 0])
})
