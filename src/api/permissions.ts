import type { Condition, RecordReader } from '../storage/store.ts'
import type { ProjectRecord, RecordOf, TableName, UserRecord } from '../storage/tables.ts'
import type { Grants, Viewer } from './context.ts'

/**
 * Who may do what (reference §12.2 to §12.7). Administrators may do everything. Everybody else sees the projects they are members
 * of and the active public ones; members also work in theirs (contribute), project admins run them (manage). Who does not see
 * a project sees nothing that is in it: it is not there, not counted and not named.
 *
 * These answers are of the moment the request came in, which is what reading needs. A write asks again (embedded/authority.ts).
 */

const NONE: Grants = { member: new Set(), projectAdmin: new Set(), open: new Set() }

/** The user with what it holds. The sets are the store's own: as long as no membership or project changes, the same objects. */
export async function loadViewer(store: RecordReader, user: UserRecord): Promise<Viewer> {
  if (user.admin) return { ...user, grants: NONE }
  const own = { column: 'userId', comparison: '=', value: user.id } as const
  const [member, projectAdmin, open] = await Promise.all([
    store.values('memberships', 'projectId', [own]),
    store.values('memberships', 'projectId', [own, { column: 'isProjectAdmin', comparison: '=', value: true }]),
    store.values('projects', 'id', [
      { column: 'public', comparison: '=', value: true },
      { column: 'active', comparison: '=', value: true },
    ]),
  ])
  return { ...user, grants: { member, projectAdmin, open } }
}

/** The same user with an administrator's eyes. */
export function asAdministrator(viewer: Viewer): Viewer {
  return { ...viewer, admin: true }
}

export function sees({ admin, grants }: Viewer, projectId: number): boolean {
  return admin || grants.member.has(projectId) || grants.open.has(projectId)
}

/** Which users see the project. */
export async function whoSees(store: RecordReader, project: ProjectRecord): Promise<(user: UserRecord) => boolean> {
  if (project.public && project.active) return () => true
  const members = await store.values('memberships', 'userId', [
    { column: 'projectId', comparison: '=', value: project.id },
  ])
  return ({ id, admin }) => admin || members.has(id)
}

/** Work packages, comments and time of one's own. */
export function mayContribute({ admin, grants }: Viewer, projectId: number): boolean {
  return admin || grants.member.has(projectId)
}

/** The project itself, its memberships, everybody's time. */
export function mayManage({ admin, grants }: Viewer, projectId: number): boolean {
  return admin || grants.projectAdmin.has(projectId)
}

export function seesSomething({ admin, grants }: Viewer): boolean {
  return admin || grants.member.size > 0 || grants.open.size > 0
}

export function mayContributeSomewhere({ admin, grants }: Viewer): boolean {
  return admin || grants.member.size > 0
}

export function mayManageSomewhere({ admin, grants }: Viewer): boolean {
  return admin || grants.projectAdmin.size > 0
}

/** Narrows a list to what the viewer may see of its table. */
export type VisibleRows<T extends TableName> = (
  viewer: Viewer,
  store: RecordReader,
) => readonly Condition<T>[] | Promise<readonly Condition<T>[]>

/** The projects the viewer sees; undefined for administrators: they see all. */
export function visibleProjects({ admin, grants }: Viewer): number[] | undefined {
  return admin ? undefined : [...new Set([...grants.member, ...grants.open])]
}

/** Rows of projects the viewer sees, by the column that names the project. */
export function inVisibleProjects<T extends TableName>(column: keyof RecordOf<T> & string) {
  return (viewer: Viewer): Condition<T>[] => {
    const value = visibleProjects(viewer)
    return value ? [{ column, comparison: 'in', value }] : []
  }
}

/** Rows of projects the viewer works in: their people are no business of visitors. */
export function inOwnProjects<T extends TableName>(column: keyof RecordOf<T> & string) {
  return ({ admin, grants }: Viewer): Condition<T>[] =>
    admin ? [] : [{ column, comparison: 'in', value: [...grants.member] }]
}

/** What may be done in a project; each includes those before. */
export type ProjectRight = 'see' | 'contribute' | 'manage' | 'administer'

/** The projects in which the viewer may do so much; undefined: all. */
export function projectsWith(viewer: Viewer, right: ProjectRight): readonly number[] | undefined {
  if (viewer.admin || right === 'see') return visibleProjects(viewer)
  if (right === 'administer') return []
  return [...(right === 'contribute' ? viewer.grants.member : viewer.grants.projectAdmin)]
}

/** Of these ids those of rows the viewer sees. */
export async function seenOf(
  store: RecordReader,
  viewer: Viewer,
  table: 'projects' | 'workPackages',
  ids: readonly number[],
): Promise<number[]> {
  if (viewer.admin) return [...ids]
  if (table === 'projects') return ids.filter((id) => sees(viewer, id))
  const rows = await Promise.all(ids.map((id) => store.get(table, id)))
  return rows
    .filter((row) => row !== undefined)
    .filter(({ projectId }) => sees(viewer, projectId))
    .map(({ id }) => id)
}

/** Of a list of projects, those the viewer may work in. */
export function workable(viewer: Viewer): Condition<'projects'>[] {
  return [...inOwnProjects<'projects'>('id')(viewer), { column: 'active', comparison: '=', value: true }]
}

/** Of a list of projects, those the viewer runs. */
export function manageable({ admin, grants }: Viewer): Condition<'projects'>[] {
  const active = { column: 'active', comparison: '=', value: true } as const
  return admin ? [active] : [{ column: 'id', comparison: 'in', value: [...grants.projectAdmin] }, active]
}

/** Whoever fills projects with people must be able to find them. */
const seesEverybody = mayManageSomewhere

/** Users one shares a project with, and oneself. */
export const visibleUsers: VisibleRows<'users'> = async (viewer, store) => {
  if (seesEverybody(viewer)) return []
  const known = await usersIn(store, viewer, [...viewer.grants.member])
  return [{ column: 'id', comparison: 'in', value: [viewer.id, ...known] }]
}

export async function seesUser(store: RecordReader, viewer: Viewer, userId: number): Promise<boolean> {
  if (viewer.id === userId || seesEverybody(viewer)) return true
  const projectIds = await store.values('memberships', 'projectId', [
    { column: 'userId', comparison: '=', value: userId },
  ])
  return [...projectIds].some((id) => viewer.grants.member.has(id))
}

/** The members of any of the projects; of those whose people the viewer may know. */
export function usersIn(
  store: RecordReader,
  viewer: Viewer,
  projectIds: readonly number[],
): Promise<ReadonlySet<number>> {
  const known = projectIds.filter((id) => mayContribute(viewer, id))
  return store.values('memberships', 'userId', [{ column: 'projectId', comparison: 'in', value: known }])
}

/** Projects of which any of the users is a member; of those whose people the viewer may know, which are its own. */
export async function projectsOf(
  store: RecordReader,
  viewer: Viewer,
  userIds: readonly number[],
): Promise<ReadonlySet<number>> {
  const ids = await store.values('memberships', 'projectId', [{ column: 'userId', comparison: 'in', value: userIds }])
  return new Set([...ids].filter((id) => mayContribute(viewer, id)))
}
