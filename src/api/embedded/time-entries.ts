import { fail, ok, type Result } from '../../base/result.ts'
import type { Mutation } from '../../storage/store.ts'
import type { TimeEntryRecord } from '../../storage/tables.ts'
import type { ApiContext, ApiStore, Viewer } from '../context.ts'
import { apiError, type ApiError } from '../errors.ts'
import { findProject, findRow, readRow } from '../v3/find.ts'
import { loadTimeEntry } from '../v3/related.ts'
import { renderTimeEntry, type TimeEntryView } from '../v3/representers/time-entry.ts'
import { boolean, checkReadOnly, date, formattable, minutes, parseProperties, readBody } from './body.ts'
import { reference, violation, type Parsed, type RequestBody } from './body.ts'
import { projectUnchanged, timeEntryUnchanged, workPackageUnchanged } from './expectations.ts'
import { spentChanges } from './spent-time.ts'
import { changedColumns, failure, write, type WritePlan } from './write.ts'

const COMMENT_MAX = 1000
const NO_ID = 0
const READ_ONLY = ['id', 'createdAt', 'updatedAt'] as const

const FIELDS = { comment: formattable, spentOn: date, hours: minutes, ongoing: boolean }
const LINKS = {
  entity: reference('work_packages'),
  workPackage: reference('work_packages'),
  project: reference('projects', 'workspaces'),
  activity: reference('time_entries/activities'),
  user: reference('users'),
}

interface Input {
  readonly body: RequestBody
  readonly fields: Parsed<typeof FIELDS>
  readonly links: Parsed<typeof LINKS>
  readonly errors: readonly ApiError[]
}

function readInput(raw: unknown): Result<Input, ApiError> {
  const body = readBody(raw)
  if (!body.ok) return body
  const errors: ApiError[] = []
  const fields = parseProperties(body.value.fields, FIELDS, errors)
  return ok({ body: body.value, fields, links: parseProperties(body.value.links, LINKS, errors), errors })
}

export async function createTimeEntry(
  context: ApiContext,
  viewer: Viewer,
  raw: unknown,
): Promise<Result<string, ApiError>> {
  const input = readInput(raw)
  if (!input.ok) return input
  const now = context.clock.now()
  const blank: TimeEntryRecord = {
    ...{ id: context.store.allocateId('timeEntries'), projectId: NO_ID, workPackageId: NO_ID, userId: viewer.id },
    ...{ activityId: null, comment: '', spentOn: '', minutes: null, ongoing: false },
    ...{ revision: 0, createdAt: now, updatedAt: now },
  }
  return write(context, viewer, () => planTimeEntry(context, input.value, blank, undefined))
}

export async function updateTimeEntry(
  context: ApiContext,
  viewer: Viewer,
  id: string,
  raw: unknown,
): Promise<Result<string, ApiError>> {
  const input = readInput(raw)
  if (!input.ok) return input
  return write(context, viewer, async () => {
    const found = await findRow(context.store, 'timeEntries', id)
    return found.ok ? planTimeEntry(context, input.value, found.value, found.value) : found
  })
}

/** `base` is what the input is laid over; `current` the stored row, undefined for a new one. */
async function planTimeEntry(
  context: ApiContext,
  input: Input,
  base: TimeEntryRecord,
  current: TimeEntryRecord | undefined,
): Promise<Result<WritePlan, ApiError>> {
  const { store } = context
  const errors = [...input.errors]
  const record = { ...base, ...columnsOf(input), ...(await resolveLinks(store, input.links, errors)) }
  errors.push(...checkRecord(record))
  errors.push(...(await checkOngoing(store, record)))
  const view = errors.length === 0 ? await loadTimeEntry(store, record) : undefined
  if (view) errors.push(...checkProject(view, current))
  if (view) errors.push(...checkReadOnly(input.body, READ_ONLY, current && (() => shownBefore(view, current))))
  const failed = failure(errors)
  if (failed) return failed
  // Every reference was found a moment ago: it has been deleted since.
  if (!view) return fail(apiError('UpdateConflict'))
  const { workPackage } = view
  return ok({
    expect: [
      ...(current ? [timeEntryUnchanged(current)] : []),
      workPackageUnchanged(workPackage.record),
      projectUnchanged(workPackage.project),
    ],
    mutations: mutationsOf(context, record, current),
    ...(!current && {
      events: [{ name: 'time_entry:created', key: 'time_entry', project: workPackage.project }] as const,
    }),
    render: (viewer) => renderTimeEntry(withOwnTime(view, current), viewer, true),
  })
}

