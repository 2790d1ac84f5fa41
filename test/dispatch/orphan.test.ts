import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts'
import { createWorkbench, webhook, type Workbench } from './harness.ts'
import { createScriptedSender, type ScriptedSender } from './scripted-sender.ts'

const HOUR = 3_600_000

/** A webhook that goes while a write that matched it is on its way to the disk. */
describe('a delivery whose webhook has gone by the time it is durable', () => {
  let clock: FakeClock
  let sender: ScriptedSender
  let bench: Workbench
  const hook = () => webhook('http://receiver.example/hooks')

  async function rest(): Promise<void> {
    for (let turn = 0; turn < 20; turn += 1) {
      await new Promise((resolve) => setImmediate(resolve))
      await bench.dispatcher.settled()
    }
  }

  beforeEach(async () => {
    clock = createFakeClock()
    sender = createScriptedSender(() => clock.now())
    bench = await createWorkbench({ webhooks: [hook()], clock, options: { sender } })
    const write = bench.emit(['billing'])
    bench.snapshots.publish([])
    await write
    await rest()
  })
  afterEach(() => bench.close())

  it('waits, and is sent when the name comes back', async () => {
    expect(bench.dispatcher.pending).toBe(1)
    clock.advance(HOUR)
    bench.snapshots.publish([hook()])
    await rest()
    expect((await bench.deliveries('billing')).map(({ state }) => state)).toEqual(['delivered'])
    expect(bench.dispatcher.pending).toBe(0)
  })

  it('is cancelled when the name does not come back within 24 hours', async () => {
    for (let hour = 0; hour < 26; hour += 1) {
      clock.advance(HOUR)
      await rest()
    }
    expect((await bench.deliveries('billing')).map(({ state }) => state)).toEqual(['cancelled'])
    expect(bench.dispatcher.pending).toBe(0)
  })
})
