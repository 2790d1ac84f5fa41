import type { DatabaseSync, StatementSync } from 'node:sqlite'

/** Shapes of statements are few but not bounded by us (lists combine filters freely): the oldest makes room. */
const STATEMENTS_MAX = 500

/** Statements of one connection, each prepared once per text. */
export function statementCache(db: DatabaseSync): (sql: string) => StatementSync {
  const statements = new Map<string, StatementSync>()
  return (sql) => {
    const known = statements.get(sql)
    if (known !== undefined) return known
    const oldest = statements.keys().next().value
    if (statements.size >= STATEMENTS_MAX && oldest !== undefined) statements.delete(oldest)
    const statement = db.prepare(sql)
    statements.set(sql, statement)
    return statement
  }
}
