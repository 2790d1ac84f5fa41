import type { FastifyInstance } from 'fastify'
import type { ApiContext } from '../context.ts'
import { findAccess, type Access } from './access.ts'
import { oauthError, sendOAuth, sendOAuthError } from './errors.ts'
import { SCOPE } from './lifetimes.ts'

/** `GET /oauth/token/info`: what an access token is, told to who holds it. The fields are the original's. */
export function tokenInfoRoute(app: FastifyInstance, context: ApiContext): void {
  app.get('/token/info', { schema: { hide: true } }, async (request, reply) => {
    const [, token = ''] = /^bearer\s+(\S+)\s*$/i.exec(request.headers.authorization ?? '') ?? []
    const access = await findAccess(context, token)
    if (access.ok) return sendOAuth(reply, infoOf(context, access.value))
    // Who shows no token is asked for one, and has shown no wrong one (RFC 6750 §3.1).
    const why = token === '' ? '' : ', error="invalid_token"'
    reply.header('www-authenticate', `Bearer realm="OpenProject API"${why}`)
    return sendOAuthError(reply, oauthError('invalid_token', 'There is no access token, or it has ended.'))
  })
}

function infoOf({ clock }: ApiContext, { token, application, user }: Access): object {
  return {
    resource_owner_id: user.id,
    scope: [SCOPE],
    expires_in: Math.ceil((token.expiresAt - clock.now()) / 1000),
    application: { uid: application.clientId },
    created_at: Math.floor(token.createdAt / 1000),
  }
}
