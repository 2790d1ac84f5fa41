import { fastify, type FastifyError, type FastifyInstance, type FastifyRequest } from 'fastify'
import type { Registry } from 'prom-client'

import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { StatusListing } from '../status/listing.ts'
import type { DeliveryStore } from '../storage/store.ts'
import { type Access, judgeAccess } from './access.ts'
import { type ApplicationAdmin, applicationRoutes } from './applications.ts'
import { type DeliveryRouteDependencies, deliveryRoutes } from './deliveries.ts'
import { healthRoutes, type Readiness } from './health.ts'
import { type Ping, pingRoute } from './ping.ts'
import { badRequest, notFound, refuse, type Refusal } from './refusal.ts'
import { resourceRoutes } from './resources.ts'
import { type TokenAdmin, tokenRoutes } from './tokens.ts'

const BODY_BYTES_MAX = 64 * 1024
/** A name may have 253 characters, each written as three. */
const PARAM_LENGTH_MAX = 3 * 253

export interface AdminDependencies {
  readonly listing: StatusListing
  readonly deliveries: DeliveryStore
  readonly dueAt: DeliveryRouteDependencies['dueAt']
  readonly tokens: TokenAdmin
  readonly applications: ApplicationAdmin
  readonly ping: Ping
  readonly readiness: () => Readiness
  readonly metrics: Registry
  readonly access: Access
  readonly clock: Clock
  readonly log: Log
}

/** The admin listener's server, not yet listening: health, metrics, and `/v1`, which the command line uses. */
export function createAdminServer(dependencies: AdminDependencies): FastifyInstance {
  const server = fastify({
    bodyLimit: BODY_BYTES_MAX,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: PARAM_LENGTH_MAX },
    // What the router cannot read comes before any hook or error handler.
    frameworkErrors: (error, _request, reply) => void refuse(reply, judgeError(error, dependencies.log)),
  })
  const closing = new AbortController()
  server.addHook('preClose', async () => closing.abort())
  server.setErrorHandler<FastifyError>((error, _request, reply) => refuse(reply, judgeError(error, dependencies.log)))
  server.setNotFoundHandler((request, reply) => refuse(reply, noSuchPath(request.method, request.url)))
  healthRoutes(server, dependencies.readiness, dependencies.metrics)
  void server.register(async (v1) => registerV1(v1, dependencies, closing.signal), { prefix: '/v1' })
  return server
}

/** A scope of its own, so that its access hook runs for whatever the router takes for a path under `/v1`, unknown ones included. */
function registerV1(v1: FastifyInstance, dependencies: AdminDependencies, closing: AbortSignal): void {
  v1.addHook('onRequest', async (request, reply) => {
    reply.headers({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
    const refusal = judgeAccess(dependencies.access, request) ?? judgeQuery(request)
    if (refusal) return refuse(reply, refusal)
  })
  v1.setNotFoundHandler((request, reply) => refuse(reply, noSuchPath(request.method, request.url)))
  resourceRoutes(v1, { ...dependencies, closing })
  pingRoute(v1, dependencies)
  deliveryRoutes(v1, dependencies)
  tokenRoutes(v1, dependencies.tokens)
  applicationRoutes(v1, dependencies.applications)
}

/** A parameter given twice is a list to the framework: no route of ours means one. */
function judgeQuery({ query }: FastifyRequest): Refusal | undefined {
  const repeated = Object.entries(query as Record<string, unknown>).find(([, value]) => typeof value !== 'string')
  return repeated && badRequest(`the query parameter "${repeated[0]}" is given more than once`, 'Give it once.')
}

function noSuchPath(method: string, url: string): Refusal {
  return notFound(`there is no ${method} ${url.split('?')[0]}`, 'See docs/cli.md for what the admin listener serves.')
}

/** Errors of the framework are the caller's (body too large, not JSON); everything else is ours, and told to the log only. */
function judgeError(error: FastifyError, log: Log): Refusal {
  if (error.statusCode === 413) {
    return { status: 413, code: 'TooLarge', message: `a body may have at most ${BODY_BYTES_MAX} bytes`, hint: '' }
  }
  if (error.code === 'FST_ERR_BAD_URL')
    return badRequest('the path is not well-formed', 'Write %, where it is meant, as %25.')
  if (error.statusCode !== undefined && error.statusCode < 500) return badRequest(error.message)
  log.error({ err: error }, 'admin request failed')
  return {
    status: 500,
    code: 'Internal',
    message: 'the operator failed to answer',
    hint: 'Its log says why.',
  }
}
