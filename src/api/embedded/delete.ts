import { fail, ok, type Result } from '../../base/result.ts'
import type { Expectation, Mutation } from '../../storage/store.ts'
import type { RecordOf } from '../../storage/tables.ts'
import type { ApiContext } from '../context.ts'
import { apiError, type ApiError } from '../errors.ts'
import { findProject, findRow } from '../v3/find.ts'
import { timeEntryUnchanged } from './expectations.ts'
import { spentChanges } from './spent-time.ts'
import { unavailableStore } from './write.ts'

/**
 * Deletions take what belongs to the row along: first the dependents, in bounded pieces, then the row itself, on condition
 * that nothing depends on it any more. Whoever adds a dependent meanwhile makes that last step fail, and it starts over; what
 * is cut short by a crash is finished by deleting again. No event happens: the protocol has none for deletions.
 */

const PIECE = 500
const TRIES_MAX = 5

type Deleted = Result<undefined, ApiError>

const DONE: Deleted = ok(undefined)

export async function deleteTimeEntry(context: ApiContext, id: string): Promise<Deleted> {
  const found = await findRow(context.store, 'timeEntries', id)
  if (!found.ok) return found
  return removeAll(timeEntries(context, 'id'), found.value.id)
}

export async function deleteWorkPackage(context: ApiContext, id: string): Promise<Deleted> {
  const found = await findRow(context.store, 'workPackages', id)
  return found.ok ? removeWorkPackage(context, found.value.id) : found
}

export async function deleteProject(context: ApiContext, id: string): Promise<Deleted> {
  const found = await findProject(context.store, id)
  if (!found.ok) return found
  return removeProject(context, found.value.id)
}

async function removeProject(context: ApiContext, id: number): Promise<Deleted> {
  const project = await context.store.get('projects', id)
  if (!project) return DONE
  const removed = await removeRow(context, 'projects', id, [
    dependents(context, 'projects', 'parentId', removeProject),
    dependents(context, 'workPackages', 'projectId', removeWorkPackage),
    timeEntries(context, 'projectId'),
  ])
  if (removed.ok) context.onProjectsChanged?.([String(id), project.identifier])
  return removed
}

function removeWorkPackage(context: ApiContext, id: number): Promise<Deleted> {
  return removeRow(context, 'workPackages', id, [
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

async function removeRow(
  context: ApiContext,
  table: 'projects' | 'workPackages',
  id: number,
  all: readonly Dependents[],
): Promise<Deleted> {
  for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
    for (const some of all) {
      const removed = await removeAll(some, id)
      if (!removed.ok) return removed
    }
    const expect = all.map(({ none }) => none(id))
    const committed = await commit(context, [{ op: 'delete', table, id }], expect)
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
