import { assert } from '../../base/assert.ts'
import { COUNTED, TABLES, type TableName } from '../tables.ts'
import type { Cell } from './wire.ts'

export interface ColumnInfo {
  readonly name: string
  /** The name as SQL writes it. */
  readonly sql: string
  readonly type: 'integer' | 'text' | 'boolean'
  readonly nullable: boolean
  readonly unique: boolean
  readonly indexed: boolean
}

interface TableInfo {
  readonly columns: readonly ColumnInfo[]
  readonly byName: ReadonlyMap<string, ColumnInfo>
  /** The columns as a SELECT lists them, in the order of `columns`. */
  readonly selectSql: string
  /** Inserts a row given in the order of `columns`, whatever order the database has them in. */
  readonly insertSql: string
}

export const TABLE_NAMES = Object.keys(TABLES) as readonly TableName[]

const TABLE_INFO: ReadonlyMap<string, TableInfo> = new Map(TABLE_NAMES.map((table) => [table, describe(table)]))

function describe(table: TableName): TableInfo {
  const columns = Object.entries(TABLES[table]).map(([name, column]) => ({
    unique: false,
    indexed: false,
    ...column,
    name,
    sql: `"${name}"`,
  }))
  return {
    columns,
    byName: new Map(columns.map((column) => [column.name, column])),
    selectSql: columns.map(({ sql }) => sql).join(', '),
    insertSql: `INSERT INTO "${table}" (${columns.map(({ sql }) => sql).join(', ')}) VALUES (${columns.map(() => '?').join(', ')})`,
  }
}

/** Names reach SQL text only through here and `columnOf`: what is not in TABLES never does. */
export function tableInfo(table: string): TableInfo {
  const info = TABLE_INFO.get(table)
  assert(info !== undefined, `the table ${table} exists`)
  return info
}

export function columnOf(table: string, name: string): ColumnInfo {
  const column = tableInfo(table).byName.get(name)
  assert(column !== undefined, `the column ${table}.${name} exists`)
  return column
}

/** The two columns by which the rows of a table are counted, as SQL writes them; undefined if they are not. */
export function countedColumns(table: string): readonly [first: string, second: string] | undefined {
  const columns = Object.hasOwn(COUNTED, table) ? COUNTED[table as keyof typeof COUNTED] : undefined
  return columns && [columnOf(table, columns[0]).sql, columnOf(table, columns[1]).sql]
}

export function countsTable(table: string): string {
  return `"${table}_counts"`
}

/** A value of a record as SQLite holds it. */
export function toCell(value: string | number | boolean | null | undefined): Cell {
  if (typeof value === 'boolean') return value ? 1 : 0
  return value ?? null
}
