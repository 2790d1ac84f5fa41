import { fail, ok, type Result } from '../../base/result.ts'
import type { Expectation, Mutation } from '../../storage/store.ts'
import type { RecordOf, TableName } from '../../storage/tables.ts'
import type { ApiContext } from '../context.ts'
import { apiError, type ApiError } from '../errors.ts'
import { findProject, findRow } from '../v3/find.ts'
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
  return removePiece(context, 'timeEntries', [found.value])
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
    { table: 'projects', column: 'parentId', remove: (row) => removeProject(context, row) },
    { table: 'workPackages', column: 'projectId', remove: (row) => removeWorkPackage(context, row) },
    { table: 'timeEntries', column: 'projectId' },
  ])
  if (removed.ok) context.onProjectsChanged?.([String(id), project.identifier])
  return removed
}

function removeWorkPackage(context: ApiContext, id: number): Promise<Deleted> {
  return removeRow(context, 'workPackages', id, [
    { table: 'workPackages', column: 'parentId', remove: (row) => removeWorkPackage(context, row) },
    { table: 'timeEntries', column: 'workPackageId' },
  ])
}

type Dependents = {
  [T in TableName]: {
    readonly table: T
    readonly column: keyof RecordOf<T> & string
    /** How one of them is removed when it has dependents of its own; without it they go in pieces. */
    readonly remove?: (id: number) => Promise<Deleted>
  }
}[TableName]

async function removeRow(
  context: ApiContext,
  table: 'projects' | 'workPackages',
  id: number,
  dependents: readonly Dependents[],
): Promise<Deleted> {
  for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
    for (const dependent of dependents) {
      const removed = await removeDependents(context, dependent, id)
      if (!removed.ok) return removed
    }
    const alone = dependents.map(
      ({ table: of, column }) => ({ kind: 'absent', table: of, column, value: id }) as Expectation,
    )
    const committed = await commit(context, [{ op: 'delete', table, id }], alone)
    if (committed !== 'conflict') return committed
  }
  return fail(apiError('UpdateConflict'))
}

async function removeDependents(
  context: ApiContext,
  { table, column, remove }: Dependents,
  id: number,
): Promise<Deleted> {
  for (;;) {
    const where = [{ column: column as 'id', comparison: '=', value: id }] as const
    const { rows } = await context.store.list(table, { where, orderBy: [], limit: PIECE, offset: 0 })
    if (rows.length === 0) return DONE
    const removed = remove ? await removeEach(rows, remove) : await removePiece(context, table, rows)
    if (!removed.ok) return removed
  }
}

async function removeEach(rows: readonly { id: number }[], remove: (id: number) => Promise<Deleted>): Promise<Deleted> {
  for (const row of rows) {
    const removed = await remove(row.id)
    if (!removed.ok) return removed
  }
  return DONE
}

async function removePiece(context: ApiContext, table: TableName, rows: readonly { id: number }[]): Promise<Deleted> {
  const committed = await commit(
    context,
    rows.map((row) => ({ op: 'delete', table, id: row.id })),
    [],
  )
  return committed === 'conflict' ? DONE : committed
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
