import { afterEach, expect, it } from 'vitest'
import type { DeliveryStore } from '../../src/storage/store.ts'
import { createFakeClock } from '../support/fake-clock.ts'
import { createWorkbench, pass, webhook, type Workbench } from './harness.ts'
import { createScriptedSender } from './scripted-sender.ts'

const WEBHOOKS = 600
const EACH = 32
const NAMES = Array.from({ length: WEBHOOKS }, (_, index) => `webhook-${index}`)

let bench: Workbench
afterEach(() => bench.close())

it('a backlog of many webhooks that wake together is read a little at a time', async () => {
  const clock = createFakeClock()
  const sender = createScriptedSender(() => clock.now())
  sender.behave = () => 'hang'
  const pages: number[] = []
  let reading = 0
  const between = (store: DeliveryStore): DeliveryStore => ({
    ...store,
    async pendingDeliveries(...given) {
      reading += 1
      pages.push(reading)
      const rows = await store.pendingDeliveries(...given)
      reading -= 1
      return rows
    },
  })
  bench = await createWorkbench({ webhooks: [], complete: false, clock, between, options: { sender } })
  const body = 'x'.repeat(2000)
  for (let round = 0; round < EACH; round += 1) await bench.emit(NAMES, { body })
  bench.snapshots.publish(NAMES.map((name) => webhook(`http://receiver.example/${name}`, { name })))
  // Only lanes that may send read: 512 requests can be in flight, and each of these receivers hangs.
  while (sender.requests.length < 512) await new Promise((resolve) => setImmediate(resolve))
  expect(pages.length).toBeGreaterThan(100)
  expect(Math.max(...pages)).toBeLessThanOrEqual(8)
  sender.behave = () => 204
})

it.each([
  ['accepts', 204],
  ['refuses', 500],
])(
  'each is looked at a few times until its receiver %s what pends, not each time another has its turn',
  async (_, status) => {
    const clock = createFakeClock()
    const sender = createScriptedSender(() => clock.now())
    sender.behave = () => status
    bench = await createWorkbench({ webhooks: [], complete: false, clock, options: { sender } })
    await bench.emit(NAMES)
    let looks = 0
    const counted = (name: string) => {
      const hook = webhook(`http://receiver.example/${name}`, { name })
      const { spec } = hook
      return Object.defineProperty(hook, 'spec', { get: () => (looks += 1) && spec })
    }
    bench.snapshots.publish(NAMES.map(counted))
    await pass(bench, clock, 0)
    expect(sender.requests).toHaveLength(WEBHOOKS)
    expect(looks / WEBHOOKS).toBeLessThan(50)
  },
)
