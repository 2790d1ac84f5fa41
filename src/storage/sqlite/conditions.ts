import { assert } from '../../base/assert.ts'
import type { AnyOf, Condition, Order, OrLater } from '../store.ts'
import type { TableName } from '../tables.ts'
import { columnOf, toCell } from './columns.ts'
import { containsSql } from './contains.ts'
import { IN_TIME } from './deadline.ts'
import type { Cell } from './wire.ts'

/** The same for every table: which columns it may name is checked against TABLES at run time too. */
export interface AnyCondition extends Omit<Condition<TableName>, 'column'> {
  readonly column: string | readonly string[]
}

export type AnyTest = AnyCondition | (Omit<AnyOf<TableName>, 'anyOf'> & { readonly anyOf: readonly AnyCondition[] })

export interface AnyOrder extends Omit<Order<TableName>, 'column'> {
  readonly column: string
}

/** A piece of SQL with the values it binds, in their order. */
export interface Fragment {
  readonly sql: string
  readonly values: readonly Cell[]
}

export interface WhereOptions {
  /** Asked of every row before anything else. */
  readonly first?: string
  /** The query asks whether it still may, for every row and every text: only for one whose deadline was set. */
  readonly timed?: boolean
  /** Which tests are looked up in an index, the rest being asked of the rows that leads to; by default as SQLite sees fit. */
  readonly follows?: (test: AnyTest) => boolean
}

interface TestOptions {
  readonly byIndex: boolean
  readonly timed: boolean
}

/** Values are always bound; names of tables and columns come from TABLES only. */
export function whereSql(
  table: TableName,
  tests: readonly AnyTest[],
  { first, timed = false, follows = () => true }: WhereOptions = {},
): Fragment {
  const before = [first, timed ? IN_TIME : undefined].filter((sql) => sql !== undefined)
  const parts = tests.map((test) => testSql(table, test, { byIndex: follows(test), timed }))
  const all = joined([...before.map((sql) => ({ sql, values: [] })), ...parts], ' AND ')
  return all.sql === '' ? all : { sql: ` WHERE ${all.sql}`, values: all.values }
}

function joined(parts: readonly Fragment[], operator: ' AND ' | ' OR '): Fragment {
  return { sql: parts.map((part) => part.sql).join(operator), values: parts.flatMap((part) => part.values) }
}

function testSql(table: TableName, test: AnyTest, options: TestOptions): Fragment {
  if (!('anyOf' in test)) return conditionSql(table, test, options)
  assert(test.anyOf.length > 0, 'there is a condition of which one must hold')
  const any = joined(
    test.anyOf.map((condition) => conditionSql(table, condition, options)),
    ' OR ',
  )
  return { sql: `(${any.sql})`, values: any.values }
}

/** A condition on several columns passes when it does on any. */
function conditionSql(table: TableName, condition: AnyCondition, options: TestOptions): Fragment {
  const names = typeof condition.column === 'string' ? [condition.column] : condition.column
  const any = joined(
    names.map((name) => comparisonSql(table, name, condition, options)),
    ' OR ',
  )
  return { sql: `(${any.sql})`, values: any.values }
}

function comparisonSql(
  table: TableName,
  name: string,
  { comparison, value }: AnyCondition,
  { byIndex, timed }: TestOptions,
): Fragment {
  // A sign before a column keeps SQLite from looking the value up in an index.
  const sql = (byIndex ? '' : '+') + columnOf(table, name).sql
  switch (comparison) {
    case 'is null':
      return { sql: `${sql} IS NULL`, values: [] }
    case 'is not null':
      return { sql: `${sql} IS NOT NULL`, values: [] }
    case 'in':
      return { sql: `${sql} IN (SELECT value FROM json_each(?))`, values: [listOf(value)] }
    case 'not in':
      return { sql: `(${sql} IS NULL OR ${sql} NOT IN (SELECT value FROM json_each(?)))`, values: [listOf(value)] }
    case 'below':
      return { sql: `"id" IN (${belowSql(table, columnOf(table, name).sql, timed)})`, values: [listOf(value)] }
    case 'not below':
      return { sql: `"id" NOT IN (${belowSql(table, columnOf(table, name).sql, timed)})`, values: [listOf(value)] }
    case 'contains':
      return containsSql(sql, String(value), '> 0', timed)
    case 'starts with':
      return containsSql(sql, String(value), '= 1', timed)
    case 'not contains':
      return containsSql(`coalesce(${sql}, '')`, String(value), '= 0', timed)
    case '!=':
      return { sql: `${sql} IS NOT ${boundOrSaid(value)}`, values: boundValues(value) }
    case '=':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return { sql: `${sql} ${comparison} ${boundOrSaid(value)}`, values: boundValues(value) }
  }
}

