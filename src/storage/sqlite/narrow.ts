import type { TableName } from '../tables.ts'
import { columnOf } from './columns.ts'
import { whereSql, type AnyCondition, type AnyOrder, type AnyTest } from './conditions.ts'
import { passesOver } from './contains.ts'
import type { RowReader } from './statements.ts'

/** Rows that are looked at on the thread that asked: a millisecond or two. */
export const NARROW_ROWS = 2_000
/** Text that is gone through there: a few milliseconds. */
const NARROW_BYTES = 1024 * 1024
/** An index that leads to a larger share of the rows makes them dearer than reading all one after the other. */
const SHARE_MAX = 0.05

/** Of many tests only so many are looked at for one to lead: looking costs as well. */
const LEADS_MAX = 10

const OF_TEXT: readonly string[] = ['contains', 'not contains', 'starts with']

/**
 * Whether a search has little to look at: the table has few rows, or an index leads to few, and their texts are short as far as it
 * compares them. What stands below a row is not known beforehand, so a search that asks for it is narrow in small tables only; nor is
 * how many rows of other tables refer to one, by the latest of which it may be ordered.
 */
export function isNarrow(
  rows: RowReader,
  table: TableName,
  where: readonly AnyTest[],
  orderBy: readonly AnyOrder[] = [],
): boolean {
  const others = orderBy.flatMap(({ orLater = [] }) => orLater.map((other) => other.table))
  if (!others.every((other) => countUpTo(rows, other, [], NARROW_ROWS) <= NARROW_ROWS)) return false
  const bytes = bytesCompared(table, where.flatMap(conditionsOf))
  const isLittle = (tests: readonly AnyTest[]) =>
    countUpTo(rows, table, tests, NARROW_ROWS) <= NARROW_ROWS &&
    (bytes === undefined || textOf(rows, table, tests, bytes) <= NARROW_BYTES)
  if (isLittle([])) return true
  if (where.some(asksBelow)) return false
  return leads(table, where).some((test) => isLittle([test]))
}

function leads(table: TableName, where: readonly AnyTest[]): AnyTest[] {
  return where.filter((test) => leadsByIndex(table, test)).slice(0, LEADS_MAX)
}

/** The one test whose index is followed: that which leads to the fewest rows, if they are few; SQLite knows no numbers to choose by. */
export function follower(
  rows: RowReader,
  table: TableName,
  where: readonly AnyTest[],
  leadMax?: number,
): (test: AnyTest) => boolean {
  const highest = () => Number(rows.get(`SELECT max("id") FROM "${table}"`, [])?.[0] ?? 0)
  let most = leadMax ?? Math.max(NARROW_ROWS, Math.floor(highest() * SHARE_MAX))
  let lead: AnyTest | undefined
  for (const test of leads(table, where)) {
    const count = countUpTo(rows, table, [test], most)
    if (count > most) continue
    lead = test
    most = count
  }
  return (test) => test === lead
}

/** How many rows pass, or one more than `most`. */
function countUpTo(rows: RowReader, table: TableName, tests: readonly AnyTest[], most: number): number {
  const { sql, values } = whereSql(table, tests)
  return Number(rows.get(`SELECT count(*) FROM (SELECT 1 FROM "${table}"${sql} LIMIT ?)`, [...values, most + 1])?.[0])
}

/** Bytes of text to be gone through for the rows that pass, which are few. */
function textOf(rows: RowReader, table: TableName, tests: readonly AnyTest[], bytes: string): number {
  const { sql, values } = whereSql(table, tests)
  return Number(rows.get(`SELECT coalesce(sum(${bytes}), 0) FROM "${table}"${sql}`, values)?.[0])
}

/** What the conditions go through in a row, as SQL; undefined if they look into no text. */
function bytesCompared(table: TableName, conditions: readonly AnyCondition[]): string | undefined {
  const terms = conditions
    .filter(({ comparison }) => OF_TEXT.includes(comparison))
    .flatMap(({ column, value }) =>
      [column]
        .flat()
        .map((name) => `coalesce(octet_length(${columnOf(table, name).sql}), 0) * ${passesOver(String(value))}`),
    )
  return terms.length === 0 ? undefined : terms.join(' + ')
}

function conditionsOf(test: AnyTest): readonly AnyCondition[] {
  return 'anyOf' in test ? test.anyOf : [test]
}

function asksBelow(test: AnyTest): boolean {
  return conditionsOf(test).some(({ comparison }) => comparison.endsWith('below'))
}

function leadsByIndex(table: TableName, test: AnyTest): boolean {
  if ('anyOf' in test || typeof test.column !== 'string' || !['=', 'in'].includes(test.comparison)) return false
  const { name, unique, indexed } = columnOf(table, test.column)
  return name === 'id' || unique || indexed
}
