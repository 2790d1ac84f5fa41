import { fail, ok, type Result } from '../../../base/result.ts'
import type { AnyOf, Condition, SearchRefusal } from '../../../storage/store.ts'
import type { TableName } from '../../../storage/tables.ts'
import { apiError, combineErrors, type ApiError } from '../../errors.ts'
import type { ProjectRight } from '../../permissions.ts'
import { checkAsked, checkCost } from './cost.ts'

/** One filter of a request, as written. */
export interface FilterInput {
  readonly name: string
  readonly operator: string
  readonly values: readonly string[]
}

/** What a filter may need to know to become conditions. */
export interface FilterLookups {
  readonly viewerId: number
  readonly viewerIsAdmin: boolean
  /** The project whose list it is, if it is that of one. */
  readonly scope: number | undefined
  /** Milliseconds since the epoch: what `today` is counted from. */
  readonly now: number
  closedStatusIds(): Promise<readonly number[]>
  /** Of these ids, those of rows the asking user sees: about others a filter tells nothing. */
  seen(table: 'projects' | 'workPackages', ids: readonly number[]): Promise<number[]>
  /** Members of any of the projects, as far as the asking user may know them. */
  usersIn(projectIds: readonly number[]): Promise<ReadonlySet<number>>
  /** Projects of which any of the users is a member, as far as the asking user may know. */
  projectsOf(userIds: readonly number[]): Promise<ReadonlySet<number>>
  /** Projects in which the asking user may do so much; undefined: all. */
  projectsWith(right: ProjectRight): readonly number[] | undefined
  /** Projects in which anything has changed since then, whoever may see it. */
  projectsChangedSince(time: number): Promise<Result<readonly number[], SearchRefusal>>
  typeIds(): Promise<readonly number[]>
  milestoneTypeIds(): Promise<readonly number[]>
  /** Work packages the user watches, as far as the asking user may know; undefined when they are too many to tell. */
  watchedBy(userId: number): Promise<ReadonlySet<number> | undefined>
}

export type Conditions<T extends TableName> = readonly (Condition<T> | AnyOf<T>)[]

/** Turns values into conditions; a string says what is wrong with them. */
type CompileFilter<T extends TableName> = (
  values: readonly string[],
  lookups: FilterLookups,
) => Conditions<T> | string | Promise<Conditions<T> | string>

/** A filter is a table: operator -> how it compiles. */
export type FilterDefinition<T extends TableName> = Readonly<Record<string, CompileFilter<T>>>

/** All filters of a resource by camelCase name. */
export type FilterTable<T extends TableName> = Readonly<Record<string, FilterDefinition<T>>>

/** Filters more than this on one request are nobody's need. */
const FILTERS_MAX = 100
const TOO_MANY = `A query has at most ${FILTERS_MAX} filters.`
const VALUES_MAX = 1_000

/** Reads the `filters` query property: a JSON array of `{name: {operator, values}}`. */
export function parseFilters(text: unknown): Result<FilterInput[], ApiError> {
  const malformed = fail(apiError('InvalidQuery', 'The filters property is not a JSON array of filter objects.'))
  if (typeof text !== 'string') return malformed
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    return malformed
  }
  if (!Array.isArray(parsed)) return malformed
  const filters: FilterInput[] = []
  for (const item of parsed) {
    if (typeof item !== 'object' || item === null) return malformed
    for (const [name, body] of Object.entries(item as object)) {
      if (!hasPlainValues(body)) return malformed
      filters.push(filterInput(name, body))
    }
    if (filters.length > FILTERS_MAX) return fail(apiError('InvalidQuery', TOO_MANY))
  }
  return ok(filters)
}

/** Anything else has no text of its own: a list could be nested without end, an object could bring its own `toString`. */
function hasPlainValues(body: unknown): boolean {
  const { values } = (body ?? {}) as { values?: unknown }
  if (!Array.isArray(values)) return true
  return values.every((value) => ['string', 'number', 'boolean'].includes(typeof value))
}

function filterInput(name: string, body: unknown): FilterInput {
  const { operator, values } = (body ?? {}) as { operator?: unknown; values?: unknown }
  return {
    name,
    operator: typeof operator === 'string' ? operator : '',
    values: Array.isArray(values) ? values.map(String) : [],
  }
}

export interface CompiledFilters<T extends TableName> {
  readonly where: Conditions<T>
  /** The filters that became these conditions, as written, and what they are called. */
  readonly valid: readonly FilterInput[]
  readonly names: ReadonlySet<string>
}

/** Compiles filters to conditions; every one that is wrong is named, or, if only the valid subset is asked for, left out. */
export async function compileFilters<T extends TableName>(
  table: FilterTable<T>,
  inputs: readonly FilterInput[],
  lookups: FilterLookups,
  validSubset: boolean,
): Promise<Result<CompiledFilters<T>, ApiError>> {
  const where: Conditions<T>[] = []
  const valid: FilterInput[] = []
  const errors: ApiError[] = []
  const dear = checkAsked(inputs.map(({ name }) => knownName(table, name)))
  if (dear) return fail(dear)
  for (const input of inputs) {
    const compiled = await compileFilter(table, input, lookups)
    if (typeof compiled === 'string') {
      errors.push(apiError('InvalidQuery', compiled))
    } else {
      where.push(compiled)
      valid.push(input)
    }
  }
  const [first, ...rest] = errors
  if (first && !validSubset) return fail(combineErrors([first, ...rest], 'MultipleQueryErrors'))
  const tooMuch = checkCost(where)
  if (tooMuch) return fail(tooMuch)
  return ok({ where: where.flat(), valid, names: new Set(valid.map(({ name }) => knownName(table, name) ?? name)) })
}

async function compileFilter<T extends TableName>(
  table: FilterTable<T>,
  input: FilterInput,
  lookups: FilterLookups,
): Promise<Conditions<T> | string> {
  const name = knownName(table, input.name)
  const filter = name === undefined ? undefined : table[name]
  if (filter === undefined) {
    return `${input.name} filter does not exist. Known filters: ${Object.keys(table).join(', ')}.`
  }
  const compile = Object.hasOwn(filter, input.operator) ? filter[input.operator] : undefined
  if (!compile) {
    return `${input.name} filter has no operator '${input.operator}'. Known operators: ${Object.keys(filter).join(' ')}.`
  }
  if (input.values.length > VALUES_MAX) return `${input.name} filter has more than ${VALUES_MAX} values.`
  const compiled = await compile(input.values, lookups)
  return typeof compiled === 'string' ? `${input.name} filter has invalid values: ${compiled}.` : compiled
}

/** Names come in camelCase or snake_case, with or without `_id` (reference §8). */
function knownName(table: object, written: string): string | undefined {
  const camel = written.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
  const candidates = [camel, `${camel}Id`, camel.replace(/Id$/, ''), camel.replace(/On$/, 'At')]
  return candidates.find((name) => Object.hasOwn(table, name))
}
