import { describe, expect, it } from 'vitest'
import type { ProgrammedWebhook } from '../../src/routing/snapshot.ts'
import { webhook } from './harness.ts'
import {
  DAY,
  HOUR,
  MINUTE,
  SECOND,
  URL_A,
  attempts,
  bench,
  clock,
  go,
  sender,
  start,
  states,
} from './scripted-bench.ts'

const waits = () => sender.requests.map((request, index) => request.at - (sender.requests[index - 1]?.at ?? request.at))
const within = (ms: number, expected: number) => {
  expect(ms).toBeGreaterThanOrEqual(expected * 0.8 - 1)
  expect(ms).toBeLessThanOrEqual(expected * 1.2 + 2)
}

describe('retries', () => {
  it('follow the schedule over four days, then the delivery is dead with its reason', async () => {
    await start()
    sender.behave = () => 500
    await bench.emit(['billing'])
    await go(5 * DAY)
    const expected = [
      0,
      5 * SECOND,
      5 * MINUTE,
      30 * MINUTE,
      2 * HOUR,
      5 * HOUR,
      10 * HOUR,
      14 * HOUR,
      20 * HOUR,
      24 * HOUR,
    ]
    expect(attempts()).toEqual(expected.map((_, index) => String(index + 1)))
    waits().forEach((wait, index) => within(wait, expected[index] ?? Number.NaN))
    const [delivery] = await bench.deliveries()
    expect(delivery).toMatchObject({
      state: 'dead',
      attempts: 10,
      lastFailure: 'HTTP 500 (given up after 10 attempts)',
    })
    const log = (await bench.log(delivery?.seq ?? 0))?.log ?? []
    expect(log.map(({ outcome, message }) => `${outcome} ${message}`)).toEqual(expected.map(() => 'http HTTP 500'))
    expect(new Set(sender.requests.map((request) => request.header('webhook-id'))).size).toBe(1)
    expect(new Set(sender.requests.map((request) => request.header('webhook-timestamp'))).size).toBe(10)
  })

  it('go on after a restart as if nothing had happened', async () => {
    await start()
    sender.behave = (request) => (request.header('x-nepenthes-attempt') === '4' ? 204 : 500)
    await bench.emit(['billing'])
    for (let hours = 0; hours < 3; hours += 1) {
      await go(20 * MINUTE)
      await bench.restart()
      await go(20 * MINUTE)
    }
    expect(attempts()).toEqual(['1', '2', '3', '4'])
    expect(await states()).toEqual(['delivered'])
  })

  it('wait for Retry-After, and so does every other delivery to the endpoint', async () => {
    await start()
    sender.behave = (request) =>
      request.header('x-nepenthes-attempt') === '1' && sender.requests.length === 1
        ? { outcome: 'http', statusCode: 503, message: 'HTTP 503', retryAfter: '120' }
        : 204
    await bench.emit(['billing'])
    await go(SECOND)
    await bench.emit(['billing'])
    await go(119 * SECOND - 1)
    expect(sender.requests).toHaveLength(1)
    expect(bench.dispatcher.health('billing')?.nextAttemptAt).toBe((sender.requests[0]?.at ?? 0) + 120 * SECOND)
    await go(2)
    expect(sender.requests).toHaveLength(3)
  })
})

