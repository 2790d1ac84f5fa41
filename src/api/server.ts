import { fastify, type FastifyError, type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { StoreClosed } from '../storage/store.ts'
import { BodyError } from './content-type.ts'
import type { ApiContext, ApiOptions } from './context.ts'
import { createCors } from './cors.ts'
import { docsRoutes } from './docs.ts'
import { apiError, sendError, unavailable, type ApiError } from './errors.ts'
import { createJsonMemo } from './json-memo.ts'
import { limitConnections, limitOptions, LIMITS } from './limits.ts'
import { oauthRoutes } from './oauth.ts'
import { collectSpec } from './spec.ts'
import { createTurns } from './turns.ts'
import { answerUnparsed, protocolError, refuse, routeExpectations } from './unreadable.ts'
import { v3Routes } from './v3/routes.ts'
import { wellKnownRoutes } from './well-known.ts'

/** An identifier of 100 characters, every one of them percent-encoded. */
const PARAM_MAX = 900

/** The API as a server that does not listen yet: the caller decides where, tests inject. `close()` ends it. */
export function createApi(options: ApiOptions): FastifyInstance {
  const context: ApiContext = { ...options, memo: createJsonMemo(), turns: createTurns() }
  const cors = createCors(context.snapshots)
  const limits = { ...LIMITS, ...options.limits }
  const { http, ...limited } = limitOptions(limits)
  const app = fastify({
    ...limited,
    forceCloseConnections: 'idle',
    routerOptions: { ignoreTrailingSlash: true, maxParamLength: PARAM_MAX },
    // A path the router cannot read reaches no hook.
    frameworkErrors: (error, request, reply) => {
      if (!cors(request, reply)) refuse(request, reply, toApiError(context, error, request))
    },
    clientErrorHandler: answerUnparsed,
    // Node would refuse a missing one itself, without a body: see `protocolError`.
    http: { ...http, requireHostHeader: false },
  })
  limitConnections(app.server, limits)
  documentOnly(app)
  routeExpectations(app)
  app.addHook('onRequest', (request, reply, next) => {
    if (cors(request, reply)) return
    const error = protocolError(request)
    if (error) refuse(request, reply, error)
    else next()
  })
  app.setErrorHandler((error: FastifyError, request, reply) => sendError(reply, toApiError(context, error, request)))
  app.setNotFoundHandler((request, reply) => sendNotFound(context, request, reply))
  collectSpec(app, context)
  void app.register(async (scope) => v3Routes(scope, context), { prefix: '/api/v3' })
  void app.register(async (scope) => oauthRoutes(scope, context), { prefix: '/oauth' })
  void app.register(async (scope) => docsRoutes(scope, context))
  void app.register(async (scope) => wellKnownRoutes(scope, context))
  return app
}

/**
 * Schemas document; they neither validate nor serialise. The protocol's own rules decide what a request may hold (clamping,
 * collecting every problem, answering in HAL), and answers are open objects: see `sendHal`.
 */
function documentOnly(app: FastifyInstance): void {
  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => (value) => JSON.stringify(value))
}

/** The protocol's second version: what is left of it is this answer (reference §9). */
const SECOND_VERSION = /^\/api\/v2(?:[/?]|$)/

function sendNotFound({ snapshots }: ApiContext, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  if (SECOND_VERSION.test(request.url)) return reply.code(410).send()
  const off = request.url.startsWith('/.well-known/') && !snapshots.current.api.enabled
  return sendError(reply, apiError(off ? 'WebServiceDisabled' : 'NotFound'))
}

/** Whatever was thrown on the way, as something fit for the outside; what nobody expected is logged and named to nobody. */
function toApiError({ log }: ApiContext, error: FastifyError | Error, request: FastifyRequest): ApiError {
  if (error instanceof BodyError) return error.apiError
  if (error instanceof StoreClosed) return unavailable('The service is being stopped. Try again in a moment.')
  const { statusCode, code } = error as Partial<FastifyError>
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') return apiError('BodyTooLarge')
  if (code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return apiError('TypeNotSupported')
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return apiError('BadRequest')
  log.error({ err: error, method: request.method, route: request.routeOptions.url }, 'a request failed unexpectedly')
  return apiError('InternalServerError')
}
