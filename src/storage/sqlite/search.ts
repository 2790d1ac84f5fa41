import type { DatabaseSync } from 'node:sqlite'
import { fail, ok, type Result } from '../../base/result.ts'
import { StoreClosed, type Group, type SearchRefusal } from '../store.ts'
import type { TableName } from '../tables.ts'
import { columnOf, tableInfo } from './columns.ts'
import { orderSql, whereSql, type AnyOrder, type AnyTest, type Fragment } from './conditions.ts'
import { countedTotal } from './counted.ts'
import { unlessPastDeadline, type SetDeadline } from './deadline.ts'
import { follower } from './narrow.ts'
import type { RowReader } from './statements.ts'
import type { Cell } from './wire.ts'

/** A search as it travels to the thread that carries it out. */
export interface AnySearch {
  readonly where: readonly AnyTest[]
  readonly orderBy: readonly AnyOrder[]
  readonly limit: number
  readonly offset: number
  readonly groupBy?: string
  readonly sums?: readonly string[]
}

export interface FoundCells {
  readonly rows: readonly (readonly Cell[])[]
  readonly total: number
  readonly groups?: readonly Group[]
  readonly sums?: readonly number[]
}

/** More can neither be drawn nor read. */
const GROUPS_MAX = 1_000

export interface Connection {
  readonly db: DatabaseSync
  readonly rows: RowReader
  readonly setDeadline: SetDeadline
}

export interface SearchBounds {
  readonly budgetMs: number
  /** An index that leads to more rows than this is not followed; worked out from how many there are without it. */
  readonly leadMax?: number
}

/** All that the work reads is of the same state of the store. */
export function inOneView<T>(db: DatabaseSync, work: () => T): T {
  if (!db.isOpen) throw new StoreClosed()
  db.exec('BEGIN')
  try {
    return work()
  } finally {
    db.exec('COMMIT')
  }
}

/** Carries out any search by looking at the rows, for as long as it may. */
export function runSearch(
  { rows, setDeadline }: Connection,
  table: TableName,
  search: AnySearch,
  { budgetMs, leadMax }: SearchBounds,
): Result<FoundCells, SearchRefusal> {
  setDeadline(budgetMs)
  const where = whereSql(table, search.where, { timed: true, follows: follower(rows, table, search.where, leadMax) })
  const found = unlessPastDeadline(() => {
    const totals = searchTotals(rows, table, search, where)
    if (totals.groups && totals.groups.length > GROUPS_MAX) return totals.groups
    return searchIds(rows, table, search, { ...totals, where })
  })
  if (!found) return fail('too slow')
  return 'ids' in found ? withRows(rows, table, found) : fail('too many groups')
}

/** What all rows that match add up to; the total only if it comes by the way. */
interface Totals {
  readonly total?: number
  readonly groups?: readonly Group[]
  readonly sums?: readonly number[]
}

function searchTotals(rows: RowReader, table: TableName, search: AnySearch, where: Fragment): Totals {
  const { groupBy, sums } = search
  const counted = countedTotal(rows, table, search.where)
  const known = counted === undefined ? {} : { total: counted }
  if (groupBy === undefined && sums === undefined) return known
  const summed = (sums ?? []).map((name) => `, coalesce(sum(${columnOf(table, name).sql}), 0)`).join('')
  // Following an index of the values would fetch every row from another place: the sign keeps SQLite from it. Not by a function of our
  // own (`db.aggregate`), which would spare the sorting: when one is given up half way, node:sqlite answers nothing instead of throwing.
  const value = groupBy === undefined ? 'NULL' : `+${columnOf(table, groupBy).sql}`
  const grouping = groupBy === undefined ? '' : ` GROUP BY ${value} LIMIT ${GROUPS_MAX + 1}`
  const sql = `SELECT ${value}, count(*)${summed} FROM "${table}"${where.sql}${grouping}`
  const groups = rows.all(sql, where.values).map(toGroup)
  const add = (numbers: readonly number[]) => numbers.reduce((sum, number) => sum + number, 0)
  return {
    total: add(groups.map(({ count }) => count)),
    ...(groupBy !== undefined && { groups }),
    ...(sums && { sums: sums.map((_, i) => add(groups.map((group) => group.sums[i] ?? 0))) }),
  }
}

function toGroup([value = null, count, ...sums]: readonly Cell[]): Group {
  return { value, count: Number(count), sums: sums.map(Number) }
}

/** The page as ids: so what is sorted is small. */
interface FoundIds extends Omit<FoundCells, 'rows'> {
  readonly ids: readonly number[]
}

function searchIds(
  rows: RowReader,
  table: TableName,
  { limit, offset, orderBy }: AnySearch,
  { where, ...totals }: Totals & { readonly where: Fragment },
): FoundIds {
  const nothing = limit === 0 || offset >= (totals.total ?? Infinity)
  const order = orderSql(table, orderBy)
  const sql = `SELECT "id" FROM "${table}"${where.sql}${order.sql} LIMIT ? OFFSET ?`
  const values = [...where.values, ...order.values, limit, offset]
  const ids = nothing ? [] : rows.all(sql, values).map(([id]) => Number(id))
  const isLastPage = ids.length < limit && (ids.length > 0 || offset === 0)
  const counted = () => Number(rows.get(`SELECT count(*) FROM "${table}"${where.sql}`, where.values)?.[0])
  const total = totals.total ?? (isLastPage && !nothing ? offset + ids.length : counted())
  return { ...totals, ids, total }
}

/** Texts of one page, in bytes: more would hold the thread up that renders them, and in the end be longer than a string can be. */
const PAGE_BYTES_MAX = 4 * 1024 * 1024
/** A page of so few is always shown: it is the smallest that is offered to people. */
const ROWS_ALWAYS = 20

/** What was found with its rows in place of their ids, unless they are too much to show. */
export function withRows(
  rows: RowReader,
  table: TableName,
  { ids, ...found }: FoundIds,
): Result<FoundCells, SearchRefusal> {
  if (ids.length > ROWS_ALWAYS && textOf(rows, table, ids) > PAGE_BYTES_MAX) return fail('too large')
  return ok({ ...found, rows: rowsById(rows, table, ids) })
}

/** SQLite knows the lengths without reading the texts. */
function textOf(rows: RowReader, table: TableName, ids: readonly number[]): number {
  const texts = tableInfo(table).columns.filter(({ type }) => type === 'text')
  const bytes = ['0', ...texts.map(({ sql }) => `coalesce(octet_length(${sql}), 0)`)].join(' + ')
  const sql = `SELECT sum(${bytes}) FROM "${table}" WHERE "id" IN (SELECT value FROM json_each(?))`
  return Number(rows.get(sql, [JSON.stringify(ids)])?.[0])
}

/** The rows of the ids, in their order. */
function rowsById(rows: RowReader, table: TableName, ids: readonly number[]): Cell[][] {
  if (ids.length === 0) return []
  const { selectSql, columns } = tableInfo(table)
  const place = columns.findIndex(({ name }) => name === 'id')
  const sql = `SELECT ${selectSql} FROM "${table}" WHERE "id" IN (SELECT value FROM json_each(?))`
  const byId = new Map(rows.all(sql, [JSON.stringify(ids)]).map((cells) => [cells[place], cells]))
  return ids.map((id) => byId.get(id)).filter((cells) => cells !== undefined)
}
