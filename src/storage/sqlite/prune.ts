import { raiseHighest } from './apply-commit.ts'
import type { Prepare } from './statements.ts'

/** Events looked at in one piece: a few milliseconds of the writer's time. */
const PIECE_EVENTS = 200

/**
 * Drops one piece of the log, the oldest events after `afterSeq`, with their deliveries and attempts. An event goes when all its
 * deliveries ended before `finishedBefore`, or have ended at all while the database holds more than `maxBytes`.
 * Returns [deliveries removed, last seq looked at, 1 if there may be more to drop].
 */
export function applyPrune(prepare: Prepare, afterSeq: number, finishedBefore: number, maxBytes: number): number[] {
  const events = prepare('SELECT seq, occurredAt FROM events WHERE seq > ? ORDER BY seq LIMIT ?').all(
    afterSeq,
    PIECE_EVENTS,
  )
  const first = events[0]
  const last = events.at(-1)
  if (first === undefined || last === undefined) return [0, afterSeq, 0]
  const tooLarge = bytesInUse(prepare) > maxBytes
  const to = lastDeliveryOf(prepare, Number(last['seq']))
  const times = events.map((event) => Number(event['occurredAt']))
  // Nothing ends before it began, so a piece without an old event has nothing to drop.
  if (!tooLarge && times.every((time) => time >= finishedBefore)) {
    // Events follow each other in time, so from here on all are too young; unless the clock was ahead when these were written.
    const newest = Number(prepare('SELECT occurredAt FROM events ORDER BY seq DESC LIMIT 1').get()?.['occurredAt'])
    return times.every((time) => time > newest) ? [0, to, 1] : [0, afterSeq, 0]
  }
  const from = Number(first['seq'])
  return [removeRange(prepare, from, to, tooLarge ? Number.MAX_SAFE_INTEGER : finishedBefore), to, 1]
}

function bytesInUse(prepare: Prepare): number {
  const pragma = (name: string) => Number(prepare(`PRAGMA ${name}`).get()?.[name])
  return (pragma('page_count') - pragma('freelist_count')) * pragma('page_size')
}

/** An event's deliveries are numbered from its own seq up to the next event's. */
function lastDeliveryOf(prepare: Prepare, eventSeq: number): number {
  const next = prepare('SELECT min(seq) AS seq FROM events WHERE seq > ?').get(eventSeq)?.['seq']
  if (typeof next === 'number') return next - 1
  return Number(prepare('SELECT max(seq) AS seq FROM deliveries').get()?.['seq'] ?? eventSeq)
}

function removeRange(prepare: Prepare, from: number, to: number, finishedBefore: number): number {
  const kept = prepare(
    `SELECT DISTINCT eventSeq FROM deliveries WHERE seq BETWEEN ? AND ? AND (state < 2 OR finishedAt >= ?)`,
  ).all(from, to, finishedBefore)
  const keptSeqs = JSON.stringify(kept.map((row) => row['eventSeq']))
  const keptDeliveries =
    'SELECT seq FROM deliveries WHERE seq BETWEEN ? AND ? AND eventSeq IN (SELECT value FROM json_each(?))'
  prepare(`DELETE FROM attempts WHERE deliverySeq BETWEEN ? AND ? AND deliverySeq NOT IN (${keptDeliveries})`).run(
    from,
    to,
    from,
    to,
    keptSeqs,
  )
  prepare('DELETE FROM events WHERE seq BETWEEN ? AND ? AND seq NOT IN (SELECT value FROM json_each(?))').run(
    from,
    to,
    keptSeqs,
  )
  const deliveries =
    'DELETE FROM deliveries WHERE seq BETWEEN ? AND ? AND eventSeq NOT IN (SELECT value FROM json_each(?))'
  raiseHighest(prepare, 'deliveries', to)
  return Number(prepare(deliveries).run(from, to, keptSeqs).changes)
}
