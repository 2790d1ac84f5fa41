import type { CommitResult, Expectation, Mutation } from '../../storage/store.ts'
import type { OAuthTokenRecord } from '../../storage/tables.ts'
import type { ApiContext } from '../context.ts'
import { endGrant, type Grant } from './grants.ts'

/**
 * What one request is going to write. The library writes in several steps (a code gone, a token there, then its refresh token): they
 * are gathered here and committed at once, on condition that all that was read still holds. Of several requests with one code
 * or refresh token therefore one at most gets anything; the others are sent back, look again, and find it used.
 */
export interface Unit {
  readonly expect: Expectation[]
  readonly mutations: Mutation[]
  /** What ends because something of it was used twice: also, and above all, when the request is refused. */
  readonly endings: Grant[]
  /** What went wrong while the library looked something up: it takes that for an answer now and then. */
  failure?: Error
  /** The code that is being issued; only its hash is stored. */
  code?: string
  /** The row of the token that is being issued. */
  token?: OAuthTokenRecord
}

export function createUnit(): Unit {
  return { expect: [], mutations: [], endings: [] }
}

export async function commitUnit(context: ApiContext, unit: Unit, accepted: boolean): Promise<CommitResult['outcome']> {
  const inserted: Mutation[] = unit.token ? [{ op: 'insert', table: 'oauthTokens', row: unit.token }] : []
  for (const grant of unit.endings) if ((await endGrant(context, grant)) === 'unavailable') return 'unavailable'
  const mutations = [...unit.mutations, ...inserted]
  if (!accepted || mutations.length === 0) return 'committed'
  return (await context.store.commit({ expect: unit.expect, mutations, events: [] })).outcome
}
