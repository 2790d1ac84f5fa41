import type { FastifyReply, FastifyRequest } from 'fastify'
import type { EffectiveApiSettings } from '../resources/api-settings.ts'
import type { SnapshotReader } from '../routing/snapshot.ts'

/**
 * Cross-origin resource sharing, answered before authentication and routing so that browsers can read every error too.
 * The rules and the header values are the wire behaviour of existing servers, kept value for value (reference §5):
 * prefix patterns, exact origins, credentials allowed, an empty `Access-Control-Expose-Headers`, preflights always 200.
 */
const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'
const MAX_AGE_SECONDS = '7200'

/**
 * The consent form of OAuth, and what lies under it, must not be readable, nor framed, by another site: in no spelling that
 * anything between a browser and this server might take for it.
 */
const CONSENT_PATH = /^\/oauth\/+authorize(?:\/|$)/i

type OriginTest = (origin: string) => boolean

/** A hook for `onRequest` of the whole server, and for requests the router refuses. True when it has answered. */
export type CorsHandler = (request: FastifyRequest, reply: FastifyReply) => boolean

export function createCors(snapshots: SnapshotReader): CorsHandler {
  const testOf = rememberOriginTests()
  return (request, reply) => {
    const path = readPath(request.raw.url ?? '/')
    const preflight = isPreflight(request)
    setHeaders(request, reply, path.text, testOf(snapshots.current.api), preflight && path.decodable)
    if (preflight) reply.code(path.decodable ? 200 : 400).send()
    return preflight
  }
}

/** Settings are immutable and replaced whole, so the set of origins is built once for each. */
function rememberOriginTests(): (api: EffectiveApiSettings) => OriginTest {
  const tests = new WeakMap<EffectiveApiSettings, OriginTest>()
  return (api) => {
    let test = tests.get(api)
    if (!test) {
      const origins = new Set(api.cors.enabled ? api.cors.allowedOrigins : [])
      test = (origin) => origins.has(origin)
      tests.set(api, test)
    }
    return test
  }
}

function isPreflight(request: FastifyRequest): boolean {
  return (
    request.method === 'OPTIONS' &&
    requestOrigin(request) !== undefined &&
    request.headers['access-control-request-method'] !== undefined
  )
}

function requestOrigin(request: FastifyRequest): string | undefined {
  return request.headers.origin ?? headerText(request.headers['x-origin'])
}

function setHeaders(
  request: FastifyRequest,
  reply: FastifyReply,
  path: string,
  allowed: OriginTest,
  preflight: boolean,
): void {
  if (CONSENT_PATH.test(path)) {
    reply.header('content-security-policy', "frame-ancestors 'none'")
    return
  }
  if (!isShared(path)) return
  // Also with CORS off: a cache must not keep that answer for after it is switched on.
  reply.header('vary', 'Origin')
  const origin = requestOrigin(request)
  if (origin === undefined || !allowed(origin)) return
  reply.header('access-control-allow-origin', origin)
  reply.header('access-control-allow-methods', METHODS)
  reply.header('access-control-expose-headers', '')
  reply.header('access-control-max-age', MAX_AGE_SECONDS)
  reply.header('access-control-allow-credentials', 'true')
  const asked = headerText(request.headers['access-control-request-headers'])
  if (preflight && asked !== undefined) reply.header('access-control-allow-headers', asked)
}

function isShared(path: string): boolean {
  return path.startsWith('/api/v3') || path.startsWith('/oauth')
}

/** The path as the router sees it: no scheme and host, no query, percent-decoded where that is possible. */
function readPath(url: string): { readonly text: string; readonly decodable: boolean } {
  const target = url.startsWith('/') ? url : url.replace(/^https?:\/\/.*?\//, '/')
  const end = target.search(/[?#]/)
  const raw = end < 0 ? target : target.slice(0, end)
  const decoded = raw.includes('%') ? tryDecode(raw) : raw
  return { text: decoded ?? raw, decodable: decoded !== undefined }
}

function tryDecode(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}

function headerText(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(', ') : value
}
