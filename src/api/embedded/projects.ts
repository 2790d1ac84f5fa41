import { fail, ok, type Result } from '../../base/result.ts'
import type { Mutation } from '../../storage/store.ts'
import type { ProjectRecord } from '../../storage/tables.ts'
import type { ApiContext, ApiStore, Viewer } from '../context.ts'
import { apiError, type ApiError } from '../errors.ts'
import { findProject } from '../v3/find.ts'
import { loadProject } from '../v3/related.ts'
import { PROJECT_STATUSES, renderProject } from '../v3/representers/project.ts'
import { boolean, checkReadOnly, checkText, formattable, parseProperties, readBody } from './body.ts'
import { reference, text, violation, type Parsed, type RequestBody } from './body.ts'
import { projectUnchanged } from './expectations.ts'
import { changedColumns, failure, write, type WritePlan } from './write.ts'

const NAME_MAX = 255
const IDENTIFIER_MAX = 100
const DEPTH_MAX = 50
/** Not digits alone: those are ids. */
const IDENTIFIER = /^(?!\d+$)[a-z0-9_-]+$/
/** Segments that are routes of their own. */
const RESERVED: readonly string[] = ['new', 'menu', 'queries', 'schema', 'form', 'available_parent_projects']
const READ_ONLY = ['id', 'createdAt', 'updatedAt'] as const

const FIELDS = {
  name: text,
  identifier: text,
  description: formattable,
  statusExplanation: formattable,
  active: boolean,
  public: boolean,
}
const LINKS = { parent: reference('projects', 'workspaces'), status: reference('project_statuses') }

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

export async function createProject(
  context: ApiContext,
  viewer: Viewer,
  raw: unknown,
): Promise<Result<string, ApiError>> {
  const input = readInput(raw)
  if (!input.ok) return input
  const now = context.clock.now()
  const blank: ProjectRecord = {
    ...{
      id: context.store.allocateId('projects'),
      identifier: '',
      name: '',
      description: '',
      active: true,
      public: false,
    },
    ...{ statusCode: null, statusExplanation: '', parentId: null, revision: 0, createdAt: now, updatedAt: now },
  }
  return write(context, viewer, () => planProject(context, input.value, blank, undefined))
}

export async function updateProject(
  context: ApiContext,
  viewer: Viewer,
  id: string,
  raw: unknown,
): Promise<Result<string, ApiError>> {
  const input = readInput(raw)
  if (!input.ok) return input
  return write(context, viewer, async () => {
    const found = await findProject(context.store, id)
    return found.ok ? planProject(context, input.value, found.value, found.value) : found
  })
}

/** `base` is what the input is laid over; `current` the stored row, undefined for a new project. */
async function planProject(
  context: ApiContext,
  input: Input,
  base: ProjectRecord,
  current: ProjectRecord | undefined,
): Promise<Result<WritePlan, ApiError>> {
  const { store } = context
  const errors = [...input.errors]
  const record = { ...base, ...input.fields, ...(await resolveLinks(store, input.links, errors)) }
  if (!current && record.identifier === '') record.identifier = await freeIdentifier(store, record.name, record.id)
  errors.push(
    ...checkReadOnly(
      input.body,
      READ_ONLY,
      current && (() => renderProject({ record: current, ancestors: [] }, ADMIN, false)),
    ),
  )
  errors.push(...(await checkProject(store, record)))
  const view = await loadProject(store, record)
  errors.push(...checkParent(record, view.ancestors))
  const failed = failure(errors)
  if (failed) return failed
  // The parent was found a moment ago: it has been deleted since.
  if (view.ancestors.at(-1)?.id !== (record.parentId ?? undefined)) return fail(apiError('UpdateConflict'))

  return ok({
    expect: [
      ...(current ? [projectUnchanged(current)] : []),
      { kind: 'absent', table: 'projects', column: 'identifier', value: record.identifier, exceptId: record.id },
      ...view.ancestors.map(projectUnchanged),
    ],
    mutations: mutationsOf(context, record, current),
    events: [{ name: current ? 'project:updated' : 'project:created', key: 'project', project: record }],
    projects: [String(record.id), record.identifier, ...(current ? [current.identifier] : [])],
    render: (viewer) => renderProject(view, viewer, true),
  })
}

/** None when nothing changes; otherwise `record` gets its new revision and time. */
function mutationsOf({ clock }: ApiContext, record: ProjectRecord, current: ProjectRecord | undefined): Mutation[] {
  if (!current) return [{ op: 'insert', table: 'projects', row: record }]
  if (Object.keys(changedColumns(current, record)).length === 0) return []
  record.revision = current.revision + 1
  record.updatedAt = clock.now()
  return [{ op: 'update', table: 'projects', id: record.id, changes: changedColumns(current, record) }]
}

/** Comparing read-only values needs no viewer's rights: only scalars are looked at. */
const ADMIN = { id: 0, admin: true } as Viewer

async function resolveLinks(
  store: ApiStore,
  links: Input['links'],
  errors: ApiError[],
): Promise<Partial<Pick<ProjectRecord, 'parentId' | 'statusCode'>>> {
  const resolved: Partial<Pick<ProjectRecord, 'parentId' | 'statusCode'>> = {}
  if (links.status !== undefined) {
    if (links.status === null || Object.hasOwn(PROJECT_STATUSES, links.status)) resolved.statusCode = links.status
    else errors.push(violation('status', 'Status is not set to one of the allowed values.'))
  }
  if (links.parent === null) resolved.parentId = null
  else if (links.parent !== undefined) {
    const parent = await findProject(store, links.parent)
    if (parent.ok) resolved.parentId = parent.value.id
    else errors.push(violation('parent', 'Subproject of does not exist.'))
  }
  return resolved
}

async function checkProject(store: ApiStore, record: ProjectRecord): Promise<ApiError[]> {
  const errors = checkText('name', 'Name', record.name, NAME_MAX)
  // Without a name there is nothing to make an identifier of: one complaint is enough.
  if (record.identifier === '' && errors.length > 0) return errors
  errors.push(...checkText('identifier', 'Identifier', record.identifier, IDENTIFIER_MAX))
  if (record.identifier !== '' && (!IDENTIFIER.test(record.identifier) || RESERVED.includes(record.identifier))) {
    errors.push(violation('identifier', 'Identifier is invalid.'))
  }
  const holder = record.identifier === '' ? undefined : await store.find('projects', 'identifier', record.identifier)
  if (holder && holder.id !== record.id) errors.push(violation('identifier', 'Identifier has already been taken.'))
  return errors
}

function checkParent(record: ProjectRecord, ancestors: readonly ProjectRecord[]): ApiError[] {
  if (ancestors.some((ancestor) => ancestor.id === record.id)) {
    return [violation('parent', 'Subproject of must not be the project itself or one of its subprojects.')]
  }
  return ancestors.length > DEPTH_MAX ? [violation('parent', 'Subproject of is nested too deeply.')] : []
}

/** From the name: `System admin guide` -> `system-admin-guide`, with a number if that is taken. */
async function freeIdentifier(store: ApiStore, name: string, id: number): Promise<string> {
  const slug = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[\u0300-\u036f]/g, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, IDENTIFIER_MAX - 20)
  if (slug === '') return name.trim() === '' ? '' : `project-${id}`
  const usable = /^\d+$/.test(slug) || RESERVED.includes(slug) ? `project-${slug}` : slug
  return (await store.find('projects', 'identifier', usable)) ? `${usable}-${id}` : usable
}
