import { fail, ok, type Result } from '../../base/result.ts'
import type { Mutation } from '../../storage/store.ts'
import type { ProjectRecord, WorkPackageRecord } from '../../storage/tables.ts'
import type { ApiContext, ApiStore, Viewer } from '../context.ts'
import { apiError, type ApiError } from '../errors.ts'
import { findRow } from '../v3/find.ts'
import { loadWorkPackage } from '../v3/related.ts'
import { renderWorkPackage, type WorkPackageView } from '../v3/representers/work-package.ts'
import { checkReadOnly, violation } from './body.ts'
import { projectUnchanged, workPackageUnchanged } from './expectations.ts'
import { checkRecord, readInput, resolveDates, resolveLinks, type WorkPackageInput } from './work-package-input.ts'
import { changedColumns, failure, write, type WritePlan } from './write.ts'

const DEPTH_MAX = 50
const READ_ONLY = ['id', 'displayId', 'spentTime', 'readonly', 'createdAt', 'updatedAt'] as const

/** `within`: the project of the path; without it the body must link one. */
export async function createWorkPackage(
  context: ApiContext,
  viewer: Viewer,
  raw: unknown,
  within?: ProjectRecord,
): Promise<Result<string, ApiError>> {
  const input = readInput(raw)
  if (!input.ok) return input
  const id = context.store.allocateId('workPackages')
  return write(context, viewer, async () => {
    const base = await newWorkPackage(context, viewer, id)
    if (within) base.projectId = within.id
    return planWorkPackage(context, input.value, base, undefined)
  })
}

/** The body must carry the current `lockVersion`; missing or different is a conflict (reference §12.4). */
export async function updateWorkPackage(
  context: ApiContext,
  viewer: Viewer,
  id: string,
  raw: unknown,
): Promise<Result<string, ApiError>> {
  const input = readInput(raw)
  if (!input.ok) return input
  return write(context, viewer, async () => {
    const found = await findRow(context.store, 'workPackages', id)
    if (!found.ok) return found
    if (input.value.body.fields['lockVersion'] !== found.value.lockVersion) return fail(apiError('UpdateConflict'))
    return planWorkPackage(context, input.value, found.value, found.value)
  })
}

const NO_ID = 0

/** A new work package before the request's values: the defaults of the installation. */
async function newWorkPackage({ store, clock }: ApiContext, viewer: Viewer, id: number): Promise<WorkPackageRecord> {
  const [typeId, statusId, priorityId] = await Promise.all([
    defaultId(store, 'types'),
    defaultId(store, 'statuses'),
    defaultId(store, 'priorities'),
  ])
  const now = clock.now()
  return {
    id,
    projectId: NO_ID,
    typeId,
    statusId,
    priorityId,
    authorId: viewer.id,
    assigneeId: null,
    responsibleId: null,
    parentId: null,
    subject: '',
    description: '',
    startDate: null,
    dueDate: null,
    estimatedMinutes: null,
    remainingMinutes: null,
    percentageDone: null,
    spentMinutes: 0,
    scheduleManually: true,
    ignoreNonWorkingDays: false,
    lockVersion: 0,
    createdAt: now,
    updatedAt: now,
  }
}

async function defaultId(store: ApiStore, table: 'types' | 'statuses' | 'priorities'): Promise<number> {
  const where = [{ column: 'isDefault', comparison: '=', value: true }] as const
  const { rows } = await store.list(table, { where, orderBy: [], limit: 1, offset: 0 })
  return rows[0]?.id ?? NO_ID
}

/** `base` is what the input is laid over; `current` the stored row, undefined for a new one. */
async function planWorkPackage(
  context: ApiContext,
  input: WorkPackageInput,
  base: WorkPackageRecord,
  current: WorkPackageRecord | undefined,
): Promise<Result<WritePlan, ApiError>> {
  const { store } = context
  const errors = [...input.errors]
  const record = { ...base, ...input.columns, ...(await resolveLinks(store, input.links, errors)) }
  await resolveDates(store, input, record, errors)
  errors.push(...checkRecord(record))
  if (record.projectId === NO_ID) errors.push(violation('project', "Project can't be blank."))
  const view = errors.length === 0 ? await loadWorkPackage(store, record, { isNew: !current }) : undefined
  if (view)
    errors.push(
      ...checkProject(view, current),
      ...checkAncestors(view),
      ...(current ? checkUnchanged(input, view, current) : checkNew(input)),
    )
  const failed = failure(errors)
  if (failed) return failed
  // Every reference was found a moment ago: it has been deleted since.
  if (!view) return fail(apiError('UpdateConflict'))
  return ok({
    expect: [
      ...(current ? [workPackageUnchanged(current)] : []),
      projectUnchanged(view.project),
      ...view.projectAncestors.map(projectUnchanged),
      ...view.ancestors.map(workPackageUnchanged),
      ...(view.parent && view.parent.project.id !== view.project.id ? [projectUnchanged(view.parent.project)] : []),
    ],
    mutations: mutationsOf(context, record, current),
    event: {
      name: current ? 'work_package:updated' : 'work_package:created',
      key: 'work_package',
      project: view.project,
    },
    render: (viewer) => renderWorkPackage(view, viewer, true),
  })
}

/** Judged by the very row the write expects unchanged. */
function checkProject({ project }: WorkPackageView, current: WorkPackageRecord | undefined): ApiError[] {
  return project.active || project.id === current?.projectId ? [] : [violation('project', 'Project is archived.')]
}

function checkAncestors({ record, ancestors }: WorkPackageView): ApiError[] {
  if (ancestors.some((ancestor) => ancestor.id === record.id)) {
    return [violation('parent', 'Parent must not be the work package itself or one of its children.')]
  }
  return ancestors.length > DEPTH_MAX ? [violation('parent', 'Parent is nested too deeply.')] : []
}

/** Read-only values are compared as the client saw them, before this change. */
function checkUnchanged(input: WorkPackageInput, view: WorkPackageView, current: WorkPackageRecord): ApiError[] {
  const before = () => renderWorkPackage({ ...view, record: current }, view.author, false)
  return checkReadOnly(input.body, READ_ONLY, before)
}

function checkNew(input: WorkPackageInput): ApiError[] {
  return checkReadOnly(input.body, READ_ONLY, undefined)
}

/** None when nothing changes; otherwise `record` gets its new version and time, and logged time follows into another project. */
function mutationsOf(
  { clock }: ApiContext,
  record: WorkPackageRecord,
  current: WorkPackageRecord | undefined,
): Mutation[] {
  if (!current) return [{ op: 'insert', table: 'workPackages', row: record }]
  if (Object.keys(changedColumns(current, record)).length === 0) return []
  record.lockVersion = current.lockVersion + 1
  record.updatedAt = clock.now()
  const changes = changedColumns(current, record)
  const update = { op: 'update', table: 'workPackages', id: record.id, changes } as const
  return record.projectId === current.projectId ? [update] : [update, moveTime(record)]
}

/**
 * Takes the time logged on a work package into its project, in the writer's own transaction: all that is logged on it by then,
 * however much. What is being logged just now is planned again, since it expects the work package as it was.
 */
function moveTime({ id, projectId }: WorkPackageRecord): Mutation {
  const all = { op: 'update all', table: 'timeEntries', column: 'workPackageId', value: id } as const
  return { ...all, changes: { projectId }, raise: 'revision' }
}
