/**
 * A delivery from enqueuing it durably to its recorded outcome, against the queue most used for it: BullMQ on Redis, whose worker
 * signs twice and sends with undici.
 *
 *   node bench/peers.ts [rounds, default 3] [deliveries per round, default 15000]
 *
 * Both sides in equal terms: the same receiver, body, headers and signatures; 500 writers, each waiting until its delivery is stored;
 * 4,000 deliveries on the way at most; 100 requests at once; retries configured; one process each. Equal durability is
 * `appendfsync always` against synchronous=FULL; the default of most Redis installations, `everysec`, which may lose a second, is
 * told beside it. Finished jobs are dropped, while the store keeps a row for every attempt. CPU includes that of Redis.
 * Needs redis-server on PATH. Target: twice the throughput.
 */
import { createHmac, createSecretKey } from 'node:crypto'
import { rmSync } from 'node:fs'
import { Queue, Worker, type Job } from 'bullmq'
import { Pool } from 'undici'
import {
  BODY,
  createWebhook,
  hookName,
  measured,
  openDispatching,
  SECRET,
  Throttle,
  WRITERS,
  type Figures,
  startReceiver,
} from './dispatching.ts'
import { redisVersion, startRedis, type Fsync, type RedisServer } from './redis.ts'
import { benchmark, type Scope } from './scope.ts'
import { judged, median, print } from './statistics.ts'

const CONCURRENCY = 100
const WEBHOOKS = 10
const TARGET = 2
const QUEUE = 'deliveries'
const KEY = createSecretKey(Buffer.from(SECRET.slice(6), 'base64'))
const LEGACY_KEY = createSecretKey(Buffer.from(SECRET))

interface DeliveryJob {
  readonly id: string
  readonly body: string
}

/** What a worker written for the purpose would do. */
async function sendJob(pool: Pool, job: Job<DeliveryJob>): Promise<void> {
  const { id, body } = job.data
  const bytes = Buffer.from(body)
  const timestamp = Math.floor(Date.now() / 1000)
  const standard = createHmac('sha256', KEY).update(`${id}.${timestamp}.`).update(bytes).digest('base64')
  const legacy = createHmac('sha1', LEGACY_KEY).update(bytes).digest('hex')
  const headers = {
    ...{ 'content-type': 'application/json', 'user-agent': 'bench' },
    ...{ 'x-nepenthes-event': 'time_entry:created', 'x-nepenthes-delivery': job.id ?? '' },
    ...{ 'x-nepenthes-attempt': String(job.attemptsMade + 1), 'webhook-id': id },
    ...{ 'webhook-timestamp': String(timestamp), 'webhook-signature': `v1,${standard}` },
    'X-OP-Signature': `sha1=${legacy}`,
  }
  const { statusCode, body: answer } = await pool.request({ path: '/hooks', method: 'POST', headers, body: bytes })
  await answer.dump()
  if (statusCode >= 300) throw new Error(`HTTP ${statusCode}`)
}

async function enqueueAll(queue: Queue<DeliveryJob>, deliveries: number, throttle: Throttle): Promise<void> {
  let next = 0
  const writer = async () => {
    for (let index = next++; index < deliveries; index = next++) {
      await throttle.enter(1)
      await queue.add('deliver', { id: `evt_${index}`, body: BODY })
    }
  }
  await Promise.all(Array.from({ length: WRITERS }, writer))
}

async function bullmq(scope: Scope, receiverPort: number, deliveries: number, fsync: Fsync): Promise<Figures> {
  const redis = await startRedis(scope, fsync)
  const connection = { port: redis.port, host: '127.0.0.1', maxRetriesPerRequest: null }
  const pool = new Pool(`http://127.0.0.1:${receiverPort}`, { connections: CONCURRENCY, allowH2: false })
  const jobs = { attempts: 10, backoff: { type: 'exponential', delay: 5_000 }, removeOnComplete: true }
  const queue = new Queue<DeliveryJob>(QUEUE, { connection, defaultJobOptions: jobs })
  const worker = new Worker<DeliveryJob>(QUEUE, (job) => sendJob(pool, job), { connection, concurrency: CONCURRENCY })
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()])
  const figures = await run(redis, queue, worker, deliveries)
  await worker.close()
  await queue.close()
  await pool.close()
  await redis.close()
  return figures
}

async function run(
  redis: RedisServer,
  queue: Queue<DeliveryJob>,
  worker: Worker<DeliveryJob>,
  deliveries: number,
): Promise<Figures> {
  const throttle = new Throttle()
  const finished = Promise.withResolvers<void>()
  let completed = 0
  worker.on('completed', () => {
    throttle.leave(1)
    if ((completed += 1) === deliveries) finished.resolve()
  })
  worker.on('failed', (_job, error) => finished.reject(error))
  worker.on('error', (error) => finished.reject(error))
  const before = await redis.cpuMicros()
  const { perSecond, cpuMicros } = await measured(deliveries, async () => {
    await Promise.all([enqueueAll(queue, deliveries, throttle), finished.promise])
  })
  return { perSecond, cpuMicros: cpuMicros + ((await redis.cpuMicros()) - before) / deliveries }
}

async function ours(scope: Scope, port: number, deliveries: number): Promise<Figures> {
  const directory = scope.directory()
  const names = Array.from({ length: WEBHOOKS }, (_, index) => hookName(index))
  const hooks = names.map((name) => createWebhook(name, port, CONCURRENCY / WEBHOOKS))
  const dispatching = await openDispatching(directory, hooks)
  const figures = await measured(deliveries, () =>
    dispatching.deliver(deliveries, (index) => [hookName(index % WEBHOOKS)]),
  )
  await dispatching.stop()
  rmSync(directory, { recursive: true, force: true })
  return figures
}

async function main(scope: Scope, version: string): Promise<void> {
  const [rounds = 3, deliveries = 15_000] = process.argv.slice(2).map(Number)
  const port = await startReceiver(scope)
  const sides = [
    { name: 'this, synchronous=FULL', run: (count: number) => ours(scope, port, count), figures: [] as Figures[] },
    ...(['always', 'everysec'] as const).map((fsync) => ({
      name: `BullMQ, appendfsync ${fsync}`,
      run: (count: number) => bullmq(scope, port, count, fsync),
      figures: [] as Figures[],
    })),
  ]
  for (const side of sides) await side.run(deliveries / 5)
  for (let round = 0; round < rounds; round += 1)
    for (const { run, figures } of sides) figures.push(await run(deliveries))
  print(`medians of ${rounds} interleaved rounds, Redis ${version}`, { deliveries: `${deliveries}` })
  const rates = sides.map(({ figures }) => median(figures.map(({ perSecond }) => perSecond)))
  sides.forEach(({ name, figures }, index) => {
    const cpu = median(figures.map(({ cpuMicros }) => cpuMicros))
    print(name, { delivered: `${rates[index]?.toFixed(0)}/s`, 'CPU each': `${cpu.toFixed(1)} us` })
  })
  const [own = NaN, always = NaN, everysec = NaN] = rates
  print(`throughput against BullMQ (target ${TARGET})`, {
    'equal durability': `${(own / always).toFixed(1)} ${judged(own / always >= TARGET)}`,
    everysec: (own / everysec).toFixed(1),
  })
}

await benchmark(async (scope) => {
  const version = redisVersion()
  if (version !== undefined) return main(scope, version)
  process.stdout.write(
    'not measured: no redis-server on PATH (Debian, Ubuntu: apt install redis-server; macOS: brew install redis)\n',
  )
})
