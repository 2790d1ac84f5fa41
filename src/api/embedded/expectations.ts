import type { Expectation } from '../../storage/store.ts'
import type { ProjectRecord, TimeEntryRecord, WorkPackageRecord } from '../../storage/tables.ts'

/** "This row is still as it was read": its version column says so. */

export function projectUnchanged({ id, revision }: ProjectRecord): Expectation {
  return { kind: 'row', table: 'projects', id, values: { revision } }
}

export function workPackageUnchanged({ id, lockVersion }: WorkPackageRecord): Expectation {
  return { kind: 'row', table: 'workPackages', id, values: { lockVersion } }
}

export function timeEntryUnchanged({ id, revision }: TimeEntryRecord): Expectation {
  return { kind: 'row', table: 'timeEntries', id, values: { revision } }
}
