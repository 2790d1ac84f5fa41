import { describe, expect, it } from 'vitest'
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

describe('a restart', () => {
  const asksForADay = { outcome: 'http', statusCode: 503, message: 'HTTP 503', retryAfter: '86400' } as const

  it.each([
    ['a wait', () => asksForADay],
    ['an open circuit', () => 500],
    ['a refused address', () => 'blocked' as const],
  ])('with another spec lifts %s, as another spec does without one', async (_, behave) => {
    await start()
    sender.behave = behave
    for (let index = 0; index < 12; index += 1) await bench.emit(['billing'])
    await go(10 * MINUTE)
    const sent = sender.requests.length
    sender.behave = () => 204
    bench.snapshots.publish([], false)
    await bench.restart()
    bench.snapshots.publish([webhook('https://b.example/', { generation: 2 })])
    await go(0)
    expect(sender.requests.length).toBeGreaterThan(sent)
    expect(sender.requests.at(-1)?.url).toBe('https://b.example/')
  })

  it('with the same spec lifts nothing', async () => {
    await start()
    sender.behave = () => asksForADay
    await bench.emit(['billing'])
    await go(SECOND)
    bench.snapshots.publish([], false)
    await bench.restart()
    bench.snapshots.publish([webhook('https://b.example/')])
    await bench.emit(['billing'])
    await go(23 * HOUR)
    expect(sender.requests).toHaveLength(1)
  })

  it.each([
    ['a circuit that is open', () => 500],
    ['an address that is refused', () => 'blocked' as const],
    ['an endpoint that asks for less', () => ({ ...asksForADay, retryAfter: '20' })],
  ])('goes on as carefully with %s as before it', async (_, behave) => {
    await start()
    sender.behave = behave
    for (let index = 0; index < 40; index += 1) await bench.emit(['billing'])
    await go(SECOND)
    await bench.restart()
    sender.requests.length = 0
    sender.behave = () => (sender.requests.length === 1 ? 204 : 'hang')
    while (sender.requests.length === 0) await go(SECOND)
    await go(SECOND)
    expect(sender.requests.length).toBeLessThanOrEqual(3)
  })
})

describe('a step of the wall clock', () => {
  it('forwards expires nothing', async () => {
    await start({ webhooks: [webhook(URL_A, { spec: { enabled: false } })] })
    await bench.emit(['billing'])
    await go(HOUR)
    clock.step(10 * DAY)
    await go(3 * DAY)
    expect(await states()).toEqual(['pending'])
    bench.snapshots.publish([webhook(URL_A)])
    await go(0)
    expect(await states()).toEqual(['delivered'])
  })

  it('forwards cancels nothing that is parked', async () => {
    await start()
    sender.behave = () => 500
    await bench.emit(['billing'])
    await go(SECOND)
    bench.snapshots.publish([])
    await go(HOUR)
    clock.step(3 * DAY)
    await go(22 * HOUR)
    expect(await states()).toEqual(['pending'])
    await go(2 * HOUR)
    expect(await states()).toEqual(['cancelled'])
  })

  it.each([
    ['what was tried', [webhook(URL_A)], () => undefined],
    ['what was held', [webhook(URL_A, { spec: { enabled: false } })], () => undefined],
    ['what was held, a restart between', [webhook(URL_A, { spec: { enabled: false } })], () => bench.restart()],
  ])('forwards that is taken back delays nothing: %s', async (_, webhooks, between) => {
    await start({ webhooks })
    sender.behave = () => 500
    clock.step(10 * HOUR)
    await bench.emit(['billing'])
    await go(SECOND)
    clock.step(-10 * HOUR)
    await between()
    sender.behave = () => 204
    bench.snapshots.publish([webhook(URL_A)])
    await go(10 * SECOND)
    expect(await states()).toEqual(['delivered'])
  })

  it('forwards that is taken back holds back no word of how deliveries fare', async () => {
    await start()
    const said = () => bench.dispatcher.health('billing')?.delivering.status
    await bench.emit(['billing'])
    await go(SECOND)
    clock.step(20 * HOUR)
    sender.behave = () => 500
    await bench.emit(['billing'])
    await go(10 * SECOND)
    expect(said()).toBe('False')
    clock.step(-20 * HOUR)
    sender.behave = () => 204
    await bench.emit(['billing'])
    await go(2 * MINUTE)
    expect(said()).toBe('True')
  })

  it('backwards delays no retry, a restart between included, and shows times as they were', async () => {
    await start()
    sender.behave = () => 500
    await bench.emit(['billing'])
    await go(SECOND)
    clock.step(-20 * HOUR)
    await bench.emit(['billing'])
    await go(SECOND)
    const shown = () => bench.dispatcher.health('billing')
    expect(Math.abs((shown()?.lastFailureAt ?? 0) - clock.now())).toBeLessThan(5 * SECOND)
    await bench.restart()
    await go(8 * SECOND)
    expect(attempts()).toEqual(['1', '1', '2', '2'])
    expect(Math.abs((shown()?.lastFailureAt ?? 0) - clock.now())).toBeLessThan(10 * SECOND)
    expect((shown()?.nextAttemptAt ?? Infinity) - clock.now()).toBeLessThan(7 * MINUTE)
  })

  it('backwards delays no retry', async () => {
    await start()
    sender.behave = () => 500
    await bench.emit(['billing'])
    await go(SECOND)
    clock.step(-10 * DAY)
    await go(10 * MINUTE)
    expect(attempts()).toEqual(['1', '2', '3'])
    await bench.emit(['billing'])
    await go(SECOND)
    expect(sender.requests).toHaveLength(4)
  })
})

describe('when a delivery is due', () => {
  const due = async () => {
    const [delivery] = await bench.deliveries()
    return delivery ? bench.dispatcher.dueAt(delivery) - clock.now() : Number.NaN
  }

  it.each([
    ['that stays right', 0, () => undefined],
    ['that was ahead, and is set right', -3 * DAY, () => undefined],
    ['that was ahead, and is set right before a restart', -3 * DAY, () => bench.restart()],
    ['that was behind, and is set right', 3 * HOUR, () => undefined],
  ])('is told by a clock %s: it is tried then', async (_, step, between) => {
    await start()
    sender.behave = () => 500
    await bench.emit(['billing'])
    await go(MINUTE)
    expect(attempts()).toEqual(['1', '2'])
    clock.step(step)
    await between()
    const wait = await due()
    expect(wait).toBeLessThanOrEqual(6 * MINUTE)
    await go(Math.max(0, wait - 1))
    expect(attempts()).toHaveLength(2)
    // Nothing looks out for a step forwards: what it made due is tried when its wait is over.
    await go(wait > 0 ? 1 : 6 * MINUTE)
    expect(attempts()).toHaveLength(3)
  })

  it('is at once where nothing was tried yet, whatever clock gave the event its time', async () => {
    await start({ webhooks: [webhook(URL_A, { spec: { enabled: false } })] })
    clock.step(DAY)
    await bench.emit(['billing'])
    clock.step(-DAY)
    expect(await due()).toBe(0)
    await go(HOUR)
    clock.step(2 * DAY)
    expect(await due()).toBe(-DAY - HOUR)
  })

  it('is at once where the time is further away than any wait is', async () => {
    await start()
    sender.behave = () => 500
    await bench.emit(['billing'])
    await go(0)
    const [delivery] = await bench.deliveries()
    const far = { ...delivery, nextAttemptAt: clock.now() + 365 * DAY } as NonNullable<typeof delivery>
    expect(bench.dispatcher.dueAt(far)).toBe(clock.now())
  })
})
