import { COUNTED, type TableName } from '../tables.ts'
import { columnOf, countedColumns, countsTable } from './columns.ts'
import { orderSql, whereSql, type AnyOrder, type AnyTest, type Fragment } from './conditions.ts'
import { unlessPastDeadline, type SetDeadline } from './deadline.ts'
import type { RowReader } from './statements.ts'
import type { Cell } from './wire.ts'

/**
 * Lists that the counters and the indexes serve, at a cost that does not depend on how many rows there are: conditions on the columns
 * that are counted only, in the order of the ids.
 *
 * The counters tell which combinations of their two columns have rows that match, and how many: together the total. Each combination
 * is a range of an index, in which the rows stand by id; the first rows of all ranges, merged, are the first rows of the list.
 */
interface Range {
  readonly first: Cell
  readonly second: Cell
  readonly count: number
}

/** With more of them, or with more ids to look at for one page, merging takes too many milliseconds. */
const RANGES_MAX = 500
const ENTRIES_MAX = 20_000

/** When many rows match, the first of them are soon met in the order of the ids; when they all stand at the end, it is given up. */
const SCAN_BUDGET_MS = 5

const COMPARISONS: readonly string[] = ['=', '!=', 'in', 'not in']

/** How many rows match, when the counters know; undefined when they do not. */
export function countedTotal(rows: RowReader, table: TableName, where: readonly AnyTest[]): number | undefined {
  const counts = matchingCounts(table, where)
  return counts && Number(rows.get(`SELECT coalesce(sum(count), 0)${counts.sql}`, counts.values)?.[0])
}

interface Connection {
  readonly rows: RowReader
  readonly setDeadline: SetDeadline
}

interface Page {
  readonly where: readonly AnyTest[]
  readonly orderBy: readonly AnyOrder[]
  readonly limit: number
  readonly offset: number
}

/** The ids of a page and the total; undefined when the list is none of these, or the page lies too deep in it. */
export function countedPage(
  { rows, setDeadline }: Connection,
  table: TableName,
  page: Page,
): { ids: number[]; total: number } | undefined {
  const [order] = page.orderBy // what stands behind the id settles nothing any more
  if (order !== undefined && (order.column !== 'id' || order.by || order.orLater)) return undefined
  const total = countedTotal(rows, table, page.where)
  if (total === undefined || page.limit === 0 || page.offset >= total)
    return total === undefined ? total : { ids: [], total }
  const depth = page.offset + page.limit
  const ranges = matchingRanges(rows, table, page.where)
  const entries = ranges?.reduce((sum, { count }) => sum + Math.min(count, depth), 0) ?? Infinity
  const expected = (depth * Number(countedTotal(rows, table, []))) / total
  if (expected < Math.min(entries, ENTRIES_MAX)) {
    setDeadline(SCAN_BUDGET_MS)
    const ids = unlessPastDeadline(() => scannedIds(rows, table, page))
    if (ids) return { ids, total }
  }
  if (!ranges || entries > ENTRIES_MAX) return undefined
  const descending = order?.descending ?? false
  const ids = ranges.flatMap((range) => firstIds(rows, table, range, { descending, depth }))
  ids.sort((a, b) => (descending ? b - a : a - b))
  return { ids: ids.slice(page.offset, depth), total }
}

/** Along the ids, whatever indexes there are: the sign keeps SQLite from using one. */
function scannedIds(rows: RowReader, table: TableName, { where, orderBy, limit, offset }: Page): number[] {
  const { sql, values } = whereSql(table, where, { timed: true, follows: () => false })
  const order = orderSql(table, orderBy)
  const text = `SELECT "id" FROM "${table}"${sql}${order.sql} LIMIT ? OFFSET ?`
  return rows.all(text, [...values, ...order.values, limit, offset]).map(([id]) => Number(id))
}

/** The ranges with rows that match; undefined when there are too many, or conditions ask for more than the counters know. */
function matchingRanges(rows: RowReader, table: TableName, where: readonly AnyTest[]): readonly Range[] | undefined {
  const [first, second] = countedColumns(table) ?? []
  const counts = matchingCounts(table, where)
  if (!counts) return undefined
  const sql = `SELECT ${first}, ${second}, count${counts.sql} LIMIT ?`
  const found = rows.all(sql, [...counts.values, RANGES_MAX + 1])
  if (found.length > RANGES_MAX) return undefined
  return found.map(([a = null, b = null, count]) => ({ first: a, second: b, count: Number(count) }))
}

/** The counters of what matches, as SQL. Without a condition on the first column, those that count all its values together. */
function matchingCounts(table: TableName, where: readonly AnyTest[]): Fragment | undefined {
  const columns = countedColumns(table)
  if (!columns || !where.every((test) => isCounted(table, test))) return undefined
  const [first] = columns
  const narrowed = where.some((test) => !('anyOf' in test) && columnOf(table, String(test.column)).sql === first)
  const { sql, values } = whereSql(table, where, { first: `${first} ${narrowed ? '<>' : '='} 0` })
  return { sql: ` FROM ${countsTable(table)}${sql}`, values }
}

function isCounted(table: TableName, test: AnyTest): boolean {
  if ('anyOf' in test || typeof test.column !== 'string' || !Object.hasOwn(COUNTED, table)) return false
  const columns: readonly string[] = COUNTED[table as keyof typeof COUNTED]
  return columns.includes(test.column) && COMPARISONS.includes(test.comparison)
}

function firstIds(
  rows: RowReader,
  table: TableName,
  range: Range,
  { descending, depth }: { descending: boolean; depth: number },
): number[] {
  const [first, second] = countedColumns(table) ?? []
  const within = range.first === 0 ? '' : `${first} = ? AND `
  // The second value stands in the text (it is a number of few kinds): see conditions.ts on indexes of some rows.
  const sql = `SELECT "id" FROM "${table}" WHERE ${within}${second} = ${Number(range.second)} ORDER BY "id"${descending ? ' DESC' : ''} LIMIT ?`
  const values = range.first === 0 ? [depth] : [range.first, depth]
  return rows.all(sql, values).map(([id]) => Number(id))
}
