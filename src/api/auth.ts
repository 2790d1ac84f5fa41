import type { FastifyReply, FastifyRequest } from 'fastify'
import { fail, ok, type Result } from '../base/result.ts'
import type { UserRecord } from '../storage/tables.ts'
import type { ApiContext } from './context.ts'
import { apiError, sendError } from './errors.ts'
import { findAccess } from './oauth/access.ts'
import { loadViewer } from './permissions.ts'
import { findTokenUser, TOKEN_PREFIX } from './tokens.ts'

/**
 * Who asks: Basic with the user `apikey` and a token as password, or as Bearer the token, or an access token of the OAuth server, which
 * acts with the rights of its user (reference §3). Challenges carry the realm clients of the protocol look for.
 */
const REALM = 'OpenProject API'

/** A refusal: what to say, and the challenge that goes with it. */
interface Refusal {
  readonly message: string | undefined
  readonly challenge: string
}

const WRONG = 'You did not provide the correct credentials.'
const LOCKED = 'The user account is locked'
const UNKNOWN = 'The token is unknown or was revoked'

/** For `onRequest` of the API's routes: sets `request.viewer`, or answers 401 or 403. */
export function createAuthenticator(context: ApiContext) {
  const bearer = `Bearer realm="${REALM}", resource_metadata="${context.publicUrl}/.well-known/oauth-protected-resource", scope="api_v3"`
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const access = request.routeOptions.config.access ?? 'admin'
    if (access === 'public') return undefined
    const user = await authenticate(context, request.headers.authorization, bearer)
    if (!user.ok) {
      reply.header('www-authenticate', user.error.challenge)
      return sendError(reply, apiError('Unauthenticated', user.error.message))
    }
    request.viewer = await loadViewer(context.store, user.value)
    if (access === 'admin' && !user.value.admin && !request.is404)
      return sendError(reply, apiError('MissingPermission'))
    return undefined
  }
}

async function authenticate(
  context: ApiContext,
  authorization: string | undefined,
  bearer: string,
): Promise<Result<UserRecord, Refusal>> {
  const [scheme = '', credentials = ''] = (authorization ?? '').trim().split(/\s+/, 2)
  if (scheme.toLowerCase() === 'basic') {
    const refusal = { message: WRONG, challenge: `Basic realm="${REALM}"` }
    const user = await tokenUser(context, basicToken(credentials))
    return user?.status === 'active' ? ok(user) : fail(refusal)
  }
  if (scheme.toLowerCase() !== 'bearer') return fail({ message: undefined, challenge: bearer })
  const refuse = (why: string) =>
    fail({ message: WRONG, challenge: `${bearer}, error="invalid_token", error_description="${why}"` })
  if (!credentials.startsWith(TOKEN_PREFIX)) {
    const access = await findAccess(context, credentials)
    return access.ok ? ok(access.value.user) : refuse(access.error === 'locked' ? LOCKED : UNKNOWN)
  }
  const user = await tokenUser(context, credentials)
  return user?.status === 'active' ? ok(user) : refuse(user ? LOCKED : UNKNOWN)
}

async function tokenUser({ store }: ApiContext, token: string | undefined): Promise<UserRecord | undefined> {
  return token === undefined || token === '' ? undefined : findTokenUser(store, token)
}

/** The password of `apikey:<password>`; undefined for any other user. */
function basicToken(credentials: string): string | undefined {
  const [, password] = /^apikey:(.+)$/s.exec(Buffer.from(credentials, 'base64').toString('utf8')) ?? []
  return password
}
