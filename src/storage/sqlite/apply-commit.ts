import type { SQLInputValue } from 'node:sqlite'
import { assert } from '../../base/assert.ts'
import { columnOf, tableInfo } from './columns.ts'
import { FRESH } from './delivery-state.ts'
import type { Prepare } from './statements.ts'
import { EVENT_CELLS, type Cell } from './wire.ts'

/** The first expectation that does not hold, by its index; undefined if all do. */
export function firstConflict(prepare: Prepare, cells: readonly Cell[]): number | undefined {
  let at = 0
  for (let index = 0; at < cells.length; index++) {
    const absent = cells[at] === 'absent'
    const holds = absent ? isAbsent(prepare, cells, at) : rowHolds(prepare, cells, at)
    if (!holds) return index
    at += absent ? 5 : 4 + 2 * Number(cells[at + 3])
  }
  return undefined
}

function isAbsent(prepare: Prepare, cells: readonly Cell[], at: number): boolean {
  const [, table, name, value, exceptId] = cells.slice(at, at + 5) as [string, string, string, Cell, number | null]
  const column = columnOf(table, name)
  const collation = column.type === 'text' ? ' COLLATE NOCASE' : ''
  const sql = `SELECT 1 FROM "${table}" WHERE ${column.sql} = ?${collation} AND id IS NOT ? LIMIT 1`
  return prepare(sql).get(value, exceptId) === undefined
}

function rowHolds(prepare: Prepare, cells: readonly Cell[], at: number): boolean {
  const { table, id, names, values } = changesAt(cells, at + 1)
  const conditions = names.map(
    (name) => ` AND "${name}" IS ?${columnOf(table, name).type === 'text' ? ' COLLATE BINARY' : ''}`,
  )
  return prepare(`SELECT 1 FROM "${table}" WHERE id = ?${conditions.join('')}`).get(id, ...values) !== undefined
}

/** Reads `table, id, count, names, values`. */
function changesAt(cells: readonly Cell[], at: number) {
  const count = Number(cells[at + 2])
  return {
    table: tableName(cells[at]),
    id: Number(cells[at + 1]),
    names: cells.slice(at + 3, at + 3 + count) as string[],
    values: cells.slice(at + 3 + count, at + 3 + 2 * count),
    next: at + 3 + 2 * count,
  }
}

function tableName(cell: Cell | undefined): string {
  assert(typeof cell === 'string', 'a mutation names a table')
  return cell
}

export function applyMutations(prepare: Prepare, cells: readonly Cell[]): void {
  for (let at = 0; at < cells.length;) {
    const op = cells[at]
    if (op === 'insert') at = applyInsert(prepare, cells, at + 1)
    else if (op === 'update') at = applyUpdate(prepare, cells, at + 1)
    else if (op === 'update all') at = applyUpdateAll(prepare, cells, at + 1)
    else if (op === 'increment') at = applyIncrement(prepare, cells, at + 1)
    else at = applyDelete(prepare, cells, at + 1)
  }
}

function applyInsert(prepare: Prepare, cells: readonly Cell[], at: number): number {
  const { columns, insertSql } = tableInfo(tableName(cells[at]))
  const end = at + 1 + columns.length
  prepare(insertSql).run(...cells.slice(at + 1, end))
  return end
}

function applyUpdate(prepare: Prepare, cells: readonly Cell[], at: number): number {
  const { table, id, names, values, next } = changesAt(cells, at)
  if (names.length > 0) {
    const sql = `UPDATE "${table}" SET ${names.map((name) => `"${name}" = ?`).join(', ')} WHERE id = ?`
    prepare(sql).run(...values, id)
  }
  return next
}

function applyUpdateAll(prepare: Prepare, cells: readonly Cell[], at: number): number {
  const { table, id: value, names, values, next } = changesAt(cells, at)
  const [column, raise] = cells.slice(next, next + 2).map((name) => columnOf(table, String(name)).sql)
  const changes = [...names.map((name) => `"${name}" = ?`), `${raise} = ${raise} + 1`]
  prepare(`UPDATE "${table}" SET ${changes.join(', ')} WHERE ${column} = ?`).run(...values, value)
  return next + 2
}

function applyIncrement(prepare: Prepare, cells: readonly Cell[], at: number): number {
  const table = tableName(cells[at])
  const { sql } = columnOf(table, String(cells[at + 2]))
  prepare(`UPDATE "${table}" SET ${sql} = ${sql} + ? WHERE id = ?`).run(Number(cells[at + 3]), Number(cells[at + 1]))
  return at + 4
}

function applyDelete(prepare: Prepare, cells: readonly Cell[], at: number): number {
  const table = tableName(cells[at])
  const id = Number(cells[at + 1])
  prepare(`DELETE FROM "${table}" WHERE id = ?`).run(id)
  raiseHighest(prepare, table, id)
  return at + 2
}

/** Remembers a number that leaves its table, so that it is not given again after a restart. */
export function raiseHighest(prepare: Prepare, name: string, value: number): void {
  prepare('INSERT INTO highest VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)').run(
    name,
    value,
  )
}

/** Writes events and one pending delivery per webhook; the delivery's seqs count up from the event's. */
export function applyEvents(prepare: Prepare, cells: readonly Cell[], webhookId: (name: string) => number): void {
  const insertEvent = prepare('INSERT INTO events VALUES (?, ?, ?, ?, ?, ?)')
  const insertDelivery = prepare(`INSERT INTO deliveries VALUES (?, ?, ?, ${FRESH}, 0, ?, '', NULL)`)
  for (let at = 0; at < cells.length;) {
    const event = cells.slice(at, at + 6) as SQLInputValue[]
    const seq = Number(cells[at])
    const occurredAt = Number(cells[at + 4])
    const count = Number(cells[at + 6])
    insertEvent.run(...event)
    at += EVENT_CELLS
    for (let i = 0; i < count; i++) insertDelivery.run(seq + i, seq, webhookId(String(cells[at + i])), occurredAt)
    at += count
  }
}
