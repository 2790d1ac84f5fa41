import { afterEach, expect, it } from 'vitest'
import { createFakeClock } from '../support/fake-clock.ts'
import { createWorkbench, webhook, type Workbench } from './harness.ts'
import { createScriptedSender } from './scripted-sender.ts'

const WEBHOOKS = 600
const EACH = 32

let bench: Workbench
afterEach(() => bench.close())

it('a backlog of many webhooks that wake together is read a little at a time', async () => {
  const clock = createFakeClock()
  const sender = createScriptedSender(() => clock.now())
  sender.behave = () => 'hang'
  const names = Array.from({ length: WEBHOOKS }, (_, index) => `webhook-${index}`)
  bench = await createWorkbench({ webhooks: [], complete: false, clock, options: { sender } })
  const pages: number[] = []
  let reading = 0
  const read = bench.store.pendingDeliveries.bind(bench.store)
  bench.store.pendingDeliveries = async (name, options) => {
    reading += 1
    pages.push(reading)
    const rows = await read(name, options)
    reading -= 1
    return rows
  }
  const body = 'x'.repeat(2000)
  for (let round = 0; round < EACH; round += 1) await bench.emit(names, { body })
  bench.snapshots.publish(names.map((name) => webhook(`http://receiver.example/${name}`, { name })))
  // Only lanes that may send read: 512 requests can be in flight, and each of these receivers hangs.
  while (sender.requests.length < 512) await new Promise((resolve) => setImmediate(resolve))
  expect(pages.length).toBeGreaterThan(100)
  expect(Math.max(...pages)).toBeLessThanOrEqual(8)
  sender.behave = () => 204
})
