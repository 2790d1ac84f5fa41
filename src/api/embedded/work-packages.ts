import { fail, ok, type Result } from '../../base/result.ts'
import type { Expectation, Mutation } from '../../storage/store.ts'
import type { ProjectRecord, WorkPackageRecord } from '../../storage/tables.ts'
import type { ApiContext, ApiStore, Viewer } from '../context.ts'
import { apiError, type ApiError } from '../errors.ts'
import { findVisible, parseId } from '../v3/find.ts'
import { loadWorkPackage } from '../v3/related.ts'
import { paths } from '../v3/representers/hal.ts'
import { renderWorkPackage, type WorkPackageView } from '../v3/representers/work-package.ts'
import { writtenWithWatchLinks } from '../v3/watching.ts'
import { checkPeople } from './assignable.ts'
import { authorize, authorizeInAll } from './authority.ts'
import { violation, type RequestBody } from './body.ts'
import { allErrors, failed, planOf, VANISHED, type Draft } from './draft.ts'
import { surroundingsUnchanged, workPackageUnchanged } from './expectations.ts'
import { changesOf, insertJournal } from './journals.ts'
import { checkNesting } from './nesting.ts'
import { checkFixed, checkLimits, columnsOf, NO_ID, readInput, resolveLinks } from './shape.ts'
import { resolveDates, type WorkPackageInput } from './work-package-dates.ts'
import { WORK_PACKAGE_SHAPE } from './work-package-shape.ts'
import { changedColumns, write, type WritePlan } from './write.ts'

const NESTING = { name: 'Parent', itself: 'the work package itself or one of its children' }

type Drafted = Promise<Result<Draft<WorkPackageRecord>, ApiError>>

/** `within`: the project of the path, whatever the body says; without it the body must link one. */
export async function createWorkPackage(
  context: ApiContext,
  viewer: Viewer,
  raw: unknown,
  within?: ProjectRecord,
): Promise<Result<string, ApiError>> {
  const id = context.store.allocateId('workPackages')
  const plan = async () => planOf(await draftNewWorkPackage(context, viewer, raw, { within, id }))
  return writtenWithWatchLinks(context.store, viewer, id, await write(context, viewer, plan))
}

export async function updateWorkPackage(
  context: ApiContext,
  viewer: Viewer,
  id: string,
  raw: unknown,
): Promise<Result<string, ApiError>> {
  const plan = async () => planOf(await draftWorkPackageUpdate(context, viewer, id, raw ?? {}))
  const written = await write(context, viewer, plan, `workPackages/${id}`)
  return writtenWithWatchLinks(context.store, viewer, parseId(id) ?? NO_ID, written)
}

/** For a form, a new work package needs no id. */
export async function draftNewWorkPackage(
  context: ApiContext,
  viewer: Viewer,
  raw: unknown,
  { within, id = NO_ID }: { within?: ProjectRecord | undefined; id?: number } = {},
): Drafted {
  const input = readInput(WORK_PACKAGE_SHAPE, raw, within && { project: { href: paths.project(within.id) } })
  if (!input.ok) return input
  return draftWorkPackage(context, viewer, input.value, await newWorkPackage(context, viewer, id), undefined)
}

/**
 * The body must carry the current `lockVersion`; missing or different is a conflict (reference §12.4). Only a form may come
 * without a body: it asks what can be changed.
 */
export async function draftWorkPackageUpdate(context: ApiContext, viewer: Viewer, id: string, raw: unknown): Drafted {
  const input = readInput(WORK_PACKAGE_SHAPE, raw)
  if (!input.ok) return input
  const found = await findVisible(context.store, viewer, 'workPackages', id)
  if (!found.ok) return found
  const authorized = await authorize(context.store, viewer, 'contribute', found.value.projectId)
  if (!authorized.ok) return authorized
  const stale = raw !== undefined && lockVersionOf(input.value.body) !== found.value.lockVersion
  return stale
    ? fail(apiError('UpdateConflict'))
    : draftWorkPackage(context, viewer, input.value, found.value, found.value)
}

