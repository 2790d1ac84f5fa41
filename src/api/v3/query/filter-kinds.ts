import type { Condition } from '../../../storage/store.ts'
import type { RecordOf, TableName } from '../../../storage/tables.ts'
import { parseId } from '../find.ts'
import { parseDuration } from '../representers/formats.ts'
import type { Conditions, FilterDefinition, FilterLookups } from './filters.ts'

/** The kinds of filter (reference §8): each gives a definition for the columns it is told. Filters of dates: date-filters.ts. */

export type Column<T extends TableName> = keyof RecordOf<T> & string

const ONE_NEEDED = 'at least one is needed'

/** The ids, as people write them: no sign, no leading zero, no fraction. `me` is the asking user. */
export function ids(values: readonly string[], { viewerId }: Pick<FilterLookups, 'viewerId'>): number[] | string {
  if (values.length === 0) return ONE_NEEDED
  const numbers = values.map((value) => (value === 'me' ? viewerId : parseId(value)))
  return numbers.every((number) => number !== undefined) ? numbers : 'ids are whole numbers'
}

function byIds<T extends TableName>(column: Column<T>, comparison: Condition<T>['comparison']) {
  return (values: readonly string[], lookups: FilterLookups) => {
    const list = ids(values, lookups)
    return typeof list === 'string' ? list : [{ column, comparison, value: list }]
  }
}

/** `=` and `!` over ids; `me` is the asking user. */
export function idFilter<T extends TableName>(column: Column<T>): FilterDefinition<T> {
  return { '=': byIds(column, 'in'), '!': byIds(column, 'not in') }
}

/** Any (`*`) and none (`!*`), for what may be unset. */
function optional<T extends TableName>(column: Column<T>): FilterDefinition<T> {
  return {
    '*': () => [{ column, comparison: 'is not null' }],
    '!*': () => [{ column, comparison: 'is null' }],
  }
}

/** An id that may be unset: also `*` (any) and `!*` (none). */
export function optionalIdFilter<T extends TableName>(column: Column<T>): FilterDefinition<T> {
  return { ...idFilter<T>(column), ...optional<T>(column) }
}

/** `=` and `!` over ids from which, or not from which, following the column of parents leads to the row. */
export function ancestorFilter<T extends Nested>(table: T): FilterDefinition<T> {
  return { '=': byRelatives(table, 'below'), '!': byRelatives(table, 'not below') }
}

/** The row right above. */
export function parentFilter<T extends Nested>(table: T): FilterDefinition<T> {
  return { '=': byRelatives(table, 'in'), '!': byRelatives(table, 'not in'), ...optional('parentId') }
}

type Nested = 'projects' | 'workPackages'

/** Only rows the asking user sees count as relatives: else a filter would tell what is above. */
function byRelatives<T extends Nested>(table: T, comparison: Condition<T>['comparison']) {
  return async (values: readonly string[], lookups: FilterLookups): Promise<Conditions<T> | string> => {
    const list = ids(values, lookups)
    if (typeof list === 'string') return list
    return [{ column: 'parentId' as Column<T>, comparison, value: await lookups.seen(table, list) }]
  }
}

/** Text in any of the columns: `=` and `!` the whole text, `~` and `!~` a part of it, `^` its beginning, the last three without case. */
export function textFilter<T extends TableName>(...columns: readonly Column<T>[]): FilterDefinition<T> {
  return {
    '=': (values) => (values.length === 0 ? ONE_NEEDED : [{ column: columns, comparison: 'in', value: values }]),
    '!': (values) =>
      values.length === 0 ? ONE_NEEDED : columns.map((column) => ({ column, comparison: 'not in', value: values })),
    ...partFilter<T>(...columns),
    '^': (values) => part(values, (value) => [{ column: columns, comparison: 'starts with', value }]),
  }
}

/** Long text in any of the columns: `~` and `!~` a part of it, without case. */
export function partFilter<T extends TableName>(...columns: readonly Column<T>[]): FilterDefinition<T> {
  return {
    '~': (values) => part(values, (value) => [{ column: columns, comparison: 'contains', value }]),
    '!~': (values) => part(values, (value) => columns.map((column) => ({ column, comparison: 'not contains', value }))),
  }
}

/** Longer than any name: a longer one makes every comparison dearer. */
const PART_MAX = 255

export function part<C>(values: readonly string[], build: (value: string) => C[]): C[] | string {
  const [value] = values
  if (value === undefined) return ONE_NEEDED
  return value.length > PART_MAX ? `a part of a text has at most ${PART_MAX} characters` : build(value)
}

