import { afterEach } from 'vitest'
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts'
import { createWorkbench, pass, webhook, type BenchOptions, type Workbench } from './harness.ts'
import { createScriptedSender, type ScriptedSender } from './scripted-sender.ts'

export const URL_A = 'https://a.example/hooks'
export const SECOND = 1000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** What a test works with, from `start` to its end: a dispatcher on a clock that the test moves, and receivers that do as told. */
export let bench: Workbench
export let clock: FakeClock
export let sender: ScriptedSender

/** One webhook, `billing`, which calls URL_A, unless told otherwise. */
export async function start(given: BenchOptions = {}): Promise<void> {
  clock = createFakeClock()
  sender = createScriptedSender(() => clock.now())
  bench = await createWorkbench({ webhooks: [webhook(URL_A)], clock, ...given, options: { sender, ...given.options } })
}
afterEach(() => bench.close())

export const states = async (name = 'billing') => (await bench.deliveries(name)).map((delivery) => delivery.state)
export const go = (ms: number) => pass(bench, clock, ms)
export const attempts = () => sender.requests.map((request) => request.header('x-nepenthes-attempt'))
