import { fail, ok, type Result } from '../../base/result.ts'
import type { Expectation } from '../../storage/store.ts'
import type { MembershipRecord, ProjectRecord, UserRecord } from '../../storage/tables.ts'
import type { ApiContext, Viewer } from '../context.ts'
import { apiError, combineErrors, type ApiError } from '../errors.ts'
import { seesUser } from '../permissions.ts'
import { ROLES } from '../roles.ts'
import { findVisibleProject, parseId, readRow } from '../v3/find.ts'
import { loadProject } from '../v3/related.ts'
import { dateTime } from '../v3/representers/formats.ts'
import { renderMembership } from '../v3/representers/membership.ts'
import { isAssignable } from './assignable.ts'
import { authorize, findMembership, pairOf } from './authority.ts'
import { readBody, readOnly, reference, references, violation, type RequestBody } from './body.ts'
import { allErrors, failed } from './draft.ts'
import { membershipUnchanged, projectUnchanged, userUnchanged } from './expectations.ts'
import { checkFixed, readPresent, type Parsed, type Shape } from './shape.ts'
import { changedColumns, write, type WritePlan } from './write.ts'

/** What it is by itself; who, where and in which roles is read by `LINKS`. */
const MEMBERSHIP_SHAPE = {
  fields: {
    id: { type: 'Integer', name: 'ID', fixed: true, show: ({ id }) => id },
    createdAt: { type: 'DateTime', name: 'Created on', fixed: true, show: ({ createdAt }) => dateTime(createdAt) },
    updatedAt: { type: 'DateTime', name: 'Updated on' },
  },
  links: {},
} as const satisfies Shape<MembershipRecord>
const LINKS = {
  project: reference('projects', 'workspaces'),
  principal: reference('users', 'principals'),
  roles: references('roles'),
}

interface Input {
  readonly body: RequestBody
  readonly links: Parsed<typeof LINKS>
  readonly errors: readonly ApiError[]
}

type RoleColumns = Pick<MembershipRecord, 'isMember' | 'isProjectAdmin'>

function readInput(raw: unknown): Result<Input, ApiError> {
  const body = readBody(raw)
  if (!body.ok) return body
  const errors: ApiError[] = []
  const links = readPresent(body.value.links, LINKS, (parse) => parse, errors)
  return ok({ body: body.value, links: links, errors })
}

export async function createMembership(
  context: ApiContext,
  viewer: Viewer,
  raw: unknown,
): Promise<Result<string, ApiError>> {
  const input = readInput(raw)
  if (!input.ok) return input
  if (!viewer.admin && viewer.grants.projectAdmin.size === 0) return fail(apiError('MissingPermission'))
  const id = context.store.allocateId('memberships')
  return write(context, viewer, () => planNew(context, viewer, input.value, id))
}

async function planNew(
  context: ApiContext,
  viewer: Viewer,
  { body, links, errors: read }: Input,
  id: number,
): Promise<Result<WritePlan, ApiError>> {
  const { store } = context
  const errors = checkFixed(MEMBERSHIP_SHAPE, body, undefined)
  const project = await linkedProject(context, viewer, links.project, errors)
  const authorized = project ? await authorize(store, viewer, 'manage', project.id) : ok([])
  if (!authorized.ok) return authorized
  const user = await linkedUser(context, viewer, links.principal, errors)
  const roles = roleColumns(links.roles, errors)
  if (project && user && (await findMembership(store, project.id, user.id))) {
    errors.push(violation('principal', 'User has already been taken.'))
  }
  const refused = failed(allErrors(read, errors))
  if (refused) return fail(combineErrors(refused.error))
  // Whatever is missing has been named among the errors.
  if (!project || !user || !roles) return fail(apiError('UpdateConflict'))
  const now = context.clock.now()
  const pair = pairOf(project.id, user.id)
  const record = { id, projectId: project.id, userId: user.id, pair, ...roles, createdAt: now, updatedAt: now }
  return ok({
    expect: [
      ...authorized.value,
      { kind: 'absent', table: 'memberships', column: 'pair', value: pair },
      projectUnchanged(project),
      userUnchanged(user),
    ],
    mutations: [{ op: 'insert', table: 'memberships', row: record }],
    render: await renderer(context, record, project, user),
  })
}

/** Only the roles change: who and where make the membership what it is. */
export async function updateMembership(
  context: ApiContext,
  viewer: Viewer,
  id: string,
  raw: unknown,
): Promise<Result<string, ApiError>> {
  const input = readInput(raw)
  if (!input.ok) return input
  const plan = async () => {
    const found = await findManaged(context, viewer, id)
    return found.ok ? planChange(context, viewer, input.value, found.value) : found
  }
  return write(context, viewer, plan, `memberships/${id}`)
}

