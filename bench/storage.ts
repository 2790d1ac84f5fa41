/**
 * What the store costs: rows a second and CPU per delivery, of all threads and of the main one.
 * `node bench/storage.ts [DIRECTORY]`; the directory (default: a temporary one) says which disk is measured.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { systemClock } from '../src/base/clock.ts'
import { createLog } from '../src/base/log.ts'
import type { DeliveryUpdate, NewEvent, PendingDelivery } from '../src/storage/records.ts'
import { openSqliteStore } from '../src/storage/sqlite/sqlite-store.ts'
import type { Store } from '../src/storage/store.ts'
import type { TimeEntryRecord } from '../src/storage/tables.ts'

const WRITERS = 50
const DELIVERIES = 40_000
const WEBHOOKS = Array.from({ length: 10 }, (_, i) => `webhook-${i}`)
const BODY = JSON.stringify({ action: 'time_entry:created', time_entry: { comment: 'x'.repeat(1_200) } })

interface Figures {
  readonly perSecond: number
  /** CPU microseconds per delivery. */
  readonly allThreadsUs: number
  readonly mainThreadUs: number
  readonly medianMs: number
  readonly p99Ms: number
}

/** Runs `work` DELIVERIES times, WRITERS at once. */
async function measure(work: (i: number) => Promise<unknown>): Promise<Figures> {
  const latencies: number[] = []
  let next = 0
  const writer = async () => {
    for (let i = next++; i < DELIVERIES; i = next++) {
      const from = performance.now()
      await work(i)
      latencies.push(performance.now() - from)
    }
  }
  const all = process.cpuUsage()
  const main = process.threadCpuUsage()
  const from = performance.now()
  await Promise.all(Array.from({ length: WRITERS }, writer))
  const seconds = (performance.now() - from) / 1_000
  latencies.sort((a, b) => a - b)
  return {
    perSecond: Math.round(DELIVERIES / seconds),
    allThreadsUs: perDelivery(process.cpuUsage(all)),
    mainThreadUs: perDelivery(process.threadCpuUsage(main)),
    medianMs: rounded(latencies[Math.floor(DELIVERIES * 0.5)] ?? NaN),
    p99Ms: rounded(latencies[Math.floor(DELIVERIES * 0.99)] ?? NaN),
  }
}

function perDelivery({ user, system }: { user: number; system: number }): number {
  return rounded((user + system) / DELIVERIES)
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}

function eventOf(i: number): NewEvent {
  const webhooks = [WEBHOOKS[i % WEBHOOKS.length] ?? '']
  return {
    id: `evt_${i}`,
    name: 'time_entry:created',
    projectId: 7,
    occurredAt: systemClock.now(),
    body: BODY,
    webhooks,
  }
}

function timeEntryOf(id: number): TimeEntryRecord {
  const times = { createdAt: systemClock.now(), updatedAt: systemClock.now() }
  const spent = { comment: 'worked', spentOn: '2026-03-01', minutes: 90, ongoing: false }
  return { id, projectId: 7, workPackageId: 3, userId: 2, activityId: 1, ...spent, revision: 0, ...times }
}

function recordSuccess(store: Store, seq: number): Promise<void> {
  const at = systemClock.now()
  const sent = { attempt: 1, startedAt: at, durationMs: 12.5, outcome: 'success', statusCode: 200 } as const
  const end = {
    state: 'delivered',
    attempts: 1,
    nextAttemptAt: at,
    lastFailure: '',
    finishedAt: at,
  } satisfies Partial<DeliveryUpdate>
  return store.recordDispatch({
    attempts: [{ deliverySeq: seq, ...sent, message: '', responseBody: 'ok' }],
    deliveries: [{ seq, ...end }],
    endpoints: [],
  })
}

async function run(directory: string): Promise<Record<string, Figures>> {
  const store = await openSqliteStore({ directory, clock: systemClock, log: createLog('warn', console.error) })
  const handed: PendingDelivery[] = []
  const waiting = new Map<string, () => void>()
  store.onDeliveries((deliveries) => {
    for (const delivery of deliveries) {
      if (!waiting.has(delivery.eventId)) handed.push(delivery)
      else void recordSuccess(store, delivery.seq).then(waiting.get(delivery.eventId))
    }
  })
  const commit = (event: NewEvent) => store.commit({ expect: [], mutations: [], events: [event] })
  const figures: Record<string, Figures> = {}
  figures['event + delivery'] = await measure((i) => commit(eventOf(i)))
  figures['outcome'] = await measure((i) => recordSuccess(store, handed[i]?.seq ?? 0))
  figures['both, one after the other'] = await measure(async (i) => {
    const event = eventOf(i)
    const recorded = new Promise<void>((resolve) => waiting.set(event.id, resolve))
    await Promise.all([commit(event), recorded])
    waiting.delete(event.id)
  })
  figures['time entry + event + delivery'] = await measure((i) => {
    const id = store.allocateId('timeEntries')
    return store.commit({
      expect: [{ kind: 'absent', table: 'timeEntries', column: 'id', value: id }],
      mutations: [{ op: 'insert', table: 'timeEntries', row: timeEntryOf(id) }],
      events: [eventOf(i)],
    })
  })
  await store.close()
  return figures
}

const directory = await mkdtemp(join(process.argv[2] ?? tmpdir(), 'nepenthes-bench-'))
try {
  console.log(
    `${DELIVERIES} deliveries, ${WRITERS} writers at once, bodies of ${BODY.length} bytes, WAL with synchronous=FULL`,
  )
  console.table(await run(directory))
} finally {
  await rm(directory, { recursive: true })
}
