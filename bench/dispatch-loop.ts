import { createHmac, createSecretKey } from 'node:crypto'
import { rmSync } from 'node:fs'
import { Pool } from 'undici'
import {
  BODY,
  createWebhook,
  hookName,
  measured,
  openDispatching,
  SECRET,
  type Figures,
  startReceiver,
} from './dispatching.ts'
import { benchmark, type Scope } from './scope.ts'
import { judged, median, print } from './statistics.ts'

/**
 * What a delivery costs end to end (event durable, signed twice, sent, outcome recorded) against a bare loop that only signs
 * twice and sends, both to the same receiver in a process of its own, in interleaved rounds.
 *
 *   node bench/dispatch-loop.ts [rounds, default 5] [deliveries per round, default 60000]
 *
 * Targets: CPU of all threads 2.5x the bare loop's, throughput 0.6 of it.
 */
const ROUNDS = Number(process.argv[2] ?? 5)
const DELIVERIES = Number(process.argv[3] ?? 60_000)
const CONCURRENCY = 100
const WEBHOOKS = 10
const CPU_RATIO_MAX = 2.5
const THROUGHPUT_RATIO_MIN = 0.6

/** One request at a time on each of a hundred connections; body, headers and signatures as the dispatcher's. */
async function bareLoop(port: number): Promise<Figures> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: CONCURRENCY, allowH2: false })
  const key = createSecretKey(Buffer.from(SECRET.slice(6), 'base64'))
  const legacyKey = createSecretKey(Buffer.from(SECRET))
  let started = 0
  let finished = 0
  const figures = await measured(
    DELIVERIES,
    () =>
      new Promise<void>((resolve, reject) => {
        const next = () => {
          if (started === DELIVERIES) return
          const id = `evt_${(started += 1)}`
          const timestamp = Math.floor(Date.now() / 1000)
          const body = Buffer.from(BODY)
          const signature =
            'v1,' + createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest('base64')
          const legacy = 'sha1=' + createHmac('sha1', legacyKey).update(body).digest('hex')
          const headers = [
            ...['content-type', 'application/json', 'user-agent', 'Nepenthes/bench'],
            ...['x-nepenthes-event', 'time_entry:created', 'x-nepenthes-delivery', id, 'x-nepenthes-attempt', '1'],
            ...['webhook-id', id, 'webhook-timestamp', String(timestamp)],
            ...['webhook-signature', signature, 'X-OP-Signature', legacy],
          ]
          pool.dispatch(
            { path: '/hooks', method: 'POST', headers, body },
            {
              onRequestStart: () => undefined,
              onResponseStart: () => undefined,
              onResponseData: () => undefined,
              onResponseEnd: () => ((finished += 1) === DELIVERIES ? resolve() : next()),
              onResponseError: (_controller, error) => reject(error),
            },
          )
        }
        for (let slot = 0; slot < CONCURRENCY; slot += 1) next()
      }),
  )
  await pool.close()
  return figures
}

async function endToEnd(scope: Scope, port: number): Promise<Figures> {
  const directory = scope.directory()
  const names = Array.from({ length: WEBHOOKS }, (_, index) => hookName(index))
  const hooks = names.map((name) => createWebhook(name, port, CONCURRENCY / WEBHOOKS))
  const dispatching = await openDispatching(directory, hooks)
  const figures = await measured(DELIVERIES, () =>
    dispatching.deliver(DELIVERIES, (index) => [hookName(index % WEBHOOKS)]),
  )
  await dispatching.stop()
  rmSync(directory, { recursive: true, force: true })
  return figures
}

const summary = (figures: readonly Figures[]): Figures => ({
  perSecond: median(figures.map((figure) => figure.perSecond)),
  cpuMicros: median(figures.map((figure) => figure.cpuMicros)),
})

function show(name: string, { perSecond, cpuMicros }: Figures): void {
  print(name, { delivered: `${perSecond.toFixed(0)}/s`, 'CPU each': `${cpuMicros.toFixed(1)} us` })
}

await benchmark(async (scope) => {
  const port = await startReceiver(scope)
  const bare: Figures[] = []
  const full: Figures[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    bare.push(await bareLoop(port))
    full.push(await endToEnd(scope, port))
  }
  print(`medians of ${ROUNDS} interleaved rounds`, { deliveries: `${DELIVERIES}`, body: `${BODY.length} bytes` })
  const [one, other] = [summary(bare), summary(full)]
  show('bare undici loop', one)
  show('end to end, synchronous=FULL', other)
  const throughput = other.perSecond / one.perSecond
  const cpu = other.cpuMicros / one.cpuMicros
  print('ratios', {
    [`throughput (target ${THROUGHPUT_RATIO_MIN})`]: `${throughput.toFixed(2)} ${judged(throughput >= THROUGHPUT_RATIO_MIN)}`,
    [`CPU (target ${CPU_RATIO_MAX})`]: `${cpu.toFixed(2)} ${judged(cpu <= CPU_RATIO_MAX)}`,
  })
})
