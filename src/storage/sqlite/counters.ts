import { assert } from '../../base/assert.ts'
import type { TableName } from '../tables.ts'
import { TABLE_NAMES } from './columns.ts'
import type { Prepare } from './statements.ts'

/** Ids and seqs are given out in memory: the one process that writes can count by itself, and use a number before it is stored. */
export interface Counters {
  nextId(table: TableName): number
  /** Takes `count` consecutive seqs; the first of them. */
  nextSeqs(count: number): number
  /** The seq the next delivery will get. */
  peekSeq(): number
}

/** Starts every counter above all that is, or ever was, in the database. */
export function openCounters(prepare: Prepare): Counters {
  const highest = (name: string, column: string) => {
    const stored = prepare(`SELECT max(${column}) AS value FROM "${name}"`).get()?.['value']
    const gone = prepare('SELECT value FROM highest WHERE name = ?').get(name)?.['value']
    return Math.max(Number(stored ?? 0), Number(gone ?? 0))
  }
  const next = new Map<string, number>(TABLE_NAMES.map((table) => [table, highest(table, 'id') + 1]))
  let seq = highest('deliveries', 'seq') + 1
  return {
    nextId(table) {
      const id = next.get(table)
      assert(id !== undefined, `the table ${table} has a counter`)
      next.set(table, id + 1)
      return id
    },
    nextSeqs(count) {
      seq += count
      return seq - count
    },
    peekSeq: () => seq,
  }
}
