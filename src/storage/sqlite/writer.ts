import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { toError } from '../../base/errors.ts'
import { applyEvents, applyMutations, firstConflict } from './apply-commit.ts'
import { isDamaged } from './damage.ts'
import { applyPrune } from './prune.ts'
import { statementCache, type Prepare } from './statements.ts'
import {
  ATTEMPT_CELLS,
  ENDPOINT_CELLS,
  RESOURCE_CELLS,
  UPDATE_CELLS,
  type Cell,
  type FromWriter,
  type WireResult,
  type WireSet,
} from './wire.ts'

/** Primary result codes that may pass by themselves: busy, locked, out of memory, read-only, I/O error, full, cannot open. */
const PASSING_CODES: ReadonlySet<number> = new Set([5, 6, 7, 8, 10, 13, 14])

const DONE: WireResult = { kind: 'done' }

/** What a set is written with: one connection's statements, and the short ids that stand for webhooks' names in the log. */
interface Context {
  readonly db: DatabaseSync
  readonly prepare: Prepare
  readonly webhookIds: Map<string, number>
}

/**
 * Applies groups on the only connection that writes. A group is one transaction. A set whose expectations fail is left out and
 * the others go on. If anything throws, the whole group is rolled back and each set tried again in a transaction of its own, so
 * that only the bad one fails.
 */
export function createWriter(db: DatabaseSync): (group: readonly WireSet[]) => FromWriter {
  const context: Context = { db, prepare: statementCache(db), webhookIds: new Map() }
  return (group) => {
    const results = inTransaction(context, group) ?? group.map((set) => alone(context, set))
    return results.every((result) => result === DONE) ? 'all done' : results
  }
}

function inTransaction(context: Context, group: readonly WireSet[]): WireResult[] | undefined {
  try {
    return transact(context, () => group.map((set) => applySet(context, set)))
  } catch {
    return undefined
  }
}

function alone(context: Context, set: WireSet): WireResult {
  try {
    return transact(context, () => applySet(context, set))
  } catch (thrown) {
    return resultOfError(thrown)
  }
}

function transact<T>(context: Context, work: () => T): T {
  try {
    context.prepare('BEGIN IMMEDIATE').run()
    const result = work()
    context.prepare('COMMIT').run()
    return result
  } catch (thrown) {
    if (context.db.isTransaction) context.db.exec('ROLLBACK')
    context.webhookIds.clear() // some may have been given inside the transaction that is gone
    throw thrown
  }
}

function resultOfError(thrown: unknown): WireResult {
  const error = toError(thrown)
  const code = 'errcode' in error && typeof error.errcode === 'number' ? error.errcode & 0xff : undefined
  if (code !== undefined && PASSING_CODES.has(code)) return { kind: 'unavailable', reason: error.message }
  return { kind: 'failed', message: error.stack ?? error.message, damaged: isDamaged(error) }
}

function applySet(context: Context, set: WireSet): WireResult {
  const { prepare } = context
  switch (set[0]) {
    case 'commit': {
      const index = firstConflict(prepare, set[1])
      if (index !== undefined) return { kind: 'conflict', index }
      applyMutations(prepare, set[2])
      applyEvents(prepare, set[3], (name) => webhookId(context, name))
      return DONE
    }
    case 'dispatch':
      applyDispatch(context, set)
      return DONE
    case 'resources':
      eachRow(set[1], RESOURCE_CELLS, prepare('INSERT OR REPLACE INTO resources VALUES (?, ?)'))
      eachRow(set[2], 1, prepare('DELETE FROM resources WHERE key = ?'))
      return DONE
    case 'cancel':
      return { kind: 'done', numbers: [applyCancel(context, set)] }
    case 'prune':
      return { kind: 'done', numbers: applyPrune(prepare, set[1], set[2], set[3]) }
    case 'probe':
      prepare("INSERT INTO highest VALUES ('probe', 1) ON CONFLICT (name) DO UPDATE SET value = value + 1").run()
      return DONE
  }
}

/** What is final stays so: an outcome that arrives after a delivery was cancelled leaves its attempt in the log and no more. */
function applyDispatch({ prepare }: Context, set: Extract<WireSet, readonly ['dispatch', ...unknown[]]>): void {
  const [, attempts, updates, endpoints, forgotten] = set
  const update =
    'UPDATE deliveries SET state = ?, attempts = ?, nextAttemptAt = ?, lastFailure = ?, finishedAt = ? WHERE seq = ? AND state < 2'
  eachRow(attempts, ATTEMPT_CELLS, prepare('INSERT INTO attempts VALUES (?, ?, ?, ?, ?, ?, ?, ?)'))
  eachRow(updates, UPDATE_CELLS, prepare(update))
  eachRow(endpoints, ENDPOINT_CELLS, prepare('INSERT OR REPLACE INTO endpoints VALUES (?, ?)'))
  eachRow(forgotten, 1, prepare('DELETE FROM endpoints WHERE webhook = ?'))
}

function applyCancel({ prepare }: Context, set: Extract<WireSet, readonly ['cancel', ...unknown[]]>): number {
  const [, webhook, reason, at, beforeSeq, limit] = set
  const sql = `UPDATE deliveries SET state = 4, lastFailure = ?, finishedAt = ? WHERE seq IN (
    SELECT seq FROM deliveries WHERE webhook = (SELECT id FROM webhooks WHERE name = ?) AND state IN (0, 1) AND seq < ? LIMIT ?)`
  return Number(prepare(sql).run(reason, at, webhook, beforeSeq, limit).changes)
}

function eachRow(cells: readonly Cell[], width: number, statement: StatementSync): void {
  for (let at = 0; at < cells.length; at += width) statement.run(...cells.slice(at, at + width))
}

function webhookId(context: Context, name: string): number {
  const known = context.webhookIds.get(name)
  if (known !== undefined) return known
  const { prepare, webhookIds } = context
  prepare('INSERT OR IGNORE INTO webhooks (name) VALUES (?)').run(name)
  const id = Number(prepare('SELECT id FROM webhooks WHERE name = ?').get(name)?.['id'])
  webhookIds.set(name, id)
  return id
}
