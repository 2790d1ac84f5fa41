import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { StoreClosed } from '../store.ts'
import type { Cell } from './wire.ts'

/** Shapes of statements are few but not bounded by us (lists combine filters freely): the oldest makes room. */
const STATEMENTS_MAX = 500
/** A longer one is seldom asked twice, and takes a hundred times its length once prepared. */
const KEPT_SQL_MAX = 4_096

/** What reading needs of a connection. */
export type Reads = Pick<DatabaseSync, 'prepare' | 'isOpen'>

export type Prepare = (sql: string) => StatementSync

/** Statements of one connection, each prepared once per text; none any more once it is closed. */
export function statementCache(db: Reads): Prepare {
  const statements = new Map<string, StatementSync>()
  return (sql) => {
    if (!db.isOpen) throw new StoreClosed()
    const known = statements.get(sql)
    if (known !== undefined) return known
    if (sql.length > KEPT_SQL_MAX) return db.prepare(sql)
    const oldest = statements.keys().next().value
    if (statements.size >= STATEMENTS_MAX && oldest !== undefined) statements.delete(oldest)
    const statement = db.prepare(sql)
    statements.set(sql, statement)
    return statement
  }
}

/** The same connection, whose preparing and reading throw what `judge` makes of what was thrown. */
export function judgedReads(db: DatabaseSync, judge: (thrown: unknown) => unknown): Reads {
  const judged = <F extends (...given: never[]) => unknown>(call: F): F => {
    const judgedCall = (...given: Parameters<F>) => {
      try {
        return call(...given)
      } catch (thrown) {
        throw judge(thrown)
      }
    }
    return judgedCall as F
  }
  return {
    get isOpen() {
      return db.isOpen
    },
    prepare: judged((sql: string) => {
      const statement = db.prepare(sql)
      statement.get = judged(statement.get.bind(statement))
      statement.all = judged(statement.all.bind(statement))
      return statement
    }),
  }
}

/** Reads rows as arrays of cells, in the order of the columns selected. */
export interface RowReader {
  all(sql: string, values: readonly Cell[]): Cell[][]
  get(sql: string, values: readonly Cell[]): Cell[] | undefined
}

/**
 * Rows that are to become records are read as arrays and built here: a page of 20 costs a third of what it does to copy the
 * prototype-less objects that `node:sqlite` makes (measured: 34 against 97 us).
 */
export function rowReader(db: Reads): RowReader {
  const arrays = statementCache(db)
  const prepare = (sql: string) => {
    const statement = arrays(sql)
    statement.setReturnArrays(true)
    return statement
  }
  return {
    all: (sql, values) => prepare(sql).all(...values) as unknown as Cell[][],
    get: (sql, values) => prepare(sql).get(...values) as unknown as Cell[] | undefined,
  }
}
