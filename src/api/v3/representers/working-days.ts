/** Day arithmetic of work packages: dates are `YYYY-MM-DD`, durations are days, Saturday and Sunday are not worked. */
const DAY_MS = 24 * 60 * 60 * 1000
const DAYS_PER_WEEK = 7
const WORKED_PER_WEEK = 5

const dayNumber = (date: string) => Date.parse(`${date}T00:00:00Z`) / DAY_MS
/** Undefined outside the years 0001 to 9999, which is all that `YYYY-MM-DD` can say. */
function dateOf(day: number): string | undefined {
  return day < dayNumber('0001-01-01') || day > dayNumber('9999-12-31')
    ? undefined
    : new Date(day * DAY_MS).toISOString().slice(0, 10)
}
/** 0 is Monday: 1970-01-01, day 0, was a Thursday. */
const weekday = (day: number) => (((day + 3) % DAYS_PER_WEEK) + DAYS_PER_WEEK) % DAYS_PER_WEEK
const isWorked = (day: number) => weekday(day) < WORKED_PER_WEEK

/** Days from start to due, both counted; only the worked ones unless `everyDay`. At least 1. */
export function daysBetween(start: string, due: string, everyDay: boolean): number {
  const first = dayNumber(start)
  const count = dayNumber(due) - first + 1
  if (everyDay) return Math.max(count, 1)
  const weeks = Math.floor(count / DAYS_PER_WEEK)
  let worked = weeks * WORKED_PER_WEEK
  for (let day = first + weeks * DAYS_PER_WEEK; day < first + count; day += 1) if (isWorked(day)) worked += 1
  return Math.max(worked, 1)
}

/** The date on which `days` days are over that begin at `start` (or, with `step` -1, end at it); undefined when no date says it. */
export function dateAfter(start: string, days: number, everyDay: boolean, step: 1 | -1): string | undefined {
  const worked = (day: number) => everyDay || isWorked(day)
  let day = dayNumber(start)
  while (!worked(day)) day += step
  if (everyDay) return dateOf(day + step * (days - 1))
  const weeks = Math.floor((days - 1) / WORKED_PER_WEEK)
  day += step * weeks * DAYS_PER_WEEK
  for (let left = (days - 1) % WORKED_PER_WEEK; left > 0;) {
    day += step
    if (worked(day)) left -= 1
  }
  return dateOf(day)
}
