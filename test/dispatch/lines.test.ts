import { afterEach, describe, expect, it } from 'vitest'
import type { Ordering } from '../../src/resources/vocabulary.ts'
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts'
import type { DeliveryStore } from '../../src/storage/store.ts'
import { newEvent, writeSet } from '../storage/samples.ts'
import { createWorkbench, pass, webhook, type Workbench } from './harness.ts'
import { createScriptedSender, type ScriptedSender } from './scripted-sender.ts'

const HOUR = 3_600_000

let bench: Workbench
let clock: FakeClock
let sender: ScriptedSender

const hook = (ordering: Ordering, generation = 1) =>
  webhook('https://a.example/', { generation, spec: { delivery: { ordering } } })

async function start(ordering: Ordering): Promise<void> {
  clock = createFakeClock()
  sender = createScriptedSender(() => clock.now())
  bench = await createWorkbench({ webhooks: [hook(ordering)], clock, options: { sender } })
}
afterEach(() => bench.close())

const go = (ms: number) => pass(bench, clock, ms)
const sent = () => sender.requests.map((request) => request.header('webhook-id'))
const emit = (id: string, projectId = 1) => bench.emit(['billing'], { id, projectId })
async function emitMany(count: number, projects = 1): Promise<string[]> {
  const ids = Array.from({ length: count }, (_, index) => `e${String(index).padStart(4, '0')}`)
  for (const [index, id] of ids.entries()) await emit(id, index % projects)
  return ids
}
const stateOf = async (id: string) => (await bench.deliveries()).find((delivery) => delivery.eventId === id)?.state

describe('Strict', () => {
  it('sends one at a time, in order, a long backlog and a restart included', async () => {
    await start('Strict')
    sender.behave = () => 'hang'
    const ids = await emitMany(150)
    await go(0)
    expect(sender.hanging).toBe(1)
    sender.behave = (request) => (request.header('webhook-id') === 'e0070' ? 'hang' : 204)
    sender.release(204)
    await go(0)
    expect(sent()).toEqual(ids.slice(0, 71))
    sender.behave = () => 204
    await bench.restart()
    await go(0)
    expect(sent()).toEqual([...ids.slice(0, 71), ...ids.slice(70)])
  })

  it('a head that fails holds the line until it is through, for six attempts at the most', async () => {
    await start('Strict')
    sender.behave = (request) => (request.header('webhook-id') === 'bad' ? 500 : 204)
    for (const id of ['first', 'bad', 'last']) await emit(id)
    await go(2 * HOUR)
    expect(sent()).toEqual(['first', ...Array.from({ length: 4 }, () => 'bad')])
    await go(10 * HOUR)
    expect(sent()).toEqual(['first', ...Array.from({ length: 6 }, () => 'bad'), 'last'])
    expect(await stateOf('bad')).toBe('dead')
  })

  it('a head that is refused leaves the line at once', async () => {
    await start('Strict')
    sender.behave = (request) => (request.header('webhook-id') === 'bad' ? 422 : 204)
    for (const id of ['bad', 'next']) await emit(id)
    await go(0)
    expect(sent()).toEqual(['bad', 'next'])
    expect(await stateOf('bad')).toBe('dead')
  })

  it.each([408, 425, 429])('but not when the answer is %i', async (status) => {
    await start('Strict')
    sender.behave = (request) => (request.header('webhook-id') === 'slow' ? status : 204)
    for (const id of ['slow', 'next']) await emit(id)
    await go(0)
    expect(sent()).toEqual(['slow'])
  })

  it('a head whose endpoint is gone waits for it, however often that is resumed in vain', async () => {
    await start('Strict')
    const spec = { delivery: { ordering: 'Strict', maxAttempts: 3 } } as const
    const resume = (resumeAt: string) => bench.snapshots.publish([webhook('https://a.example/', { resumeAt, spec })])
    sender.behave = () => 410
    for (const id of ['first', 'second']) await emit(id)
    await go(0)
    for (const resumeAt of ['a', 'b', 'c', 'd']) {
      resume(resumeAt)
      await go(HOUR)
    }
    expect(sent()).toEqual(Array.from({ length: 5 }, () => 'first'))
    sender.behave = () => 204
    resume('e')
    await go(0)
    expect([await stateOf('first'), await stateOf('second')]).toEqual(['delivered', 'delivered'])
  })

  it('a head past its deadline leaves the line', async () => {
    await start('Strict')
    bench.snapshots.publish([
      webhook('https://a.example/', { spec: { delivery: { ordering: 'Strict' }, enabled: false } }),
    ])
    await emit('old')
    await go(95 * HOUR)
    await emit('young')
    await go(2 * HOUR)
    bench.snapshots.publish([hook('Strict')])
    await go(0)
    expect(sent()).toEqual(['young'])
    expect(await stateOf('old')).toBe('dead')
  })
})

