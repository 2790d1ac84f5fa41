import type { AttemptRecord, DeliveryRecord, EndpointRecord, LaneSummary, PendingDelivery } from '../records.ts'
import type { EventName } from '../../resources/vocabulary.ts'
import type { DeliveryFilter, DeliveryStore } from '../store.ts'
import { codesOf, FRESH, RESCHEDULED, stateOfCode } from './delivery-state.ts'
import type { Prepare } from './statements.ts'

type Reads = Pick<
  DeliveryStore,
  'pendingDeliveries' | 'laneSummaries' | 'pendingOlderThan' | 'endpoints' | 'deliveries' | 'delivery'
>
type PendingOptions = Parameters<DeliveryStore['pendingDeliveries']>[1]

const COLUMNS = `d.seq, d.eventSeq, e.id AS eventId, e.name AS eventName, e.projectId, w.name AS webhook, d.state, d.attempts,
  e.occurredAt, d.nextAttemptAt, d.lastFailure, d.finishedAt`
/** CROSS JOIN keeps SQLite from starting anywhere but at the deliveries, whose indexes give the order. */
const JOINS = 'CROSS JOIN events e ON e.seq = d.eventSeq CROSS JOIN webhooks w ON w.id = d.webhook'
const RECORD = `SELECT ${COLUMNS} FROM deliveries d ${JOINS}`
const RECORD_WITH_BODY = `SELECT ${COLUMNS}, e.body FROM deliveries d ${JOINS}`

/** Reads of the log. Each walks an index from where its answer starts; nothing looks through what is finished. */
export function createDeliveryReader(prepare: Prepare): Reads {
  return {
    pendingDeliveries: async (webhook, options) => pendingDeliveries(prepare, webhook, options),
    laneSummaries: async () => laneSummaries(prepare),
    pendingOlderThan: async (occurredBy, limit) => pendingOlderThan(prepare, occurredBy, limit),
    endpoints: async () =>
      prepare('SELECT record FROM endpoints ORDER BY webhook')
        .all()
        .map((row) => JSON.parse(String(row['record'])) as EndpointRecord),
    deliveries: async (filter) => deliveries(prepare, filter),
    async delivery(seq) {
      const row = prepare(`${RECORD_WITH_BODY} WHERE d.seq = ?`).get(seq)
      if (row === undefined) return undefined
      const log = prepare('SELECT * FROM attempts WHERE deliverySeq = ? ORDER BY attempt').all(seq)
      return {
        ...toPending(row),
        log: log.map((attempt) => ({ ...attempt }) as unknown as AttemptRecord),
      }
    },
  }
}

type Row = Readonly<Record<string, unknown>>

/** Built field by field: copying the prototype-less rows of `node:sqlite` by spreading costs three times as much. */
function toDelivery(row: Row): DeliveryRecord {
  return {
    seq: Number(row['seq']),
    eventSeq: Number(row['eventSeq']),
    eventId: String(row['eventId']),
    eventName: row['eventName'] as EventName,
    projectId: Number(row['projectId']),
    webhook: String(row['webhook']),
    state: stateOfCode(Number(row['state'])),
    attempts: Number(row['attempts']),
    occurredAt: Number(row['occurredAt']),
    nextAttemptAt: Number(row['nextAttemptAt']),
    lastFailure: String(row['lastFailure']),
    finishedAt: row['finishedAt'] as number | null,
  }
}

function toPending(row: Row): PendingDelivery {
  return { ...toDelivery(row), body: String(row['body']) }
}

function webhookId(prepare: Prepare, name: string): number | undefined {
  const row = prepare('SELECT id FROM webhooks WHERE name = ?').get(name)
  return row === undefined ? undefined : Number(row['id'])
}

/** Fresh deliveries by seq and rescheduled ones by their own index, each at most `limit`, merged. */
function pendingDeliveries(prepare: Prepare, webhook: string, options: PendingOptions): PendingDelivery[] {
  const id = webhookId(prepare, webhook)
  if (id === undefined) return []
  const { order, dueBy, limit, afterSeq = -1 } = options
  const sql = (state: number, by: string) =>
    `${RECORD_WITH_BODY} WHERE d.webhook = ? AND d.state = ${state} AND d.nextAttemptAt <= ? AND d.seq > ? ORDER BY ${by} LIMIT ?`
  const values = [id, dueBy, afterSeq, limit]
  const fresh = prepare(sql(FRESH, 'd.seq'))
    .all(...values)
    .map(toPending)
  const rescheduledOrder = order === 'seq' ? 'd.seq' : 'd.nextAttemptAt, d.seq'
  const rescheduled = prepare(sql(RESCHEDULED, rescheduledOrder))
    .all(...values)
    .map(toPending)
  const byDue = (a: PendingDelivery, b: PendingDelivery) => a.nextAttemptAt - b.nextAttemptAt || a.seq - b.seq
  return merge([fresh, rescheduled], order === 'seq' ? (a, b) => a.seq - b.seq : byDue, limit)
}

