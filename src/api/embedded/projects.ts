import { fail, ok, type Result } from '../../base/result.ts'
import type { Expectation, Mutation } from '../../storage/store.ts'
import type { ProjectRecord } from '../../storage/tables.ts'
import type { ApiContext, ApiStore, Viewer } from '../context.ts'
import { apiError, type ApiError } from '../errors.ts'
import { findVisibleProject } from '../v3/find.ts'
import { loadProject } from '../v3/related.ts'
import { renderProject, type ProjectView } from '../v3/representers/project.ts'
import { authorizeInAll } from './authority.ts'
import { violation } from './body.ts'
import { allErrors, failed, planOf, VANISHED, type Draft } from './draft.ts'
import { projectUnchanged } from './expectations.ts'
import { checkNesting } from './nesting.ts'
import { PROJECT_SHAPE } from './project-shape.ts'
import { checkFixed, checkLimits, columnsOf, NO_ID, readInput, resolveLinks, type Input } from './shape.ts'
import { changedColumns, write, type WritePlan } from './write.ts'

const IDENTIFIER_MAX = PROJECT_SHAPE.fields.identifier.maxLength
/** Not digits alone: those are ids. */
const IDENTIFIER = /^(?!\d+$)[a-z0-9_-]+$/
/** Segments that are routes of their own. */
const RESERVED: readonly string[] = ['new', 'menu', 'queries', 'schema', 'form', 'available_parent_projects']
const NESTING = { name: 'Subproject of', itself: 'the project itself or one of its subprojects' }

type ProjectInput = Input<typeof PROJECT_SHAPE>

export async function createProject(
  context: ApiContext,
  viewer: Viewer,
  raw: unknown,
): Promise<Result<string, ApiError>> {
  const input = readInput(PROJECT_SHAPE, raw)
  if (!input.ok) return input
  const blank = newProject(context, context.store.allocateId('projects'))
  return write(context, viewer, async () => planOf(await draftProject(context, viewer, input.value, blank, undefined)))
}

export async function updateProject(
  context: ApiContext,
  viewer: Viewer,
  id: string,
  raw: unknown,
): Promise<Result<string, ApiError>> {
  const plan = async () => planOf(await draftProjectUpdate(context, viewer, id, raw))
  // The path may name it in two ways: there is one queue for both.
  const found = await findVisibleProject(context.store, viewer, id)
  return write(context, viewer, plan, found.ok ? `projects/${found.value.id}` : undefined)
}

/** A project to be created, for a form: it has no id. */
export async function draftNewProject(
  context: ApiContext,
  viewer: Viewer,
  raw: unknown,
): Promise<Result<Draft<ProjectRecord>, ApiError>> {
  const input = readInput(PROJECT_SHAPE, raw)
  return input.ok ? draftProject(context, viewer, input.value, newProject(context, NO_ID), undefined) : input
}

export async function draftProjectUpdate(
  context: ApiContext,
  viewer: Viewer,
  id: string,
  raw: unknown,
): Promise<Result<Draft<ProjectRecord>, ApiError>> {
  const input = readInput(PROJECT_SHAPE, raw)
  if (!input.ok) return input
  const found = await findVisibleProject(context.store, viewer, id)
  return found.ok ? draftProject(context, viewer, input.value, found.value, found.value) : found
}

function newProject({ clock }: ApiContext, id: number): ProjectRecord {
  const now = clock.now()
  return {
    ...{ id, identifier: '', name: '', description: '', active: true, public: false, parentId: null },
    ...{ statusCode: null, statusExplanation: '', revision: 0, createdAt: now, updatedAt: now },
  }
}

