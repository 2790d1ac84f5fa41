/**
 * How soon a receiver hears of a change, in the whole program, at half of the load it can take:
 *
 *   node bench/latency.ts [runs, default 5] [seconds per run, default 6]
 *
 * From the moment the API has handed its answer to the operating system (the change is durable then, synchronous=FULL) to the moment
 * the request has been read by the receiver. Ten writes of eleven log time, one changes a project, at an even rate whether those before have
 * been answered or not, for ten webhooks. Target: p50 2 ms, p99 10 ms.
 * The whole way, from when the write was to be sent, is told beside it: nothing can hide there. It includes the write itself.
 */
import { arrived, capacity, changeProject, closedLoop, logTime, openLoop, type Passage } from './load.ts'
import { benchmark } from './scope.ts'
import { startSite } from './site.ts'
import { judged, median, print, quantile } from './statistics.ts'

const WEBHOOKS = 10
const CLIENTS = 50
const CONNECTIONS = 200
const WARM_UP = 3_000
const CAPACITY_COUNT = 15_000
const TARGET_P50_MS = 2
const TARGET_P99_MS = 10
/** Not a divisor of what picks the project, so that every project is changed in turn. */
const isChange = (mark: number) => mark % 11 === 0

function show(name: string, runs: readonly (readonly Passage[])[]): void {
  const sinceAnswer = runs.map((run) => run.map((passage) => passage.sinceAnswer))
  const wholeWay = runs.map((run) => run.map((passage) => passage.wholeWay))
  const over = (samples: number[][], share: number) => median(samples.map((sample) => quantile(sample, share)))
  const [p50, p99] = [over(sinceAnswer, 0.5), over(sinceAnswer, 0.99)]
  print(name, {
    p50: `${p50.toFixed(2)} ms (target ${TARGET_P50_MS} ms, ${judged(p50 <= TARGET_P50_MS)})`,
    p99: `${p99.toFixed(2)} ms (target ${TARGET_P99_MS} ms, ${judged(p99 <= TARGET_P99_MS)})`,
    'whole way p50': `${over(wholeWay, 0.5).toFixed(2)} ms`,
    'and p99': `${over(wholeWay, 0.99).toFixed(2)} ms`,
  })
}

await benchmark(async (scope) => {
  const [runs = 5, seconds = 6] = process.argv.slice(2).map(Number)
  const receiver = scope.fork('receiver-process.ts')
  const site = await startSite(scope, { receiver, webhooks: WEBHOOKS, connections: CONNECTIONS })
  await closedLoop(site, WARM_UP, CLIENTS)
  await arrived(receiver, WARM_UP)
  const most = await capacity(site, receiver, CAPACITY_COUNT, CLIENTS)
  const load = { perSecond: most / 2, seconds, write: (mark: number) => (isChange(mark) ? changeProject : logTime) }
  const passages: Passage[][] = []
  for (let run = 0; run < runs; run += 1) passages.push(await openLoop(site, receiver, load))
  await site.stop()
  print(`medians of ${runs} runs of ${seconds} s, synchronous=FULL`, {
    capacity: `${most.toFixed(0)}/s`,
    load: `${load.perSecond.toFixed(0)}/s`,
  })
  show(
    'a time entry logged',
    passages.map((run) => run.filter(({ mark }) => !isChange(mark))),
  )
  show(
    'a project changed',
    passages.map((run) => run.filter(({ mark }) => isChange(mark))),
  )
})
