import { assert } from '../base/assert.ts'
import { ok } from '../base/result.ts'
import type { CommitResult, Found, ListQuery, Mutation, RecordReader, SearchQuery, Store } from './store.ts'
import type { RecordOf, TableName } from './tables.ts'

/**
 * A store that keeps what was read of the API's tables until a commit changes it. This is exact, not approximate, because every
 * commit passes through here: a row that a commit is about to change is forgotten before the commit starts and read afresh
 * until it has ended, and the lists of its table likewise. It is therefore only for a store that has no other writer, such as
 * the embedded one, which one process owns.
 *
 * Lists, and rows found by a column, are kept as ids; their rows come from the rows kept. An increment changes rows, but who is
 * listed where only if a list asks for the column, and such lists are not kept: so logging time, which increments all day,
 * leaves the lists alone. What an increment makes of a row is known without reading it, so the row stays kept. Sets of values are
 * kept as they are, so that for as long as nothing changed they are the same object.
 */

/** Bounds of memory, for each table. What is larger than the usual is read again each time. */
const ROWS_MAX = 2_000
const LISTS_MAX = 200
const LIST_ROWS_MAX = 100
const TEXT_MAX = 4_096
/** Values in all sets of a table together. */
const VALUES_MAX = 200_000

interface KeptList {
  readonly ids: readonly number[]
  readonly total: number
}

interface KeptRow {
  readonly read: Promise<object | undefined>
  /** Once it has been read. */
  row?: object
}

interface Kept {
  readonly rows: Map<number, KeptRow>
  readonly lists: Map<string, KeptList>
  readonly sets: Map<string, ReadonlySet<number>>
  /** Some columns of rows, with what they hold. */
  readonly picks: Map<string, readonly object[]>
  /** Values in all of `sets`. */
  values: number
  /** Counts the beginnings and ends of changes, of all and of those that lists may notice: what is read across one is not kept. */
  changes: number
  listChanges: number
  /** Commits under way that lists may notice, and how many of any kind touch each row. */
  writing: number
  readonly writingRows: Map<number, RowWriting>
  /** Commits under way that may touch any row. */
  writingAll: number
  /** Columns that were ever incremented, as they stand in a list's key. */
  readonly incremented: Set<string>
}

/** The commits under way that touch one row. */
interface RowWriting {
  commits: number
  /** The row as it was before all of them, for as long as they do nothing but increment it. */
  before: object | undefined
  /** What those that have ended added, by column. */
  readonly added: Map<string, number>
}

