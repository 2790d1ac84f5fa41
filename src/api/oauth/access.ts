import { fail, ok, type Result } from '../../base/result.ts'
import type { ApplicationRecord, OAuthTokenRecord, UserRecord } from '../../storage/tables.ts'
import type { ApiContext } from '../context.ts'
import { hashToken } from '../tokens.ts'

/** An access token that is one: who acts through it, and for whom. */
export interface Access {
  readonly token: OAuthTokenRecord
  readonly application: ApplicationRecord
  readonly user: UserRecord
}

/** 256 random bits, as those of API tokens, but without their prefix. */
const ACCESS_TOKEN = /^[0-9a-f]{64}$/

/** Three reads that are kept in memory. `locked`: all is well but the user. */
export async function findAccess(
  { store, clock }: Pick<ApiContext, 'store' | 'clock'>,
  text: string,
): Promise<Result<Access, 'unknown' | 'locked'>> {
  if (!ACCESS_TOKEN.test(text)) return fail('unknown')
  const token = await store.find('oauthTokens', 'hash', hashToken(text))
  if (!token || token.expiresAt <= clock.now()) return fail('unknown')
  const [application, user] = await Promise.all([
    store.get('applications', token.applicationId),
    store.get('users', token.userId),
  ])
  if (!application?.active || !user) return fail('unknown')
  return user.status === 'active' ? ok({ token, application, user }) : fail('locked')
}
