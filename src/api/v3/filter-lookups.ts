import { fail, ok, type Result } from '../../base/result.ts'
import type { SearchRefusal } from '../../storage/store.ts'
import type { RecordOf } from '../../storage/tables.ts'
import type { ApiContext, Viewer } from '../context.ts'
import { projectsOf, projectsWith, seenOf, usersIn } from '../permissions.ts'
import type { FilterLookups } from './query/filters.ts'
import { knownWatchedBy } from './watching.ts'

/** What filters look up, for this viewer, in the list of a project or in one of its own. */
export function filterLookups(context: ApiContext, viewer: Viewer, scope?: number): FilterLookups {
  const { store, clock } = context
  return {
    viewerId: viewer.id,
    viewerIsAdmin: viewer.admin,
    scope,
    now: clock.now(),
    closedStatusIds: () => flaggedIds(context, 'statuses', 'isClosed'),
    typeIds: async () => [...(await store.values('types', 'id', []))],
    milestoneTypeIds: () => flaggedIds(context, 'types', 'isMilestone'),
    seen: (table, ids) => seenOf(store, viewer, table, ids),
    usersIn: (projectIds) => usersIn(store, viewer, projectIds),
    projectsOf: (userIds) => projectsOf(store, viewer, userIds),
    projectsWith: (right) => projectsWith(viewer, right),
    projectsChangedSince: (time) => projectsChangedSince(context, viewer, time),
    watchedBy: (userId) => knownWatchedBy(store, viewer, userId),
  }
}

async function flaggedIds<T extends 'statuses' | 'types'>(
  { store }: ApiContext,
  table: T,
  column: T extends 'statuses' ? 'isClosed' : 'isMilestone',
): Promise<number[]> {
  const query = {
    where: [{ column: column as keyof RecordOf<T> & string, comparison: '=', value: true }],
    orderBy: [],
    limit: 1000,
    offset: 0,
  } as const
  const { rows } = await store.list(table, query)
  return rows.map((row) => row.id)
}

/** Projects whose work packages or time have changed since then. */
async function projectsChangedSince(
  { store }: ApiContext,
  viewer: Viewer,
  time: number,
): Promise<Result<readonly number[], SearchRefusal>> {
  const ids: number[] = []
  for (const table of ['workPackages', 'timeEntries'] as const) {
    const where = [{ column: 'updatedAt', comparison: '>=', value: time }] as const
    const query = { where, orderBy: [], limit: 0, offset: 0, groupBy: 'projectId' } as const
    const found = await store.search(table, query, String(viewer.id))
    if (!found.ok) return fail(found.error)
    ids.push(...(found.value.groups ?? []).map(({ value }) => Number(value)))
  }
  return ok(ids)
}
