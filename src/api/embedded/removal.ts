import { assert } from '../../base/assert.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import type { Expectation, Mutation } from '../../storage/store.ts'
import type { JournalRecord, RecordOf, TimeEntryRecord, WorkPackageRecord } from '../../storage/tables.ts'
import type { ApiContext, ApiStore } from '../context.ts'
import { apiError, type ApiError } from '../errors.ts'
import { timeEntryUnchanged, workPackageUnchanged } from './expectations.ts'
import { spentChanges } from './spent-time.ts'
import { unavailableStore } from './write.ts'

/**
 * Deletions take what belongs to the row along: first the dependents, in bounded pieces, then the row itself, on condition
 * that nothing depends on it any more. Whoever adds a dependent meanwhile makes that last step fail, and it starts over; what
 * is cut short by a crash is finished by deleting again. No event happens: the protocol has none for deletions.
 *
 * Others move rows meanwhile. So every step carries the chain by which its row was found, and is made only if the whole chain
 * still holds: whatever goes was, in that very transaction, below what is being deleted. Where the chain is cut, the deletion
 * leaves the row and all below it alone and goes on beside it.
 *
 * The row itself goes in its turn among the writers of it (`api/turns.ts`), of whom there may be one after the other. Never are two
 * turns held at once: what has dependents of its own goes before.
 */

const PIECE = 500
/** Journals may be long. */
const JOURNALS_PIECE = 100
const TRIES_MAX = 5

type Link = Extract<Expectation, { kind: 'row' }>

/** From the row to be deleted down to the one at hand: each exists, and hangs where it was found. */
export type Chain = readonly Link[]

/** `cut`: place in the chain of the first row that is not where it was found any more. Absent when all went well. */
interface Removal {
  readonly cut?: number
}
export type Removed = Result<Removal, ApiError>

const DONE: Removed = ok({})

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

export function absent(
  ...[table, column, value]:
    | ['projects', 'parentId', number]
    | ['workPackages', 'projectId' | 'parentId', number]
    | ['timeEntries', 'projectId' | 'workPackageId', number]
    | ['memberships', 'projectId' | 'userId', number]
    | ['watchers', 'workPackageId' | 'userId', number]
    | ['tokens', 'userId', number]
): Expectation {
  return { kind: 'absent', table, column, value } as Expectation
}

interface Removing {
  /** Takes away rows with dependents of their own. */
  readonly rows?: readonly Step[]
  /** Takes away what has none. */
  readonly plain: readonly Step[]
  /** Nothing hangs below it any more. */
  readonly none: readonly Expectation[]
  /** The row itself, and what goes in the same commit; undefined when something below it has appeared. */
  readonly last: () => Promise<Last | undefined>
}

type Step = () => Promise<Removed>

interface Last {
  readonly expect: readonly Expectation[]
  readonly mutations: readonly Mutation[]
}

/** The row is that at the end of the chain. */
export async function removeRow(context: ApiContext, chain: Chain, removing: Removing): Promise<Removed> {
  const row = chain.at(-1)
  assert(row !== undefined, 'a chain leads to the row that is removed')
  const { rows = [], plain } = removing
  for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
    const below = await inOrder(attempt === 1 ? [...rows, ...plain] : rows)
    if (isOver(below)) return below
    const removed = await context.turns.take(`${row.table}/${row.id}`, () =>
      removeInTurn(context, chain, removing, row),
    )
    if (removed !== 'again') return removed
  }
  return fail(apiError('UpdateConflict'))
}

/** `again`: what has dependents of its own has been hung below it, and must go first. */
async function removeInTurn(
  context: ApiContext,
  chain: Chain,
  removing: Removing,
  row: Link,
): Promise<Removed | 'again'> {
  const removed = await removeLast(context, chain, removing)
  return removed === 'again' ? context.turns.alone(() => removeAlone(context, chain, removing, row)) : removed
}

/** Others have been adding what goes with the row. Now nobody plans to, and who has planned it already is sent back. */
async function removeAlone(
  context: ApiContext,
  chain: Chain,
  removing: Removing,
  row: Link,
): Promise<Removed | 'again'> {
  await sendBack(context, row)
  const added = await inOrder(removing.plain)
  return isOver(added) ? added : removeLast(context, chain, removing)
}

async function removeLast(context: ApiContext, chain: Chain, { none, last }: Removing): Promise<Removed | 'again'> {
  const step = await last()
  return step ? commit(context, chain, [...none, ...step.expect], step.mutations) : 'again'
}

async function inOrder(steps: readonly Step[]): Promise<Removed> {
  for (const step of steps) {
    const removed = await step()
    if (isOver(removed)) return removed
  }
  return DONE
}

/** Refused, or cut short. */
function isOver(removed: Removed): boolean {
  return !removed.ok || removed.value.cut !== undefined
}

/**
 * Who was about to hang something below the row expects its revision, and must plan again. Should the deletion end short after all, a
 * number is missing among the row's versions.
 */
async function sendBack({ store }: ApiContext, { table, id }: Link): Promise<void> {
  if (table !== 'workPackages' && table !== 'projects') return
  const current = await store.get(table, id)
  if (!current) return
  const { revision } = current
  const expect = [{ kind: 'row', table, id, values: { revision } } as Expectation]
  const mutation = { op: 'update', table, id, changes: { revision: revision + 1 } } as Mutation
  await store.commit({ expect, mutations: [mutation], events: [] })
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
export async function removePlainRows<T extends 'memberships' | 'watchers' | 'tokens'>(
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

/** `again`: the chain holds, something else does not. */
async function commit(
  context: ApiContext,
  chain: Chain,
  expect: readonly Expectation[],
  mutations: readonly Mutation[],
): Promise<Removed | 'again'> {
  const committed = await context.store.commit({ expect: [...chain, ...expect], mutations, events: [] })
  if (committed.outcome === 'unavailable') return unavailableStore(context, committed.reason)
  if (committed.outcome === 'committed') return DONE
  const cut = chain.findIndex((link) => link === committed.expectation)
  return cut < 0 ? 'again' : ok({ cut })
}
