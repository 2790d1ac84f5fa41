import { fail, ok, type Result } from '../../base/result.ts'
import type { Expectation, Mutation } from '../../storage/store.ts'
import type { MembershipRecord, ProjectRecord, UserRecord } from '../../storage/tables.ts'
import type { ApiContext, Viewer } from '../context.ts'
import { apiError, type ApiError } from '../errors.ts'
import { mayManageSomewhere, seesUser } from '../permissions.ts'
import { ROLES } from '../roles.ts'
import { findVisibleProject, parseId, readRow } from '../v3/find.ts'
import { loadProject } from '../v3/related.ts'
import { renderMembership } from '../v3/representers/membership.ts'
import { isAssignable } from './assignable.ts'
import { authorize, findMembership, pairOf } from './authority.ts'
import { readBody, readOnly, reference, references, violation, type RequestBody } from './body.ts'
import { allErrors, failed, planOf, VANISHED, type Draft } from './draft.ts'
import { membershipUnchanged, projectUnchanged, userUnchanged } from './expectations.ts'
import { MEMBERSHIP_SHAPE } from './membership-shape.ts'
import { checkFixed, NO_ID, readPresent, type Parsed } from './shape.ts'
import { changedColumns, write, type WritePlan } from './write.ts'

type Drafted = Promise<Result<Draft<MembershipRecord>, ApiError>>

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
  const id = context.store.allocateId('memberships')
  return write(context, viewer, async () => planOf(await draftNewMembership(context, viewer, raw, id)))
}

/** For a form, a new membership needs no id. */
export async function draftNewMembership(context: ApiContext, viewer: Viewer, raw: unknown, id = NO_ID): Drafted {
  const input = readInput(raw)
  if (!input.ok) return input
  if (!mayManageSomewhere(viewer)) return fail(apiError('MissingPermission'))
  return draftNew(context, viewer, input.value, id)
}

async function draftNew(
  context: ApiContext,
  viewer: Viewer,
  { body, links, errors: read }: Input,
  id: number,
): Drafted {
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
  const record = newMembership(context, { id, projectId: project?.id ?? NO_ID, userId: user?.id ?? NO_ID }, roles)
  const refused = failed(allErrors(read, errors))
  if (refused) return ok({ record, current: undefined, outcome: refused })
  // Whatever is missing has been named among the errors.
  if (!project || !user) return fail(VANISHED)
  const plan: WritePlan = {
    expect: [
      ...authorized.value,
      { kind: 'absent', table: 'memberships', column: 'pair', value: record.pair },
      projectUnchanged(project),
      userUnchanged(user),
    ],
    mutations: [{ op: 'insert', table: 'memberships', row: record }],
    render: await renderer(context, record, project, user),
  }
  return ok({ record, current: undefined, outcome: ok(() => plan) })
}

function newMembership(
  { clock }: ApiContext,
  place: Pick<MembershipRecord, 'id' | 'projectId' | 'userId'>,
  roles: RoleColumns = { isMember: false, isProjectAdmin: false },
): MembershipRecord {
  const now = clock.now()
  return { ...place, pair: pairOf(place.projectId, place.userId), ...roles, createdAt: now, updatedAt: now }
}

/** Only the roles change: who and where make the membership what it is. */
export async function updateMembership(
  context: ApiContext,
  viewer: Viewer,
  id: string,
  raw: unknown,
): Promise<Result<string, ApiError>> {
  const plan = async () => planOf(await draftMembershipUpdate(context, viewer, id, raw))
  return write(context, viewer, plan, `memberships/${id}`)
}

export async function draftMembershipUpdate(context: ApiContext, viewer: Viewer, id: string, raw: unknown): Drafted {
  const input = readInput(raw)
  if (!input.ok) return input
  const found = await findManaged(context, viewer, id)
  return found.ok ? draftChange(context, input.value, found.value) : found
}

async function draftChange(context: ApiContext, { body, links, errors: read }: Input, managed: Managed): Drafted {
  const { membership, project, user, expect } = managed
  const errors: ApiError[] = []
  const roles = links.roles === undefined ? {} : roleColumns(links.roles, errors)
  const record = { ...membership, ...roles }
  const render = await renderer(context, record, project, user)
  errors.push(...checkFixed(MEMBERSHIP_SHAPE, body, membership), ...checkPlace(links, membership, project))
  const refused = failed(allErrors(read, errors))
  const plan = (): WritePlan => ({
    expect: [...expect, membershipUnchanged(membership)],
    mutations: mutationsOf(context, record, membership),
    render,
  })
  return ok({ record, current: membership, outcome: refused ?? ok(plan) })
}

/** None when nothing changes; otherwise `record` gets its new time. */
function mutationsOf({ clock }: ApiContext, record: MembershipRecord, current: MembershipRecord): Mutation[] {
  if (Object.keys(changedColumns(current, record)).length === 0) return []
  record.updatedAt = clock.now()
  return [{ op: 'update', table: 'memberships', id: record.id, changes: changedColumns(current, record) }]
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
