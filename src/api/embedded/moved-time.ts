import { fail, ok, type Result } from '../../base/result.ts'
import type { Mutation } from '../../storage/store.ts'
import type { TimeEntryRecord, WorkPackageRecord } from '../../storage/tables.ts'
import type { ApiContext } from '../context.ts'
import { apiError, type ApiError } from '../errors.ts'
import { timeEntryUnchanged } from './expectations.ts'
import { unavailableStore } from './write.ts'

/**
 * Logged time is in the project of its work package, and follows it into another: what is found goes in the very commit that moves
 * the work package. Logging does not touch the version of the work package, so that many can log at once; hence an entry may be
 * committed between that reading and that commit, with the project of before. Those, and what was too much for one commit,
 * are sent after it.
 */

const MOVED_MAX = 10_000
const PIECE = 500
const TRIES_MAX = 20

export async function timeOf({ store }: ApiContext, { id }: WorkPackageRecord): Promise<TimeEntryRecord[]> {
  const where = [{ column: 'workPackageId', comparison: '=', value: id }] as const
  return (await store.list('timeEntries', { where, orderBy: [], limit: MOVED_MAX, offset: 0 })).rows
}

export function moveTo(projectId: number, { id, revision }: TimeEntryRecord): Mutation {
  return { op: 'update', table: 'timeEntries', id, changes: { projectId, revision: revision + 1 } }
}

/** Brings the entries of a work package that are in another project than it is into its own. */
export async function sendTimeAfter(context: ApiContext, workPackageId: number): Promise<Result<undefined, ApiError>> {
  for (let attempt = 1; attempt <= TRIES_MAX;) {
    const work = await context.store.get('workPackages', workPackageId)
    const strays = work ? await straysOf(context, work) : []
    if (!work || strays.length === 0) return ok(undefined)
    const { id, projectId } = work
    const committed = await context.store.commit({
      expect: [{ kind: 'row', table: 'workPackages', id, values: { projectId } }, ...strays.map(timeEntryUnchanged)],
      mutations: strays.map((entry) => moveTo(projectId, entry)),
      events: [],
    })
    if (committed.outcome === 'unavailable') return unavailableStore(context, committed.reason)
    if (committed.outcome === 'conflict') attempt += 1
  }
  return fail(apiError('UpdateConflict'))
}

async function straysOf({ store }: ApiContext, { id, projectId }: WorkPackageRecord): Promise<TimeEntryRecord[]> {
  const where = [
    { column: 'workPackageId', comparison: '=', value: id },
    { column: 'projectId', comparison: '!=', value: projectId },
  ] as const
  return (await store.list('timeEntries', { where, orderBy: [], limit: PIECE, offset: 0 })).rows
}
