import { fail, ok, type Result } from '../../base/result.ts'
import type { Expectation, RecordReader } from '../../storage/store.ts'
import type { ApiContext, Viewer } from '../context.ts'
import { apiError, tooManyRequests, type ApiError } from '../errors.ts'
import { findVisible, findVisibleProject } from '../v3/find.ts'
import { authorize, authorizeInAll } from './authority.ts'
import { removeProject, removeTimeEntries, removeWorkPackage } from './removal.ts'
import type { Chain, Removed } from './removing.ts'
import { rightOver } from './time-entry-authority.ts'

/**
 * Who may delete what: every piece of a deletion expects the memberships it rests on, and all that goes to be in their projects, so
 * it ends with them. Administrators may delete whatever it is by then.
 */

type Deleted = Result<unknown, ApiError>

export async function deleteTimeEntry(context: ApiContext, viewer: Viewer, segment: string): Promise<Deleted> {
  const found = await findVisible(context.store, viewer, 'timeEntries', segment)
  if (!found.ok) return found
  const { id, projectId, userId } = found.value
  const authorized = await authorize(context.store, viewer, rightOver(found.value, viewer), projectId)
  if (!authorized.ok) return authorized
  const rests = rowsOf(authorized.value)
  // What moves away meanwhile, or becomes another's, has gone where nobody has asked.
  const chain: Chain = [...rests, { kind: 'row', table: 'timeEntries', id, values: { projectId, userId } }]
  const removing = await context.turns.take(`timeEntries/${id}`, () => removeTimeEntries(context, 'id', id, chain))
  const removed = stillAllowed(removing, rests)
  if (!removed.ok || removed.value.cut === undefined) return removed
  return (await context.store.get('timeEntries', id)) ? fail(apiError('UpdateConflict')) : removed
}

function rowsOf(authorized: readonly Expectation[]): Chain {
  return authorized.filter((expectation) => expectation.kind === 'row')
}

/** The chain was cut at a membership: the right has ended. */
function stillAllowed(removed: Removed, rests: Chain): Removed {
  const ended = removed.ok && removed.value.cut !== undefined && removed.value.cut < rests.length
  return ended ? fail(apiError('MissingPermission')) : removed
}

export async function deleteWorkPackage(context: ApiContext, viewer: Viewer, segment: string): Promise<Deleted> {
  const found = await findVisible(context.store, viewer, 'workPackages', segment)
  if (!found.ok) return found
  const { id, projectId } = found.value
  const reached = viewer.admin ? undefined : await projectsBelow(context, viewer, id)
  if (reached && !reached.ok) return reached
  const within = reached && new Set([projectId, ...reached.value])
  // What lies below in a project that is not the viewer's is refused, not left out; and not told whether it is there.
  const [own, below] = [
    await authorize(context.store, viewer, 'contribute', projectId),
    await authorizeInAll(context.store, viewer, 'contribute', within ?? []),
  ]
  if (!own.ok) return own
  if (!below.ok) return fail(apiError('MissingPermission'))
  const rests = rowsOf(below.value)
  const chain: Chain = [...rests, { kind: 'row', table: 'workPackages', id, values: within ? { projectId } : {} }]
  const removed = stillAllowed(await removeWorkPackage(context, id, chain, within), rests)
  if (!removed.ok || removed.value.cut === undefined) return removed
  const moved = await context.store.get('workPackages', id)
  if (!moved) return removed
  return fail(apiError(within?.has(moved.projectId) ? 'UpdateConflict' : 'MissingPermission'))
}

/** As many rows below a work package are looked at here; more of them elsewhere, and not for long. */
const NEAR_MAX = 2_000

/** The projects of everything below a work package: children may be in others. */
async function projectsBelow(
  { store }: ApiContext,
  viewer: Viewer,
  id: number,
): Promise<Result<ReadonlySet<number>, ApiError>> {
  const near = await projectsNear(store, id)
  if (near) return ok(near)
  const where = [{ column: 'parentId', comparison: 'below', value: [id] }] as const
  const query = { where, orderBy: [], limit: 0, offset: 0, groupBy: 'projectId' } as const
  const found = await store.search('workPackages', query, String(viewer.id))
  if (found.ok) return ok(new Set(found.value.groups?.map(({ value }) => Number(value))))
  if (found.error === 'busy') return fail(tooManyRequests('Too much is being looked for. Try again in a moment.', 2))
  return fail(apiError('PropertyConstraintViolation', 'Too much is nested below. Delete some of what is below first.'))
}

/** Level by level; undefined when that comes to too many rows. */
async function projectsNear(store: RecordReader, top: number): Promise<ReadonlySet<number> | undefined> {
  const projectIds = new Set<number>()
  const seen = new Set([top])
  for (let level = [top]; level.length > 0;) {
    const where = [{ column: 'parentId', comparison: 'in', value: level }] as const
    const query = { where, orderBy: [], limit: NEAR_MAX + 1, offset: 0 }
    const children = await store.pick('workPackages', ['id', 'projectId'], query)
    level = children.map((child) => child.id).filter((id) => !seen.has(id))
    for (const child of children) projectIds.add(child.projectId)
    for (const id of level) seen.add(id)
    if (seen.size > NEAR_MAX) return undefined
  }
  return projectIds
}

export async function deleteProject(context: ApiContext, viewer: Viewer, segment: string): Promise<Deleted> {
  const found = await findVisibleProject(context.store, viewer, segment)
  if (!found.ok) return found
  if (!viewer.admin) return fail(apiError('MissingPermission'))
  const { id } = found.value
  return removeProject(context, id, [{ kind: 'row', table: 'projects', id, values: {} }])
}
