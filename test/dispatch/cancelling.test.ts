import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts'
import { createWorkbench, pass, until, webhook, type Workbench } from './harness.ts'
import { createScriptedSender, type ScriptedSender } from './scripted-sender.ts'

const SECOND = 1000
const HOUR = 3_600 * SECOND

let bench: Workbench
let clock: FakeClock
let sender: ScriptedSender
let cancelling: boolean
let cancelled: PromiseWithResolvers<void>

const hook = () => webhook('https://a.example/hooks')
const states = async () => (await bench.deliveries()).map((delivery) => delivery.state)
const go = (ms: number) => pass(bench, clock, ms)

/** A delivery of a webhook that has been gone for 24 hours is being cancelled, which takes until `cancelled` is resolved. */
beforeEach(async () => {
  clock = createFakeClock()
  sender = createScriptedSender(() => clock.now())
  sender.behave = () => 500
  cancelling = false
  cancelled = Promise.withResolvers()
  bench = await createWorkbench({
    webhooks: [hook()],
    clock,
    options: { sender },
    between: (store) => ({
      ...store,
      async cancelPending(...given) {
        const count = await store.cancelPending(...given)
        cancelling = true
        await cancelled.promise
        return count
      },
    }),
  })
  await bench.emit(['billing'])
  await go(SECOND)
  bench.snapshots.publish([])
  clock.advance(24 * HOUR + SECOND)
  await until(() => cancelling)
  sender.behave = () => 204
})
afterEach(() => bench.close())

describe('what arrives while deliveries are being cancelled', () => {
  it('is sent if the webhook is back, and counted right', async () => {
    bench.snapshots.publish([hook()])
    await bench.emit(['billing'])
    expect(bench.dispatcher.pending).toBe(2)
    cancelled.resolve()
    await go(SECOND)
    expect(await states()).toEqual(['cancelled', 'delivered'])
    expect(bench.dispatcher.pending).toBe(0)
  })

  it('waits for another 24 hours if it is not', async () => {
    await bench.emit(['billing'])
    cancelled.resolve()
    await go(23 * HOUR)
    expect([await states(), bench.dispatcher.pending]).toEqual([['cancelled', 'pending'], 1])
    await go(2 * HOUR)
    expect([await states(), bench.dispatcher.pending]).toEqual([['cancelled', 'cancelled'], 0])
    expect(await bench.store.endpoints()).toEqual([])
  })
})

it('a stop does not wait for it for long, and nothing comes of it afterwards', async () => {
  const stopping = bench.dispatcher.stop(0)
  await until(() => clock.timers > 0)
  clock.advance(5 * SECOND)
  await stopping
  const recorded = bench.recorded()
  cancelled.resolve()
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  await turn()
  // Durable after whatever was written before it.
  await bench.emit(['audit'])
  await turn()
  expect([bench.recorded(), clock.timers]).toEqual([recorded, 0])
})
