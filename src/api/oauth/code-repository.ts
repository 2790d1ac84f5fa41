import type { OAuthAuthCode, OAuthAuthCodeRepository } from '@jmondi/oauth2-server'
import { hash } from 'node:crypto'
import type { OAuthCodeRecord } from '../../storage/tables.ts'
import type { ApiContext } from '../context.ts'
import { hashToken } from '../tokens.ts'
import { Refused } from './errors.ts'
import { clientOf, NEVER, SCOPES, whoAllows, type Asked } from './entities.ts'
import { CODE_MS } from './lifetimes.ts'
import { pruneExpired } from './pruning.ts'

/**
 * Codes as the library wants them. A code's identifier is its hash, once it is stored; the row goes when the code is redeemed, and
 * what came of it knows the hash: so a code that comes again is recognised for as long as that lives.
 */
export function codeRepository(context: ApiContext, asked: Asked): OAuthAuthCodeRepository {
  const { store, clock, random } = context
  const { unit } = asked
  return {
    async getByIdentifier(code) {
      const row = await store.find('oauthCodes', 'hash', hashToken(code))
      if (!row || row.endsAt <= clock.now()) {
        unit.endings.push({ grantHash: hashToken(code), applicationId: asked.application.id })
        throw new Refused('invalid_grant', 'The code is unknown, expired or used already.')
      }
      // Somebody has taken the challenge out of the authorization request (RFC 9700 §4.8.2).
      if (row.codeChallenge === null && asked.params.values.has('code_verifier'))
        throw new Refused('invalid_grant', 'There is a code verifier, but there was no challenge.')
      return entityOf(context, row)
    },
    issueAuthCode: (client, user, scopes) => ({
      ...{ code: random.bytes(32).toString('hex'), expiresAt: NEVER, client, scopes },
      ...(user && { user }),
    }),
    async persist(entity) {
      const now = clock.now()
      const userId = Number(entity.user?.id)
      const row: OAuthCodeRecord = {
        ...{ id: store.allocateId('oauthCodes'), applicationId: asked.application.id, userId },
        ...{ hash: hashToken(entity.code), redirectUri: entity.redirectUri ?? '', codeChallenge: challengeOf(entity) },
        ...{ createdAt: now, endsAt: now + CODE_MS },
      }
      unit.code = entity.code
      unit.expect.push(...whoAllows(asked.application, userId))
      unit.mutations.push(...(await pruneExpired(store, now, row.id)), { op: 'insert', table: 'oauthCodes', row })
    },
    // What is used or expired is not found in the first place.
    isRevoked: async () => false,
    async revoke(codeHash) {
      const row = await store.find('oauthCodes', 'hash', codeHash)
      if (!row) throw new Refused('invalid_grant', 'The code is used already.')
      unit.expect.push({ kind: 'row', table: 'oauthCodes', id: row.id, values: { hash: codeHash } })
      unit.mutations.push({ op: 'delete', table: 'oauthCodes', id: row.id })
    },
  }
}

async function entityOf({ store }: ApiContext, row: OAuthCodeRecord): Promise<OAuthAuthCode> {
  const application = await store.get('applications', row.applicationId)
  if (!application) throw new Refused('invalid_grant', 'The application is gone.')
  return {
    ...{ code: row.hash, redirectUri: row.redirectUri, expiresAt: NEVER, scopes: SCOPES },
    ...{ codeChallenge: row.codeChallenge, codeChallengeMethod: row.codeChallenge === null ? null : 'S256' },
    ...{ client: clientOf(application), user: { id: row.userId } },
  }
}

/** A plain challenge is the secret itself, and no secret is stored: its hash is what the other method would have sent. */
function challengeOf({ codeChallenge, codeChallengeMethod }: OAuthAuthCode): string | null {
  if (!codeChallenge) return null
  return codeChallengeMethod === 'S256' ? codeChallenge : hash('sha256', codeChallenge, 'base64url')
}