/** UNION leaves out what it has met already, so that a loop ends. */
function belowSql(table: TableName, sql: string, timed: boolean): string {
  const inTime = timed ? ' AND in_time("child"."id")' : ''
  const children = `SELECT "child"."id" FROM "${table}" AS "child"`
  return (
    `WITH RECURSIVE "below" (id) AS (${children} WHERE "child".${sql} IN (SELECT value FROM json_each(?))${inTime} ` +
    `UNION ${children} JOIN "below" ON "child".${sql} = "below".id${inTime}) SELECT id FROM "below"`
  )
}

function listOf(value: AnyCondition['value']): string {
  assert(Array.isArray(value), 'a list is compared with `in`, `below` and their opposites')
  return JSON.stringify(value)
}

/** Booleans stand in the text: only then does SQLite see that an index of some rows serves. */
function boundOrSaid(value: AnyCondition['value']): string {
  return typeof value === 'boolean' ? String(toCell(value)) : '?'
}

function boundValues(value: AnyCondition['value']): Cell[] {
  assert(typeof value !== 'object' && value !== undefined, 'one value is compared')
  return typeof value === 'boolean' ? [] : [toCell(value)]
}

/** Text is ordered without case, nulls come last either way, and the id settles ties so that pages never overlap. */
export function orderSql(table: TableName, orderBy: readonly AnyOrder[]): Fragment {
  const terms = orderBy.flatMap((order) => orderTerms(table, order))
  const settled = orderBy.some(({ column, by }) => column === 'id' && !by)
  const sql = [...terms.map((term) => term.sql), ...(settled ? [] : ['"id"'])].join(', ')
  return { sql: ` ORDER BY ${sql}`, values: terms.flatMap(({ values }) => values) }
}

function orderTerms(table: TableName, { column, descending, by, orLater }: AnyOrder): Fragment[] {
  const { sql, type, nullable } = columnOf(table, column)
  if (orLater) return [{ sql: termSql(latestSql(table, column, orLater), type, descending, nullable), values: [] }]
  if (!by) return [{ sql: termSql(sql, type, descending, nullable), values: [] }]
  const among = by.among
    ? ` AND "referred".${columnOf(by.table, by.among.column).sql} IN (SELECT value FROM json_each(?))`
    : ''
  const values = by.among ? [listOf(by.among.values)] : []
  return by.columns.map((name) => {
    const referred = columnOf(by.table, name)
    const value = `(SELECT "referred".${referred.sql} FROM "${by.table}" AS "referred" WHERE "referred"."id" = "${table}".${sql}${among})`
    return { sql: termSql(value, referred.type, descending, true), values }
  })
}

/** Any number of rows may refer to one, so each of them asks whether there still is time. */
function latestSql(table: TableName, column: string, orLater: readonly OrLater[]): string {
  const own = numberColumn(table, column)
  const others = orLater.map((other) => {
    const [value, refersBy] = [numberColumn(other.table, other.column), numberColumn(other.table, other.refersBy)]
    const rows = `"${other.table}" AS "later" WHERE in_time("later"."id") AND "later".${refersBy} = "${table}"."id"`
    return `coalesce((SELECT max("later".${value}) FROM ${rows}), "${table}".${own})`
  })
  return `max(${[own, ...others].join(', ')})`
}

function numberColumn(table: TableName, column: string): string {
  const { sql, type, nullable } = columnOf(table, column)
  assert(type === 'integer' && !nullable, 'the latest is looked for among numbers that are always set')
  return sql
}

function termSql(sql: string, type: 'integer' | 'text' | 'boolean', descending: boolean, nullable: boolean): string {
  return `${sql}${type === 'text' ? ' COLLATE NOCASE' : ''}${descending ? ' DESC' : ''}${nullable ? ' NULLS LAST' : ''}`
}