function columnsOf({ fields: { hours, spentOn, ...fields } }: Input): Partial<TimeEntryRecord> {
  return {
    ...fields,
    ...(hours !== undefined && { minutes: hours }),
    ...(spentOn !== undefined && { spentOn: spentOn ?? '' }),
  }
}

/** The work package's time as it will be, this entry counted; entries being logged by others just now may be missing. */
function withOwnTime(view: TimeEntryView, current: TimeEntryRecord | undefined): TimeEntryView {
  const { workPackage, record } = view
  const by = spentChanges(record, current).find((change) => change.id === record.workPackageId)?.by ?? 0
  const counted = { ...workPackage.record, spentMinutes: workPackage.record.spentMinutes + by }
  return { ...view, workPackage: { ...workPackage, record: counted } }
}

function shownBefore(view: TimeEntryView, current: TimeEntryRecord) {
  return renderTimeEntry({ ...view, record: current }, view.user, false)
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

async function resolveLinks(
  store: ApiStore,
  links: Input['links'],
  errors: ApiError[],
): Promise<Partial<TimeEntryRecord>> {
  const resolved: Partial<TimeEntryRecord> = {}
  await resolveEntity(store, links, resolved, errors)
  if (links.project != null) await checkLinkedProject(store, links.project, resolved.projectId, errors)
  if (links.user !== undefined) {
    const user = await readRow(store, 'users', links.user ?? '')
    if (user) resolved.userId = user.id
    else errors.push(violation('user', links.user === null ? "User can't be blank." : 'User does not exist.'))
  }
  if (links.activity !== undefined) {
    const activity = await readRow(store, 'activities', links.activity ?? '')
    if (activity?.isActive || links.activity === null) resolved.activityId = activity?.id ?? null
    else errors.push(violation('activity', 'Activity is not set to one of the allowed values.'))
  }
  return resolved
}

async function resolveEntity(
  store: ApiStore,
  links: Input['links'],
  resolved: Partial<TimeEntryRecord>,
  errors: ApiError[],
): Promise<void> {
  const entity = links.entity ?? links.workPackage
  if (entity != null) {
    const row = await readRow(store, 'workPackages', entity)
    if (row) Object.assign(resolved, { workPackageId: row.id, projectId: row.projectId })
    else errors.push(violation('entity', 'Logged for does not exist.'))
  } else if (links.entity === null || links.workPackage === null) {
    errors.push(violation('entity', "Logged for can't be blank."))
  }
}

/** The project follows from the work package; a link to another one is a contradiction. */
async function checkLinkedProject(
  store: ApiStore,
  linked: string,
  projectId: number | undefined,
  errors: ApiError[],
): Promise<void> {
  const project = await findProject(store, linked)
  if (!project.ok) errors.push(violation('project', 'Project does not exist.'))
  else if (projectId !== undefined && project.value.id !== projectId) {
    errors.push(violation('project', 'Project must be the one of the work package.'))
  }
}

function checkRecord(record: TimeEntryRecord): ApiError[] {
  const errors: ApiError[] = []
  if (record.workPackageId === NO_ID) errors.push(violation('entity', "Logged for can't be blank."))
  if (record.spentOn === '') errors.push(violation('spentOn', "Date can't be blank."))
  if (record.minutes === null && !record.ongoing) errors.push(violation('hours', "Hours can't be blank."))
  if (record.comment.length > COMMENT_MAX) {
    errors.push(violation('comment', `Comment is too long (maximum is ${COMMENT_MAX} characters).`))
  }
  return errors
}

/** Judged by the very rows the write expects unchanged; the entry's project is what the work package's is then. */
function checkProject({ record, workPackage }: TimeEntryView, current: TimeEntryRecord | undefined): ApiError[] {
  record.projectId = workPackage.project.id
  if (workPackage.project.active || current?.workPackageId === record.workPackageId) return []
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
