/**
 * What a million deliveries that cannot be sent cost those that can: the same load for one healthy webhook with and without them.
 *
 *   node bench/pending.ts [pending, default 1000000] [rounds, default 3] [deliveries per round, default 20000]
 *
 * The million waits for ten webhooks: three whose Secret is missing, three switched off, three whose circuit is open, and one whose
 * endpoint answered 410 (EndpointGone). Each round is a process of its own; the two databases stay, and both get the
 * healthy webhook's deliveries. Store on disk, synchronous=FULL. Targets: throughput 0.95 of that without; 20 MB more memory at most.
 */
import { systemClock } from '../src/base/clock.ts'
import { createLog } from '../src/base/log.ts'
import { freshEndpoint } from '../src/dispatch/endpoint.ts'
import type { ProgrammedWebhook } from '../src/routing/snapshot.ts'
import type { EndpointRecord } from '../src/storage/records.ts'
import { openSqliteStore } from '../src/storage/sqlite/sqlite-store.ts'
import {
  commitEvent,
  createWebhook,
  hookName,
  measured,
  openDispatching,
  type Dispatching,
  type Figures,
  startReceiver,
} from './dispatching.ts'
import { answer, benchmark, type Scope } from './scope.ts'
import { judged, median, print } from './statistics.ts'

const STOPPED = 10
const HEALTHY = 'healthy'
const HOUR_MS = 3_600_000
const THROUGHPUT_RATIO_MIN = 0.95
const GROWTH_MB_MAX = 20

type Stop = 'held' | 'disabled' | 'circuit open' | 'gone'
const STOPS: readonly Stop[] = [
  ...(['held', 'held', 'held', 'disabled', 'disabled', 'disabled'] as const),
  ...(['circuit open', 'circuit open', 'circuit open', 'gone'] as const),
]

function stoppedWebhook(name: string, stop: Stop, port: number): ProgrammedWebhook {
  const webhook = createWebhook(name, port)
  if (stop === 'disabled') return { ...webhook, spec: { ...webhook.spec, enabled: false } }
  if (stop !== 'held') return webhook
  const hold = { reason: 'SecretNotFound', message: 'there is no Secret' } as const
  return { ...webhook, credentials: undefined, hold }
}

function stoppedEndpoint(name: string, stop: Stop): EndpointRecord | undefined {
  const at = systemClock.now()
  const failing = { ...freshEndpoint(name), consecutiveFailures: 10, firstFailureAt: at, lastFailureAt: at }
  switch (stop) {
    case 'circuit open':
      return { ...failing, circuit: 'open', opened: 6, probeAt: at + HOUR_MS, lastFailure: 'connection refused' }
    case 'gone':
      return { ...failing, lastFailure: 'HTTP 410', gone: { at, generation: 1, resumeAt: null } }
    case 'held':
    case 'disabled':
      return undefined
  }
}

/** One event for each ten deliveries, as if every change went to all ten. */
async function fill(directory: string, pending: number): Promise<void> {
  const log = createLog('error', (line) => process.stderr.write(line))
  const store = await openSqliteStore({ directory, clock: systemClock, log })
  const endpoints = STOPS.flatMap((stop, index) => stoppedEndpoint(hookName(index), stop) ?? [])
  await store.recordDispatch({ attempts: [], deliveries: [], endpoints })
  const webhooks = STOPS.map((_, index) => hookName(index))
  let left = Math.ceil(pending / STOPPED)
  const writer = async () => {
    while (left > 0) {
      left -= 1
      await commitEvent(store, webhooks)
    }
  }
  await Promise.all(Array.from({ length: 500 }, writer))
  await store.close()
}

interface Opened {
  readonly startMs: number
  readonly pending: number
}

interface Memory {
  readonly heapMb: number
  readonly residentMb: number
}

/** The process under measurement. */
function serve(): void {
  let dispatching: Dispatching | undefined
  answer({
    open: async ({ directory, port }: { directory: string; port: number }): Promise<Opened> => {
      const stopped = STOPS.map((stop, index) => stoppedWebhook(hookName(index), stop, port))
      const started = performance.now()
      dispatching = await openDispatching(directory, [createWebhook(HEALTHY, port, 100), ...stopped])
      return { startMs: performance.now() - started, pending: dispatching.dispatcher.pending }
    },
    deliver: (count: number) => measured(count, async () => dispatching?.deliver(count, () => [HEALTHY])),
    memory: async (): Promise<Memory> => {
      // What the first collection lets go of outside of the heap is gone after another turn.
      globalThis.gc?.()
      await new Promise(setImmediate)
      globalThis.gc?.()
      const { heapUsed, external, rss } = process.memoryUsage()
      return { heapMb: (heapUsed + external) / 2 ** 20, residentMb: rss / 2 ** 20 }
    },
    stop: () => dispatching?.stop(),
  })
}

interface Round extends Opened, Memory, Figures {}

async function run(scope: Scope, directory: string, port: number, deliveries: number): Promise<Round> {
  const child = scope.fork('pending.ts', { env: { BENCH_PENDING: '1' } })
  const opened = await child.ask<Opened>('open', { directory, port })
  await child.ask('deliver', deliveries / 4)
  const figures = await child.ask<Figures>('deliver', deliveries)
  const memory = await child.ask<Memory>('memory')
  await child.ask('stop')
  await child.end()
  return { ...opened, ...figures, ...memory }
}

async function main(scope: Scope): Promise<void> {
  const [pending = 1_000_000, rounds = 3, deliveries = 20_000] = process.argv.slice(2).map(Number)
  const port = await startReceiver(scope)
  const [empty, full] = [scope.directory(), scope.directory()]
  await fill(full, pending)
  const without: Round[] = []
  const with_: Round[] = []
  for (let round = 0; round < rounds; round += 1) {
    without.push(await run(scope, empty, port, deliveries))
    with_.push(await run(scope, full, port, deliveries))
  }
  if (with_.some((round) => round.pending !== pending)) throw new Error(`pending at start: ${with_[0]?.pending}`)
  const of = (runs: Round[], figure: (round: Round) => number) => median(runs.map(figure))
  for (const [name, runs] of [
    ['nothing else pending', without],
    [`${pending} pending`, with_],
  ] as const) {
    print(name, {
      delivered: `${of(runs, (round) => round.perSecond).toFixed(0)}/s`,
      'CPU each': `${of(runs, (round) => round.cpuMicros).toFixed(1)} us`,
      heap: `${of(runs, (round) => round.heapMb).toFixed(1)} MB`,
      resident: `${of(runs, (round) => round.residentMb).toFixed(0)} MB`,
      'store and dispatcher started': `${of(runs, (round) => round.startMs).toFixed(0)} ms`,
    })
  }
  const throughput = median(with_.map((round, index) => round.perSecond / (without[index]?.perSecond ?? NaN)))
  const growth = of(with_, (round) => round.heapMb) - of(without, (round) => round.heapMb)
  print('the pending ones cost', {
    [`throughput (target ${THROUGHPUT_RATIO_MIN})`]: `${throughput.toFixed(2)} ${judged(throughput >= THROUGHPUT_RATIO_MIN)}`,
    [`heap (target ${GROWTH_MB_MAX} MB)`]: `${growth.toFixed(1)} MB ${judged(growth <= GROWTH_MB_MAX)}`,
  })
}

if (process.env['BENCH_PENDING']) serve()
else await benchmark(main)