function merge<T>(parts: readonly T[][], compare: (a: T, b: T) => number, limit: number): T[] {
  const filled = parts.filter((part) => part.length > 0)
  if (filled.length <= 1) return filled[0] ?? []
  return filled.flat().sort(compare).slice(0, limit)
}

function laneSummaries(prepare: Prepare): LaneSummary[] {
  const rows = prepare(
    `SELECT name AS webhook,
      (SELECT count(*) FROM deliveries WHERE webhook = w.id AND state IN (0, 1)) AS pending,
      (SELECT nextAttemptAt FROM deliveries WHERE webhook = w.id AND state = 0 ORDER BY seq LIMIT 1) AS fresh,
      (SELECT nextAttemptAt FROM deliveries WHERE webhook = w.id AND state = 1 ORDER BY nextAttemptAt, seq LIMIT 1) AS rescheduled
    FROM webhooks w ORDER BY name`,
  ).all()
  return rows.flatMap(({ webhook, pending, fresh, rescheduled }) => {
    const nextAttemptAt = Math.min(Number(fresh ?? Infinity), Number(rescheduled ?? Infinity))
    return Number(pending) > 0 ? [{ webhook: String(webhook), pending: Number(pending), nextAttemptAt }] : []
  })
}

/** Seqs rise with time, so the old ones end at a seq that a binary search finds; only pending ones below it are read. */
function pendingOlderThan(prepare: Prepare, occurredBy: number, limit: number): DeliveryRecord[] {
  const endSeq = firstEventAfter(prepare, occurredBy)
  const sql = (state: number) =>
    `${RECORD} WHERE d.state = ${state} AND d.seq < ? AND e.occurredAt <= ? ORDER BY d.seq LIMIT ?`
  const values = [endSeq, occurredBy, limit]
  const parts = [FRESH, RESCHEDULED].map((state) =>
    prepare(sql(state))
      .all(...values)
      .map(toDelivery),
  )
  return merge(parts, (a, b) => a.seq - b.seq, limit)
}

/** The seq where events younger than a time begin. Where the clock was once set back, one of several such places. */
function firstEventAfter(prepare: Prepare, time: number): number {
  const edges = prepare('SELECT min(seq) AS low, (SELECT max(seq) FROM events) AS high FROM events').get()
  let low = Number(edges?.['low'] ?? 0)
  let end = Number(edges?.['high'] ?? -1) + 1
  while (low < end) {
    const middle = Math.floor((low + end) / 2)
    const event = prepare('SELECT seq, occurredAt FROM events WHERE seq >= ? ORDER BY seq LIMIT 1').get(middle)
    if (event !== undefined && Number(event['occurredAt']) <= time) low = Number(event['seq']) + 1
    else end = middle
  }
  const next = prepare('SELECT min(seq) AS seq FROM events WHERE seq >= ?').get(low)?.['seq']
  return Number(next ?? Number.MAX_SAFE_INTEGER)
}

/** Newest first: one index walk per state, merged. */
function deliveries(prepare: Prepare, filter: DeliveryFilter): DeliveryRecord[] {
  const id = filter.webhook === undefined ? undefined : webhookId(prepare, filter.webhook)
  if (filter.webhook !== undefined && id === undefined) return []
  const before = filter.beforeSeq ?? Number.MAX_SAFE_INTEGER
  const condition = id === undefined ? '' : 'd.webhook = ? AND '
  const values = [...(id === undefined ? [] : [id]), before, filter.limit]
  const parts = codesOf(filter.state).map((code) => {
    const sql = `${RECORD} WHERE ${condition}d.state = ${code} AND d.seq < ? ORDER BY d.seq DESC LIMIT ?`
    return prepare(sql)
      .all(...values)
      .map(toDelivery)
  })
  return merge(parts, (a, b) => b.seq - a.seq, filter.limit)
}
