import type { RecordReader } from '../../storage/store.ts'
import type { ProjectRecord, RecordOf, TableName, TimeEntryRecord, WorkPackageRecord } from '../../storage/tables.ts'
import type { ProjectView } from './representers/project.ts'
import type { TimeEntryView } from './representers/time-entry.ts'
import type { WorkPackageView } from './representers/work-package.ts'

/**
 * Loads what representations show of other rows. A row whose project, work package or user is gone was deleted between two
 * reads: it is left out, as if the second read had come first.
 */

/** A chain longer than this is cut: validation refuses to build one, and a loop must not hang a read. */
const ANCESTORS_MAX = 100
const CHILDREN_MAX = 1000

type WithParent = 'projects' | 'workPackages'

/** The rows above `record`, from the root down to its parent. */
export async function loadAncestors<T extends WithParent>(
  store: RecordReader,
  table: T,
  record: RecordOf<T>,
): Promise<RecordOf<T>[]> {
  const ancestors: RecordOf<T>[] = []
  let parentId = record.parentId
  while (parentId !== null && ancestors.length < ANCESTORS_MAX) {
    const parent: RecordOf<T> | undefined = await store.get(table, parentId)
    if (!parent) break
    ancestors.unshift(parent)
    parentId = parent.parentId
  }
  return ancestors
}

export async function loadProject(store: RecordReader, record: ProjectRecord): Promise<ProjectView> {
  return { record, ancestors: record.parentId === null ? [] : await loadAncestors(store, 'projects', record) }
}

export async function loadProjects(store: RecordReader, records: readonly ProjectRecord[]): Promise<ProjectView[]> {
  return Promise.all(records.map((record) => loadProject(store, record)))
}

/** Reads each row once, however many others refer to it; one for each request. */
export interface RowMemo {
  get<T extends TableName>(table: T, id: number | null): Promise<RecordOf<T> | undefined>
}

export function rowMemo(store: RecordReader): RowMemo {
  const seen = new Map<string, Promise<unknown>>()
  return {
    get<T extends TableName>(table: T, id: number | null) {
      if (id === null) return Promise.resolve(undefined)
      const key = `${table}/${id}`
      let row = seen.get(key)
      if (!row) seen.set(key, (row = store.get(table, id)))
      return row as Promise<RecordOf<T> | undefined>
    },
  }
}

export async function loadWorkPackage(
  store: RecordReader,
  record: WorkPackageRecord,
  rows: RowMemo = rowMemo(store),
  { isNew = false } = {},
): Promise<WorkPackageView | undefined> {
  const [project, type, status, priority, author, assignee, responsible, ancestors, children, spentMinutes] =
    await Promise.all([
      rows.get('projects', record.projectId),
      rows.get('types', record.typeId),
      rows.get('statuses', record.statusId),
      rows.get('priorities', record.priorityId),
      rows.get('users', record.authorId),
      rows.get('users', record.assigneeId),
      rows.get('users', record.responsibleId),
      record.parentId === null ? [] : loadAncestors(store, 'workPackages', record),
      // Nothing can refer to a work package that is about to be inserted.
      isNew ? [] : loadChildren(store, record.id),
      isNew ? 0 : store.sum('timeEntries', 'minutes', [{ column: 'workPackageId', comparison: '=', value: record.id }]),
    ])
  if (!project || !type || !status || !priority || !author) return undefined
  const projectAncestors = project.parentId === null ? [] : await loadAncestors(store, 'projects', project)
  const own = { record, project, projectAncestors, type, status, priority, author }
  return { ...own, assignee, responsible, ancestors, children, spentMinutes, parent: undefined }
}

/** Also loads what only embedded twins show. */
export async function loadWholeWorkPackage(
  store: RecordReader,
  record: WorkPackageRecord,
  rows: RowMemo = rowMemo(store),
  options: { isNew?: boolean } = {},
): Promise<WorkPackageView | undefined> {
  const view = await loadWorkPackage(store, record, rows, options)
  const parent = view?.ancestors.at(-1)
  return view && parent ? { ...view, parent: await loadWorkPackage(store, parent, rows) } : view
}

async function loadChildren(store: RecordReader, parentId: number): Promise<WorkPackageRecord[]> {
  const query = {
    where: [{ column: 'parentId', comparison: '=', value: parentId }],
    orderBy: [{ column: 'id', descending: false }],
    limit: CHILDREN_MAX,
    offset: 0,
  } as const
  return (await store.list('workPackages', query)).rows
}

export async function loadWorkPackages(
  store: RecordReader,
  records: readonly WorkPackageRecord[],
): Promise<WorkPackageView[]> {
  const rows = rowMemo(store)
  return present(await Promise.all(records.map((record) => loadWorkPackage(store, record, rows))))
}

export async function loadTimeEntry(
  store: RecordReader,
  record: TimeEntryRecord,
  rows: RowMemo = rowMemo(store),
): Promise<TimeEntryView | undefined> {
  const [workPackageRecord, user, activity] = await Promise.all([
    rows.get('workPackages', record.workPackageId),
    rows.get('users', record.userId),
    rows.get('activities', record.activityId),
  ])
  const workPackage = workPackageRecord && (await loadWorkPackage(store, workPackageRecord, rows))
  return workPackage && user ? { record, workPackage, user, activity } : undefined
}

export function present<T>(items: readonly (T | undefined)[]): T[] {
  return items.filter((item) => item !== undefined)
}

export async function loadTimeEntries(
  store: RecordReader,
  records: readonly TimeEntryRecord[],
): Promise<TimeEntryView[]> {
  const rows = rowMemo(store)
  return present(await Promise.all(records.map((record) => loadTimeEntry(store, record, rows))))
}
