import type { ListQuery, Mutation } from '../storage/store.ts'
import type { RecordOf, TableName } from '../storage/tables.ts'
import type { ApiStore } from './context.ts'

/**
 * Keeps what was read until a commit changes it. This is exact, not approximate, because every commit to the kept tables
 * passes through here: a row that a commit is about to change is forgotten before the commit starts and read afresh until it
 * has ended, and the lists of its table likewise. It therefore needs the store to have no other writer; tokens, which the
 * admin listener writes too, are never kept, and whoever asks is looked up past it.
 */
const NEVER_KEPT: readonly TableName[] = ['tokens']

/** Bounds of memory, for each table. What is larger than the usual is read again each time. */
const ROWS_MAX = 2_000
const LISTS_MAX = 50
const LIST_ROWS_MAX = 100
const TEXT_MAX = 4_096

interface Kept {
  readonly rows: Map<number, Promise<object | undefined>>
  readonly lists: Map<string, Promise<unknown>>
  /** Commits under way that touch the table, and how many of them touch each row. */
  writing: number
  readonly writingRows: Map<number, number>
}

export function keepReads(store: ApiStore): ApiStore {
  const tables = new Map<TableName, Kept>()
  const keptOf = (table: TableName): Kept => {
    let kept = tables.get(table)
    if (!kept) tables.set(table, (kept = { rows: new Map(), lists: new Map(), writing: 0, writingRows: new Map() }))
    return kept
  }
  return {
    find: (table, column, value) => store.find(table, column, value),
    allocateId: (table) => store.allocateId(table),
    get<T extends TableName>(table: T, id: number) {
      const kept = keptOf(table)
      const known = kept.rows.get(id)
      if (known) return known as Promise<RecordOf<T> | undefined>
      const read = store.get(table, id)
      if (!NEVER_KEPT.includes(table) && !kept.writingRows.has(id)) keepRow(kept, id, read)
      return read
    },
    list<T extends TableName>(table: T, query: ListQuery<T>) {
      const read = () => store.list(table, query)
      return throughLists(table, keptOf(table), JSON.stringify(query), read, ({ rows }) => isSmallList(rows))
    },
    sum(table, column, where) {
      const read = () => store.sum(table, column, where)
      return throughLists(table, keptOf(table), `sum ${column} ${JSON.stringify(where)}`, read, () => true)
    },
    async commit(write) {
      const touched = write.mutations.map((mutation) => [keptOf(mutation.table), rowId(mutation)] as const)
      for (const [kept, id] of touched) beginWrite(kept, id)
      try {
        return await store.commit(write)
      } finally {
        for (const [kept, id] of touched) endWrite(kept, id)
      }
    },
  }
}

function rowId(mutation: Mutation): number {
  return mutation.op === 'insert' ? mutation.row.id : mutation.id
}

function beginWrite(kept: Kept, id: number): void {
  kept.rows.delete(id)
  kept.lists.clear()
  kept.writing += 1
  kept.writingRows.set(id, (kept.writingRows.get(id) ?? 0) + 1)
}

function endWrite(kept: Kept, id: number): void {
  kept.writing -= 1
  const left = (kept.writingRows.get(id) ?? 0) - 1
  if (left > 0) kept.writingRows.set(id, left)
  else kept.writingRows.delete(id)
}

function keepRow(kept: Kept, id: number, read: Promise<object | undefined>): void {
  keep(kept.rows, id, read, ROWS_MAX)
  dropUnless(kept.rows, id, read, (row) => row !== undefined && isSmall(row))
}

function throughLists<R>(
  table: TableName,
  kept: Kept,
  key: string,
  read: () => Promise<R>,
  worthKeeping: (result: R) => boolean,
): Promise<R> {
  const known = kept.lists.get(key)
  if (known) return known as Promise<R>
  const result = read()
  if (NEVER_KEPT.includes(table) || kept.writing > 0 || key.length > TEXT_MAX) return result
  keep(kept.lists, key, result, LISTS_MAX)
  dropUnless(kept.lists, key, result, worthKeeping)
  return result
}

/** The oldest makes room. */
function keep<K, V>(map: Map<K, V>, key: K, value: V, max: number): void {
  if (map.size >= max) {
    const oldest = map.keys().next()
    if (!oldest.done) map.delete(oldest.value)
  }
  map.set(key, value)
}

/** Also a read that fails is not kept; whoever asked for it gets the failure. */
function dropUnless<K, R>(
  map: Map<K, Promise<unknown>>,
  key: K,
  read: Promise<R>,
  worthKeeping: (result: R) => boolean,
) {
  const drop = () => {
    if (map.get(key) === read) map.delete(key)
  }
  read.then((result) => (worthKeeping(result) ? undefined : drop()), drop)
}

function isSmallList(rows: readonly object[]): boolean {
  return rows.length <= LIST_ROWS_MAX && rows.every(isSmall)
}

function isSmall(row: object): boolean {
  return Object.values(row).every((value) => typeof value !== 'string' || value.length <= TEXT_MAX)
}
