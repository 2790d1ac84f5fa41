import type { Condition } from '../../../storage/store.ts'
import type { RecordOf, TableName } from '../../../storage/tables.ts'
import { isDate } from '../representers/formats.ts'
import type { FilterDefinition, FilterLookups } from './filters.ts'

/** The kinds of filter (reference §8): each gives a definition for the columns it is told. */

type Column<T extends TableName> = keyof RecordOf<T> & string

const NOTHING_CAN_BE = -1

export function ids(values: readonly string[], lookups: FilterLookups): number[] | string {
  if (values.length === 0) return 'at least one is needed'
  const numbers = values.map((value) => (value === 'me' ? lookups.viewerId : Number(value)))
  return numbers.every(Number.isSafeInteger) ? numbers : 'ids are whole numbers'
}

/** `=` and `!` over ids; `me` is the asking user. */
export function idFilter<T extends TableName>(column: Column<T>): FilterDefinition<T> {
  const build = (comparison: 'in' | 'not in') => (values: readonly string[], lookups: FilterLookups) => {
    const list = ids(values, lookups)
    return typeof list === 'string' ? list : [{ column, comparison, value: list }]
  }
  return { '=': build('in'), '!': build('not in') }
}

/** An id that may be unset: also `*` (any) and `!*` (none). */
export function optionalIdFilter<T extends TableName>(column: Column<T>): FilterDefinition<T> {
  return {
    ...idFilter<T>(column),
    '*': () => [{ column, comparison: 'is not null' }],
    '!*': () => [{ column, comparison: 'is null' }],
  }
}

/** Text in any of the columns: `=` and `!` the whole text, `~` and `!~` a part of it, without case. */
export function textFilter<T extends TableName>(...columns: readonly Column<T>[]): FilterDefinition<T> {
  const part = (values: readonly string[]) => values[0] ?? ''
  const missing = 'at least one is needed'
  return {
    '=': (values) => (values.length === 0 ? missing : [{ column: columns, comparison: 'in', value: values }]),
    '!': (values) =>
      values.length === 0 ? missing : columns.map((column) => ({ column, comparison: 'not in', value: values })),
    '~': (values) =>
      values.length === 0 ? missing : [{ column: columns, comparison: 'contains', value: part(values) }],
    '!~': (values) =>
      values.length === 0
        ? missing
        : columns.map((column) => ({ column, comparison: 'not contains', value: part(values) })),
  }
}

/** Searching: `**` finds the text in any of the columns. */
export function searchFilter<T extends TableName>(...columns: readonly Column<T>[]): FilterDefinition<T> {
  const contains = (values: readonly string[]) =>
    values.length === 0
      ? 'at least one is needed'
      : [{ column: columns, comparison: 'contains' as const, value: values[0] ?? '' }]
  return { '**': contains, '~': contains }
}

/** `t` or `f`. */
export function booleanFilter<T extends TableName>(column: Column<T>): FilterDefinition<T> {
  const build = (wanted: string) => (values: readonly string[]) => {
    const [value] = values
    if (values.length !== 1 || (value !== 't' && value !== 'f')) return 'write "t" or "f"'
    return [{ column, comparison: '=' as const, value: value === wanted }]
  }
  return { '=': build('t'), '!': build('f') }
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

/** A `YYYY-MM-DD` column: `=d` on the day, `<>d` between two days, either end open when empty. */
export function dateFilter<T extends TableName>(column: Column<T>): FilterDefinition<T> {
  return {
    '=d': ([day = '']) => (isDate(day) ? [{ column, comparison: '=', value: day }] : 'dates are written YYYY-MM-DD'),
    '<>d': ([from = '', to = '']) => {
      if ((from !== '' && !isDate(from)) || (to !== '' && !isDate(to))) return 'dates are written YYYY-MM-DD'
      return bounds(column, from, to)
    },
    '!*': () => [{ column, comparison: 'is null' }],
  }
}

/** A point in time: `=d` on the UTC day, `<>d` between two times, either end open when empty. */
export function timeFilter<T extends TableName>(column: Column<T>): FilterDefinition<T> {
  const time = (text: string) => (text === '' ? undefined : Date.parse(text))
  const wrong = 'times are written in ISO 8601'
  return {
    '=d': ([day = '']) => {
      const start = Date.parse(day.slice(0, 10))
      if (Number.isNaN(start)) return wrong
      return [
        { column, comparison: '>=', value: start },
        { column, comparison: '<', value: start + 86_400_000 },
      ]
    },
    '<>d': ([from = '', to = '']) => {
      const [low, high] = [time(from), time(to)]
      return Number.isNaN(low) || Number.isNaN(high) ? wrong : bounds(column, low, high)
    },
  }
}

function bounds<T extends TableName>(
  column: Column<T>,
  from: string | number | undefined,
  to: string | number | undefined,
): Condition<T>[] {
  const conditions: Condition<T>[] = []
  if (from !== undefined && from !== '') conditions.push({ column, comparison: '>=', value: from })
  if (to !== undefined && to !== '') conditions.push({ column, comparison: '<=', value: to })
  return conditions
}

/** The status of a work package: by id, `o` (open), `c` (closed) or `*` (any). */
export function statusFilter(column: Column<'workPackages'>): FilterDefinition<'workPackages'> {
  const closed = async (lookups: FilterLookups) => [NOTHING_CAN_BE, ...(await lookups.closedStatusIds())]
  return {
    ...idFilter<'workPackages'>(column),
    o: async (_, lookups) => [{ column, comparison: 'not in', value: await closed(lookups) }],
    c: async (_, lookups) => [{ column, comparison: 'in', value: await closed(lookups) }],
    '*': () => [],
  }
}
