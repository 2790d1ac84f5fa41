import type { ApiContext } from '../context.ts'

/** All that came of one authorization code. */
export interface Grant {
  /** The hash of the code. */
  readonly grantHash: string
  /** Nobody ends what another application was given. */
  readonly applicationId: number
}

/** Each time somebody has exchanged the refresh token in the very moment between looking and ending. */
const TRIES_MAX = 50

/**
 * A refresh token begins with the hash of the code that all began with, which it keeps when it is exchanged: so one that was used already
 * is told from one that never was.
 */
const REFRESH_TOKEN = /^[0-9a-f]{128}$/
const GRANT_LENGTH = 64

/** The hash of the code a refresh token came of, whether it is of any worth still; undefined if it cannot be one. */
export function grantHashOf(refreshToken: string): string | undefined {
  return REFRESH_TOKEN.test(refreshToken) ? refreshToken.slice(0, GRANT_LENGTH) : undefined
}

/**
 * Ends a grant: one row at most, as each pair of tokens takes the place of the one before. Who exchanges its refresh token just now is
 * either too late, or has got a pair that is found by looking again.
 */
export async function endGrant(
  { store }: Pick<ApiContext, 'store'>,
  { grantHash, applicationId }: Grant,
): Promise<'ended' | 'unavailable'> {
  for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
    const row = await store.find('oauthTokens', 'grantHash', grantHash)
    if (row?.applicationId !== applicationId) return 'ended'
    const { id, hash } = row
    const { outcome } = await store.commit({
      expect: [{ kind: 'row', table: 'oauthTokens', id, values: { hash } }],
      mutations: [{ op: 'delete', table: 'oauthTokens', id }],
      events: [],
    })
    if (outcome === 'committed') return 'ended'
    if (outcome === 'unavailable') return outcome
  }
  return 'unavailable'
}
