import formbody from '@fastify/formbody'
import type { FastifyError, FastifyInstance, FastifyRequest } from 'fastify'
import { StoreClosed } from '../storage/store.ts'
import type { ApiContext } from './context.ts'
import { authorizeRoutes } from './oauth/authorize.ts'
import { oauthError, sendOAuthError, UNAVAILABLE, type OAuthError } from './oauth/errors.ts'
import { ownTokenRoutes } from './oauth/own-tokens.ts'
import { tokenInfoRoute } from './oauth/token-info.ts'
import { tokenRoute } from './oauth/token.ts'

/** More than any request of the protocol needs. */
const BODY_BYTES_MAX = 64 * 1024

/**
 * The OAuth 2.0 server under /oauth: errors take the form of RFC 6749 §5.2, not HAL. While the web service is off that is so for the
 * consent form too: the contract has it for all paths alike, and nobody is sent there then.
 */
export async function oauthRoutes(app: FastifyInstance, context: ApiContext): Promise<void> {
  app.removeAllContentTypeParsers()
  await app.register(formbody, { bodyLimit: BODY_BYTES_MAX })
  app.addHook('onRequest', async (_request, reply) => {
    if (context.snapshots.current.api.enabled) return undefined
    const off = oauthError('access_denied', 'The REST web service is switched off in the ApiSettings.')
    return sendOAuthError(reply, off)
  })
  app.setNotFoundHandler((_request, reply) =>
    sendOAuthError(reply, oauthError('invalid_request', 'There is no such endpoint.'), 404),
  )
  app.setErrorHandler((error: FastifyError, request, reply) =>
    sendOAuthError(reply, ...judgeError(context, error, request)),
  )
  authorizeRoutes(app, context)
  tokenRoute(app, context)
  ownTokenRoutes(app, context)
  tokenInfoRoute(app, context)
}

/** What was thrown on the way, fit for the outside; of what nobody expected the log is told, but nothing of what came in. */
function judgeError(
  { log }: ApiContext,
  error: FastifyError | Error,
  request: FastifyRequest,
): readonly [refusal: OAuthError, status?: number] {
  if (error instanceof StoreClosed) return [UNAVAILABLE]
  const { statusCode, code } = error as Partial<FastifyError>
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE')
    return [oauthError('invalid_request', 'The content type must be application/x-www-form-urlencoded.'), 415]
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500)
    return [oauthError('invalid_request', 'The request cannot be read.'), statusCode]
  log.error({ err: error, method: request.method, route: request.routeOptions.url }, 'a request failed unexpectedly')
  return [oauthError('server_error', 'An internal error has occurred.')]
}
