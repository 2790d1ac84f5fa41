import { fail, ok, type Result } from '../../../base/result.ts'
import type { Order } from '../../../storage/store.ts'
import type { RecordOf, TableName } from '../../../storage/tables.ts'
import type { Viewer } from '../../context.ts'
import { apiError, type ApiError } from '../../errors.ts'

/** What an attribute is sorted by: a column, or columns of the row it refers to. Where that may be out of sight, it depends on who asks. */
export type SortKey<T extends TableName> = PlainKey<T> | ((viewer: Viewer) => PlainKey<T>)
type PlainKey<T extends TableName> = (keyof RecordOf<T> & string) | Omit<Order<T>, 'descending'>

/** What a resource may be sorted by: camelCase attribute -> key; null for what is never set, and settles nothing. */
export type SortTable<T extends TableName> = Readonly<Record<string, SortKey<T> | null>>

/** One attribute of a request, as written, and what it means. */
export interface SortInput<T extends TableName> {
  readonly attribute: string
  readonly order: Order<T>
}

const KEYS_MAX = 10

/**
 * Reads `sortBy`: a JSON array of `[attribute, "asc"|"desc"]` pairs or `"attribute:asc"` texts. Attributes that are not known are
 * refused, or, if only the valid subset is asked for, left out.
 */
export function parseSort<T extends TableName>(
  table: SortTable<T>,
  viewer: Viewer,
  text: unknown,
  validSubset: boolean,
): Result<SortInput<T>[], ApiError> {
  const pairs = parsePairs(text)
  if (!pairs) {
    return fail(
      apiError('InvalidQuery', 'The sortBy property is not a JSON array of ["attribute", "asc" or "desc"] pairs.'),
    )
  }
  const inputs: SortInput<T>[] = []
  for (const [attribute, direction] of pairs) {
    const key = sortKey(table, viewer, attribute)
    if (key === null) continue
    if (key !== undefined) inputs.push({ attribute, order: { ...key, descending: direction === 'desc' } })
    else if (!validSubset) return fail(unknownAttribute('sort by', attribute, table))
  }
  return ok(inputs)
}

export function unknownAttribute(verb: string, attribute: string, table: object): ApiError {
  return apiError('InvalidQuery', `Cannot ${verb} ${attribute}. Known attributes: ${Object.keys(table).join(', ')}.`)
}

function sortKey<T extends TableName>(
  table: SortTable<T>,
  viewer: Viewer,
  attribute: string,
): Omit<Order<T>, 'descending'> | null | undefined {
  const name = camelCase(attribute)
  const told = Object.hasOwn(table, name) ? table[name] : undefined
  const key = typeof told === 'function' ? told(viewer) : told
  if (key === undefined || key === null) return key
  if (typeof key === 'string') return { column: key }
  const { column, by, orLater } = key // the table may tell more of it than a query can carry
  return { column, ...(by && { by }), ...(orLater && { orLater }) }
}

export function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}

/** The id comes last, so that pages never overlap. */
export function byId<T extends TableName>(): Order<T> {
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
  if (!Array.isArray(pair) || pair.length > 2) return undefined
  const [attribute, direction = 'asc'] = pair as unknown[]
  return typeof attribute === 'string' && (direction === 'asc' || direction === 'desc')
    ? [attribute, direction]
    : undefined
}