/** The same store, its other abilities untouched. */
export function keepReads<S extends RecordReader & Pick<Store, 'commit'>>(store: S): S {
  const tables = new Map<TableName, Kept>()
  const keptOf = (table: TableName): Kept => {
    const known = tables.get(table)
    if (known) return known
    const kept: Kept = {
      ...{ rows: new Map(), lists: new Map(), sets: new Map(), picks: new Map() },
      ...{ writingRows: new Map(), incremented: new Set() },
      ...{ values: 0, changes: 0, listChanges: 0, writing: 0, writingAll: 0 },
    }
    tables.set(table, kept)
    return kept
  }
  const get = <T extends TableName>(table: T, id: number) => {
    const kept = keptOf(table)
    const known = kept.rows.get(id)
    if (known) return known.read as Promise<RecordOf<T> | undefined>
    const read = store.get(table, id)
    if (!isBeingWritten(kept, id)) keepRead(kept, id, read)
    return read
  }
  /** What is kept of a list, if anything is. */
  const known = async <T extends TableName>(table: T, key: string): Promise<Found<T> | undefined> => {
    const list = keptOf(table).lists.get(key)
    if (!list) return undefined
    const rows = await Promise.all(list.ids.map((id) => get(table, id)))
    return rows.every((row) => row !== undefined) ? { rows, total: list.total } : undefined
  }
  /** Call it before a list is read, and what it returns with what was read. */
  const keeper = <T extends TableName>(table: T, key: string) => {
    const kept = keptOf(table)
    const { changes, listChanges } = kept
    return (found: Found<T>) => {
      if (kept.writing > 0 || kept.listChanges !== listChanges) return
      if (keepList(kept, key, found) && kept.changes === changes) for (const row of found.rows) keepListed(kept, row)
    }
  }
  /** Reads a list, or what is kept of it. */
  const through = async <T extends TableName>(table: T, key: string, read: () => Promise<Found<T>>) => {
    const before = await known(table, key)
    if (before) return before
    const keepFound = keeper(table, key)
    const found = await read()
    keepFound(found)
    return found
  }
  const reads: RecordReader & Pick<Store, 'commit'> = {
    get,
    sum: (table, column, where) => store.sum(table, column, where),
    list: <T extends TableName>(table: T, query: ListQuery<T>) =>
      through(table, JSON.stringify(query), () => store.list(table, query)),
    async values(table, column, where) {
      const kept = keptOf(table)
      const key = JSON.stringify([column, where])
      const known = kept.sets.get(key)
      if (known) return known
      const { listChanges } = kept
      const set = await store.values(table, column, where)
      if (kept.writing === 0 && kept.listChanges === listChanges) keepSet(kept, key, set)
      return set
    },
    async pick<T extends TableName, C extends keyof RecordOf<T> & string>(
      table: T,
      columns: readonly C[],
      query: ListQuery<T>,
    ) {
      const kept = keptOf(table)
      const key = JSON.stringify([columns, query])
      const known = kept.picks.get(key)
      if (known) return known as readonly Pick<RecordOf<T>, C>[]
      const { listChanges } = kept
      const rows = await store.pick(table, columns, query)
      if (kept.writing === 0 && kept.listChanges === listChanges) keepPick(kept, key, rows)
      return rows
    },
    async search(table, query, asker) {
      if (!isOfOneTable(query)) return store.search(table, query, asker)
      const key = JSON.stringify(query)
      const before = await known(table, key)
      if (before) return ok(before)
      const keepFound = keeper(table, key)
      const found = await store.search(table, query, asker)
      if (found.ok) keepFound(found.value)
      return found
    },
    async find(table, column, value) {
      const key = `find "${column}" ${JSON.stringify(value)}`
      const { rows } = await through(table, key, async () => asList(await store.find(table, column, value)))
      return rows[0]
    },
    async commit(write) {
      const touched = write.mutations.map((mutation) => [keptOf(mutation.table), mutation] as const)
      for (const [kept, mutation] of touched) beginWrite(kept, mutation)
      let outcome: Outcome = 'unknown'
      try {
        const committed = await store.commit(write)
        outcome = committed.outcome
        return committed
      } finally {
        for (const [kept, mutation] of touched) endWrite(kept, mutation, outcome)
      }
    },
  }
  // The rest is inherited: a copy would freeze what the store computes when asked.
  return Object.assign(Object.create(store) as S, reads)
}

/** Groups and sums are not kept; nor is a list in the order of other tables' rows, which change without it. */
function isOfOneTable<T extends TableName>({ orderBy, groupBy, sums }: SearchQuery<T>): boolean {
  return groupBy === undefined && sums === undefined && orderBy.every(({ by, orLater }) => !by && !orLater)
}

function asList<T extends TableName>(row: RecordOf<T> | undefined): Found<T> {
  return row ? { rows: [row], total: 1 } : { rows: [], total: 0 }
}

function isBeingWritten(kept: Kept, id: number): boolean {
  return kept.writingAll > 0 || kept.writingRows.has(id)
}

function rowId(mutation: Exclude<Mutation, { op: 'update all' }>): number {
  return mutation.op === 'insert' ? mutation.row.id : mutation.id
}

type Outcome = CommitResult['outcome'] | 'unknown'

/** Forgets the rows a mutation is about to change, and keeps none of them until `endRows`. */
function beginRows(kept: Kept, mutation: Mutation): void {
  if (mutation.op === 'update all') {
    kept.rows.clear()
    for (const writing of kept.writingRows.values()) writing.before = undefined
    kept.writingAll += 1
    return
  }
  const id = rowId(mutation)
  const writing = kept.writingRows.get(id) ?? { commits: 0, before: kept.rows.get(id)?.row, added: new Map() }
  kept.rows.delete(id)
  kept.writingRows.set(id, writing)
  writing.commits += 1
  if (mutation.op !== 'increment') writing.before = undefined
}

function endRows(kept: Kept, mutation: Mutation, outcome: Outcome): void {
  if (mutation.op === 'update all') {
    kept.writingAll -= 1
    return
  }
  const id = rowId(mutation)
  const writing = kept.writingRows.get(id)
  assert(writing !== undefined, 'a row that was being written is written no more')
  if (mutation.op === 'increment') noteIncrement(writing, mutation, outcome)
  writing.commits -= 1
  if (writing.commits > 0) return
  kept.writingRows.delete(id)
  if (writing.before && kept.writingAll === 0) keepRow(kept, id, incremented(writing.before, writing.added))
}

