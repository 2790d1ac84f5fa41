import { fail, ok, type Result } from '../../base/result.ts'
import type { Expectation, Mutation } from '../../storage/store.ts'
import type { ProjectRecord, TimeEntryRecord } from '../../storage/tables.ts'
import type { ApiContext, ApiStore, Viewer } from '../context.ts'
import { apiError, type ApiError } from '../errors.ts'
import { findVisible, findVisibleProject, readRow, readVisible } from '../v3/find.ts'
import { loadTimeEntry } from '../v3/related.ts'
import { renderTimeEntry, type TimeEntryView } from '../v3/representers/time-entry.ts'
import { isAssignable } from './assignable.ts'
import { authorize, authorizeInAll, findMembership, stillMember, type Right } from './authority.ts'
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
  return write(context, viewer, () => planTimeEntry(context, viewer, input.value, blank, undefined))
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
    const found = await findVisible(context.store, viewer, 'timeEntries', id)
    return found.ok ? planTimeEntry(context, viewer, input.value, found.value, found.value) : found
  })
}

/** `base` is what the input is laid over; `current` the stored row, undefined for a new one. */
async function planTimeEntry(
  context: ApiContext,
  viewer: Viewer,
  input: Input,
  base: TimeEntryRecord,
  current: TimeEntryRecord | undefined,
): Promise<Result<WritePlan, ApiError>> {
  const { store } = context
  const errors = [...input.errors]
  const record = { ...base, ...columnsOf(input), ...(await resolveLinks(store, viewer, input.links, errors)) }
  const authorized = await authorizeEntry(store, viewer, record, current)
  if (!authorized.ok) return authorized
  const owned = await checkUser(store, viewer, record, current, errors)
  errors.push(...checkRecord(record))
  errors.push(...(await checkOngoing(store, record)))
  const view = errors.length === 0 ? await loadTimeEntry(store, record) : undefined
  // The work package named has moved since it was looked up: nobody has asked whether time may be logged there.
  if (view && namesEntity(input) && view.workPackage.project.id !== record.projectId)
    return fail(apiError('UpdateConflict'))
  if (view) errors.push(...checkProject(view, current))
  if (view) errors.push(...checkReadOnly(input.body, READ_ONLY, current && (() => shownBefore(view, current, viewer))))
  const failed = failure(errors)
  if (failed) return failed
  // Every reference was found a moment ago: it has been deleted since.
  if (!view) return fail(apiError('UpdateConflict'))
  const { workPackage } = view
  return ok({
    expect: [
      ...authorized.value,
      ...owned,
      ...(current ? [timeEntryUnchanged(current)] : []),
      workPackageUnchanged(workPackage.record),
      projectUnchanged(workPackage.project),
    ],
    mutations: mutationsOf(context, record, current),
    ...(!current && {
      event: { name: 'time_entry:created', key: 'time_entry', project: workPackage.project } as const,
    }),
    render: (viewer) => renderTimeEntry(withOwnTime(view, current), viewer, true),
  })
}

/** One's own time as a member of the project, others' as its admin; where it is, and where it goes. */
async function authorizeEntry(
  store: ApiStore,
  viewer: Viewer,
  record: TimeEntryRecord,
  current: TimeEntryRecord | undefined,
): Promise<Result<Expectation[], ApiError>> {
  const there = current ? await authorize(store, viewer, rightOver(current, viewer), current.projectId) : ok([])
  if (!there.ok || record.projectId === NO_ID) return there
  const here = await authorizeInAll(store, viewer, 'contribute', [record.projectId])
  return here.ok ? ok([...there.value, ...here.value]) : here
}

/** What it takes to change or delete an entry. */
export function rightOver({ userId }: TimeEntryRecord, viewer: Viewer): Right {
  return userId === viewer.id ? 'contribute' : 'manage'
}

/** Only who may manage others' time logs it for them, and only for members and administrators; the value is what must still hold. */
async function checkUser(
  store: ApiStore,
  viewer: Viewer,
  record: TimeEntryRecord,
  current: TimeEntryRecord | undefined,
  errors: ApiError[],
): Promise<Expectation[]> {
  if (record.userId === (current?.userId ?? viewer.id) || record.projectId === NO_ID) return []
  const invalid = () => (errors.push(violation('user', 'User is invalid.')), [])
  const managing = await authorize(store, viewer, 'manage', record.projectId)
  const user = await store.get('users', record.userId)
  if (!managing.ok || !user || !isAssignable(user)) return invalid()
  if (user.admin) return managing.value
  const membership = await findMembership(store, record.projectId, user.id)
  return membership ? [...managing.value, stillMember(membership)] : invalid()
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

function shownBefore(view: TimeEntryView, current: TimeEntryRecord, viewer: Viewer) {
  return renderTimeEntry({ ...view, record: current }, viewer, false)
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
  viewer: Viewer,
  links: Input['links'],
  errors: ApiError[],
): Promise<Partial<TimeEntryRecord>> {
  const resolved: Partial<TimeEntryRecord> = {}
  await resolveEntity(store, viewer, links, resolved, errors)
  if (links.project != null) {
    const project = await findVisibleProject(store, viewer, links.project)
    errors.push(...checkLinkedProject(project, resolved.projectId))
  }
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

function namesEntity({ links }: Input): boolean {
  return (links.entity ?? links.workPackage) != null
}

async function resolveEntity(
  store: ApiStore,
  viewer: Viewer,
  links: Input['links'],
  resolved: Partial<TimeEntryRecord>,
  errors: ApiError[],
): Promise<void> {
  const entity = links.entity ?? links.workPackage
  if (entity != null) {
    const row = await readVisible(store, viewer, 'workPackages', entity)
    if (row) Object.assign(resolved, { workPackageId: row.id, projectId: row.projectId })
    else errors.push(violation('entity', 'Logged for does not exist.'))
  } else if (links.entity === null || links.workPackage === null) {
    errors.push(violation('entity', "Logged for can't be blank."))
  }
}

/** The project follows from the work package; a link to another one is a contradiction. */
function checkLinkedProject(linked: Result<ProjectRecord, ApiError>, projectId: number | undefined): ApiError[] {
  if (!linked.ok) return [violation('project', 'Project does not exist.')]
  if (projectId === undefined || linked.value.id === projectId) return []
  return [violation('project', 'Project must be the one of the work package.')]
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
