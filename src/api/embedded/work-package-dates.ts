import type { WorkPackageRecord } from '../../storage/tables.ts'
import type { ApiStore } from '../context.ts'
import type { ApiError } from '../errors.ts'
import { dateAfter, daysBetween } from '../v3/representers/working-days.ts'
import { outOfRange, violation } from './body.ts'
import type { Input } from './shape.ts'
import type { WORK_PACKAGE_SHAPE } from './work-package-shape.ts'

export type WorkPackageInput = Input<typeof WORK_PACKAGE_SHAPE>
type Dates = Pick<WorkPackageInput['fields'], 'startDate' | 'dueDate' | 'date' | 'duration'>

const NO_DATE = violation('duration', 'Duration needs a start date or a finish date.')

/** Works out start, due and duration: of the three, two make the third; a milestone has one date. Sets both columns of `record`. */
export async function resolveDates(
  store: ApiStore,
  dates: Dates,
  record: WorkPackageRecord,
  errors: ApiError[],
): Promise<void> {
  const type = await store.get('types', record.typeId)
  if (type?.isMilestone) {
    const single = dates.date ?? dates.dueDate ?? dates.startDate
    const cleared = dates.date === null || dates.dueDate === null
    record.startDate = record.dueDate = single ?? (cleared ? null : (record.dueDate ?? record.startDate))
    return
  }
  if (dates.startDate !== undefined) record.startDate = dates.startDate
  if (dates.dueDate !== undefined) record.dueDate = dates.dueDate
  if (dates.duration === null) dropUngiven(dates, record)
  else if (dates.duration !== undefined) applyDuration(dates.duration, dates, record, errors)
  const { startDate, dueDate } = record
  if (startDate !== null && dueDate !== null && startDate > dueDate) {
    errors.push(violation('dueDate', 'Finish date must be greater than or equal to the start date.'))
  }
}

/** No duration: of two dates one goes, unless the request gives both. */
function dropUngiven(given: Dates, record: WorkPackageRecord): void {
  if (record.startDate === null || record.dueDate === null) return
  if (given.dueDate === undefined) record.dueDate = null
  else if (given.startDate === undefined) record.startDate = null
}

function applyDuration(duration: number, given: Dates, record: WorkPackageRecord, errors: ApiError[]): void {
  const everyDay = record.ignoreNonWorkingDays
  if (duration < 1) errors.push(violation('duration', 'Duration must be at least one day.'))
  else if (given.startDate === null || given.dueDate === null) errors.push(unsetBeside(given))
  else if (given.startDate && given.dueDate) {
    const actual = daysBetween(given.startDate, given.dueDate, everyDay)
    if (actual !== duration) errors.push(violation('duration', 'Duration does not match the specified dates.'))
  } else if (given.dueDate || (record.startDate === null && record.dueDate !== null)) {
    const startDate = dateAfter(record.dueDate ?? '', duration, everyDay, -1)
    if (startDate === undefined) errors.push(outOfRange('duration'))
    else record.startDate = startDate
  } else if (record.startDate !== null) {
    const dueDate = dateAfter(record.startDate, duration, everyDay, 1)
    if (dueDate === undefined) errors.push(outOfRange('duration'))
    else record.dueDate = dueDate
  } else errors.push(NO_DATE)
}

/** A date that is unset by the request stays unset: beside it a duration and the other date contradict it, and a duration alone says nothing. */
function unsetBeside({ startDate, dueDate }: Dates): ApiError {
  if (dueDate) return violation('startDate', "Start date can't be null as finish date and duration are known.")
  if (startDate) return violation('dueDate', "Finish date can't be null as start date and duration are known.")
  return NO_DATE
}
