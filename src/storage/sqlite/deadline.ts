import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../../base/clock.ts'

/** Thrown out of a query that has had its time. */
export class PastDeadline extends Error {
  constructor() {
    super('a search took longer than it may')
  }
}

/** The clock is asked once for this much work, in rows: asking costs as much as looking at one. */
const WORK_PER_LOOK = 128
/** So much text takes as long to go through as a row, or a little longer. */
const BYTES_PER_ROW = 1_024

/** Begins the time of the next query on the connection. */
export type SetDeadline = (budgetMs: number) => void

/**
 * A query that runs cannot be interrupted from outside, so those that may take long ask for every row whether they still may:
 * `in_time(id)` stands first in their WHERE, and in what they look up on the way. It costs 0.1 us a row. Before a text is gone
 * through, `text_in_time(bytes)` asks the same. `cancelled` ends a query as well.
 */
export function installDeadline(
  db: DatabaseSync,
  clock: Pick<Clock, 'elapsed'>,
  cancelled: () => boolean = () => false,
): SetDeadline {
  let until = Infinity
  let work = WORK_PER_LOOK
  const spend = (rows: number) => {
    work += rows
    if (work < WORK_PER_LOOK) return 1
    work = 0
    if (clock.elapsed() >= until || cancelled()) throw new PastDeadline()
    return 1
  }
  db.function('in_time', { varargs: true }, () => spend(1))
  db.function('text_in_time', (bytes) => spend(Number(bytes) / BYTES_PER_ROW))
  return (budgetMs) => {
    until = clock.elapsed() + budgetMs
    work = WORK_PER_LOOK
  }
}

/** What the work came to; undefined if a query in it has had its time. */
export function unlessPastDeadline<T>(work: () => T): T | undefined {
  try {
    return work()
  } catch (thrown) {
    if (thrown instanceof PastDeadline) return undefined
    throw thrown
  }
}

/** The text with which a query asks; the argument keeps SQLite from asking once for all rows. */
export const IN_TIME = 'in_time("id")'

/** Asks before a text is gone through so many times; how long it is, SQLite knows without reading it. */
export function textInTime(sql: string, times: number): string {
  return `text_in_time(octet_length(${sql}) * ${times})`
}
