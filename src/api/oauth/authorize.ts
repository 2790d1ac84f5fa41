import type { AuthorizationRequest } from '@jmondi/oauth2-server'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { fail, ok, type Result } from '../../base/result.ts'
import type { ApplicationRecord, UserRecord } from '../../storage/tables.ts'
import type { ApiContext } from '../context.ts'
import { findTokenUser } from '../tokens.ts'
import { isRegistered, OUT_OF_BAND } from './application-rules.ts'
import { findApplication, redirectUrisOf } from './applications.ts'
import { codePage, consentPage } from './consent.ts'
import { oauthError, UNAVAILABLE, UNKNOWN_CONFIGURATION, type OAuthError } from './errors.ts'
import { asResult, createServer } from './library.ts'
import { messagePage, sendPage } from './pages.ts'
import { readParams, type Params } from './params.ts'
import { commitUnit, createUnit } from './unit.ts'

/** Where the answer to an authorization request may go: known before anything else is judged. */
interface Place {
  readonly application: ApplicationRecord
  readonly redirectUri: string
  readonly params: Params
}

const TRIES_MAX = 5
/** Characters of a parameter as it comes back in a header, of which clients take 16 KB together. */
const STATE_MAX = 4_096
/** RFC 7636 §4.2: also a plain challenge, which is a verifier. */
const CHALLENGE = /^[A-Za-z0-9\-._~]{43,128}$/

/** `/oauth/authorize` (RFC 6749 §3.1): the consent form by GET, or by POST with the request in a form; with `decision`, its answer. */
export function authorizeRoutes(app: FastifyInstance, context: ApiContext): void {
  app.get('/authorize', { schema: { hide: true } }, (request, reply) => show(context, readParams(request.query), reply))
  app.post('/authorize', { schema: { hide: true } }, (request, reply) => {
    const params = readParams(request.body)
    return params.values.has('decision') ? decide(context, params, reply) : show(context, params, reply)
  })
}

async function show(context: ApiContext, params: Params, reply: FastifyReply): Promise<FastifyReply> {
  const place = await findPlace(context, params)
  if (!place.ok) return sendPage(reply, 400, messagePage('This link does not work', ...place.error))
  const asked = await judge(context, place.value)
  return asked.ok ? sendForm(reply, place.value, 200) : answerError(context, reply, place.value, asked.error)
}

/** To an address that is not the application's nobody is ever sent (RFC 6749 §4.1.2.1). */
async function findPlace({ store }: ApiContext, params: Params): Promise<Result<Place, readonly string[]>> {
  const { values } = params
  const application = await findApplication(store, values.get('client_id') ?? '')
  const nothing = 'Nothing was allowed to anybody.'
  if (!application)
    return fail(['The application that sent you here is not known: its client_id is missing or wrong.', nothing])
  const redirectUri = values.get('redirect_uri')
  if (redirectUri === undefined || !isRegistered(redirectUrisOf(application), redirectUri))
    return fail([
      `${application.name} asks to send you back to an address that is not registered for it: redirect_uri must be one of those, to the letter.`,
      nothing,
    ])
  if (encodeURIComponent(values.get('state') ?? '').length > STATE_MAX)
    return fail([`${application.name} wants more given back to it (state) than browsers and servers take.`, nothing])
  return ok({ application, redirectUri, params })
}

/** What is wrong with the request is the application's to know. */
async function judge(context: ApiContext, place: Place): Promise<Result<AuthorizationRequest, OAuthError>> {
  const wrong = judgeParams(place.params)
  if (wrong) return fail(wrong)
  const server = await createServer(context, { ...place, unit: createUnit() })
  const query = Object.fromEntries(place.params.values)
  return asResult(() => server.validateAuthorizationRequest({ headers: {}, body: {}, query }))
}

function judgeParams({ values, repeated }: Params): OAuthError | undefined {
  if (repeated.length > 0) return oauthError('invalid_request', 'A parameter comes more than once.')
  const type = values.get('response_type')
  if (type === undefined) return oauthError('invalid_request', 'The parameter response_type is missing.')
  if (type !== 'code') return oauthError('unsupported_response_type', 'The only response type is code.')
  const challenge = values.get('code_challenge')
  if (challenge !== undefined && !CHALLENGE.test(challenge))
    return oauthError('invalid_request', 'The code challenge is not as RFC 7636 has it.')
  return undefined
}

