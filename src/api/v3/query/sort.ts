import { fail, ok, type Result } from '../../../base/result.ts'
import type { ListQuery } from '../../../storage/store.ts'
import type { RecordOf, TableName } from '../../../storage/tables.ts'
import { apiError, type ApiError } from '../../errors.ts'

type OrderBy<T extends TableName> = ListQuery<T>['orderBy']

/** What a resource may be sorted by: camelCase attribute -> column. */
export type SortTable<T extends TableName> = Readonly<Record<string, keyof RecordOf<T> & string>>

const KEYS_MAX = 10

/** Reads `sortBy`: a JSON array of `[attribute, "asc"|"desc"]` pairs or `"attribute:asc"` texts. The id comes last, so that pages never overlap. */
export function parseSort<T extends TableName>(
  table: SortTable<T>,
  text: unknown,
  byDefault: OrderBy<T> = [],
): Result<OrderBy<T>, ApiError> {
  if (text === undefined) return ok([...byDefault, byId<T>()])
  const pairs = parsePairs(text)
  if (!pairs) {
    return fail(
      apiError('InvalidQuery', 'The sortBy property is not a JSON array of ["attribute", "asc" or "desc"] pairs.'),
    )
  }
  const order: { column: keyof RecordOf<T> & string; descending: boolean }[] = []
  for (const [attribute, direction] of pairs) {
    const camel = attribute.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
    const column = Object.hasOwn(table, camel) ? table[camel] : undefined
    if (column === undefined) {
      return fail(
        apiError('InvalidQuery', `Cannot sort by ${attribute}. Known attributes: ${Object.keys(table).join(', ')}.`),
      )
    }
    order.push({ column, descending: direction === 'desc' })
  }
  return ok([...order, byId<T>()])
}

function byId<T extends TableName>(): OrderBy<T>[number] {
  return { column: 'id', descending: false }
}

function parsePairs(text: unknown): [string, string][] | undefined {
  let parsed: unknown
  try {
    parsed = typeof text === 'string' ? JSON.parse(text) : undefined
  } catch {
    return undefined
  }
  if (!Array.isArray(parsed) || parsed.length > KEYS_MAX) return undefined
  const pairs = parsed.map(parsePair)
  return pairs.every((pair) => pair !== undefined) ? pairs : undefined
}

function parsePair(item: unknown): [string, string] | undefined {
  const pair: unknown = typeof item === 'string' ? item.split(':') : item
  if (!Array.isArray(pair)) return undefined
  const [attribute, direction = 'asc'] = pair as unknown[]
  return typeof attribute === 'string' && (direction === 'asc' || direction === 'desc')
    ? [attribute, direction]
    : undefined
}