/** `base` is what the input is laid over; `current` the stored row, undefined for a new project. */
async function draftProject(
  context: ApiContext,
  viewer: Viewer,
  input: ProjectInput,
  base: ProjectRecord,
  current: ProjectRecord | undefined,
): Promise<Result<Draft<ProjectRecord>, ApiError>> {
  const { store } = context
  const read = [...input.errors]
  const linked = await resolveLinks({ store, viewer }, PROJECT_SHAPE, { links: input.links, base }, read)
  const record: ProjectRecord = { ...base, ...columnsOf(PROJECT_SHAPE, input.fields), ...linked }
  const authorized = await authorizeProject(store, viewer, record, current)
  if (!authorized.ok) return authorized
  if (!current && record.identifier === '') record.identifier = await freeIdentifier(store, record)
  const view = await loadProject(store, record)
  if (view.ancestors.at(-1)?.id !== (record.parentId ?? undefined)) return fail(VANISHED)
  const wrong = failed(
    allErrors(read, [
      ...checkFixed(PROJECT_SHAPE, input.body, current),
      ...checkWords(record),
      ...(await checkIdentifier(store, record)),
      ...(await checkNesting(store, 'projects', { record, current, ancestors: view.ancestors }, NESTING)),
    ]),
  )
  return ok({ record, current, outcome: wrong ?? ok(() => planProject(context, view, current, authorized.value)) })
}

/** Creating one is for administrators; changing one, and putting it under another, for the project admins of both. */
async function authorizeProject(
  store: ApiStore,
  viewer: Viewer,
  record: ProjectRecord,
  current: ProjectRecord | undefined,
): Promise<Result<Expectation[], ApiError>> {
  if (!current) return viewer.admin ? ok([]) : fail(apiError('MissingPermission'))
  const parent = record.parentId === current.parentId ? null : record.parentId
  return authorizeInAll(store, viewer, 'manage', parent === null ? [current.id] : [current.id, parent])
}

function planProject(
  context: ApiContext,
  view: ProjectView,
  current: ProjectRecord | undefined,
  authorized: readonly Expectation[],
): WritePlan {
  const { record, ancestors } = view
  return {
    expect: [
      ...authorized,
      ...(current ? [projectUnchanged(current)] : []),
      { kind: 'absent', table: 'projects', column: 'identifier', value: record.identifier, exceptId: record.id },
      ...ancestors.map(projectUnchanged),
    ],
    mutations: mutationsOf(context, record, current),
    events: [{ name: current ? 'project:updated' : 'project:created', key: 'project', project: record }],
    projects: [String(record.id), record.identifier, ...(current ? [current.identifier] : [])],
    render: (viewer) => renderProject(view, viewer, true),
  }
}

/** None when nothing changes; otherwise `record` gets its new revision and time. */
function mutationsOf({ clock }: ApiContext, record: ProjectRecord, current: ProjectRecord | undefined): Mutation[] {
  if (!current) return [{ op: 'insert', table: 'projects', row: record }]
  if (Object.keys(changedColumns(current, record)).length === 0) return []
  record.revision = current.revision + 1
  record.updatedAt = clock.now()
  return [{ op: 'update', table: 'projects', id: record.id, changes: changedColumns(current, record) }]
}

/** Without a name there is nothing to make an identifier of: one complaint is enough. */
function checkWords(record: ProjectRecord): ApiError[] {
  const errors = checkLimits(PROJECT_SHAPE, record)
  const nameless = record.identifier === '' && record.name.trim() === ''
  return nameless ? errors.filter((error) => error.details?.['attribute'] !== 'identifier') : errors
}

async function checkIdentifier(store: ApiStore, { id, identifier }: ProjectRecord): Promise<ApiError[]> {
  if (identifier === '') return []
  const errors: ApiError[] = []
  if (!IDENTIFIER.test(identifier) || RESERVED.includes(identifier)) {
    errors.push(violation('identifier', 'Identifier is invalid.'))
  }
  const holder = await store.find('projects', 'identifier', identifier)
  if (holder && holder.id !== id) errors.push(violation('identifier', 'Identifier has already been taken.'))
  return errors
}

/** From the name: `System admin guide` -> `system-admin-guide`, with a number if that is taken. */
async function freeIdentifier(store: ApiStore, { id, name }: ProjectRecord): Promise<string> {
  const slug = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, IDENTIFIER_MAX - 20)
  // A form has no id yet, and takes one only where the identifier it proposes needs a number of its own.
  const number = () => (id === NO_ID ? store.allocateId('projects') : id)
  if (slug === '') return name.trim() === '' ? '' : `project-${number()}`
  const usable = /^\d+$/.test(slug) || RESERVED.includes(slug) ? `project-${slug}` : slug
  return (await store.find('projects', 'identifier', usable)) ? `${usable}-${number()}` : usable
}