async function decide(context: ApiContext, params: Params, reply: FastifyReply): Promise<FastifyReply> {
  const place = await findPlace(context, params)
  if (!place.ok) return sendPage(reply, 400, messagePage('This link does not work', ...place.error))
  for (let attempt = 1; attempt <= TRIES_MAX; attempt += 1) {
    const asked = await judge(context, place.value)
    if (!asked.ok) return answerError(context, reply, place.value, asked.error)
    if (params.values.get('decision') !== 'authorise')
      return answerError(context, reply, place.value, oauthError('access_denied', 'The user said no.'))
    if (!context.snapshots.current.complete) return sendForm(reply, place.value, 503, UNKNOWN_CONFIGURATION.description)
    const user = await findUser(context, params)
    // A 401 would have to ask for credentials in a way that makes browsers show a dialog of their own.
    if (!user.ok) return sendForm(reply, place.value, 403, user.error)
    const code = await issueCode(context, place.value, asked.value, user.value)
    if (code.ok) return answerCode(context, reply, place.value, code.value)
    if (code.error === 'unavailable') break
  }
  return sendForm(reply, place.value, 503, UNAVAILABLE.description)
}

/** Only an API token shows who somebody is: an application's must not be able to allow other applications anything. */
async function findUser({ store }: ApiContext, { values }: Params): Promise<Result<UserRecord, string>> {
  const token = values.get('token')?.trim()
  const user = token === undefined || token === '' ? undefined : await findTokenUser(store, token)
  if (!user) return fail('This is not an API token, or it was revoked. Enter another.')
  return user.status === 'active' ? ok(user) : fail('Your account is locked.')
}

/** `conflict`: the user or the application has just become another; look again. */
async function issueCode(
  context: ApiContext,
  place: Place,
  asked: AuthorizationRequest,
  user: UserRecord,
): Promise<Result<string, 'conflict' | 'unavailable'>> {
  const unit = createUnit()
  const server = await createServer(context, { ...place, unit })
  asked.user = { id: user.id }
  asked.isAuthorizationApproved = true
  const issued = await asResult(() => server.completeAuthorizationRequest(asked))
  if (!issued.ok || unit.code === undefined) return fail('conflict')
  const outcome = await commitUnit(context, unit, true)
  return outcome === 'committed' ? ok(unit.code) : fail(outcome)
}

function sendForm(reply: FastifyReply, place: Place, status: number, problem?: string): FastifyReply {
  const { application, redirectUri, params } = place
  if (status === 503) reply.header('retry-after', 5)
  const consent = { application: application.name, redirectUri, params: params.values }
  return sendPage(reply, status, consentPage({ ...consent, ...(problem !== undefined && { problem }) }))
}

function answerCode(context: ApiContext, reply: FastifyReply, place: Place, code: string): FastifyReply {
  if (place.redirectUri === OUT_OF_BAND) return sendPage(reply, 200, codePage(place.application.name, code))
  return redirect(context, reply, place, { code })
}

function answerError(
  context: ApiContext,
  reply: FastifyReply,
  place: Place,
  { error, description }: OAuthError,
): FastifyReply {
  if (place.redirectUri !== OUT_OF_BAND)
    return redirect(context, reply, place, { error, error_description: description })
  return sendPage(reply, 400, messagePage(`${place.application.name} may not act as you`, `${description} (${error})`))
}

/** 303: whatever was posted here stays here. `iss` says who answers (RFC 9207). */
function redirect(
  { publicUrl }: ApiContext,
  reply: FastifyReply,
  { redirectUri, params }: Place,
  answer: Record<string, string>,
): FastifyReply {
  const state = params.values.get('state')
  const added = new URLSearchParams({ ...answer, ...(state !== undefined && { state }), iss: publicUrl })
  const location = `${redirectUri}${redirectUri.includes('?') ? '&' : '?'}${added.toString()}`
  return reply
    .code(303)
    .headers({ location, 'cache-control': 'no-store', pragma: 'no-cache', 'referrer-policy': 'no-referrer' })
    .send()
}
