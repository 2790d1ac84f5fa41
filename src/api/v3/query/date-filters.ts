import type { AnyOf, Condition } from '../../../storage/store.ts'
import type { TableName } from '../../../storage/tables.ts'
import { isDate } from '../representers/formats.ts'
import type { Column } from './filter-kinds.ts'
import type { FilterDefinition, FilterLookups } from './filters.ts'

/**
 * Filters of dates and of points in time (reference §8). A day is a day of UTC, counted from 1970-01-01; weeks start on Monday. All
 * ranges include both ends.
 */

const DAY_MS = 86_400_000
/** A hundred years: past it nobody plans. */
const DAYS_MAX = 36_500
const WRONG_DATE = 'dates are written YYYY-MM-DD'
const WRONG_TIME = 'times are written in ISO 8601'
const WRONG_DAYS = `one whole number of days, at most ${DAYS_MAX}`

/** Days; open where undefined. */
type Range = readonly [from: number | undefined, to: number | undefined]

/** The day's distance from Monday: day 0 was a Thursday. */
const sinceMonday = (day: number) => (((day + 3) % 7) + 7) % 7

/** Operators that look back from today, with a number of days but for `t` (today) and `w` (this week). */
const LOOKING_BACK: Readonly<Record<string, (today: number, days: number) => Range>> = {
  '>t-': (today, days) => [today - days, today],
  '<t-': (today, days) => [undefined, today - days],
  't-': (today, days) => [today - days, today - days],
  t: (today) => [today, today],
  w: (today) => [today - sinceMonday(today), today - sinceMonday(today) + 6],
}
const LOOKING_AHEAD: typeof LOOKING_BACK = {
  '<t+': (today, days) => [today, today + days],
  '>t+': (today, days) => [today + days, undefined],
  't+': (today, days) => [today + days, today + days],
}

/** What a range of days, or of times, becomes. */
type Within<T extends TableName, R> = (range: R, lookups: FilterLookups) => ReturnType<FilterDefinition<T>[string]>

function relativeOperators<T extends TableName>(
  ranges: typeof LOOKING_BACK,
  within: Within<T, Range>,
): FilterDefinition<T> {
  const entries = Object.entries(ranges).map(([operator, range]) => {
    const needsDays = operator !== 't' && operator !== 'w'
    const compile: FilterDefinition<T>[string] = (values, lookups) => {
      const days = needsDays ? parseDays(values) : 0
      return days === undefined ? WRONG_DAYS : within(range(Math.floor(lookups.now / DAY_MS), days), lookups)
    }
    return [operator, compile] as const
  })
  return Object.fromEntries(entries)
}

function parseDays(values: readonly string[]): number | undefined {
  const [text = ''] = values
  return values.length === 1 && /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= DAYS_MAX ? Number(text) : undefined
}

/** A `YYYY-MM-DD` column: `=d` on the day, `<>d` between two days, either end open when empty, and relative to today. */
export function dateFilter<T extends TableName>(column: Column<T>): FilterDefinition<T> {
  const within = ([from, to]: Range) => bounds<T>(column, dateOf(from), dateOf(to))
  return {
    ...relativeOperators({ ...LOOKING_AHEAD, ...LOOKING_BACK }, within),
    '=d': (values) => {
      const [day = ''] = values
      return values.length === 1 && isDate(day) ? [{ column, comparison: '=', value: day }] : WRONG_DATE
    },
    '<>d': (values) => {
      const ends = dateEnds(values)
      return ends ? bounds<T>(column, ends[0], ends[1]) : WRONG_DATE
    },
  }
}

/** A date that may be unset: also `!*` (none). */
export function optionalDateFilter<T extends TableName>(column: Column<T>): FilterDefinition<T> {
  return { ...dateFilter<T>(column), '!*': () => [{ column, comparison: 'is null' }] }
}

function dateOf(day: number | undefined): string | undefined {
  return day === undefined ? undefined : new Date(day * DAY_MS).toISOString().slice(0, 10)
}

/** Two dates of which one may be empty. */
function dateEnds(values: readonly string[]): [from: string | undefined, to: string | undefined] | undefined {
  const [from = '', to = ''] = values
  const right = values.length <= 2 && from + to !== '' && [from, to].every((end) => end === '' || isDate(end))
  return right ? [from || undefined, to || undefined] : undefined
}

