/**
 * What a delivery costs when an event goes to 100 webhooks, against events that go to one each; the same 100 webhooks, the same
 * number of deliveries, in interleaved rounds:
 *
 *   node bench/fan-out.ts [rounds, default 5] [deliveries per round, default 40000]
 *
 * From the commit of the event (synchronous=FULL) to the recorded outcome of its last delivery; the receiver is another process.
 */
import { rmSync } from 'node:fs'
import { BODY, createWebhook, hookName, measured, openDispatching, type Figures, startReceiver } from './dispatching.ts'
import { benchmark, type Scope } from './scope.ts'
import { median, print } from './statistics.ts'

const WEBHOOKS = 100
const NAMES = Array.from({ length: WEBHOOKS }, (_, index) => hookName(index))

async function run(scope: Scope, port: number, deliveries: number, fanOut: boolean): Promise<Figures> {
  const directory = scope.directory()
  const dispatching = await openDispatching(
    directory,
    NAMES.map((name) => createWebhook(name, port)),
  )
  const figures = await measured(deliveries, () =>
    fanOut
      ? dispatching.deliver(deliveries / WEBHOOKS, () => NAMES)
      : dispatching.deliver(deliveries, (index) => [hookName(index % WEBHOOKS)]),
  )
  await dispatching.stop()
  rmSync(directory, { recursive: true, force: true })
  return figures
}

await benchmark(async (scope) => {
  const [rounds = 5, deliveries = 40_000] = process.argv.slice(2).map(Number)
  if (deliveries % WEBHOOKS !== 0) throw new Error(`deliveries per round: a multiple of ${WEBHOOKS}`)
  const port = await startReceiver(scope)
  await run(scope, port, deliveries / 4, false)
  const single: Figures[] = []
  const fanned: Figures[] = []
  for (let round = 0; round < rounds; round += 1) {
    single.push(await run(scope, port, deliveries, false))
    fanned.push(await run(scope, port, deliveries, true))
  }
  print(`medians of ${rounds} interleaved rounds`, { deliveries: `${deliveries}`, body: `${BODY.length} bytes` })
  const of = (figures: Figures[], figure: (figures: Figures) => number) => median(figures.map(figure))
  for (const [name, figures] of [
    ['an event for each delivery', single],
    ['an event for 100 deliveries', fanned],
  ] as const) {
    const [rate, cpu] = [of(figures, ({ perSecond }) => perSecond), of(figures, ({ cpuMicros }) => cpuMicros)]
    print(name, { delivered: `${rate.toFixed(0)}/s`, 'CPU each': `${cpu.toFixed(1)} us` })
  }
  const ratio = (figure: (figures: Figures) => number) => of(fanned, figure) / of(single, figure)
  print('ratios', {
    throughput: ratio(({ perSecond }) => perSecond).toFixed(2),
    CPU: ratio(({ cpuMicros }) => cpuMicros).toFixed(2),
  })
})
