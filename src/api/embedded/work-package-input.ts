import { ok, type Result } from '../../base/result.ts'
import type { WorkPackageRecord } from '../../storage/tables.ts'
import type { ApiStore, Viewer } from '../context.ts'
import type { ApiError } from '../errors.ts'
import { findVisibleProject, readRow, readVisible } from '../v3/find.ts'
import { dateAfter, daysBetween } from '../v3/representers/working-days.ts'
import { PEOPLE } from './assignable.ts'
import { boolean, checkText, date, days, formattable, integer, minutes, parseProperties } from './body.ts'
import { readBody, reference, text, violation, type Parsed, type RequestBody } from './body.ts'

/** What a request says of a work package: the columns it sets outright, and what must first be looked up or worked out. */
export interface WorkPackageInput {
  readonly body: RequestBody
  readonly columns: Partial<WorkPackageRecord>
  readonly dates: Parsed<typeof DATES>
  readonly links: Parsed<typeof LINKS>
  readonly errors: readonly ApiError[]
}

const SUBJECT_MAX = 255
const DAYS_MAX = 100_000

const FIELDS = {
  subject: text,
  description: formattable,
  scheduleManually: boolean,
  ignoreNonWorkingDays: boolean,
  estimatedTime: minutes,
  remainingTime: minutes,
  percentageDone: integer,
}
const DATES = { startDate: date, dueDate: date, date, duration: days }
const LINKS = {
  project: reference('projects', 'workspaces'),
  type: reference('types'),
  status: reference('statuses'),
  priority: reference('priorities'),
  assignee: reference('users'),
  responsible: reference('users'),
  parent: reference('work_packages'),
}

export function readInput(raw: unknown): Result<WorkPackageInput, ApiError> {
  const body = readBody(raw)
  if (!body.ok) return body
  const errors: ApiError[] = []
  const { estimatedTime, remainingTime, ...fields } = parseProperties(body.value.fields, FIELDS, errors)
  const columns: Partial<WorkPackageRecord> = {
    ...fields,
    ...(estimatedTime !== undefined && { estimatedMinutes: estimatedTime }),
    ...(remainingTime !== undefined && { remainingMinutes: remainingTime }),
  }
  const dates = parseProperties(body.value.fields, DATES, errors)
  const links = parseProperties(body.value.links, LINKS, errors)
  return ok({ body: body.value, columns, dates, links, errors })
}

/** Required references and the words for them when they lead nowhere. */
const REQUIRED = [
  ['type', 'types', 'typeId', 'Type'],
  ['status', 'statuses', 'statusId', 'Status'],
  ['priority', 'priorities', 'priorityId', 'Priority'],
] as const

type Links = WorkPackageInput['links']
type Columns = Partial<WorkPackageRecord>

/** The columns the links set; what does not exist, for this viewer, is an error. */
export async function resolveLinks(
  store: ApiStore,
  viewer: Viewer,
  links: Links,
  errors: ApiError[],
): Promise<Columns> {
  return {
    ...(await resolveProject(store, viewer, links, errors)),
    ...(await resolveRequired(store, links, errors)),
    ...(await resolvePeople(store, links, errors)),
    ...(await resolveParent(store, viewer, links, errors)),
  }
}

async function resolveProject(
  store: ApiStore,
  viewer: Viewer,
  { project }: Links,
  errors: ApiError[],
): Promise<Columns> {
  if (project === undefined) return {}
  const found = project === null ? undefined : await findVisibleProject(store, viewer, project)
  if (found?.ok) return { projectId: found.value.id }
  errors.push(violation('project', project === null ? "Project can't be blank." : 'Project does not exist.'))
  return {}
}

async function resolveRequired(store: ApiStore, links: Links, errors: ApiError[]): Promise<Columns> {
  const resolved: Columns = {}
  for (const [name, table, column, label] of REQUIRED) {
    const value = links[name]
    if (value === undefined) continue
    const row = await readRow(store, table, value ?? '')
    if (row) resolved[column] = row.id
    else errors.push(violation(name, value === null ? `${label} can't be blank.` : `${label} does not exist.`))
  }
  return resolved
}

async function resolvePeople(store: ApiStore, links: Links, errors: ApiError[]): Promise<Columns> {
  const resolved: Columns = {}
  for (const [name, column, label] of PEOPLE) {
    const value = links[name]
    if (value === undefined) continue
    const row = await readRow(store, 'users', value ?? '')
    if (row || value === null) resolved[column] = row?.id ?? null
    else errors.push(violation(name, `${label} does not exist.`))
  }
  return resolved
}

async function resolveParent(store: ApiStore, viewer: Viewer, { parent }: Links, errors: ApiError[]): Promise<Columns> {
  if (parent === undefined) return {}
  const row = parent === null ? undefined : await readVisible(store, viewer, 'workPackages', parent)
  if (row || parent === null) return { parentId: row?.id ?? null }
  errors.push(violation('parent', 'Parent does not exist.'))
  return {}
}

/** Works out start, due and duration: of the three, two make the third; a milestone has one date. Sets both columns of `record`. */
export async function resolveDates(
  store: ApiStore,
  { dates }: WorkPackageInput,
  record: WorkPackageRecord,
  errors: ApiError[],
): Promise<void> {
  const type = await store.get('types', record.typeId)
  if (type?.isMilestone) {
    const single = dates.date ?? dates.dueDate ?? dates.startDate
    const cleared = dates.date === null || dates.dueDate === null
    record.startDate = record.dueDate = single ?? (cleared ? null : (record.dueDate ?? record.startDate))
    return
  }
  if (dates.startDate !== undefined) record.startDate = dates.startDate
  if (dates.dueDate !== undefined) record.dueDate = dates.dueDate
  if (dates.duration != null) applyDuration(dates.duration, dates, record, errors)
  const { startDate, dueDate } = record
  if (startDate !== null && dueDate !== null && startDate > dueDate) {
    errors.push(violation('dueDate', 'Finish date must be greater than or equal to the start date.'))
  }
}

function applyDuration(
  duration: number,
  given: WorkPackageInput['dates'],
  record: WorkPackageRecord,
  errors: ApiError[],
): void {
  const everyDay = record.ignoreNonWorkingDays
  if (duration < 1 || duration > DAYS_MAX) errors.push(violation('duration', 'Duration must be at least one day.'))
  else if (given.startDate && given.dueDate) {
    const actual = daysBetween(given.startDate, given.dueDate, everyDay)
    if (actual !== duration) errors.push(violation('duration', 'Duration does not match the specified dates.'))
  } else if (given.dueDate || (record.startDate === null && record.dueDate !== null)) {
    record.startDate = dateAfter(record.dueDate ?? '', duration, everyDay, -1)
  } else if (record.startDate !== null) {
    record.dueDate = dateAfter(record.startDate, duration, everyDay, 1)
  } else errors.push(violation('duration', 'Duration needs a start date or a finish date.'))
}

/** The rules a work package obeys by itself. */
export function checkRecord(record: WorkPackageRecord): ApiError[] {
  const errors = checkText('subject', 'Subject', record.subject, SUBJECT_MAX)
  const done = record.percentageDone
  if (done !== null && (done < 0 || done > 100)) {
    errors.push(violation('percentageDone', '% Complete must be between 0 and 100.'))
  }
  return errors
}
