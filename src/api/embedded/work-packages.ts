import { fail, ok, type Result } from '../../base/result.ts'
import type { Mutation } from '../../storage/store.ts'
import type { ProjectRecord, TimeEntryRecord, WorkPackageRecord } from '../../storage/tables.ts'
import type { ApiContext, ApiStore, Viewer } from '../context.ts'
import { apiError, type ApiError } from '../errors.ts'
import { findRow } from '../v3/find.ts'
import { loadWorkPackage } from '../v3/related.ts'
import { renderWorkPackage, type WorkPackageView } from '../v3/representers/work-package.ts'
import { checkReadOnly, violation } from './body.ts'
import { surroundingsUnchanged, timeEntryUnchanged, workPackageUnchanged } from './expectations.ts'
import { changesOf, insertJournal } from './journals.ts'
import { moveTo, sendTimeAfter, timeOf } from './moved-time.ts'
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
    return planWorkPackage(context, viewer, input.value, base, undefined)
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
  const plan = async () => {
    const found = await findRow(context.store, 'workPackages', id)
    if (!found.ok) return found
    if (input.value.body.fields['lockVersion'] !== found.value.lockVersion) return fail(apiError('UpdateConflict'))
    return planWorkPackage(context, viewer, input.value, found.value, found.value)
  }
  const written = await write(context, viewer, plan, id)
  // The move itself is done, whatever becomes of this: deleting a project looks again.
  if (written.ok && input.value.links.project !== undefined) await sendTimeAfter(context, Number(id))
  return written
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
    revision: 1,
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
  viewer: Viewer,
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
  if (!view || view.ancestors.at(-1)?.id !== (record.parentId ?? undefined)) return fail(apiError('UpdateConflict'))
  const { mutations, moved } = await mutationsOf(context, viewer, record, current)
  return ok({
    expect: [
      ...(current ? [workPackageUnchanged(current)] : []),
      // An entry that has gone to another work package meanwhile must not follow this one.
      ...moved.map(timeEntryUnchanged),
      ...surroundingsUnchanged(view),
    ],
    mutations,
    events: [
      {
        name: current ? 'work_package:updated' : 'work_package:created',
        key: 'work_package',
        project: view.project,
      },
    ],
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
async function mutationsOf(
  context: ApiContext,
  viewer: Viewer,
  record: WorkPackageRecord,
  current: WorkPackageRecord | undefined,
): Promise<{ mutations: Mutation[]; moved: TimeEntryRecord[] }> {
  const journal = () => insertJournal(context, viewer, record, { changes: changesOf(current, record) })
  if (!current) return { mutations: [{ op: 'insert', table: 'workPackages', row: record }, journal()], moved: [] }
  if (Object.keys(changedColumns(current, record)).length === 0) return { mutations: [], moved: [] }
  record.lockVersion = current.lockVersion + 1
  record.revision = current.revision + 1
  record.updatedAt = context.clock.now()
  const update = {
    op: 'update',
    table: 'workPackages',
    id: record.id,
    changes: changedColumns(current, record),
  } as const
  const moved = record.projectId === current.projectId ? [] : await timeOf(context, record)
  return { mutations: [update, journal(), ...moved.map((entry) => moveTo(record.projectId, entry))], moved }
}
