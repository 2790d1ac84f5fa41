import { assert } from '../../base/assert.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import type { Expectation, Mutation } from '../../storage/store.ts'
import type { ApiContext } from '../context.ts'
import { apiError, type ApiError } from '../errors.ts'
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

const TRIES_MAX = 5

export type Link = Extract<Expectation, { kind: 'row' }>

/** From the row to be deleted down to the one at hand: each exists, and hangs where it was found. */
export type Chain = readonly Link[]

/** `cut`: place in the chain of the first row that is not where it was found any more. Absent when all went well. */
interface Removal {
  readonly cut?: number
}
export type Removed = Result<Removal, ApiError>

export const DONE: Removed = ok({})

export interface Removing {
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

export interface Last {
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
export function isOver(removed: Removed): boolean {
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

export function absent(
  ...[table, column, value]:
    | ['projects', 'parentId', number]
    | ['workPackages', 'projectId' | 'parentId', number]
    | ['timeEntries', 'projectId' | 'workPackageId', number]
    | ['memberships', 'projectId' | 'userId', number]
    | ['watchers', 'workPackageId' | 'userId', number]
    | ['tokens' | 'oauthCodes' | 'oauthTokens', 'userId', number]
): Expectation {
  return { kind: 'absent', table, column, value } as Expectation
}

/** `again`: the chain holds, something else does not. */
export async function commit(
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