/** Searching: `**` (and `~`) finds the text in any of the columns. */
export function searchFilter<T extends TableName>(...columns: readonly Column<T>[]): FilterDefinition<T> {
  const contains = (values: readonly string[]) =>
    part(values, (value) => [{ column: columns, comparison: 'contains' as const, value }])
  return { '**': contains, '~': contains }
}

/** `t` or `f`. */
export function booleanFilter<T extends TableName>(column: Column<T>): FilterDefinition<T> {
  return truthFilter((value) => [{ column, comparison: '=', value }])
}

export function truthFilter<T extends TableName>(
  build: (truth: boolean, lookups: FilterLookups) => ReturnType<FilterDefinition<T>[string]>,
): FilterDefinition<T> {
  const read = (wanted: string) => (values: readonly string[], lookups: FilterLookups) => {
    const [value] = values
    if (values.length !== 1 || (value !== 't' && value !== 'f')) return 'write "t" or "f"'
    return build(value === wanted, lookups)
  }
  return { '=': read('t'), '!': read('f') }
}

/** One of fixed words. */
export function wordFilter<T extends TableName>(column: Column<T>, words: readonly string[]): FilterDefinition<T> {
  const check = (values: readonly string[]) =>
    values.length > 0 && values.every((value) => words.includes(value)) ? undefined : `one of ${words.join(', ')}`
  return {
    '=': (values) => check(values) ?? [{ column, comparison: 'in', value: values }],
    '!': (values) => check(values) ?? [{ column, comparison: 'not in', value: values }],
  }
}

/** A fixed word that may be unset. */
export function optionalWordFilter<T extends TableName>(
  column: Column<T>,
  words: readonly string[],
): FilterDefinition<T> {
  return { ...wordFilter<T>(column, words), ...optional<T>(column) }
}

/** How a number is written in a filter, and what to say of one that is not. */
interface NumberForm {
  readonly parse: (text: string) => number | undefined
  readonly wrong: string
}

const PERCENTAGE: NumberForm = {
  parse: (text) => (/^(\d|[1-9]\d|100)$/.test(text) ? Number(text) : undefined),
  wrong: 'whole numbers from 0 to 100',
}

/** Hours, as existing clients write them, or an ISO 8601 duration, as bodies have it; in minutes. */
const DURATION: NumberForm = {
  parse: (text) => (/^(0|[1-9]\d{0,6})(\.\d{1,4})?$/.test(text) ? Math.round(Number(text) * 60) : parseDuration(text)),
  wrong: 'hours (1.5) or ISO 8601 durations (PT1H30M)',
}

export function percentageFilter<T extends TableName>(column: Column<T>): FilterDefinition<T> {
  return numberFilter(column, PERCENTAGE)
}

export function durationFilter<T extends TableName>(column: Column<T>): FilterDefinition<T> {
  return numberFilter(column, DURATION)
}

/** A number that may be unset: `= ! >= <= * !*`. */
function numberFilter<T extends TableName>(column: Column<T>, { parse, wrong }: NumberForm): FilterDefinition<T> {
  const list = (comparison: 'in' | 'not in') => (values: readonly string[]) => {
    const numbers = values.map(parse)
    if (numbers.length === 0) return ONE_NEEDED
    return numbers.every((number) => number !== undefined) ? [{ column, comparison, value: numbers }] : wrong
  }
  const bound = (comparison: '>=' | '<=') => (values: readonly string[]) => {
    const value = values.length === 1 ? parse(values[0] ?? '') : undefined
    return value === undefined ? `one value: ${wrong}` : [{ column, comparison, value }]
  }
  return { '=': list('in'), '!': list('not in'), '>=': bound('>='), '<=': bound('<='), ...optional<T>(column) }
}

/** Time is logged on work packages only. */
export function entityTypeFilter<T extends TableName>(): FilterDefinition<T> {
  const check = (values: readonly string[]) =>
    values.length > 0 && values.every((value) => value === 'WorkPackage') ? undefined : 'write "WorkPackage"'
  return {
    '=': (values) => check(values) ?? [],
    '!': (values) => check(values) ?? nothing(),
  }
}

/** No row: what a filter becomes when nothing can match. */
export function nothing<T extends TableName>(): Conditions<T> {
  return [{ column: 'id' as Column<T>, comparison: 'in', value: [] }]
}

/** An id that is never set, such as the category of a work package: clients ask for it all the same. */
export function unsetFilter<T extends TableName>(): FilterDefinition<T> {
  const check = (found: Conditions<T>) => (values: readonly string[], lookups: FilterLookups) => {
    const list = ids(values, lookups)
    return typeof list === 'string' ? list : found
  }
  return { '=': check(nothing()), '!': check([]), '*': () => nothing(), '!*': () => [] }
}
