/**
 * What one endpoint of ten that hangs for ever costs the other nine, in the whole program, at half of the load it can take:
 *
 *   node bench/isolation.ts [pairs of runs, default 3] [seconds per run, default 5]
 *
 * Time entries are created at an even rate, whether those before have been answered or not (an open loop: who waits cannot slow the
 * load down), a tenth of them for each webhook. Runs with all endpoints healthy (A) and with one hanging (B) alternate, A B A B A, each
 * with a fresh program; an attempt may take 3 s, so that a B run sees hanging, timing out and the circuit opening.
 * Target: p99 of the nine in B within 1.2x of A, beyond the spread of two A runs that follow each other. Where that spread is larger than
 * 1.5 the machine is too busy with something else to tell, and that is what is printed.
 */
import { benchmark, type Child, type Scope } from './scope.ts'
import { capacity, closedLoop, logTime, openLoop, arrived, type Passage } from './load.ts'
import { hookPath, startSite } from './site.ts'
import { judged, median, print, quantile } from './statistics.ts'

const WEBHOOKS = 10
const CLIENTS = 50
const CONNECTIONS = 200
const WARM_UP = 3_000
const CAPACITY_COUNT = 15_000
const HANGING = 0
const SPREAD_MAX = 1.5
const OPTIONS = { webhooks: WEBHOOKS, connections: CONNECTIONS, timeoutSeconds: 3, maxConcurrency: 100 }

interface Run {
  readonly p50: number
  readonly p99: number
  readonly wholeWayP99: number
}

async function withSite<T>(
  scope: Scope,
  receiver: Child,
  work: (site: Awaited<ReturnType<typeof startSite>>) => Promise<T>,
) {
  const site = await startSite(scope, { receiver, ...OPTIONS })
  await closedLoop(site, WARM_UP, CLIENTS)
  await arrived(receiver, WARM_UP)
  const result = await work(site)
  await site.stop()
  return result
}

const ofNine = (mark: number) => mark % WEBHOOKS !== HANGING

async function run(scope: Scope, receiver: Child, load: { perSecond: number; seconds: number }, hangs: boolean) {
  const unanswered = await receiver.ask<number>('hang', [])
  const passages = await withSite(scope, receiver, async (site) => {
    if (hangs) await receiver.ask('hang', [hookPath(HANGING)])
    return openLoop(site, receiver, { ...load, write: () => logTime, expected: hangs ? ofNine : () => true })
  })
  const left = (await receiver.ask<number>('hang', [])) - unanswered
  if (left > 0 !== hangs) throw new Error(`${left} requests were left without an answer`)
  return summary(passages.filter(({ mark }) => ofNine(mark)))
}

function summary(passages: readonly Passage[]): Run {
  const sinceAnswer = passages.map((passage) => passage.sinceAnswer)
  const wholeWay = passages.map((passage) => passage.wholeWay)
  return { p50: median(sinceAnswer), p99: quantile(sinceAnswer, 0.99), wholeWayP99: quantile(wholeWay, 0.99) }
}

/** Of two equal runs, how much worse the worse one was; and what a run costs against the two around it. */
function compare(healthy: readonly Run[], hanging: readonly Run[], figure: (run: Run) => number) {
  const around = (index: number) => [healthy[index], healthy[index + 1]].map((one) => (one ? figure(one) : NaN))
  const spreads = hanging.map((_, index) => Math.max(...around(index)) / Math.min(...around(index)))
  const ratios = hanging.map(
    (one, index) => figure(one) / ((around(index)[0] ?? NaN) / 2 + (around(index)[1] ?? NaN) / 2),
  )
  return { ratio: median(ratios), spread: median(spreads) }
}

await benchmark(async (scope) => {
  const [pairs = 3, seconds = 5] = process.argv.slice(2).map(Number)
  const receiver = scope.fork('receiver-process.ts')
  const most = await withSite(scope, receiver, (site) => capacity(site, receiver, CAPACITY_COUNT, CLIENTS))
  const load = { perSecond: most / 2, seconds }
  print('capacity, 10 webhooks, synchronous=FULL', {
    delivered: `${most.toFixed(0)}/s`,
    half: `${load.perSecond.toFixed(0)}/s`,
  })
  const healthy = [await run(scope, receiver, load, false)]
  const hanging: Run[] = []
  for (let pair = 0; pair < pairs; pair += 1) {
    hanging.push(await run(scope, receiver, load, true))
    healthy.push(await run(scope, receiver, load, false))
  }
  for (const [name, runs] of [
    ['all ten healthy (A)', healthy],
    ['one of ten hangs (B), the other nine', hanging],
  ] as const) {
    const ms = (figure: (run: Run) => number) => `${median(runs.map(figure)).toFixed(2)} ms`
    const each = runs.map(({ p99 }) => p99.toFixed(1)).join(', ')
    print(name, {
      p50: ms(({ p50 }) => p50),
      p99: ms(({ p99 }) => p99),
      'whole way p99': ms((r) => r.wholeWayP99),
      'p99 of each run': each,
    })
  }
  for (const [name, figure] of [
    ['answer to receiver', (r: Run) => r.p99],
    ['whole way', (r: Run) => r.wholeWayP99],
  ] as const) {
    const { ratio, spread } = compare(healthy, hanging, figure)
    const figures = { ratio: ratio.toFixed(2), 'spread of equal runs': spread.toFixed(2) }
    print(`p99 B / A, ${name}`, {
      ...figures,
      [`target ${(1.2 * spread).toFixed(2)}`]:
        spread > SPREAD_MAX ? 'machine too busy to tell' : judged(ratio <= 1.2 * spread),
    })
  }
})
