import { fail, ok, type Result } from '../../base/result.ts'
import type { Expectation, Mutation } from '../../storage/store.ts'
import type { MembershipRecord, ProjectRecord, UserRecord } from '../../storage/tables.ts'
import type { ApiContext, Viewer } from '../context.ts'
import { apiError, type ApiError } from '../errors.ts'
import { mayManageSomewhere } from '../permissions.ts'
import { readRow } from '../v3/find.ts'
import { loadProject } from '../v3/related.ts'
import { renderMembership } from '../v3/representers/membership.ts'
import { authorize, findMembership, pairOf } from './authority.ts'
import { violation } from './body.ts'
import { allErrors, failed, planOf, VANISHED, type Draft } from './draft.ts'
import { membershipUnchanged, projectUnchanged, userUnchanged } from './expectations.ts'
import { checkPlace, linkedProject, linkedUser, readMembership, roleColumns } from './membership-links.ts'
import type { MembershipInput, RoleColumns } from './membership-links.ts'
import { MEMBERSHIP_SHAPE } from './membership-shape.ts'
import { checkFixed, NO_ID } from './shape.ts'
import { changedColumns, write, type WritePlan } from './write.ts'

type Drafted = Promise<Result<Draft<MembershipRecord>, ApiError>>

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
  const input = readMembership(raw)
  if (!input.ok) return input
  if (!mayManageSomewhere(viewer)) return fail(apiError('MissingPermission'))
  return draftNew(context, viewer, input.value, id)
}

async function draftNew(
  context: ApiContext,
  viewer: Viewer,
  { body, links, errors: read }: MembershipInput,
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
  const input = readMembership(raw)
  if (!input.ok) return input
  const found = await findManaged(context, viewer, id)
  return found.ok ? draftChange(context, input.value, found.value) : found
}

async function draftChange(
  context: ApiContext,
  { body, links, errors: read }: MembershipInput,
  managed: Managed,
): Drafted {
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
