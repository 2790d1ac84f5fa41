import type { Condition, RecordReader } from '../../storage/store.ts'
import type { JournalRecord, WorkPackageRecord } from '../../storage/tables.ts'
import type { Viewer } from '../context.ts'
import { sees } from '../permissions.ts'
import { mayUseInternal } from './journal-access.ts'
import { fetchRows, type Fetched } from './related.ts'
import { namedIds, renderDetails, type Changes, type NamedTable } from './representers/journal-details.ts'
import type { JournalView } from './representers/journal.ts'
import { userName } from './representers/user.ts'

/**
 * The protocol does not cut the activities of a work package into pages, so what is shown of them is bounded here: the latest
 * thousand, or fewer once their comments come to four million characters.
 */
const SHOWN_MAX = 1_000
const CHARS_MAX = 4_000_000
const PIECE = 100

const HIDDEN = '(undisclosed)'

/** The latest journals the viewer may see, oldest first; `total` counts the older ones too. */
export async function latestJournals(
  store: RecordReader,
  viewer: Viewer,
  { id: workPackageId, projectId }: WorkPackageRecord,
): Promise<{ rows: JournalRecord[]; total: number }> {
  const all: Condition<'journals'>[] = [{ column: 'workPackageId', comparison: '=', value: workPackageId }]
  if (!mayUseInternal(viewer, { projectId })) all.push({ column: 'internal', comparison: '=', value: false })
  const read = (where: readonly Condition<'journals'>[]) =>
    store.list('journals', { where, orderBy: [{ column: 'id', descending: true }], limit: PIECE, offset: 0 })
  const first = await read(all)
  const rows = [...first.rows]
  for (let { length } = first.rows; length === PIECE && !isEnough(rows);) {
    const older = await read([...all, { column: 'id', comparison: '<', value: rows.at(-1)?.id ?? 0 }])
    rows.push(...older.rows)
    length = older.rows.length
  }
  return { rows: rows.reverse(), total: first.total }
}

function isEnough(rows: readonly JournalRecord[]): boolean {
  return rows.length >= SHOWN_MAX || rows.reduce((sum, row) => sum + row.notes.length, 0) >= CHARS_MAX
}

/** Journals of one work package, with the names their changes refer to, as they are now. */
export async function loadJournals(
  store: RecordReader,
  viewer: Viewer,
  workPackage: WorkPackageRecord,
  records: readonly JournalRecord[],
): Promise<JournalView[]> {
  const fetched = fetchRows(store)
  const read = records.map((record) => ({ record, changes: JSON.parse(record.changes) as Changes }))
  const named = read.flatMap(({ changes }) => namedIds(changes))
  await fetched.need('users', new Set(records.map((record) => record.userId)))
  for (const table of new Set(named.map(([table]) => table)))
    await fetched.need(table, new Set(named.filter(([of]) => of === table).map(([, id]) => id)))
  return read.map(({ record, changes }) => ({
    record,
    workPackage,
    user: fetched.get('users', record.userId),
    details: renderDetails(changes, (table, id) => nameOf(fetched, viewer, table, id)),
  }))
}

export async function loadJournal(
  store: RecordReader,
  viewer: Viewer,
  workPackage: WorkPackageRecord,
  record: JournalRecord,
): Promise<JournalView> {
  const [view = { record, workPackage, user: undefined, details: [] }] = await loadJournals(
    store,
    viewer,
    workPackage,
    [record],
  )
  return view
}

/**
 * What the viewer does not see has no name and no number; nor has a work package that is gone, for nobody can tell any more who saw
 * it: only administrators are shown its number.
 */
function nameOf(fetched: Fetched, viewer: Viewer, table: NamedTable, id: number): string {
  if (table === 'users') {
    const user = fetched.get('users', id)
    return user ? userName(user) : `#${id}`
  }
  if (table === 'workPackages') {
    const work = fetched.get('workPackages', id)
    if (work ? !sees(viewer, work.projectId) : !viewer.admin) return HIDDEN
    return work ? `#${id}: ${work.subject}` : `#${id}`
  }
  if (table === 'projects' && !sees(viewer, id)) return HIDDEN
  return fetched.get(table, id)?.name ?? `#${id}`
}