/** Milliseconds since the epoch, `before` excluded; open where undefined. */
export interface TimeRange {
  readonly from: number | undefined
  readonly before: number | undefined
}

/**
 * A point in time in the past: `=d` on the day that begins then (a date, or the moment at which a day begins for the client), `<>d`
 * between two times, either end open when empty, and relative to today.
 */
export function timeFilter<T extends TableName>(column: Column<T>): FilterDefinition<T> {
  return timeRangeFilter<T>((range) => between<T>(column, range))
}

/** The same of anything that has happened at some time. */
export function timeRangeFilter<T extends TableName>(within: Within<T, TimeRange>): FilterDefinition<T> {
  const withinDays: Within<T, Range> = ([from, to], lookups) =>
    within({ from: startOf(from), before: startOf(to === undefined ? to : to + 1) }, lookups)
  return {
    ...relativeOperators<T>(LOOKING_BACK, withinDays),
    '=d': (values, lookups) => {
      const start = values.length === 1 ? parseTime(values[0] ?? '') : undefined
      return start === undefined ? WRONG_TIME : within({ from: start, before: start + DAY_MS }, lookups)
    },
    '<>d': (values, lookups) => {
      const [from = '', to = ''] = values
      const [low, high] = [parseTime(from), parseTime(to)]
      if (values.length > 2 || from + to === '') return WRONG_TIME
      if ((from !== '' && low === undefined) || (to !== '' && high === undefined)) return WRONG_TIME
      // A plain date as the end is that whole day; the time itself counts in, so that a client finds what it was shown.
      const before = high === undefined ? high : high + (isDate(to) ? DAY_MS : 1)
      return within({ from: low, before }, lookups)
    },
  }
}

function startOf(day: number | undefined): number | undefined {
  return day === undefined ? undefined : day * DAY_MS
}

const TIME = /^(\d{4}-\d{2}-\d{2})(T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?(Z|[+-]([01]\d|2[0-3]):[0-5]\d))?$/

/** Milliseconds since the epoch of an ISO 8601 date (its beginning in UTC) or date and time with its offset. */
export function parseTime(text: string): number | undefined {
  const day = TIME.exec(text)?.[1]
  return day !== undefined && isDate(day) ? Date.parse(text) : undefined
}

function bounds<T extends TableName>(
  column: Column<T>,
  from: string | undefined,
  to: string | undefined,
): Condition<T>[] {
  return [
    ...(from === undefined ? [] : [{ column, comparison: '>=', value: from } as const]),
    ...(to === undefined ? [] : [{ column, comparison: '<=', value: to } as const]),
  ]
}

function between<T extends TableName>(column: Column<T>, { from, before }: TimeRange): Condition<T>[] {
  return [
    ...(from === undefined ? [] : [{ column, comparison: '>=', value: from } as const]),
    ...(before === undefined ? [] : [{ column, comparison: '<', value: before } as const]),
  ]
}

/**
 * `<>d`: what goes on between two days: it starts before the end and is due after the beginning. With one date only, that day is all
 * of it; without any it never goes on.
 */
export function datesIntervalFilter(): FilterDefinition<'workPackages'> {
  return {
    '<>d': (values) => {
      const ends = dateEnds(values)
      return ends ? goesOn(ends[0], ends[1]) : WRONG_DATE
    },
  }
}

type Test = AnyOf<'workPackages'>

function goesOn(from: string | undefined, to: string | undefined): Test[] {
  const has = (column: 'startDate' | 'dueDate', missing = false): Condition<'workPackages'> => ({
    column,
    comparison: missing ? 'is null' : 'is not null',
  })
  const after = (column: 'startDate' | 'dueDate', value: string) => ({ column, comparison: '>=', value }) as const
  const before = (column: 'startDate' | 'dueDate', value: string) => ({ column, comparison: '<=', value }) as const
  return [
    { anyOf: [has('startDate'), has('dueDate')] },
    ...(from === undefined
      ? []
      : [
          { anyOf: [after('dueDate', from), has('dueDate', true)] },
          { anyOf: [has('dueDate'), after('startDate', from)] },
        ]),
    ...(to === undefined
      ? []
      : [
          { anyOf: [before('startDate', to), has('startDate', true)] },
          { anyOf: [has('startDate'), before('dueDate', to)] },
        ]),
  ]
}
