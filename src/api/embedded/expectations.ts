import type { Expectation } from '../../storage/store.ts'
import type {
  MembershipRecord,
  ProjectRecord,
  TimeEntryRecord,
  UserRecord,
  WorkPackageRecord,
} from '../../storage/tables.ts'

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

/** Users and memberships change seldom and have no version: every column counts. */
export function userUnchanged(row: UserRecord): Expectation {
  return { kind: 'row', table: 'users', id: row.id, values: row }
}

export function membershipUnchanged(row: MembershipRecord): Expectation {
  return { kind: 'row', table: 'memberships', id: row.id, values: row }
}
