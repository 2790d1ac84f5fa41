import type { OAuthToken, OAuthTokenRepository } from '@jmondi/oauth2-server'
import { assert } from '../../base/assert.ts'
import type { OAuthTokenRecord } from '../../storage/tables.ts'
import type { ApiContext } from '../context.ts'
import { hashToken } from '../tokens.ts'
import { Refused } from './errors.ts'
import { clientOf, NEVER, SCOPES, whoAllows, type Asked } from './entities.ts'
import { grantHashOf } from './grants.ts'
import { ACCESS_TOKEN_SECONDS } from './lifetimes.ts'
import { pruneExpired, pruneGrants } from './pruning.ts'

/** Tokens as the library wants them: opaque texts, of which hashes are stored. */
export function tokenRepository(context: ApiContext, asked: Asked): OAuthTokenRepository {
  const { store, clock, random } = context
  const { application, unit } = asked
  /** What the library hands back is what it was given. */
  const rows = new WeakMap<OAuthToken, OAuthTokenRecord>()
  return {
    issueToken: async (client, scopes, user) => ({
      ...{ accessToken: random.bytes(32).toString('hex'), accessTokenExpiresAt: NEVER, client, scopes },
      ...(user && { user }),
    }),
    async persist(token) {
      const now = clock.now()
      const row = rowOf(context, asked, token, now)
      if ((await store.get('users', row.userId))?.status !== 'active')
        throw new Refused('invalid_grant', 'The user account is locked or gone.')
      unit.token = row
      rows.set(token, row)
      unit.expect.push(...whoAllows(application, row.userId))
      unit.mutations.push(...(await pruneExpired(store, now, row.id)))
      // Exchanging a refresh token takes the place of another.
      if (asked.params.values.get('grant_type') === 'authorization_code')
        unit.mutations.push(...(await pruneGrants(store, application.id, row.userId)))
    },
    async issueRefreshToken(token) {
      const row = rows.get(token)
      assert(row?.grantHash, 'a refresh token goes with what a code was redeemed for')
      token.refreshToken = row.grantHash + random.bytes(32).toString('hex')
      token.refreshTokenExpiresAt = null
      row.refreshHash = hashToken(token.refreshToken)
      row.endsAt = null
      return token
    },
    async revoke(token) {
      const row = rows.get(token)
      assert(row, 'a token that is revoked was read')
      const { id, hash, refreshHash } = row
      unit.expect.push({ kind: 'row', table: 'oauthTokens', id, values: { hash, refreshHash } })
      unit.mutations.push({ op: 'delete', table: 'oauthTokens', id })
    },
    async revokeDescendantsOf(grantHash) {
      unit.endings.push({ grantHash, applicationId: application.id })
    },
    isRefreshTokenRevoked: async () => false,
    async getByRefreshToken(text) {
      const row = await store.find('oauthTokens', 'refreshHash', hashToken(text))
      if (!row) return refuseRefresh(asked, text)
      return remember(rows, row, await entityOf(context, row))
    },
    async getByAccessToken(text) {
      const row = await store.find('oauthTokens', 'hash', hashToken(text))
      if (!row) throw new Refused('invalid_grant', 'There is no such token.')
      const entity = await entityOf(context, row)
      return remember(
        rows,
        row,
        row.expiresAt > clock.now() ? entity : { ...entity, accessTokenExpiresAt: new Date(0) },
      )
    },
  }
}

function remember<T extends OAuthToken>(rows: WeakMap<OAuthToken, OAuthTokenRecord>, row: OAuthTokenRecord, token: T) {
  rows.set(token, row)
  return token
}

/** Client credentials come without a user: the application acts as the one it was registered with. */
function rowOf({ store }: ApiContext, { application }: Asked, token: OAuthToken, now: number): OAuthTokenRecord {
  const userId = token.user?.id ?? application.actsAsId
  assert(userId !== null, 'an application that acts as nobody gets no token of its own')
  const endsAt = now + ACCESS_TOKEN_SECONDS * 1000
  return {
    ...{ id: store.allocateId('oauthTokens'), applicationId: application.id, userId: Number(userId) },
    ...{ hash: hashToken(token.accessToken), refreshHash: null, grantHash: token.originatingAuthCodeId ?? null },
    ...{ createdAt: now, expiresAt: endsAt, endsAt },
  }
}

async function entityOf({ store }: ApiContext, row: OAuthTokenRecord): Promise<OAuthToken> {
  const application = await store.get('applications', row.applicationId)
  if (!application) throw new Refused('invalid_grant', 'The application is gone.')
  return {
    ...{ accessToken: row.hash, accessTokenExpiresAt: NEVER, client: clientOf(application), scopes: SCOPES },
    ...{ refreshToken: row.refreshHash, refreshTokenExpiresAt: NEVER, user: { id: row.userId } },
    ...(row.grantHash !== null && { originatingAuthCodeId: row.grantHash }),
  }
}

/**
 * A refresh token that was used already, of an application that has no secret: either it or who has used it is a thief, so both are out
 * (RFC 9700 §4.14.2). Those of others are of no use to a thief, and a lost answer may make them try again.
 */
function refuseRefresh({ application, unit }: Asked, text: string): never {
  const grantHash = grantHashOf(text)
  if (application.secretHash === null && grantHash !== undefined)
    unit.endings.push({ grantHash, applicationId: application.id })
  throw new Refused('invalid_grant', 'The refresh token is unknown, revoked or used already.')
}
