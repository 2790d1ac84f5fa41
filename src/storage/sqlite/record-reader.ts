import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../../base/clock.ts'
import { ok, type Result } from '../../base/result.ts'
import type { ListQuery, RecordReader, SearchRefusal, SearchResult } from '../store.ts'
import type { RecordOf, TableName } from '../tables.ts'
import { columnOf, tableInfo, type ColumnInfo } from './columns.ts'
import { orderSql, whereSql, type Fragment } from './conditions.ts'
import { countedPage, countedTotal } from './counted.ts'
import { installDeadline } from './deadline.ts'
import { isNarrow, NARROW_ROWS } from './narrow.ts'
import { inOneView, runSearch, withRows, type AnySearch, type FoundCells } from './search.ts'
import type { RowReader } from './statements.ts'
import type { Cell } from './wire.ts'

/** Carries out a search elsewhere, in its turn. */
export type SearchElsewhere = (
  table: TableName,
  search: AnySearch,
  asker: string | undefined,
) => Promise<Result<FoundCells, SearchRefusal>>

/** For what is expected to take a millisecond or two: long texts can make few rows slow. */
const HERE = { budgetMs: 20, leadMax: NARROW_ROWS }

/**
 * Reads of the API's tables. A search is carried out here if its cost is known to be small, because counters and indexes serve it or
 * because it has few rows to look at; any other one elsewhere, as is one that turns out to take long.
 */
export function createRecordReader(
  db: DatabaseSync,
  rows: RowReader,
  clock: Clock,
  elsewhere: SearchElsewhere,
): RecordReader {
  const connection = { db, rows, setDeadline: installDeadline(db, clock) }
  const number = ({ sql, values }: Fragment) => Number(rows.get(sql, values)?.[0])
  const records = <T extends TableName>(table: T, found: readonly (readonly Cell[])[]) =>
    found.map((row) => toRecord(table, row) as RecordOf<T>)
  const searchHere = (table: TableName, search: AnySearch) => {
    const plain = search.groupBy === undefined && search.sums === undefined
    const page = plain ? countedPage(connection, table, search) : undefined
    if (page) return withRows(rows, table, page)
    const narrow = isNarrow(rows, table, search.where, search.orderBy)
    return narrow ? runSearch(connection, table, search, HERE) : undefined
  }
  return {
    async get(table, id) {
      return toRecord(table, rows.get(`${selectFrom(table)} WHERE id = ?`, [id]))
    },
    async find(table, column, value) {
      const sql = `${selectFrom(table)} WHERE ${columnOf(table, column).sql} = ? ORDER BY id LIMIT 1`
      return toRecord(table, rows.get(sql, [value]))
    },
    async list(table, query) {
      const where = whereSql(table, query.where)
      const sql = `${selectFrom(table)}${where.sql}${orderSql(table, query.orderBy).sql} LIMIT ? OFFSET ?`
      const found = rows.all(sql, [...where.values, query.limit, query.offset])
      const counted = { sql: `SELECT count(*) FROM "${table}"${where.sql}`, values: where.values }
      const total = countedTotal(rows, table, query.where) ?? number(counted)
      return { rows: records(table, found), total }
    },
    async pick<T extends TableName, C extends keyof RecordOf<T> & string>(
      table: T,
      names: readonly C[],
      query: ListQuery<T>,
    ) {
      const columns = names.map((name) => columnOf(table, name))
      const where = whereSql(table, query.where)
      const order = orderSql(table, query.orderBy).sql
      const sql = `SELECT ${columns.map((column) => column.sql).join(', ')} FROM "${table}"${where.sql}${order} LIMIT ? OFFSET ?`
      const found = rows.all(sql, [...where.values, query.limit, query.offset])
      return found.map((row) => fromCells(columns, row) as Pick<RecordOf<T>, C>)
    },
    async search<T extends TableName>(
      table: T,
      query: AnySearch,
      asker?: string,
    ): Promise<Result<SearchResult<T>, SearchRefusal>> {
      const here = inOneView(db, () => searchHere(table, query))
      const found = here && (here.ok || here.error !== 'too slow') ? here : await elsewhere(table, query, asker)
      return found.ok ? ok({ ...found.value, rows: records(table, found.value.rows) }) : found
    },
    async sum(table, column, conditions) {
      const { sql, values } = whereSql(table, conditions)
      return number({ sql: `SELECT coalesce(sum(${columnOf(table, column).sql}), 0) FROM "${table}"${sql}`, values })
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
  return row && (fromCells(tableInfo(table).columns, row) as RecordOf<T>)
}

function fromCells(columns: readonly ColumnInfo[], row: readonly Cell[]): unknown {
  const record: Record<string, Cell | boolean | undefined> = {}
  columns.forEach((column, i) => {
    record[column.name] = column.type === 'boolean' ? row[i] === 1 : row[i]
  })
  return record
}
