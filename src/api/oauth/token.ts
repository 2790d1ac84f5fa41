import type { FastifyInstance, FastifyRequest } from 'fastify'
import { fail, ok, type Result } from '../../base/result.ts'
import type { ApiContext } from '../context.ts'
import { authenticateClient, type Client } from './client.ts'
import { oauthError, sendOAuth, sendOAuthError, UNAVAILABLE, UNKNOWN_CONFIGURATION, type OAuthError } from './errors.ts'
import { asResult, createServer } from './library.ts'
import { ACCESS_TOKEN_SECONDS, SCOPE } from './lifetimes.ts'
import { readParams, type Params } from './params.ts'
import { commitUnit, createUnit, type Unit } from './unit.ts'

/** What each grant cannot do without (RFC 6749 §4.1.3, §4.4.2, §6). */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  authorization_code: ['code', 'redirect_uri'],
  client_credentials: [],
  refresh_token: ['refresh_token'],
}

/** Of those who come with one code at once each is sent back once at most; others may be locked or deleted meanwhile. */
const TRIES_MAX = 5

/** `POST /oauth/token` (RFC 6749 §3.2). */
export function tokenRoute(app: FastifyInstance, context: ApiContext): void {
  app.post('/token', { schema: { hide: true } }, async (request, reply) => {
    const answer = await exchange(context, request)
    return answer.ok ? sendOAuth(reply, answer.value) : sendOAuthError(reply, answer.error)
  })
}

async function exchange(context: ApiContext, request: FastifyRequest): Promise<Result<object, OAuthError>> {
  if (!context.snapshots.current.complete) return fail(UNKNOWN_CONFIGURATION)
  const params = readParams(request.body)
  const incomplete = judgeParams(params)
  if (incomplete) return fail(incomplete)
  const client = await authenticateClient(context.store, request.headers.authorization, params)
  if (!client.ok) return client
  const lacking = judgeParamsOfGrant(params) ?? (await judgeOwnGrant(context, client.value, params))
  return lacking ? fail(lacking) : issue(context, client.value, params)
}

function judgeParams({ values, repeated }: Params): OAuthError | undefined {
  if (repeated.length > 0) return oauthError('invalid_request', 'A parameter comes more than once.')
  return values.has('grant_type') ? undefined : oauthError('invalid_request', 'The parameter grant_type is missing.')
}

function judgeParamsOfGrant({ values }: Params): OAuthError | undefined {
  const grant = values.get('grant_type') ?? ''
  if (!Object.hasOwn(NEEDED, grant)) return oauthError('unsupported_grant_type', 'There is no such grant.')
  const missing = NEEDED[grant]?.find((name) => !values.has(name))
  return missing === undefined ? undefined : oauthError('invalid_request', `The parameter ${missing} is missing.`)
}

/** By its own credentials an application acts as the user it was registered with, and as nobody without. */
async function judgeOwnGrant(
  { store }: ApiContext,
  { application: { actsAsId } }: Client,
  { values }: Params,
): Promise<OAuthError | undefined> {
  if (values.get('grant_type') !== 'client_credentials') return undefined
  if (actsAsId === null) return oauthError('unauthorized_client', 'The application acts as no user of its own.')
  const user = await store.get('users', actsAsId)
  if (user?.status === 'active') return undefined
  return oauthError('unauthorized_client', 'The user the application acts as is locked or gone.')
}

async function issue(context: ApiContext, client: Client, params: Params): Promise<Result<object, OAuthError>> {
  for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
    const unit = createUnit()
    const answer = await askLibrary(context, client, params, unit)
    const outcome = await commitUnit(context, unit, answer.ok)
    if (outcome === 'committed') return answer
    if (outcome === 'unavailable') return fail(UNAVAILABLE)
  }
  return fail(UNAVAILABLE)
}

async function askLibrary(
  context: ApiContext,
  { application, secret }: Client,
  params: Params,
  unit: Unit,
): Promise<Result<object, OAuthError>> {
  const body = { ...Object.fromEntries(params.values), client_id: application.clientId, client_secret: secret }
  const server = await createServer(context, { application, params, unit })
  const answer = await asResult(() => server.respondToAccessTokenRequest({ headers: {}, query: {}, body }))
  if (answer.ok) return ok(tokenBody(answer.value.body, unit))
  // Nothing is missing any more: it is what the code or refresh token is worth that the library calls an invalid request.
  const { error, description } = answer.error
  return fail(oauthError(error === 'invalid_request' ? 'invalid_grant' : error, description))
}

/** The library counts the seconds from when it has finished, and does not say when the token was made. */
function tokenBody(body: Record<string, unknown>, { token }: Unit): object {
  return {
    access_token: body['access_token'],
    token_type: 'Bearer',
    expires_in: ACCESS_TOKEN_SECONDS,
    refresh_token: body['refresh_token'],
    scope: SCOPE,
    created_at: Math.floor((token?.createdAt ?? 0) / 1000),
  }
}