describe('PerProject', () => {
  it('keeps each project in order and lets projects pass one another', async () => {
    await start('PerProject')
    sender.behave = (request) => (request.header('webhook-id') === 'a1' ? 500 : 204)
    await emit('a1', 1)
    await emit('b1', 2)
    await emit('a2', 1)
    await emit('b2', 2)
    await go(0)
    expect(sent()).toEqual(['a1', 'b1', 'b2'])
    sender.behave = () => 204
    await go(10_000)
    expect(sent()).toEqual(['a1', 'b1', 'b2', 'a1', 'a2'])
  })

  it('a project that fails with a long backlog costs the others nothing', async () => {
    await start('PerProject')
    const bad = (id: string | undefined) => Number(id?.slice(1)) % 4 === 0
    sender.behave = (request) => (bad(request.header('webhook-id')) ? 500 : 204)
    const ids = await emitMany(400, 4)
    await go(0)
    expect(sent().filter((id) => !bad(id))).toHaveLength(300)
    await bench.restart()
    sender.behave = () => 204
    await go(5 * 60_000 * 1.3)
    for (const project of [0, 1, 2, 3]) {
      const delivered = sent().filter((id) => Number(id?.slice(1)) % 4 === project)
      expect([...new Set(delivered)]).toEqual(ids.filter((_, index) => index % 4 === project))
    }
    expect(new Set((await bench.deliveries()).map((delivery) => delivery.state))).toEqual(new Set(['delivered']))
  })
})

it('a change of the ordering lets what is in flight end first', async () => {
  await start('None')
  sender.behave = () => 'hang'
  const ids = await emitMany(14)
  await go(0)
  expect(sender.hanging).toBe(10)
  bench.snapshots.publish([hook('Strict', 2)])
  sender.behave = () => 204
  await go(0)
  expect(sender.requests).toHaveLength(10)
  sender.release(204)
  await go(0)
  expect(sent().slice(10)).toEqual(ids.slice(10))
})

describe('a backlog of twenty pages', () => {
  const PAGES = 20
  const COUNT = PAGES * 64
  let read = 0
  let inTurn = 0
  let mostInTurn = 0

  const counting = (store: DeliveryStore): DeliveryStore => ({
    ...store,
    pendingDeliveries(...given) {
      read += 1
      inTurn += 1
      mostInTurn = Math.max(mostInTurn, inTurn)
      setImmediate(() => (inTurn = 0))
      return store.pendingDeliveries(...given)
    },
  })

  async function startWith(ordering: Ordering, status: number): Promise<void> {
    clock = createFakeClock()
    sender = createScriptedSender(() => clock.now())
    sender.behave = () => status
    ;[read, inTurn, mostInTurn] = [0, 0, 0]
    bench = await createWorkbench({ complete: false, clock, options: { sender }, between: counting })
    const events = Array.from({ length: COUNT }, (_, index) => newEvent({ id: `e${index}`, occurredAt: clock.now() }))
    await bench.store.commit(writeSet({ events }))
    bench.snapshots.publish([hook(ordering)])
  }

  it.each([
    ['Strict', 'is not walked', 0],
    ['PerProject', 'is walked once', PAGES],
  ] as const)(
    'of a %s webhook whose receiver is unavailable %s, however often it is tried',
    async (ordering, _, walk) => {
      await startWith(ordering, 503)
      await go(10 * HOUR)
      expect(sender.requests.length).toBeGreaterThan(5)
      expect(read).toBeLessThanOrEqual(walk + 2 * sender.requests.length)
      // The first looks for something to send; whoever walks on in vain lets others have their turn.
      expect(mostInTurn).toBeLessThanOrEqual(2)
    },
  )

  it.each([
    ['Strict', 0],
    ['PerProject', PAGES],
  ] as const)('of a %s webhook is walked once, besides what its line takes at a time', async (ordering, walk) => {
    await startWith(ordering, 204)
    await go(0)
    expect(sent()).toEqual(Array.from({ length: COUNT }, (_, index) => `e${index}`))
    expect(read).toBeLessThanOrEqual(walk + COUNT / 16 + 2)
  })
})
