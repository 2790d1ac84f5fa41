import { assert } from '../../base/assert.ts'
import type { Condition, ListQuery, RecordReader } from '../store.ts'
import type { RecordOf, TableName } from '../tables.ts'
import { columnOf, tableInfo, toCell } from './columns.ts'
import type { RowReader } from './statements.ts'
import type { Cell } from './wire.ts'

/** The same for every table: which columns it may name is checked against TABLES at run time too. */
interface AnyCondition extends Omit<Condition<TableName>, 'column'> {
  readonly column: string | readonly string[]
}

interface Fragment {
  readonly sql: string
  readonly values: readonly Cell[]
}

/** Reads of the API's tables. Values are always bound; names of tables and columns come from TABLES only. */
export function createRecordReader(rows: RowReader): RecordReader {
  const number = (sql: string, values: readonly Cell[]) => Number(rows.get(sql, values)?.[0])
  return {
    async get(table, id) {
      return toRecord(table, rows.get(`${selectFrom(table)} WHERE id = ?`, [id]))
    },
    async find(table, column, value) {
      const sql = `${selectFrom(table)} WHERE ${columnOf(table, column).sql} = ? ORDER BY id LIMIT 1`
      return toRecord(table, rows.get(sql, [value]))
    },
    async list<T extends TableName>(table: T, query: ListQuery<T>) {
      const where = whereSql(table, query.where)
      const sql = `${selectFrom(table)}${where.sql}${orderSql(table, query.orderBy)} LIMIT ? OFFSET ?`
      const found = rows.all(sql, [...where.values, query.limit, query.offset])
      const total = number(`SELECT count(*) FROM "${table}"${where.sql}`, where.values)
      return { rows: found.map((row) => toRecord(table, row) as RecordOf<T>), total }
    },
    async sum(table, column, conditions) {
      const where = whereSql(table, conditions)
      return number(`SELECT coalesce(sum(${columnOf(table, column).sql}), 0) FROM "${table}"${where.sql}`, where.values)
    },
    async values(table, column, conditions) {
      const where = whereSql(table, [...conditions, { column, comparison: 'is not null' }])
      const sql = `SELECT DISTINCT ${columnOf(table, column).sql} FROM "${table}"${where.sql}`
      return new Set(rows.all(sql, where.values).map(([value]) => Number(value)))
    },
  }
}

function selectFrom(table: TableName): string {
  return `SELECT ${tableInfo(table).selectSql} FROM "${table}"`
}

function toRecord<T extends TableName>(table: T, row: readonly Cell[] | undefined): RecordOf<T> | undefined {
  if (row === undefined) return undefined
  const record: Record<string, Cell | boolean | undefined> = {}
  tableInfo(table).columns.forEach((column, i) => {
    record[column.name] = column.type === 'boolean' ? row[i] === 1 : row[i]
  })
  return record as unknown as RecordOf<T>
}

function whereSql(table: TableName, conditions: readonly AnyCondition[]): Fragment {
  if (conditions.length === 0) return { sql: '', values: [] }
  const all = joined(
    conditions.map((condition) => conditionSql(table, condition)),
    ' AND ',
  )
  return { sql: ` WHERE ${all.sql}`, values: all.values }
}

function joined(parts: readonly Fragment[], operator: ' AND ' | ' OR '): Fragment {
  return { sql: parts.map((part) => part.sql).join(operator), values: parts.flatMap((part) => part.values) }
}

/** A condition on several columns passes when it does on any. */
function conditionSql(table: TableName, condition: AnyCondition): Fragment {
  const names = typeof condition.column === 'string' ? [condition.column] : condition.column
  const any = joined(
    names.map((name) => testSql(columnOf(table, name).sql, condition)),
    ' OR ',
  )
  return { sql: `(${any.sql})`, values: any.values }
}

function testSql(sql: string, { comparison, value }: AnyCondition): Fragment {
  switch (comparison) {
    case 'is null':
      return { sql: `${sql} IS NULL`, values: [] }
    case 'is not null':
      return { sql: `${sql} IS NOT NULL`, values: [] }
    case 'in':
      return { sql: `${sql} IN (SELECT value FROM json_each(?))`, values: [listOf(value)] }
    case 'not in':
      return { sql: `(${sql} IS NULL OR ${sql} NOT IN (SELECT value FROM json_each(?)))`, values: [listOf(value)] }
    case 'contains':
      return containsSql(sql, String(value), '> 0')
    case 'not contains':
      return containsSql(`coalesce(${sql}, '')`, String(value), '= 0')
    case '!=':
      return { sql: `${sql} IS NOT ?`, values: [single(value)] }
    case '=':
    case '<':
    case '<=':
    case '>':
    case '>=':
      return { sql: `${sql} ${comparison} ?`, values: [single(value)] }
  }
}

/** SQLite folds ASCII only. A needle of plain ASCII needs no more; any other goes through our own function, which is slower. */
function containsSql(sql: string, needle: string, found: '> 0' | '= 0'): Fragment {
  const folded = needle.toLowerCase()
  const ascii = /^[\x00-\x7f]*$/.test(folded)
  return { sql: `instr(${ascii ? 'lower' : 'lower_unicode'}(${sql}), ?) ${found}`, values: [folded] }
}

function listOf(value: AnyCondition['value']): string {
  assert(Array.isArray(value), 'a list is compared with `in` and `not in`')
  return JSON.stringify(value)
}

function single(value: AnyCondition['value']): Cell {
  assert(typeof value !== 'object' && value !== undefined, 'one value is compared')
  return toCell(value)
}

/** Text is ordered without case, nulls come last either way, and the id settles ties so that pages never overlap. */
function orderSql(
  table: TableName,
  orderBy: readonly { readonly column: string; readonly descending: boolean }[],
): string {
  const terms = orderBy.map(({ column, descending }) => {
    const { sql, type, nullable } = columnOf(table, column)
    return `${sql}${type === 'text' ? ' COLLATE NOCASE' : ''}${descending ? ' DESC' : ''}${nullable ? ' NULLS LAST' : ''}`
  })
  const settled = orderBy.some(({ column }) => column === 'id')
  return ` ORDER BY ${[...terms, ...(settled ? [] : ['id'])].join(', ')}`
}