/** A conflict changed nothing; after anything else but a commit the row has to be read to be known. */
function noteIncrement(writing: RowWriting, { column, by }: { column: string; by: number }, outcome: Outcome): void {
  if (outcome === 'committed') writing.added.set(column, (writing.added.get(column) ?? 0) + by)
  else if (outcome !== 'conflict') writing.before = undefined
}

function incremented(before: object, added: ReadonlyMap<string, number>): object {
  const row = { ...before } as Record<string, unknown>
  for (const [column, by] of added) row[column] = Number(row[column]) + by
  return row
}

function beginWrite(kept: Kept, mutation: Mutation): void {
  beginRows(kept, mutation)
  kept.changes += 1
  if (mutation.op === 'increment' && kept.incremented.has(`"${mutation.column}"`)) return
  if (mutation.op === 'increment') kept.incremented.add(`"${mutation.column}"`)
  else kept.writing += 1
  kept.lists.clear()
  kept.sets.clear()
  kept.picks.clear()
  kept.values = 0
  kept.listChanges += 1
}

function endWrite(kept: Kept, mutation: Mutation, outcome: Outcome): void {
  endRows(kept, mutation, outcome)
  kept.changes += 1
  if (mutation.op === 'increment') return
  kept.writing -= 1
  kept.listChanges += 1
}

function keepRead(kept: Kept, id: number, read: Promise<object | undefined>): void {
  const entry: KeptRow = { read }
  keep(kept.rows, id, entry, ROWS_MAX)
  const drop = () => {
    if (kept.rows.get(id) === entry) kept.rows.delete(id)
  }
  // Also a read that fails is not kept; whoever asked for it gets the failure.
  read.then((row) => (row !== undefined && isSmall(row) ? (entry.row = row) : drop()), drop)
}

function keepRow(kept: Kept, id: number, row: object): void {
  if (isSmall(row)) keep(kept.rows, id, { read: Promise.resolve(row), row }, ROWS_MAX)
}

/** False when the list is not one to keep; what was sought and not found is not, or guesses would push out what is. */
function keepList(
  kept: Kept,
  key: string,
  { rows, total }: { rows: readonly { id: number }[]; total: number },
): boolean {
  if (rows.length === 0 && key.startsWith('find')) return false
  if (rows.length > LIST_ROWS_MAX || key.length > TEXT_MAX || asksIncremented(kept, key)) return false
  keep(kept.lists, key, { ids: rows.map((row) => row.id), total }, LISTS_MAX)
  return true
}

function keepPick(kept: Kept, key: string, rows: readonly object[]): void {
  if (rows.length > LIST_ROWS_MAX || key.length > TEXT_MAX || asksIncremented(kept, key)) return
  if (rows.every(isSmall)) keep(kept.picks, key, rows, LISTS_MAX)
}

function asksIncremented(kept: Kept, key: string): boolean {
  return [...kept.incremented].some((column) => key.includes(column))
}

/** The oldest make room. */
function keepSet(kept: Kept, key: string, set: ReadonlySet<number>): void {
  if (set.size > VALUES_MAX || key.length > TEXT_MAX || asksIncremented(kept, key) || kept.sets.has(key)) return
  for (const [oldest, { size }] of kept.sets) {
    if (kept.sets.size < LISTS_MAX && kept.values + set.size <= VALUES_MAX) break
    kept.sets.delete(oldest)
    kept.values -= size
  }
  kept.sets.set(key, set)
  kept.values += set.size
}

function keepListed(kept: Kept, row: { id: number }): void {
  if (!kept.rows.has(row.id) && !isBeingWritten(kept, row.id)) keepRow(kept, row.id, row)
}

/** The oldest makes room. */
function keep<K, V>(map: Map<K, V>, key: K, value: V, max: number): void {
  if (map.size >= max) {
    const oldest = map.keys().next()
    if (!oldest.done) map.delete(oldest.value)
  }
  map.set(key, value)
}

function isSmall(row: object): boolean {
  return Object.values(row).every((value) => typeof value !== 'string' || value.length <= TEXT_MAX)
}