describe('what holds deliveries', () => {
  const hold = { reason: 'SecretNotFound', message: 'Secret billing-webhook was not found' } as const

  it('a missing Secret: they queue, go out with the Secret, never without', async () => {
    await start({ webhooks: [webhook(URL_A, { hold })] })
    await bench.emit(['billing'])
    await go(HOUR)
    expect(sender.requests).toHaveLength(0)
    bench.snapshots.publish([webhook(URL_A, { credentials: { signing: ['a secret of some length'] } })])
    await go(0)
    expect(sender.requests.map((request) => request.header('webhook-signature') !== undefined)).toEqual([true])
    expect(await states()).toEqual(['delivered'])
  })

  it.each([
    ['a missing Secret', webhook(URL_A, { hold }), 'SecretNotFound: Secret billing-webhook was not found'],
    ['disabled', webhook(URL_A, { spec: { enabled: false } }), 'Disabled'],
  ])('past the deadline of four days they are dead with the reason: %s', async (_name, hook, reason) => {
    await start({ webhooks: [hook] })
    await bench.emit(['billing'])
    await go(4 * DAY)
    expect(await states()).toEqual(['pending'])
    await go(2 * SECOND)
    const [delivery] = await bench.deliveries()
    expect(delivery).toMatchObject({
      state: 'dead',
      attempts: 0,
      lastFailure: `not delivered within 4 days of its event: ${reason}`,
    })
    expect(sender.requests).toHaveLength(0)
    expect(bench.dispatcher.pending).toBe(0)
  })

  it('disabled: what pends waits for enabled', async () => {
    await start({ webhooks: [webhook(URL_A, { spec: { enabled: false } })] })
    await bench.emit(['billing'])
    await go(DAY)
    expect(bench.dispatcher.health('billing')).toMatchObject({
      pending: 1,
      nextAttemptAt: null,
      delivering: { status: 'Unknown', reason: 'Disabled' },
    })
    bench.snapshots.publish([webhook(URL_A)])
    await go(0)
    expect(await states()).toEqual(['delivered'])
  })

  it('a 410: nothing more is sent until the annotation or the spec changes, restarts included', async () => {
    await start()
    sender.behave = () => 410
    await bench.emit(['billing'])
    await bench.emit(['billing'])
    await go(HOUR)
    const sent = sender.requests.length
    expect(bench.dispatcher.health('billing')?.delivering).toMatchObject({ status: 'False', reason: 'EndpointGone' })
    await bench.restart()
    bench.snapshots.publish([webhook(URL_A, { credentials: { signing: ['another secret, same spec'] } })])
    await go(DAY)
    expect(sender.requests).toHaveLength(sent)
    sender.behave = () => 204
    bench.snapshots.publish([webhook(URL_A, { resumeAt: '2026-03-02' })])
    await go(0)
    expect(await states()).toEqual(['delivered', 'delivered'])
    expect(bench.dispatcher.health('billing')).toMatchObject({
      handledResumeAt: '2026-03-02',
      delivering: { reason: 'Delivered' },
    })
    sender.behave = () => 410
    await bench.emit(['billing'])
    await go(HOUR)
    sender.behave = () => 204
    bench.snapshots.publish([webhook(URL_A, { resumeAt: '2026-03-02', generation: 2 })])
    await go(0)
    expect(await states()).toEqual(['delivered', 'delivered', 'delivered'])
  })

  it('a refused address: looked up again every 15 minutes, without spending attempts', async () => {
    await start()
    sender.behave = () => 'blocked'
    for (let index = 0; index < 3; index += 1) await bench.emit(['billing'])
    await go(0)
    const first = sender.requests.length
    await go(HOUR + SECOND)
    expect(sender.requests.length - first).toBe(4)
    expect((await bench.deliveries()).map((delivery) => delivery.attempts)).toEqual([0, 0, 0])
    expect(bench.dispatcher.health('billing')?.delivering).toMatchObject({ reason: 'AddressBlocked' })
    sender.behave = () => 204
    await go(15 * MINUTE)
    expect(await states()).toEqual(['delivered', 'delivered', 'delivered'])
    expect(sender.requests.slice(-3).map((request) => request.header('x-nepenthes-attempt'))).toEqual(['1', '1', '1'])
  })

  it('an open circuit: one probe at a time, no attempts spent on the rest, all delivered once it closes', async () => {
    await start()
    sender.behave = () => 500
    for (let index = 0; index < 200; index += 1) await bench.emit(['billing'])
    await go(HOUR)
    const probes = sender.requests.length
    expect(probes).toBeGreaterThan(12)
    expect(probes).toBeLessThan(40)
    expect(bench.dispatcher.circuitsOpen).toBe(1)
    expect(bench.dispatcher.health('billing')?.delivering).toMatchObject({ status: 'False', reason: 'CircuitOpen' })
    await bench.restart()
    expect(bench.dispatcher.circuitsOpen).toBe(1)
    sender.behave = () => 204
    await go(16 * MINUTE)
    expect(bench.dispatcher.circuitsOpen).toBe(0)
    await go(30 * HOUR)
    expect(new Set(await states())).toEqual(new Set(['delivered']))
  })

  it('an outage of three days kills nothing', async () => {
    await start()
    sender.behave = () => 503
    for (let index = 0; index < 20; index += 1) await bench.emit(['billing'])
    await go(2.4 * DAY)
    sender.behave = () => 204
    await go(1.5 * DAY)
    expect(new Set(await states())).toEqual(new Set(['delivered']))
  })
})

