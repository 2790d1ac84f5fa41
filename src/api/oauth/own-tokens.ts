import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { fail, ok, type Result } from '../../base/result.ts'
import type { OAuthTokenRecord } from '../../storage/tables.ts'
import type { ApiContext } from '../context.ts'
import { hashToken } from '../tokens.ts'
import { authenticateClient, type Client } from './client.ts'
import { oauthError, sendOAuth, sendOAuthError, UNAVAILABLE, UNKNOWN_CONFIGURATION, type OAuthError } from './errors.ts'
import { endGrant, grantHashOf } from './grants.ts'
import { asResult, createServer, type ReadToken } from './library.ts'
import { SCOPE } from './lifetimes.ts'
import { readParams, type Params } from './params.ts'
import { commitUnit, createUnit } from './unit.ts'

/** What an application may ask of its tokens, or do to them: `/oauth/revoke`, `/oauth/introspect`. */
export function ownTokenRoutes(app: FastifyInstance, context: ApiContext): void {
  const schema = { hide: true }
  app.post('/revoke', { schema }, async (request, reply) => answer(reply, await revoke(context, request)))
  app.post('/introspect', { schema }, async (request, reply) => answer(reply, await introspect(context, request)))
}

function answer(reply: FastifyReply, result: Result<object, OAuthError>): FastifyReply {
  return result.ok ? sendOAuth(reply, result.value) : sendOAuthError(reply, result.error)
}

/**
 * RFC 7009: either token of a pair takes both along, and what a refresh token was exchanged for meanwhile: whoever logs out need not know that
 * it was. A token that is unknown, or another's, is nothing to complain of.
 */
async function revoke(context: ApiContext, request: FastifyRequest): Promise<Result<object, OAuthError>> {
  if (!context.snapshots.current.complete) return fail(UNKNOWN_CONFIGURATION)
  const asked = await readAsked(context, request)
  if (!asked.ok) return asked
  const { server, unit, library, client, located, token } = asked.value
  const revoked = await asResult(() => server.revoke(library), unit)
  if (!revoked.ok) return revoked
  const outcome = await commitUnit(context, unit, true)
  const grantHash = located ? located.row.grantHash : grantHashOf(token)
  if (outcome === 'unavailable') return fail(UNAVAILABLE)
  if ((outcome === 'committed' && located) || grantHash == null) return ok({})
  const ended = await endGrant(context, { grantHash, applicationId: client.application.id })
  return ended === 'ended' ? ok({}) : fail(UNAVAILABLE)
}

/** RFC 7662, for who can show a secret, and of its own tokens only: those of others are inactive to it. */
async function introspect(context: ApiContext, request: FastifyRequest): Promise<Result<object, OAuthError>> {
  const asked = await readAsked(context, request)
  if (!asked.ok) return asked
  const { server, unit, client, located, library } = asked.value
  if (client.application.secretHash === null)
    return fail(oauthError('invalid_client', 'A public application cannot ask about tokens.'))
  const answered = await asResult(() => server.introspect(library), unit)
  if (!answered.ok) return answered
  const user = located && (await context.store.get('users', located.row.userId))
  if (answered.value.body['active'] !== true || !located || user?.status !== 'active') return ok({ active: false })
  return ok({
    ...{ active: true, scope: SCOPE, client_id: client.application.clientId, username: user.login },
    ...{ sub: String(user.id), iss: context.publicUrl, iat: seconds(located.row.createdAt) },
    // A refresh token is no bearer token, and does not expire.
    ...(located.kind === 'access' && { token_type: 'Bearer', exp: seconds(located.row.expiresAt) }),
  })
}

interface Located {
  readonly kind: 'access' | 'refresh'
  readonly row: OAuthTokenRecord
}

/** Authenticated, the token looked up, and put the way the library wants it. */
async function readAsked(context: ApiContext, request: FastifyRequest) {
  const params = readParams(request.body)
  if (params.repeated.length > 0) return fail(oauthError('invalid_request', 'A parameter comes more than once.'))
  const authenticated = await authenticateClient(context.store, request.headers.authorization, params)
  if (!authenticated.ok) return authenticated
  const client = authenticated.value
  const token = params.values.get('token')
  if (token === undefined) return fail(oauthError('invalid_request', 'The parameter token is missing.'))
  const located = await locate(context, client, token)
  const unit = createUnit()
  const server = await createServer(context, { application: client.application, params, unit }, reader(client, located))
  return ok({ client, token, located, unit, server, library: libraryRequest(client, params, located) })
}

async function locate({ store }: ApiContext, { application }: Client, token: string): Promise<Located | undefined> {
  const hash = hashToken(token)
  const access = await store.find('oauthTokens', 'hash', hash)
  const row = access ?? (await store.find('oauthTokens', 'refreshHash', hash))
  return row?.applicationId === application.id ? { kind: access ? 'access' : 'refresh', row } : undefined
}

/** What the library would have read out of a JWT: which of the two it is, and whose. */
function reader({ application: { clientId } }: Client, located: Located | undefined): ReadToken | undefined {
  if (!located) return undefined
  return (text) =>
    located.kind === 'access' ? { jti: text, cid: clientId } : { refresh_token_id: text, client_id: clientId }
}

/** The library believes the hint, which a client may have wrong (RFC 7009 §2.1): it gets the right one. */
function libraryRequest({ application, secret }: Client, { values }: Params, located: Located | undefined) {
  const hint = located?.kind === 'refresh' ? 'refresh_token' : 'access_token'
  const body = { ...Object.fromEntries(values), client_id: application.clientId, client_secret: secret }
  return { headers: {}, query: {}, body: { ...body, token_type_hint: hint } }
}

function seconds(epochMs: number): number {
  return Math.floor(epochMs / 1000)
}