/** Some tools write every number as text. */
function lockVersionOf({ fields: { lockVersion } }: RequestBody): unknown {
  return typeof lockVersion === 'string' && /^\d+$/.test(lockVersion) ? Number(lockVersion) : lockVersion
}

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
async function draftWorkPackage(
  context: ApiContext,
  viewer: Viewer,
  input: WorkPackageInput,
  base: WorkPackageRecord,
  current: WorkPackageRecord | undefined,
): Drafted {
  const { store } = context
  const read = [...input.errors]
  const linked = await resolveLinks({ store, viewer }, WORK_PACKAGE_SHAPE, { links: input.links, base }, read)
  const record: WorkPackageRecord = { ...base, ...columnsOf(WORK_PACKAGE_SHAPE, input.fields), ...linked }
  const authorized = await authorizeInAll(store, viewer, 'contribute', await projectsTouched(store, record, current))
  if (!authorized.ok) return authorized
  const judged: ApiError[] = []
  const assigned = record.projectId === NO_ID ? [] : await checkPeople(store, record, current, judged)
  await resolveDates(store, input.fields, record, judged)
  judged.push(...checkFixed(WORK_PACKAGE_SHAPE, input.body, current), ...checkLimits(WORK_PACKAGE_SHAPE, record))
  const wrong = failed(allErrors(read, [...judged, ...checkPercentage(record)]))
  if (wrong) return ok({ record, current, outcome: wrong })
  const view = await loadWorkPackage(store, record, { written: current ? 'updated' : 'inserted' })
  if (!view || view.ancestors.at(-1)?.id !== (record.parentId ?? undefined)) return fail(VANISHED)
  const misplaced = failed([
    ...checkProject(view, current),
    ...(await checkNesting(store, 'workPackages', { record, current, ancestors: view.ancestors }, NESTING)),
  ])
  const allowed = [...authorized.value, ...assigned]
  return ok({
    record,
    current,
    outcome: misplaced ?? ok(() => planWorkPackage(context, viewer, view, current, allowed)),
  })
}

/** Where it is, where it goes, and where the parent is that it is put below: who only looks on there puts nothing below anything. */
async function projectsTouched(
  store: ApiStore,
  record: WorkPackageRecord,
  current: WorkPackageRecord | undefined,
): Promise<number[]> {
  const grafted = record.parentId !== null && record.parentId !== current?.parentId
  const parent = grafted ? await store.get('workPackages', record.parentId ?? NO_ID) : undefined
  return [current?.projectId, record.projectId, parent?.projectId].filter((id) => id !== undefined).filter(isSet)
}

function isSet(id: number): boolean {
  return id !== NO_ID
}

function planWorkPackage(
  context: ApiContext,
  viewer: Viewer,
  view: WorkPackageView,
  current: WorkPackageRecord | undefined,
  allowed: readonly Expectation[],
): WritePlan {
  const { record, project } = view
  return {
    expect: [...allowed, ...(current ? [workPackageUnchanged(current)] : []), ...surroundingsUnchanged(view)],
    mutations: mutationsOf(context, viewer, record, current),
    events: [{ name: current ? 'work_package:updated' : 'work_package:created', key: 'work_package', project }],
    render: (viewer) => renderWorkPackage(view, viewer, true),
  }
}

function checkPercentage({ percentageDone: done }: WorkPackageRecord): ApiError[] {
  const valid = done === null || (done >= 0 && done <= 100)
  return valid ? [] : [violation('percentageDone', '% Complete must be between 0 and 100.')]
}

/** Judged by the very row the write expects unchanged. */
function checkProject({ project }: WorkPackageView, current: WorkPackageRecord | undefined): ApiError[] {
  return project.active || project.id === current?.projectId ? [] : [violation('project', 'Project is archived.')]
}

/** None when nothing changes; otherwise `record` gets its new version and time, and logged time follows into another project. */
function mutationsOf(
  context: ApiContext,
  viewer: Viewer,
  record: WorkPackageRecord,
  current: WorkPackageRecord | undefined,
): Mutation[] {
  const journal = () => insertJournal(context, viewer, record, { changes: changesOf(current, record) })
  if (!current) return [{ op: 'insert', table: 'workPackages', row: record }, journal()]
  if (Object.keys(changedColumns(current, record)).length === 0) return []
  record.lockVersion = current.lockVersion + 1
  record.revision = current.revision + 1
  record.updatedAt = context.clock.now()
  const changes = changedColumns(current, record)
  const update = { op: 'update', table: 'workPackages', id: record.id, changes } as const
  return [update, journal(), ...(record.projectId === current.projectId ? [] : [moveTime(record)])]
}

/**
 * Takes the time logged on a work package into its project, in the writer's own transaction: all that is logged on it by then,
 * however much. What is being logged just now is planned again, since it expects the work package as it was.
 */
function moveTime({ id, projectId }: WorkPackageRecord): Mutation {
  const all = { op: 'update all', table: 'timeEntries', column: 'workPackageId', value: id } as const
  return { ...all, changes: { projectId }, raise: 'revision' }
}
