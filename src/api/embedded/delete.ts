import { fail, ok, type Result } from '../../base/result.ts'
import type { Expectation, Mutation } from '../../storage/store.ts'
import type { RecordOf, WorkPackageRecord } from '../../storage/tables.ts'
import type { ApiContext, Viewer } from '../context.ts'
import { apiError, type ApiError } from '../errors.ts'
import { findVisible, findVisibleProject } from '../v3/find.ts'
import { authorize, authorizeInAll } from './authority.ts'
import { timeEntryUnchanged } from './expectations.ts'
import { spentChanges } from './spent-time.ts'
import { rightOver } from './time-entry-authority.ts'
import { unavailableStore } from './write.ts'

/**
 * Deletions take what belongs to the row along: first the dependents, in bounded pieces, then the row itself, on condition
 * that nothing depends on it any more. Whoever adds a dependent meanwhile makes that last step fail, and it starts over; what
 * is cut short by a crash is finished by deleting again. No event happens: the protocol has none for deletions. Whether the
 * viewer may is judged when it begins: in pieces, there is no one write a membership could be expected by.
 */

const PIECE = 500
const TRIES_MAX = 5

type Deleted = Result<undefined, ApiError>

const DONE: Deleted = ok(undefined)

export async function deleteTimeEntry(context: ApiContext, viewer: Viewer, id: string): Promise<Deleted> {
  const found = await findVisible(context.store, viewer, 'timeEntries', id)
  if (!found.ok) return found
  const authorized = await authorize(context.store, viewer, rightOver(found.value, viewer), found.value.projectId)
  return authorized.ok ? removeAll(timeEntries(context, 'id'), found.value.id) : authorized
}

export async function deleteWorkPackage(context: ApiContext, viewer: Viewer, id: string): Promise<Deleted> {
  const found = await findVisible(context.store, viewer, 'workPackages', id)
  if (!found.ok) return found
  const projectIds = viewer.admin ? [] : await projectsBelow(context, found.value)
  // What lies below in a project that is not the viewer's is refused, not left out; and not told whether it is there.
  const [own, below] = [
    await authorize(context.store, viewer, 'contribute', found.value.projectId),
    await authorizeInAll(context.store, viewer, 'contribute', projectIds),
  ]
  if (!own.ok) return own
  return below.ok ? removeWorkPackage(context, found.value.id) : fail(apiError('MissingPermission'))
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

export async function deleteProject(context: ApiContext, viewer: Viewer, id: string): Promise<Deleted> {
  const found = await findVisibleProject(context.store, viewer, id)
  if (!found.ok) return found
  if (!viewer.admin) return fail(apiError('MissingPermission'))
  return removeProject(context, found.value.id)
}

async function removeProject(context: ApiContext, id: number): Promise<Deleted> {
  const project = await context.store.get('projects', id)
  if (!project) return DONE
  const removed = await removeRow(context, { op: 'delete', table: 'projects', id }, [
    plainRows(context, 'memberships', 'projectId'),
    dependents(context, 'projects', 'parentId', removeProject),
    dependents(context, 'workPackages', 'projectId', removeWorkPackage),
    timeEntries(context, 'projectId'),
  ])
  if (removed.ok) context.onProjectsChanged?.([String(id), project.identifier])
  return removed
}

function removeWorkPackage(context: ApiContext, id: number): Promise<Deleted> {
  return removeRow(context, { op: 'delete', table: 'workPackages', id }, [
    dependents(context, 'workPackages', 'parentId', removeWorkPackage),
    timeEntries(context, 'workPackageId'),
  ])
}

/** Rows that refer to one about to be deleted. */
interface Dependents {
  readonly none: (id: number) => Expectation
  /** Removes some of them; undefined when none is left. */
  readonly removeSome: (id: number) => Promise<Deleted | undefined>
}

/** `last` is what becomes of the row itself. */
export async function removeRow(
  context: ApiContext,
  last: Extract<Mutation, { op: 'delete' | 'update' }>,
  all: readonly Dependents[],
): Promise<Deleted> {
  const { id } = last
  for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
    for (const some of all) {
      const removed = await removeAll(some, id)
      if (!removed.ok) return removed
    }
    const expect = all.map(({ none }) => none(id))
    const committed = await commit(context, [last], expect)
    if (committed !== 'conflict') return committed
  }
  return fail(apiError('UpdateConflict'))
}

async function removeAll({ removeSome }: Dependents, id: number): Promise<Deleted> {
  for (;;) {
    const removed = await removeSome(id)
    if (!removed?.ok) return removed ?? DONE
  }
}

/** Dependents with dependents of their own: one by one. */
function dependents<T extends 'projects' | 'workPackages'>(
  context: ApiContext,
  table: T,
  column: keyof RecordOf<T> & string,
  remove: (context: ApiContext, id: number) => Promise<Deleted>,
): Dependents {
  return {
    none: (id) => ({ kind: 'absent', table, column, value: id }) as Expectation,
    async removeSome(id) {
      const where = [{ column, comparison: '=', value: id }] as const
      const { rows } = await context.store.list(table, { where, orderBy: [], limit: PIECE, offset: 0 })
      for (const row of rows) {
        const removed = await remove(context, row.id)
        if (!removed.ok) return removed
      }
      return rows.length > 0 ? DONE : undefined
    },
  }
}

/** Rows nothing depends on. */
export function plainRows<T extends 'memberships' | 'tokens'>(
  context: ApiContext,
  table: T,
  column: keyof RecordOf<T> & string,
): Dependents {
  return {
    none: (id) => ({ kind: 'absent', table, column, value: id }) as Expectation,
    async removeSome(id) {
      const where = [{ column, comparison: '=', value: id }] as const
      const { rows } = await context.store.list(table, { where, orderBy: [], limit: PIECE, offset: 0 })
      if (rows.length === 0) return undefined
      const committed = await commit(
        context,
        rows.map((row): Mutation => ({ op: 'delete', table, id: row.id })),
        [],
      )
      return committed === 'conflict' ? DONE : committed
    },
  }
}

/** Time entries go in pieces, each with the time it takes off the work packages, on condition that no entry changed meanwhile. */
function timeEntries(context: ApiContext, column: 'id' | 'projectId' | 'workPackageId'): Dependents {
  return {
    none: (id) => ({ kind: 'absent', table: 'timeEntries', column, value: id }),
    async removeSome(id) {
      const where = [{ column, comparison: '=', value: id }] as const
      const { rows } = await context.store.list('timeEntries', { where, orderBy: [], limit: PIECE, offset: 0 })
      if (rows.length === 0) return undefined
      const mutations = rows.flatMap((row): Mutation[] => [
        { op: 'delete', table: 'timeEntries', id: row.id },
        ...spentChanges(undefined, row),
      ])
      const committed = await commit(context, mutations, rows.map(timeEntryUnchanged))
      return committed === 'conflict' ? DONE : committed
    },
  }
}

async function commit(
  context: ApiContext,
  mutations: readonly Mutation[],
  expect: readonly Expectation[],
): Promise<Deleted | 'conflict'> {
  const committed = await context.store.commit({ expect, mutations, events: [] })
  if (committed.outcome === 'unavailable') return unavailableStore(context, committed.reason)
  return committed.outcome === 'conflict' ? 'conflict' : DONE
}
