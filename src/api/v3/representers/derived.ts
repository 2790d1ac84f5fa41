import type { StatusRecord, WorkPackageRecord } from '../../../storage/tables.ts'
import type { Viewer } from '../../context.ts'
import { sees } from '../../permissions.ts'

/**
 * What a work package says of all that is below it, added up when it is shown: only what the viewer sees counts, so that sums tell
 * nothing of what is hidden. A work package below a hidden one counts.
 */

export const DESCENDANT_COLUMNS = [
  ...(['id', 'parentId', 'projectId', 'statusId'] as const),
  ...(['startDate', 'dueDate', 'estimatedMinutes', 'remainingMinutes'] as const),
] as const

/** What of a work package counts for those above it. */
export type Descendant = Pick<WorkPackageRecord, (typeof DESCENDANT_COLUMNS)[number]>

/** A work package with what is below it. */
export interface Family {
  readonly record: Descendant
  readonly status: StatusRecord
  /** On all levels; undefined when they are too many to add up. */
  readonly descendants: readonly Descendant[] | undefined
  /** Each once. */
  readonly descendantStatuses: readonly StatusRecord[]
}

export interface Derived {
  readonly startDate: string | null
  readonly dueDate: string | null
  readonly estimatedMinutes: number | null
  readonly remainingMinutes: number | null
  /** From 0 to 100. */
  readonly percentageDone: number | null
}

const NOTHING: Derived = {
  ...{ startDate: null, dueDate: null },
  ...{ estimatedMinutes: null, remainingMinutes: null, percentageDone: null },
}

/** Dates are those of the descendants alone; work is summed with the work package's own. */
export function derive(family: Family, viewer: Viewer): Derived {
  const below = (family.descendants ?? []).filter(({ projectId }) => sees(viewer, projectId))
  if (below.length === 0) return NOTHING
  const excluded = excludedStatuses(family)
  const counted = [family.record, ...below].filter(({ statusId }) => !excluded.has(statusId))
  const estimatedMinutes = total(counted.map((row) => row.estimatedMinutes))
  const remainingMinutes = total(counted.map((row) => row.remainingMinutes))
  const percentageDone = percentage(estimatedMinutes, remainingMinutes)
  return { ...datesOf(below), estimatedMinutes, remainingMinutes, percentageDone }
}

function excludedStatuses({ status, descendantStatuses }: Family): ReadonlySet<number> {
  return new Set([status, ...descendantStatuses].filter((row) => row.excludedFromTotals).map(({ id }) => id))
}

/** The first and the last of all dates, whichever end of the work they are. */
function datesOf(rows: readonly Descendant[]): Pick<Derived, 'startDate' | 'dueDate'> {
  let startDate: string | null = null
  let dueDate: string | null = null
  for (const date of rows.flatMap((row) => [row.startDate, row.dueDate])) {
    if (date === null) continue
    if (startDate === null || date < startDate) startDate = date
    if (dueDate === null || date > dueDate) dueDate = date
  }
  return { startDate, dueDate }
}

function total(minutes: readonly (number | null)[]): number | null {
  const known = minutes.filter((value) => value !== null)
  return known.length === 0 ? null : known.reduce((sum, value) => sum + value, 0)
}

function percentage(estimated: number | null, remaining: number | null): number | null {
  if (estimated === null || remaining === null || estimated <= 0) return null
  return Math.min(100, Math.max(0, Math.round((100 * (estimated - remaining)) / estimated)))
}
