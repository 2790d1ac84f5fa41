import type { CommitResult, Expectation, Mutation } from '../../storage/store.ts'
import type { OAuthTokenRecord } from '../../storage/tables.ts'
import type { ApiContext } from '../context.ts'

/**
 * What one request is going to write. The library writes in several steps (a code gone, a token there, then its refresh token): they
 * are gathered here and committed at once, on condition that all that was read still holds. Of several requests with one code
 * or refresh token therefore one at most gets anything; the others are sent back, look again, and find it used.
 */
export interface Unit {
  readonly expect: Expectation[]
  readonly mutations: Mutation[]
  /** Made also when the request is refused: what ends because something was used twice. */
  readonly endings: Mutation[]
  /** The code that is being issued; only its hash is stored. */
  code?: string
  /** The row of the token that is being issued. */
  token?: OAuthTokenRecord
}

export function createUnit(): Unit {
  return { expect: [], mutations: [], endings: [] }
}

export async function commitUnit(
  { store }: ApiContext,
  unit: Unit,
  accepted: boolean,
): Promise<CommitResult['outcome']> {
  const inserted: Mutation[] = unit.token ? [{ op: 'insert', table: 'oauthTokens', row: unit.token }] : []
  const mutations = accepted ? [...unit.endings, ...unit.mutations, ...inserted] : unit.endings
  if (mutations.length === 0) return 'committed'
  return (await store.commit({ expect: accepted ? unit.expect : [], mutations, events: [] })).outcome
}
