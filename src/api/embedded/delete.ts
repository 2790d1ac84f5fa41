import { fail, type Result } from '../../base/result.ts'
import type { WorkPackageRecord } from '../../storage/tables.ts'
import type { ApiContext, Viewer } from '../context.ts'
import { apiError, type ApiError } from '../errors.ts'
import { findVisible, findVisibleProject } from '../v3/find.ts'
import { authorize, authorizeInAll } from './authority.ts'
import { removeProject, removeTimeEntries, removeWorkPackage } from './removal.ts'
import { rightOver } from './time-entry-authority.ts'

/** Who may delete what. It is judged when a deletion begins: in pieces, there is no one write a membership could be expected by. */

type Deleted = Result<unknown, ApiError>

export async function deleteTimeEntry(context: ApiContext, viewer: Viewer, id: string): Promise<Deleted> {
  const found = await findVisible(context.store, viewer, 'timeEntries', id)
  if (!found.ok) return found
  const authorized = await authorize(context.store, viewer, rightOver(found.value, viewer), found.value.projectId)
  return authorized.ok ? removeTimeEntries(context, 'id', found.value.id, []) : authorized
}

export async function deleteWorkPackage(context: ApiContext, viewer: Viewer, segment: string): Promise<Deleted> {
  const found = await findVisible(context.store, viewer, 'workPackages', segment)
  if (!found.ok) return found
  const projectIds = viewer.admin ? [] : await projectsBelow(context, found.value)
  // What lies below in a project that is not the viewer's is refused, not left out; and not told whether it is there.
  const [own, below] = [
    await authorize(context.store, viewer, 'contribute', found.value.projectId),
    await authorizeInAll(context.store, viewer, 'contribute', projectIds),
  ]
  if (!own.ok) return own
  if (!below.ok) return fail(apiError('MissingPermission'))
  const { id } = found.value
  return removeWorkPackage(context, id, [{ kind: 'row', table: 'workPackages', id, values: {} }])
}

/** The projects of everything below a work package: children may be in others. */
async function projectsBelow({ store }: ApiContext, top: WorkPackageRecord): Promise<Set<number>> {
  const projectIds = new Set<number>()
  const seen = new Set([top.id])
  for (let level: ReadonlySet<number> = new Set(seen); level.size > 0;) {
    const where = [{ column: 'parentId', comparison: 'in', value: [...level] }] as const
    for (const id of await store.values('workPackages', 'projectId', where)) projectIds.add(id)
    const children = await store.values('workPackages', 'id', where)
    level = new Set([...children].filter((id) => !seen.has(id)))
    for (const id of level) seen.add(id)
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
