import type { Mutation } from '../../storage/store.ts'
import type { TimeEntryRecord } from '../../storage/tables.ts'

type Spent = Extract<Mutation, { op: 'increment'; table: 'workPackages' }>
type Logged = Pick<TimeEntryRecord, 'workPackageId' | 'minutes'>

/** What a change of a time entry does to the time spent on work packages; either side is undefined when it is new or deleted. */
export function spentChanges(after: Logged | undefined, before: Logged | undefined): Spent[] {
  const changes = new Map<number, number>()
  const add = (entry: Logged | undefined, sign: 1 | -1) => {
    if (entry) changes.set(entry.workPackageId, (changes.get(entry.workPackageId) ?? 0) + sign * (entry.minutes ?? 0))
  }
  add(after, 1)
  add(before, -1)
  return [...changes]
    .filter(([, by]) => by !== 0)
    .map(([id, by]) => ({ op: 'increment', table: 'workPackages', id, column: 'spentMinutes', by }))
}
