import { beforeEach, describe, expect, it } from 'vitest'
import { webhook } from './harness.ts'
import { SECOND, URL_A, bench, clock, go, sender, start, states } from './scripted-bench.ts'

describe('isolation', () => {
  it('one endpoint that hangs takes no more than its own places', async () => {
    const dead = webhook('https://dead.example/', { name: 'dead', spec: { delivery: { maxConcurrency: 100 } } })
    await start({ webhooks: [webhook(URL_A), dead] })
    sender.behave = (request) => (request.url.includes('dead') ? 'hang' : 204)
    for (let index = 0; index < 300; index += 1) await bench.emit(['dead', 'billing'])
    await go(0)
    expect(new Set(await states())).toEqual(new Set(['delivered']))
    expect(sender.hanging).toBe(100)
  })

  it.each([
    [12, 100],
    [120, 10],
  ])('%i endpoints that hang with %i requests each leave a place for the others', async (count, maxConcurrency) => {
    const names = Array.from({ length: count }, (_, index) => `dead-${index}`)
    const spec = { delivery: { maxConcurrency } }
    const dead = names.map((name) => webhook('https://dead.example/', { name, spec }))
    await start({ webhooks: [webhook(URL_A), ...dead] })
    sender.behave = (request) => (request.url.includes('dead') ? 'hang' : 204)
    for (let index = 0; index < maxConcurrency; index += 1) await bench.emit(names)
    await go(0)
    expect(sender.hanging).toBeLessThanOrEqual(512)
    for (let index = 0; index < 5; index += 1) await bench.emit(['billing'])
    await go(0)
    expect(new Set(await states())).toEqual(new Set(['delivered']))
  })
})

describe('of three hundred endpoints that hang', () => {
  const names = Array.from({ length: 300 }, (_, index) => `dead-${index}`)
  const late = { outcome: 'timeout', statusCode: null, message: 'late', durationMs: 15_000 } as const

  /** All have timed out once, and their next requests hang. */
  beforeEach(async () => {
    await start({ webhooks: [webhook(URL_A), ...names.map((name) => webhook('https://dead.example/', { name }))] })
    sender.behave = (request) => (request.url.includes('dead') ? late : 204)
    await bench.emit(names)
    await go(0)
    sender.behave = (request) => (request.url.includes('dead') ? 'hang' : 204)
    for (let index = 0; index < 3; index += 1) await bench.emit(names)
    await go(0)
  })

  it('no more hold a place than half of the places', () => expect(sender.hanging).toBe(256))

  it.each([
    ['fails at once', { outcome: 'http', statusCode: 500, message: 'HTTP 500', durationMs: 20 } as const],
    ['is slow but answers', { outcome: 'success', statusCode: 200, durationMs: 3_000 } as const],
  ])('one that %s has not to wait for their places', async (_, reply) => {
    sender.behave = () => reply
    await bench.emit(['billing'])
    await go(0)
    sender.behave = () => 204
    await bench.emit(['billing'])
    await go(0)
    expect((await states()).at(-1)).toBe('delivered')
  })

  it('one that hangs like them has', async () => {
    sender.behave = () => late
    await bench.emit(['billing'])
    await go(0)
    sender.behave = () => 'hang'
    await bench.emit(['billing'])
    await go(0)
    expect(sender.hanging).toBe(256)
  })
})

it('what waits costs nothing: no read, no timer but one, while a hundred dead endpoints hold their backlog', async () => {
  const names = Array.from({ length: 100 }, (_, index) => `dead-${index}`)
  let reads = 0
  await start({
    webhooks: names.map((name) => webhook(URL_A, { name })),
    between: (store) => ({
      ...store,
      pendingDeliveries(...given) {
        reads += 1
        return store.pendingDeliveries(...given)
      },
    }),
  })
  sender.behave = () => 500
  for (let index = 0; index < 20; index += 1) await bench.emit(names)
  await go(20 * SECOND)
  expect(bench.dispatcher.circuitsOpen).toBe(100)
  const before = [reads, sender.requests.length]
  for (let index = 0; index < 5; index += 1) await bench.emit(names)
  await go(3 * SECOND)
  expect([reads, sender.requests.length]).toEqual(before)
  expect(bench.dispatcher.pending).toBe(2500)
  // One for all lanes, one for the deadline.
  expect(clock.timers).toBeLessThanOrEqual(2)
})