describe('Delivering', () => {
  it('turns False after two failures at least 5 s apart, True with the next success; the reconciler hears of it', async () => {
    await start()
    await bench.emit(['billing'])
    await go(2 * MINUTE)
    const before = bench.healthCalls.length
    const said = () => bench.dispatcher.health('billing')?.delivering.reason
    sender.behave = () => 500
    await bench.emit(['billing'])
    await go(SECOND)
    expect(said()).toBe('Delivered')
    await go(10 * MINUTE)
    expect(said()).toBe('EndpointFailing')
    expect(bench.dispatcher.health('billing')).toMatchObject({
      consecutiveFailures: 3,
      lastFailure: 'HTTP 500',
      pending: 1,
    })
    sender.behave = () => 204
    await go(HOUR)
    expect(said()).toBe('Delivered')
    expect(bench.healthCalls.slice(before)).toEqual(['billing', 'billing'])
  })

  it('says nothing of a webhook nobody delivered to', async () => {
    await start({ webhooks: [webhook(URL_A, { resumeAt: 'x' })] })
    expect(bench.dispatcher.health('billing')).toBeUndefined()
  })
})

it('a backlog that cannot be read is asked for every five seconds, and each lane that waits to read has its turn', async () => {
  const names = Array.from({ length: 20 }, (_, index) => `hook-${index}`)
  const hooks = (hold?: ProgrammedWebhook['hold']) => names.map((name) => webhook(URL_A, { name, hold }))
  let reads = 0
  let failing = true
  await start({
    webhooks: hooks({ reason: 'SecretNotFound', message: 'not found' }),
    between: (store) => ({
      ...store,
      async pendingDeliveries(...given) {
        reads += 1
        // Were it asked for at once and for ever, this test would not end.
        if (failing && reads <= 1000) throw new Error('disk I/O error')
        return store.pendingDeliveries(...given)
      },
    }),
  })
  await bench.emit(names)
  bench.snapshots.publish(hooks())
  await go(4 * SECOND)
  expect(reads).toBe(names.length)
  await go(10 * SECOND)
  expect(reads).toBe(3 * names.length)
  failing = false
  await go(5 * SECOND)
  expect(new Set((await bench.deliveries()).map(({ state }) => state))).toEqual(new Set(['delivered']))
})

it('stop gives up what is in flight after the grace, and it is tried again with the same number', async () => {
  await start()
  sender.behave = () => 'hang'
  await bench.emit(['billing'])
  await go(0)
  const stopping = bench.dispatcher.stop(10 * SECOND)
  let stopped = false
  void stopping.then(() => (stopped = true))
  await go(9 * SECOND)
  expect(stopped).toBe(false)
  await bench.emit(['billing'])
  await go(2 * SECOND)
  await stopping
  expect(clock.timers).toBe(0)
  expect(sender.requests).toHaveLength(1)
  expect((await bench.deliveries()).map(({ state, attempts: made }) => `${state} ${made}`)).toEqual([
    'pending 0',
    'pending 0',
  ])
})
