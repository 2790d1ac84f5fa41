import { fail, ok, type Result } from '../../../base/result.ts'
import type { Group, Order, RecordReader } from '../../../storage/store.ts'
import type { RecordOf, TableName } from '../../../storage/tables.ts'
import type { ApiError } from '../../errors.ts'
import { duration } from '../representers/formats.ts'
import type { Hal, Link } from '../representers/hal.ts'
import { camelCase, unknownAttribute, type SortInput } from './sort.ts'

/** What the rows of a list may be grouped by: a column that refers to other rows, which give the group its name and place. */
export interface GroupKey<T extends TableName> {
  readonly column: keyof RecordOf<T> & string
  readonly by: NonNullable<Order<T>['by']>
  /** Reads the rows referred to and makes a link of each. */
  readonly links: (store: RecordReader, ids: readonly number[]) => Promise<GroupRow[]>
}

/** A row that groups others: `place` are the values it is sorted by. */
interface GroupRow {
  readonly id: number
  readonly link: Link
  readonly place: readonly (string | number)[]
}

export type GroupTable<T extends TableName> = Readonly<Record<string, GroupKey<T>>>

export interface Grouping<T extends TableName> {
  /** As written. */
  readonly attribute: string
  readonly key: GroupKey<T>
  /** Groups stand first in the order; sorting by what is grouped by turns them around. */
  readonly order: Order<T>
}

/** A group by the rows of a table. */
export function groupBy<T extends TableName, R extends TableName>(
  column: keyof RecordOf<T> & string,
  table: R,
  columns: readonly (keyof RecordOf<R> & string)[],
  link: (row: RecordOf<R>) => Link,
): GroupKey<T> {
  return {
    column,
    by: { table, columns },
    async links(store, ids) {
      const rows = await Promise.all(ids.map((id) => store.get(table, id)))
      const present = rows.filter((row) => row !== undefined)
      return present.map((row) => ({
        id: row.id,
        link: link(row),
        place: columns.map((name) => row[name] as string | number),
      }))
    },
  }
}

/** Reads `groupBy`; undefined when nothing is grouped. */
export function parseGrouping<T extends TableName>(
  table: GroupTable<T>,
  text: unknown,
  sorts: readonly SortInput<T>[],
  validSubset: boolean,
): Result<Grouping<T> | undefined, ApiError> {
  if (typeof text !== 'string' || text === '') return ok(undefined)
  const name = camelCase(text)
  const key = Object.hasOwn(table, name) ? table[name] : undefined
  if (!key) return validSubset ? ok(undefined) : fail(unknownAttribute('group by', text, table))
  const descending = sorts.some(({ order }) => order.column === key.column && order.descending)
  return ok({ attribute: text, key, order: { column: key.column, by: key.by, descending } })
}

/** Names of the sums, with the columns of minutes they are of. */
export type SumTable<T extends TableName> = Readonly<Record<string, keyof RecordOf<T> & string>>

/** The groups as they are shown, in the order in which their rows stand (reference §12.4). */
export async function renderGroups<T extends TableName>(
  store: RecordReader,
  { key, order }: Grouping<T>,
  groups: readonly Group[],
  sums: readonly string[] | undefined,
): Promise<Hal[]> {
  const ids = groups.map(({ value }) => value).filter((value) => typeof value === 'number')
  const rows = new Map((await key.links(store, ids)).map((row) => [row.id, row]))
  const placed = groups.map((group) => ({ group, row: rows.get(Number(group.value)) }))
  const turn = order.descending ? -1 : 1
  placed.sort((a, b) => comparePlaces(a.row, b.row, turn))
  return placed.map(({ group, row }) => ({
    value: row?.link.title ?? null,
    count: group.count,
    _links: { valueLink: row ? [{ href: row.link.href }] : [] },
    ...(sums && { sums: renderSums(sums, group.sums) }),
  }))
}

/** As the store orders: text without (ASCII) case, what is unset last either way, then by id. */
function comparePlaces(a: GroupRow | undefined, b: GroupRow | undefined, turn: 1 | -1): number {
  if (!a || !b) return Number(a === undefined) - Number(b === undefined)
  for (const [i, value] of a.place.entries()) {
    const [left, right] = [folded(value), folded(b.place[i] ?? value)]
    if (left !== right) return left < right ? -turn : turn
  }
  return a.id - b.id
}

function folded(value: string | number): string | number {
  return typeof value === 'number' ? value : value.replace(/[A-Z]/g, (letter) => letter.toLowerCase())
}

/** Durations by their names. */
export function renderSums(names: readonly string[], minutes: readonly number[]): Hal {
  return Object.fromEntries(names.map((name, i) => [name, duration(minutes[i] ?? 0)]))
}
