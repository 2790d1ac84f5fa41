import { fail, ok, type Result } from '../../base/result.ts'
import type { Expectation, RecordReader } from '../../storage/store.ts'
import type { MembershipRecord } from '../../storage/tables.ts'
import type { Viewer } from '../context.ts'
import { apiError, type ApiError } from '../errors.ts'

/** contribute: what members do. manage: what project admins do. */
export type Right = 'contribute' | 'manage'

/** How a membership is found: `pair` of its row. */
export function pairOf(projectId: number, userId: number): string {
  return `${projectId}/${userId}`
}

export function findMembership(
  store: RecordReader,
  projectId: number,
  userId: number,
): Promise<MembershipRecord | undefined> {
  return store.find('memberships', 'pair', pairOf(projectId, userId))
}

/** That the membership is still there. */
export function stillMember({ id }: MembershipRecord): Expectation {
  return { kind: 'row', table: 'memberships', id, values: {} }
}

/**
 * Whether the viewer may write in the project: if so, what must still hold when the write is made, so that a membership that
 * ends meanwhile is decided by the store; else 403, or 404 where the viewer does not see the project. What the viewer's own row
 * says (locked, administrator) is of the moment the request was authenticated, as its token is.
 */
export async function authorize(
  store: RecordReader,
  viewer: Viewer,
  right: Right,
  projectId: number,
): Promise<Result<Expectation[], ApiError>> {
  if (viewer.admin) return ok([])
  const membership = await findMembership(store, projectId, viewer.id)
  if (membership && right === 'contribute') return ok([stillMember(membership)])
  if (membership?.isProjectAdmin) {
    return ok([{ kind: 'row', table: 'memberships', id: membership.id, values: { isProjectAdmin: true } }])
  }
  const visible = membership !== undefined || viewer.grants.open.has(projectId)
  return fail(apiError(visible ? 'MissingPermission' : 'NotFound'))
}

/** The same in each of several projects. */
export async function authorizeInAll(
  store: RecordReader,
  viewer: Viewer,
  right: Right,
  projectIds: Iterable<number>,
): Promise<Result<Expectation[], ApiError>> {
  const expect: Expectation[] = []
  for (const id of new Set(projectIds)) {
    const authorized = await authorize(store, viewer, right, id)
    if (!authorized.ok) return authorized
    expect.push(...authorized.value)
  }
  return ok(expect)
}
