import { fail } from '../../base/result.ts'
import type { Mutation } from '../../storage/store.ts'
import type { JournalRecord, RecordOf, TimeEntryRecord, WorkPackageRecord } from '../../storage/tables.ts'
import type { ApiContext, ApiStore } from '../context.ts'
import { apiError } from '../errors.ts'
import { timeEntryUnchanged, workPackageUnchanged } from './expectations.ts'
import { absent, commit, DONE, isOver, removeRow, type Chain, type Last, type Link, type Removed } from './removing.ts'
import { spentChanges } from './spent-time.ts'

/** What goes along with what, in which pieces: how it goes is told in removing.ts. */

const PIECE = 500
/** Journals may be long. */
const JOURNALS_PIECE = 100

export async function removeProject(context: ApiContext, id: number, chain: Chain): Promise<Removed> {
  const project = await context.store.get('projects', id)
  if (!project) return DONE
  const removed = await removeRow(context, chain, {
    rows: [() => removeRows(context, chain, id, SUBPROJECTS), () => removeRows(context, chain, id, WORK_OF_PROJECT)],
    plain: [() => removePlainRows(context, 'memberships', 'projectId', id, chain)],
    none: [
      absent('projects', 'parentId', id),
      absent('workPackages', 'projectId', id),
      absent('timeEntries', 'projectId', id),
      absent('memberships', 'projectId', id),
    ],
    last: async () => ({ expect: [], mutations: [{ op: 'delete', table: 'projects', id }] }),
  })
  if (removed.ok && removed.value.cut === undefined) context.onProjectsChanged?.([String(id), project.identifier])
  return removed
}

/** `within`: the projects it may reach into; undefined: all. Where it comes upon anything elsewhere, it ends. */
export function removeWorkPackage(
  context: ApiContext,
  id: number,
  chain: Chain,
  within?: ReadonlySet<number>,
): Promise<Removed> {
  return removeRow(context, chain, {
    rows: [() => removeRows(context, chain, id, childrenWithin(within))],
    plain: [
      () => removeTimeEntries(context, 'workPackageId', id, chain),
      () => removePlainRows(context, 'watchers', 'workPackageId', id, chain),
      () => removeOldJournals(context, id, chain),
    ],
    none: [
      absent('workPackages', 'parentId', id),
      absent('timeEntries', 'workPackageId', id),
      absent('watchers', 'workPackageId', id),
    ],
    last: () => lastOfWorkPackage(context, id),
  })
}

/** The last piece of the journals goes with the work package: there is always one, and a commit of its own would be half of all. */
async function lastOfWorkPackage({ store }: ApiContext, id: number): Promise<Last | undefined> {
  // Read first: whoever writes a journal after this raises its revision.
  const work = await store.get('workPackages', id)
  const { rows, total } = await journalsOf(store, id)
  if (total > JOURNALS_PIECE) return undefined
  return {
    expect: work ? [workPackageUnchanged(work)] : [],
    mutations: [...rows.map(removalOf), { op: 'delete', table: 'workPackages', id }],
  }
}

async function removeOldJournals(context: ApiContext, workPackageId: number, chain: Chain): Promise<Removed> {
  for (;;) {
    const { rows, total } = await journalsOf(context.store, workPackageId)
    if (total <= JOURNALS_PIECE) return DONE
    const committed = await commit(context, chain, [], rows.map(removalOf))
    if (committed !== 'again' && isOver(committed)) return committed
  }
}

function journalsOf(store: ApiStore, workPackageId: number) {
  const where = [{ column: 'workPackageId', comparison: '=', value: workPackageId }] as const
  return store.list('journals', { where, orderBy: [], limit: JOURNALS_PIECE, offset: 0 })
}

function removalOf({ id }: JournalRecord): Mutation {
  return { op: 'delete', table: 'journals', id }
}

/** Rows with dependents of their own, and how they hang below others. */
interface Dependents {
  readonly table: 'projects' | 'workPackages'
  readonly column: 'parentId' | 'projectId'
  readonly remove: (context: ApiContext, id: number, chain: Chain) => Promise<Removed>
  /** The projects they must be in until they go, if they are work packages; undefined: any. */
  readonly within?: ReadonlySet<number> | undefined
}

const SUBPROJECTS: Dependents = { table: 'projects', column: 'parentId', remove: removeProject }
const WORK_OF_PROJECT: Dependents = { table: 'workPackages', column: 'projectId', remove: removeWorkPackage }

function childrenWithin(within: ReadonlySet<number> | undefined): Dependents {
  const remove: Dependents['remove'] = (context, id, chain) => removeWorkPackage(context, id, chain, within)
  return { table: 'workPackages', column: 'parentId', remove, within }
}

/** One by one; one that moves away meanwhile is passed over. */
async function removeRows(
  context: ApiContext,
  chain: Chain,
  value: number,
  { table, column, remove, within }: Dependents,
): Promise<Removed> {
  const where = [{ column: column as 'parentId', comparison: '=', value }] as const
  for (;;) {
    const { rows } = await context.store.list(table, { where, orderBy: [], limit: PIECE, offset: 0 })
    if (rows.length === 0) return DONE
    for (const row of rows) {
      // Of a project nobody asks which one it is in.
      const { id, projectId } = row as WorkPackageRecord
      if (within && !within.has(projectId)) return fail(apiError('MissingPermission'))
      const link = { kind: 'row', table, id, values: { [column]: value, ...(within && { projectId }) } } as Link
      const removed = await remove(context, id, [...chain, link])
      if (!removed.ok) return removed
      if (removed.value.cut !== undefined && removed.value.cut < chain.length) return removed
    }
    // What has been added since is found by who takes the row above away.
    if (rows.length < PIECE) return DONE
  }
}

/** Time entries go in pieces, each with the time it takes off the work packages, on condition that no entry changed meanwhile. */
export async function removeTimeEntries(
  context: ApiContext,
  column: 'id' | 'workPackageId',
  value: number,
  chain: Chain,
): Promise<Removed> {
  const where = [{ column, comparison: '=', value }] as const
  for (;;) {
    const { rows } = await context.store.list('timeEntries', { where, orderBy: [], limit: PIECE, offset: 0 })
    if (rows.length === 0) return DONE
    const mutations = rows.flatMap(removal)
    const committed = await commit(context, chain, rows.map(timeEntryUnchanged), mutations)
    if (committed === 'again') continue
    if (isOver(committed) || rows.length < PIECE) return committed
  }
}

/** Rows nothing depends on. */
export async function removePlainRows<T extends 'memberships' | 'watchers' | 'tokens' | 'oauthCodes' | 'oauthTokens'>(
  context: ApiContext,
  table: T,
  column: keyof RecordOf<T> & string,
  value: number,
  chain: Chain,
): Promise<Removed> {
  const where = [{ column, comparison: '=', value }] as const
  for (;;) {
    const { rows } = await context.store.list(table, { where, orderBy: [], limit: PIECE, offset: 0 })
    if (rows.length === 0) return DONE
    const committed = await commit(
      context,
      chain,
      [],
      rows.map(({ id }): Mutation => ({ op: 'delete', table, id })),
    )
    if (committed === 'again') continue
    if (isOver(committed) || rows.length < PIECE) return committed
  }
}

function removal(entry: TimeEntryRecord): Mutation[] {
  return [{ op: 'delete', table: 'timeEntries', id: entry.id }, ...spentChanges(undefined, entry)]
}
