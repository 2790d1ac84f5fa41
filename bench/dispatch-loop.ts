import { spawn } from 'node:child_process'
import { createHmac, createSecretKey } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Pool } from 'undici'
import { systemClock } from '../src/base/clock.ts'
import { createLog } from '../src/base/log.ts'
import { systemRandom } from '../src/base/random.ts'
import { SecretValue } from '../src/base/secret.ts'
import { createDispatcher } from '../src/dispatch/dispatcher.ts'
import { effectiveApiSettings } from '../src/resources/api-settings.ts'
import { effectiveWebhook } from '../src/resources/webhook.ts'
import { compileRoutes } from '../src/routing/route-table.ts'
import type { ProgrammedWebhook, SnapshotReader } from '../src/routing/snapshot.ts'
import { openSqliteStore } from '../src/storage/sqlite/sqlite-store.ts'

/**
 * What a delivery costs end to end (event durable, signed twice, sent, outcome recorded) against a bare loop that only signs
 * twice and sends, both to the same receiver in a process of its own, in interleaved rounds.
 */
const ROUNDS = Number(process.argv[2] ?? 5)
const DELIVERIES = Number(process.argv[3] ?? 60_000)
const CONCURRENCY = 100
const WEBHOOKS = 10
/** Writers stop and go so that this many events are on their way: neither starved nor an ever growing backlog. */
const ON_THE_WAY_MAX = 4000
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const BODY = JSON.stringify({ action: 'time_entry:created', time_entry: { comment: 'x'.repeat(1400) } })

interface Figures {
  readonly perSecond: number
  readonly cpuMicros: number
}

async function measured(work: () => Promise<void>): Promise<Figures> {
  const cpu = process.cpuUsage()
  const start = performance.now()
  await work()
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: DELIVERIES / seconds, cpuMicros: (user + system) / DELIVERIES }
}

async function startReceiver(): Promise<{ port: number; stop: () => void }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'receiver.ts')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const port = await new Promise<number>((resolve) => child.stdout.once('data', (text) => resolve(Number(text))))
  return { port, stop: () => void child.kill() }
}

/** One request at a time on each of a hundred connections; body, headers and signatures as the dispatcher's. */
async function bareLoop(port: number): Promise<Figures> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: CONCURRENCY, allowH2: false })
  const key = createSecretKey(Buffer.from(SECRET.slice(6), 'base64'))
  const legacyKey = createSecretKey(Buffer.from(SECRET))
  let started = 0
  let finished = 0
  const figures = await measured(
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

function webhooks(port: number): ProgrammedWebhook[] {
  const url = `http://127.0.0.1:${port}/hooks`
  const secret = new SecretValue(SECRET)
  return Array.from({ length: WEBHOOKS }, (_, index) => ({
    name: `hook-${index}`,
    generation: 1,
    spec: effectiveWebhook(`hook-${index}`, {
      url,
      events: ['time_entry:created'],
      delivery: { maxConcurrency: CONCURRENCY / WEBHOOKS },
    }),
    credentials: { url, urlIsSecret: false, signing: [secret], headers: [], ca: undefined, secrets: [secret] },
    hold: undefined,
    resumeAt: undefined,
  }))
}

function fixedSnapshot(hooks: readonly ProgrammedWebhook[]): SnapshotReader {
  const current = {
    version: 1,
    complete: true,
    api: effectiveApiSettings({}),
    webhooks: new Map(hooks.map((hook) => [hook.name, hook])),
    routes: compileRoutes(hooks),
  }
  return { current, subscribe: () => () => undefined }
}

/** Events are committed by many writers, each waiting for its own commit; done when every outcome is recorded. */
async function endToEnd(port: number, synchronous: 'FULL' | 'OFF'): Promise<Figures> {
  const directory = mkdtempSync(join(tmpdir(), 'nepenthes-bench-'))
  const log = createLog('warn', (line) => process.stderr.write(line))
  const store = await openSqliteStore({ directory, clock: systemClock, log, synchronous })
  let recorded = 0
  let finish: () => void = () => undefined
  const finished = new Promise<void>((resolve) => (finish = resolve))
  let held: (() => void)[] = []
  const hooks = webhooks(port)
  const dispatcher = createDispatcher({
    store,
    snapshots: fixedSnapshot(hooks),
    clock: systemClock,
    random: systemRandom,
    log,
    version: 'bench',
    allowAddresses: ['127.0.0.0/8'],
    ownListeners: () => [],
    onHealth: () => undefined,
    onRecorded: (write) => {
      recorded += write.deliveries.filter((delivery) => delivery.state === 'delivered').length
      if (recorded === DELIVERIES) finish()
      const free = held
      held = []
      for (const go of free) go()
    },
  })
  await dispatcher.start()
  let emitted = 0
  const writer = async () => {
    for (;;) {
      while (emitted - recorded >= ON_THE_WAY_MAX) await new Promise<void>((resolve) => held.push(resolve))
      if (emitted === DELIVERIES) return
      const index = (emitted += 1)
      const occurredAt = systemClock.now()
      const event = {
        ...{ id: `evt_${index}`, name: 'time_entry:created' as const, projectId: 1, occurredAt, body: BODY },
        webhooks: [`hook-${index % WEBHOOKS}`],
      }
      await store.commit({ expect: [], mutations: [], events: [event] })
    }
  }
  const figures = await measured(async () => {
    await Promise.all(Array.from({ length: 500 }, writer))
    await finished
  })
  await dispatcher.stop(1000)
  await store.close()
  rmSync(directory, { recursive: true })
  return figures
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

function show(name: string, { perSecond, cpuMicros }: Figures): void {
  console.log(
    `${name.padEnd(28)} ${perSecond.toFixed(0).padStart(7)}/s ${cpuMicros.toFixed(1).padStart(7)} us CPU each`,
  )
}

const receiver = await startReceiver()
const bare: Figures[] = []
const full: Figures[] = []
for (let round = 0; round < ROUNDS; round += 1) {
  bare.push(await bareLoop(receiver.port))
  full.push(await endToEnd(receiver.port, 'FULL'))
}
receiver.stop()
const summary = (figures: readonly Figures[]): Figures => ({
  perSecond: median(figures.map((figure) => figure.perSecond)),
  cpuMicros: median(figures.map((figure) => figure.cpuMicros)),
})
console.log(`medians of ${ROUNDS} interleaved rounds of ${DELIVERIES} deliveries, bodies of ${BODY.length} bytes`)
show('bare undici loop', summary(bare))
show('end to end, synchronous=FULL', summary(full))
const [one, other] = [summary(bare), summary(full)]
console.log(
  `throughput ratio ${(other.perSecond / one.perSecond).toFixed(2)}, CPU ratio ${(other.cpuMicros / one.cpuMicros).toFixed(2)}`,
)