async function planChange(
  context: ApiContext,
  viewer: Viewer,
  { body, links, errors: read }: Input,
  { membership, project, user, expect }: Managed,
): Promise<Result<WritePlan, ApiError>> {
  const errors: ApiError[] = []
  const roles = links.roles === undefined ? {} : roleColumns(links.roles, errors)
  const record = { ...membership, ...roles }
  const render = await renderer(context, record, project, user)
  errors.push(...checkFixed(MEMBERSHIP_SHAPE, body, membership), ...checkPlace(links, membership, project))
  const refused = failed(allErrors(read, errors))
  if (refused) return fail(combineErrors(refused.error))
  if (Object.keys(changedColumns(membership, record)).length === 0) return ok({ expect: [], mutations: [], render })
  record.updatedAt = context.clock.now()
  const changes = changedColumns(membership, record)
  return ok({
    expect: [...expect, membershipUnchanged(membership)],
    mutations: [{ op: 'update', table: 'memberships', id: record.id, changes }],
    render,
  })
}

/** What the user did stays; work it was given stays with it, until somebody gives it to another. */
export async function deleteMembership(
  context: ApiContext,
  viewer: Viewer,
  id: string,
): Promise<Result<unknown, ApiError>> {
  const plan = async (): Promise<Result<WritePlan, ApiError>> => {
    const found = await findManaged(context, viewer, id)
    if (!found.ok) return found
    const { membership, expect } = found.value
    const mutation = { op: 'delete', table: 'memberships', id: membership.id } as const
    return ok({ expect: [...expect, membershipUnchanged(membership)], mutations: [mutation], render: () => '' })
  }
  return write(context, viewer, plan, `memberships/${id}`)
}

/** A membership the viewer may change, and what must still hold when that is done. */
interface Managed {
  readonly membership: MembershipRecord
  readonly project: ProjectRecord
  readonly user: UserRecord
  readonly expect: readonly Expectation[]
}

async function findManaged({ store }: ApiContext, viewer: Viewer, id: string): Promise<Result<Managed, ApiError>> {
  const membership = await readRow(store, 'memberships', id)
  if (!membership) return fail(apiError('NotFound'))
  const authorized = await authorize(store, viewer, 'manage', membership.projectId)
  if (!authorized.ok) {
    const own = viewer.grants.member.has(membership.projectId)
    return own ? authorized : fail(apiError('NotFound'))
  }
  const [project, user] = await Promise.all([
    store.get('projects', membership.projectId),
    store.get('users', membership.userId),
  ])
  return project && user ? ok({ membership, project, user, expect: authorized.value }) : fail(apiError('NotFound'))
}

async function renderer(
  { store }: ApiContext,
  record: MembershipRecord,
  project: ProjectRecord,
  user: UserRecord,
): Promise<WritePlan['render']> {
  const { ancestors } = await loadProject(store, project)
  return (viewer) => renderMembership({ record, project, projectAncestors: ancestors, user }, viewer, true)
}

async function linkedProject(
  { store }: ApiContext,
  viewer: Viewer,
  text: string | null | undefined,
  errors: ApiError[],
): Promise<ProjectRecord | undefined> {
  if (text == null) {
    errors.push(violation('project', "Project can't be blank."))
    return undefined
  }
  const project = await findVisibleProject(store, viewer, text)
  if (project.ok) return project.value
  errors.push(violation('project', 'Project does not exist.'))
  return undefined
}

async function linkedUser(
  { store }: ApiContext,
  viewer: Viewer,
  text: string | null | undefined,
  errors: ApiError[],
): Promise<UserRecord | undefined> {
  const user = text == null ? undefined : await readRow(store, 'users', text)
  const known = user && (await seesUser(store, viewer, user.id))
  if (known && isAssignable(user)) return user
  const why = text == null ? "can't be blank." : known ? 'cannot be assigned to a project.' : 'does not exist.'
  errors.push(violation('principal', `User ${why}`))
  return undefined
}

function roleColumns(ids: readonly string[] | undefined, errors: ApiError[]): RoleColumns | undefined {
  const numbers = (ids ?? []).map(parseId)
  if (!numbers.every((id) => ROLES.some((role) => role.id === id))) {
    errors.push(violation('roles', 'Roles has an unassignable role.'))
    return undefined
  }
  if (numbers.length === 0) {
    errors.push(violation('roles', 'Roles need to be assigned.'))
    return undefined
  }
  const has = (column: keyof RoleColumns) => ROLES.some((role) => role.column === column && numbers.includes(role.id))
  return { isMember: has('isMember'), isProjectAdmin: has('isProjectAdmin') }
}

/** Clients send whole representations back: the same project and principal are no change. */
function checkPlace(
  links: Input['links'],
  { projectId, userId }: MembershipRecord,
  project: ProjectRecord,
): ApiError[] {
  const sameProject = [undefined, String(projectId), project.identifier].includes(links.project ?? undefined)
  const sameUser = [undefined, String(userId)].includes(links.principal ?? undefined)
  return [
    ...(sameProject && links.project !== null ? [] : [readOnly('project')]),
    ...(sameUser && links.principal !== null ? [] : [readOnly('principal')]),
  ]
}
