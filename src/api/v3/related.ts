import type { RecordReader } from '../../storage/store.ts'
import type { MembershipRecord, ProjectRecord, RecordOf, TableName } from '../../storage/tables.ts'
import type { TimeEntryRecord, WorkPackageRecord } from '../../storage/tables.ts'
import { loadBelow, NOTHING_BELOW, withWritten, type Below } from './descendants.ts'
import type { MembershipView } from './representers/membership.ts'
import type { ProjectView } from './representers/project.ts'
import type { TimeEntryView } from './representers/time-entry.ts'
import type { WorkPackageView } from './representers/work-package.ts'

/**
 * Loads what representations show of other rows: first everything a page refers to, each row once, then the views are put
 * together without waiting. A row whose project, work package or user is gone was deleted between two reads: it is left out,
 * as if the second read had come first.
 */

/** A chain longer than this is cut: validation refuses to build one, and a loop must not hang a read. */
const ANCESTORS_MAX = 100

type WithParent = 'projects' | 'workPackages'

/** Rows fetched so far. */
export interface Fetched {
  need<T extends TableName>(table: T, ids: Iterable<number | null>): Promise<void>
  get<T extends TableName>(table: T, id: number | null): RecordOf<T> | undefined
}

export function fetchRows(store: RecordReader): Fetched {
  const tables = new Map<TableName, Map<number, object | undefined>>()
  return {
    async need(table, ids) {
      const rows = tables.get(table) ?? new Map<number, object | undefined>()
      tables.set(table, rows)
      const reads: Promise<void>[] = []
      for (const id of ids) {
        if (id === null || rows.has(id)) continue
        rows.set(id, undefined)
        reads.push(store.get(table, id).then((row) => void rows.set(id, row)))
      }
      await Promise.all(reads)
    },
    get<T extends TableName>(table: T, id: number | null) {
      return id === null ? undefined : (tables.get(table)?.get(id) as RecordOf<T> | undefined)
    },
  }
}

/** Fetches the chains above the given rows, level by level. */
async function needAncestors<T extends WithParent>(
  fetched: Fetched,
  table: T,
  rows: readonly { readonly parentId: number | null }[],
): Promise<void> {
  let parentIds = rows.map((row) => row.parentId)
  for (let level = 0; level < ANCESTORS_MAX && parentIds.some((id) => id !== null); level += 1) {
    await fetched.need(table, parentIds)
    parentIds = [...new Set(parentIds)].map((id) => fetched.get(table, id)?.parentId ?? null)
  }
}

/** The rows above `row`, from the root down to its parent. */
function ancestorsOf<T extends WithParent>(
  fetched: Fetched,
  table: T,
  row: { readonly parentId: number | null },
): RecordOf<T>[] {
  const ancestors: RecordOf<T>[] = []
  let parent = fetched.get(table, row.parentId)
  while (parent && ancestors.length < ANCESTORS_MAX) {
    ancestors.unshift(parent)
    parent = fetched.get(table, parent.parentId)
  }
  return ancestors
}

export async function loadProjects(store: RecordReader, records: readonly ProjectRecord[]): Promise<ProjectView[]> {
  const fetched = fetchRows(store)
  await needAncestors(fetched, 'projects', records)
  return records.map((record) => ({ record, ancestors: ancestorsOf(fetched, 'projects', record) }))
}

export async function loadProject(store: RecordReader, record: ProjectRecord): Promise<ProjectView> {
  const [view = { record, ancestors: [] }] = await loadProjects(store, [record])
  return view
}

export async function loadMemberships(
  store: RecordReader,
  records: readonly MembershipRecord[],
): Promise<MembershipView[]> {
  const fetched = fetchRows(store)
  await Promise.all([
    fetched.need(
      'projects',
      records.map((record) => record.projectId),
    ),
    fetched.need(
      'users',
      records.map((record) => record.userId),
    ),
  ])
  const projects = present(records.map((record) => fetched.get('projects', record.projectId)))
  await needAncestors(fetched, 'projects', projects)
  return present(
    records.map((record) => {
      const project = fetched.get('projects', record.projectId)
      const user = fetched.get('users', record.userId)
      return project && user && { record, project, projectAncestors: ancestorsOf(fetched, 'projects', project), user }
    }),
  )
}

interface WorkPackageOptions {
  /** About to be, with the columns given: to one that is inserted nothing can refer yet. */
  readonly written?: 'inserted' | 'updated'
}

export async function loadWorkPackages(
  store: RecordReader,
  records: readonly WorkPackageRecord[],
  options: WorkPackageOptions = {},
): Promise<WorkPackageView[]> {
  const fetched = fetchRows(store)
  const [below] = await Promise.all([
    options.written === 'inserted' ? new Map<number, Below>() : needBelow(store, fetched, records),
    needWorkPackageRows(fetched, records),
  ])
  const views = records.map((record) => assemble(fetched, record, below.get(record.id) ?? NOTHING_BELOW))
  return present(views)
}

