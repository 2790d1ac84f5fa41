import type { Expectation } from '../../storage/store.ts'
import type { JournalRecord, MembershipRecord, ProjectRecord, TimeEntryRecord } from '../../storage/tables.ts'
import type { UserRecord, WorkPackageRecord } from '../../storage/tables.ts'
import type { WorkPackageView } from '../v3/representers/work-package.ts'

/** "This row is still as it was read": its version column says so. */

export function projectUnchanged({ id, revision }: ProjectRecord): Expectation {
  return { kind: 'row', table: 'projects', id, values: { revision } }
}

export function workPackageUnchanged({ id, revision }: WorkPackageRecord): Expectation {
  return { kind: 'row', table: 'workPackages', id, values: { revision } }
}

/** All that a whole representation of a work package shows of others, besides the lists of the installation. */
export function surroundingsUnchanged(view: WorkPackageView): Expectation[] {
  return [
    projectUnchanged(view.project),
    ...view.projectAncestors.map(projectUnchanged),
    ...view.ancestors.map(workPackageUnchanged),
    ...(view.parent && view.parent.project.id !== view.project.id ? [projectUnchanged(view.parent.project)] : []),
  ]
}

/** Only a comment is ever changed; a journal has no version of its own. */
export function journalUnchanged({ id, notes }: JournalRecord): Expectation {
  return { kind: 'row', table: 'journals', id, values: { notes } }
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
