import type { AnyOf, Condition, Order, OrderBy, OrLater, SearchQuery } from '../../src/storage/store.ts'
import type { TableName } from '../../src/storage/tables.ts'

/** What a search must answer, worked out the plain way over rows in memory. */

type Row = Readonly<Record<string, string | number | boolean | null>>
export type Tables = Readonly<Partial<Record<TableName, readonly Row[]>>>

interface Answer {
  readonly ids: unknown[]
  readonly total: number
  readonly groups?: object[]
  readonly sums?: number[]
}

export function answerOf<T extends TableName>(tables: Tables, table: T, query: SearchQuery<T>): Answer {
  const rows = tables[table] ?? []
  const matching = rows.filter((row) => query.where.every((test) => passes(rows, row, test)))
  const sorted = [...matching].sort((a, b) => compareRows(tables, a, b, query.orderBy))
  const sumsOf = (some: readonly Row[]) =>
    (query.sums ?? []).map((column) => some.reduce((sum, row) => sum + Number(row[column] ?? 0), 0))
  const { groupBy, offset, limit } = query
  const values = groupBy === undefined ? [] : [...new Set(matching.map((row) => row[groupBy] ?? null))]
  return {
    ids: sorted.slice(offset, offset + limit).map((row) => row['id']),
    total: matching.length,
    ...(groupBy !== undefined && {
      groups: values.map((value) => {
        const some = matching.filter((row) => row[groupBy] === value)
        return { value: typeof value === 'boolean' ? Number(value) : value, count: some.length, sums: sumsOf(some) }
      }),
    }),
    ...(query.sums && { sums: sumsOf(matching) }),
  }
}

function passes<T extends TableName>(rows: readonly Row[], row: Row, test: Condition<T> | AnyOf<T>): boolean {
  if ('anyOf' in test) return test.anyOf.some((condition) => passes(rows, row, condition))
  const columns = typeof test.column === 'string' ? [test.column] : test.column
  return columns.some((column) => compares(rows, row, column, test))
}

type Value = string | number | boolean | null

/** What is asked of a value, other than of its ancestors. */
const COMPARES: Readonly<Record<string, (held: Value, value: never) => boolean>> = {
  'is null': (held) => held === null,
  'is not null': (held) => held !== null,
  '=': (held, value: Value) => held !== null && held === value,
  '!=': (held, value: Value) => held !== value,
  in: (held, list: Value[]) => held !== null && list.includes(held),
  'not in': (held, list: Value[]) => held === null || !list.includes(held),
  contains: (held, value: Value) => textOf(held).includes(textOf(value)) && held !== null,
  'not contains': (held, value: Value) => !textOf(held).includes(textOf(value)),
  'starts with': (held, value: Value) => textOf(held).startsWith(textOf(value)) && held !== null,
  '<': (held, value: string) => held !== null && (held as string) < value,
  '<=': (held, value: string) => held !== null && (held as string) <= value,
  '>': (held, value: string) => held !== null && (held as string) > value,
  '>=': (held, value: string) => held !== null && (held as string) >= value,
}

function textOf(value: Value): string {
  return value === null ? '' : String(value).toLowerCase()
}

function compares<T extends TableName>(rows: readonly Row[], row: Row, column: string, test: Condition<T>): boolean {
  const { comparison, value } = test
  if (comparison === 'below' || comparison === 'not below') {
    const within = ancestorsOf(rows, row, column).some((id) => (value as number[]).includes(id))
    return within === (comparison === 'below')
  }
  const compare = COMPARES[comparison]
  if (!compare) throw new Error(`no such comparison: ${comparison}`)
  return compare(row[column] ?? null, value as never)
}

/** Everything that following the column leads to; a loop ends where it closes. */
function ancestorsOf(rows: readonly Row[], row: Row, column: string): number[] {
  const found: number[] = []
  let next = row[column]
  while (typeof next === 'number' && !found.includes(next)) {
    found.push(next)
    const id = next
    next = rows.find((candidate) => candidate['id'] === id)?.[column]
  }
  return found
}

function compareRows<T extends TableName>(tables: Tables, a: Row, b: Row, orderBy: readonly Order<T>[]): number {
  for (const { column, descending, by, orLater } of orderBy) {
    for (const name of by?.columns ?? [column]) {
      const of = (row: Row) =>
        orLater
          ? latest(tables, row, column, orLater)
          : folded((by ? referred(tables, by, row[column]) : row)?.[name] ?? null)
      const compared = compareValues(of(a), of(b), descending)
      if (compared !== 0) return compared
    }
  }
  return Number(a['id']) - Number(b['id'])
}

function latest(tables: Tables, row: Row, column: string, orLater: readonly OrLater[]): number {
  const others = orLater.flatMap((other) =>
    (tables[other.table] ?? [])
      .filter((candidate) => candidate[other.refersBy] === row['id'])
      .map((candidate) => Number(candidate[other.column])),
  )
  return Math.max(Number(row[column]), ...others)
}

function referred(tables: Tables, { table, among }: OrderBy, id: unknown): Row | undefined {
  const row = tables[table]?.find((row) => row['id'] === id)
  return !row || !among || among.values.includes(Number(row[among.column])) ? row : undefined
}

function folded(value: string | number | boolean | null): string | number | null {
  if (typeof value === 'boolean') return Number(value)
  return typeof value === 'string' ? value.replace(/[A-Z]/g, (letter) => letter.toLowerCase()) : value
}

function compareValues(a: string | number | null, b: string | number | null, descending: boolean): number {
  if (a === null || b === null) return Number(a === null) - Number(b === null)
  if (a === b) return 0
  return a < b === descending ? 1 : -1
}