/** With the statuses of all that is below. */
async function needBelow(
  store: RecordReader,
  fetched: Fetched,
  records: readonly WorkPackageRecord[],
): Promise<ReadonlyMap<number, Below>> {
  const ids = records.map((record) => record.id)
  const below = await loadBelow(store, ids)
  const families = [...below.values()]
  await fetched.need(
    'statuses',
    families.flatMap(({ descendants }) => statusIdsOf(descendants)),
  )
  return below
}

function statusIdsOf(descendants: Below['descendants']): number[] {
  return [...new Set(descendants?.map((row) => row.statusId))]
}

async function needWorkPackageRows(fetched: Fetched, records: readonly WorkPackageRecord[]): Promise<void> {
  const ids = (column: 'projectId' | 'typeId' | 'statusId' | 'priorityId') => records.map((record) => record[column])
  const people = records.flatMap((record) => [record.authorId, record.assigneeId, record.responsibleId])
  await Promise.all([
    fetched.need('projects', ids('projectId')),
    fetched.need('types', ids('typeId')),
    fetched.need('statuses', ids('statusId')),
    fetched.need('priorities', ids('priorityId')),
    fetched.need('users', people),
    needAncestors(fetched, 'workPackages', records),
  ])
  await needAncestors(fetched, 'projects', present(records.map((record) => fetched.get('projects', record.projectId))))
}

function assemble(
  fetched: Fetched,
  record: WorkPackageRecord,
  { children, descendants }: Below,
): WorkPackageView | undefined {
  const project = fetched.get('projects', record.projectId)
  const type = fetched.get('types', record.typeId)
  const status = fetched.get('statuses', record.statusId)
  const priority = fetched.get('priorities', record.priorityId)
  const author = fetched.get('users', record.authorId)
  if (!project || !type || !status || !priority || !author) return undefined
  return {
    record,
    project,
    projectAncestors: ancestorsOf(fetched, 'projects', project),
    type,
    status,
    priority,
    author,
    assignee: fetched.get('users', record.assigneeId),
    responsible: fetched.get('users', record.responsibleId),
    ancestors: ancestorsOf(fetched, 'workPackages', record),
    children,
    descendants,
    descendantStatuses: present(statusIdsOf(descendants).map((id) => fetched.get('statuses', id))),
    parent: undefined,
  }
}

/** One work package, with what only embedded twins show. */
export async function loadWorkPackage(
  store: RecordReader,
  record: WorkPackageRecord,
  options: WorkPackageOptions = {},
): Promise<WorkPackageView | undefined> {
  const [view] = await loadWorkPackages(store, [record], options)
  const parent = view?.ancestors.at(-1)
  if (!view || !parent) return view
  const [parentView] = await loadWorkPackages(store, [parent])
  return { ...view, parent: parentView && options.written ? onceWritten(parentView, view) : parentView }
}

/** The parent of what is about to be written, as it will be then. */
function onceWritten(parent: WorkPackageView, view: WorkPackageView): WorkPackageView {
  const statuses = [...parent.descendantStatuses, ...view.descendantStatuses, view.status]
  return { ...parent, ...withWritten(parent, view.record, view), descendantStatuses: [...new Set(statuses)] }
}

export async function loadTimeEntries(
  store: RecordReader,
  records: readonly TimeEntryRecord[],
): Promise<TimeEntryView[]> {
  const fetched = fetchRows(store)
  const workPackageIds = [...new Set(records.map((record) => record.workPackageId))]
  const [userIds, activityIds] = [records.map((record) => record.userId), records.map((record) => record.activityId)]
  await Promise.all([
    fetched.need('workPackages', workPackageIds),
    fetched.need('users', userIds),
    fetched.need('activities', activityIds),
  ])
  const rows = present(workPackageIds.map((id) => fetched.get('workPackages', id)))
  const views = new Map((await loadWorkPackages(store, rows)).map((view) => [view.record.id, view]))
  return present(
    records.map((record) => {
      const workPackage = views.get(record.workPackageId)
      const user = fetched.get('users', record.userId)
      return (
        workPackage && user && { record, workPackage, user, activity: fetched.get('activities', record.activityId) }
      )
    }),
  )
}

export async function loadTimeEntry(store: RecordReader, record: TimeEntryRecord): Promise<TimeEntryView | undefined> {
  const [view] = await loadTimeEntries(store, [record])
  return view
}

function present<T>(items: readonly (T | undefined)[]): T[] {
  return items.filter((item) => item !== undefined)
}
