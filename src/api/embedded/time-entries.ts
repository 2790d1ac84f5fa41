import { fail, ok, type Result } from '../../base/result.ts'
import type { Expectation, Mutation } from '../../storage/store.ts'
import type { TimeEntryRecord } from '../../storage/tables.ts'
import type { ApiContext, ApiStore, Viewer } from '../context.ts'
import type { ApiError } from '../errors.ts'
import { sees } from '../permissions.ts'
import { findVisible, findVisibleProject } from '../v3/find.ts'
import { loadTimeEntry } from '../v3/related.ts'
import { wholeTimeEntryJson } from '../v3/representers/json.ts'
import type { TimeEntryView } from '../v3/representers/time-entry.ts'
import { violation } from './body.ts'
import { allErrors, failed, planOf, VANISHED, type Draft } from './draft.ts'
import { projectUnchanged, timeEntryUnchanged, workPackageUnchanged } from './expectations.ts'
import { checkFixed, checkLimits, columnsOf, NO_ID, readInput, resolveLinks, type Input, type Search } from './shape.ts'
import { spentChanges } from './spent-time.ts'
import { authorizeEntry, checkUser } from './time-entry-authority.ts'
import { TIME_ENTRY_SHAPE } from './time-entry-shape.ts'
import { changedColumns, write, type WritePlan } from './write.ts'

type TimeEntryInput = Input<typeof TIME_ENTRY_SHAPE>
type Drafted = Promise<Result<Draft<TimeEntryRecord>, ApiError>>

export async function createTimeEntry(
  context: ApiContext,
  viewer: Viewer,
  raw: unknown,
): Promise<Result<string, ApiError>> {
  const id = context.store.allocateId('timeEntries')
  return write(context, viewer, async () => planOf(await draftNewTimeEntry(context, viewer, raw, id)))
}

export async function updateTimeEntry(
  context: ApiContext,
  viewer: Viewer,
  id: string,
  raw: unknown,
): Promise<Result<string, ApiError>> {
  const plan = async () => planOf(await draftTimeEntryUpdate(context, viewer, id, raw))
  return write(context, viewer, plan, `timeEntries/${id}`)
}

/** For a form, a new time entry needs no id. */
export async function draftNewTimeEntry(context: ApiContext, viewer: Viewer, raw: unknown, id = NO_ID): Drafted {
  const input = readInput(TIME_ENTRY_SHAPE, raw)
  if (!input.ok) return input
  const now = context.clock.now()
  const blank: TimeEntryRecord = {
    ...{ id, projectId: NO_ID, workPackageId: NO_ID, userId: viewer.id, activityId: null, comment: '' },
    ...{ spentOn: '', minutes: null, ongoing: false, revision: 0, createdAt: now, updatedAt: now },
  }
  return draftTimeEntry(context, viewer, input.value, blank, undefined)
}

export async function draftTimeEntryUpdate(context: ApiContext, viewer: Viewer, id: string, raw: unknown): Drafted {
  const input = readInput(TIME_ENTRY_SHAPE, raw)
  if (!input.ok) return input
  const found = await findVisible(context.store, viewer, 'timeEntries', id)
  return found.ok ? draftTimeEntry(context, viewer, input.value, found.value, found.value) : found
}

/** `base` is what the input is laid over; `current` the stored row, undefined for a new one. */
async function draftTimeEntry(
  context: ApiContext,
  viewer: Viewer,
  input: TimeEntryInput,
  base: TimeEntryRecord,
  current: TimeEntryRecord | undefined,
): Drafted {
  const { store } = context
  const read = [...input.errors]
  const links = { ...input.links, ...entityOf(input) }
  const linked = await resolveLinks({ store, viewer }, TIME_ENTRY_SHAPE, { links, base }, read)
  const record: TimeEntryRecord = { ...base, ...columnsOf(TIME_ENTRY_SHAPE, input.fields), ...linked }
  record.projectId = (await store.get('workPackages', record.workPackageId))?.projectId ?? NO_ID
  // What was found a moment ago has moved out of sight.
  if (record.projectId !== NO_ID && !sees(viewer, record.projectId)) return fail(VANISHED)
  const authorized = await authorizeEntry(store, viewer, record, current)
  if (!authorized.ok) return authorized
  const judged = [
    ...checkFixed(TIME_ENTRY_SHAPE, input.body, current),
    ...checkLimits(TIME_ENTRY_SHAPE, record),
    ...checkHours(record),
    ...(await checkOngoing(store, record)),
  ]
  const owned = await checkUser(store, viewer, record, current, judged)
  const wrong = failed(allErrors(read, judged))
  if (wrong) return ok({ record, current, outcome: wrong })
  const view = await loadTimeEntry(store, record)
  // Gone, or moved: nobody has asked whether time may be logged where it is now.
  if (view?.workPackage.project.id !== record.projectId) return fail(VANISHED)
  const misplaced = failed(await checkProject({ store, viewer }, input, view, current))
  const allowed = [...authorized.value, ...owned]
  return ok({ record, current, outcome: misplaced ?? ok(() => planTimeEntry(context, view, current, allowed)) })
}

