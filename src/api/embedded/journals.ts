import type { Mutation } from '../../storage/store.ts'
import type { JournalRecord, WorkPackageRecord } from '../../storage/tables.ts'
import type { ApiContext, Viewer } from '../context.ts'
import { JOURNALED, type Changes, type JournaledColumn, type JournalValue } from '../v3/representers/journal-details.ts'

/** What a new work package is before anything is said of it. */
const BLANK: Pick<WorkPackageRecord, 'subject' | 'description' | 'scheduleManually' | 'ignoreNonWorkingDays'> = {
  subject: '',
  description: '',
  scheduleManually: true,
  ignoreNonWorkingDays: false,
}

/** The columns a write changes; of a new work package all that say something. */
export function changesOf(before: WorkPackageRecord | undefined, after: WorkPackageRecord): Changes {
  const from: Partial<WorkPackageRecord> = before ?? BLANK
  const changed = JOURNALED.filter((column) => (from[column] ?? null) !== after[column])
  return Object.fromEntries(changed.map((column) => [column, [kept(from, column), kept(after, column)]]))
}

/** A description may be a megabyte, and there is no page that would show two of them side by side: that it changed is enough. */
function kept(record: Partial<WorkPackageRecord>, column: JournaledColumn): JournalValue {
  return column === 'description' ? record.description !== '' : (record[column] ?? null)
}

export interface Note {
  readonly notes?: string
  readonly internal?: boolean
  readonly changes?: Changes
}

/** `record` is the work package as this write leaves it. */
export function newJournal(
  { store, clock }: ApiContext,
  viewer: Viewer,
  record: WorkPackageRecord,
  { notes = '', internal = false, changes = {} }: Note,
): JournalRecord {
  const now = clock.now()
  return {
    // Given here, after the work package was read: so ids rise with the versions.
    id: store.allocateId('journals'),
    workPackageId: record.id,
    userId: viewer.id,
    version: record.revision,
    notes,
    internal,
    changes: JSON.stringify(changes),
    createdAt: now,
    updatedAt: now,
  }
}

export function insertJournal(context: ApiContext, viewer: Viewer, record: WorkPackageRecord, note: Note): Mutation {
  return { op: 'insert', table: 'journals', row: newJournal(context, viewer, record, note) }
}