function planTimeEntry(
  context: ApiContext,
  view: TimeEntryView,
  current: TimeEntryRecord | undefined,
  allowed: readonly Expectation[],
): WritePlan {
  const { record, workPackage } = view
  const { project } = workPackage
  return {
    expect: [
      ...allowed,
      ...(current ? [timeEntryUnchanged(current)] : []),
      workPackageUnchanged(workPackage.record),
      projectUnchanged(project),
    ],
    mutations: mutationsOf(context, record, current),
    ...(!current && { events: [{ name: 'time_entry:created', key: 'time_entry', project }] as const }),
    render: (viewer) => wholeTimeEntryJson(context.memo, withOwnTime(view, current), viewer),
  }
}

/** `workPackage` is the older name: it counts where the newer one says nothing. */
function entityOf({ links: { entity, workPackage } }: TimeEntryInput): { entity?: string | null } {
  const named = entity ?? workPackage ?? (entity === null || workPackage === null ? null : undefined)
  return named === undefined ? {} : { entity: named }
}

/** The work package's time as it will be, this entry counted; entries being logged by others just now may be missing. */
function withOwnTime(view: TimeEntryView, current: TimeEntryRecord | undefined): TimeEntryView {
  const { workPackage, record } = view
  const by = spentChanges(record, current).find((change) => change.id === record.workPackageId)?.by ?? 0
  const counted = { ...workPackage.record, spentMinutes: workPackage.record.spentMinutes + by }
  return { ...view, workPackage: { ...workPackage, record: counted } }
}

function mutationsOf({ clock }: ApiContext, record: TimeEntryRecord, current: TimeEntryRecord | undefined): Mutation[] {
  const spent = spentChanges(record, current)
  if (!current) return [{ op: 'insert', table: 'timeEntries', row: record }, ...spent]
  if (Object.keys(changedColumns(current, record)).length === 0) return []
  record.revision = current.revision + 1
  record.updatedAt = clock.now()
  const changes = changedColumns(current, record)
  return [{ op: 'update', table: 'timeEntries', id: record.id, changes }, ...spent]
}

function checkHours({ minutes, ongoing }: TimeEntryRecord): ApiError[] {
  return minutes === null && !ongoing ? [violation('hours', "Hours can't be blank.")] : []
}

/** Judged by the very rows the write expects unchanged. A link to another project than the work package's is a contradiction. */
async function checkProject(
  { store, viewer }: Search,
  { links }: TimeEntryInput,
  { record, workPackage }: TimeEntryView,
  current: TimeEntryRecord | undefined,
): Promise<ApiError[]> {
  const { project } = workPackage
  const linked = links.project == null ? undefined : await findVisibleProject(store, viewer, links.project)
  if (linked && !linked.ok) return [violation('project', 'Project does not exist.')]
  if (linked && linked.value.id !== project.id) {
    return [violation('project', 'Project must be the one of the work package.')]
  }
  if (project.active || current?.workPackageId === record.workPackageId) return []
  return [violation('project', 'Project is archived.')]
}

/** One running timer a user. Two that start in the same instant may both pass: harmless, so not worth a lock. */
async function checkOngoing(store: ApiStore, record: TimeEntryRecord): Promise<ApiError[]> {
  if (!record.ongoing) return []
  const { rows } = await store.list('timeEntries', {
    where: [
      { column: 'userId', comparison: '=', value: record.userId },
      { column: 'ongoing', comparison: '=', value: true },
    ],
    orderBy: [],
    limit: 2,
    offset: 0,
  })
  const other = rows.some((row) => row.id !== record.id)
  return other ? [violation('ongoing', 'An ongoing time entry already exists.')] : []
}
