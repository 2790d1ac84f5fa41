import type { FastifyReply } from 'fastify'

/** Of RFC 6749 §4.1.2.1 and §5.2, and RFC 6750 §3.1, with the status each is answered with; redirected ones have none. */
const STATUS = {
  invalid_request: 400,
  invalid_client: 401,
  invalid_grant: 400,
  invalid_scope: 400,
  invalid_token: 401,
  unauthorized_client: 400,
  unsupported_grant_type: 400,
  unsupported_response_type: 400,
  access_denied: 403,
  server_error: 500,
  temporarily_unavailable: 503,
} as const

/** A failure the client is told about: a value, rendered here only. The description is ASCII without quotes (RFC 6749 §5.2). */
export interface OAuthError {
  readonly error: keyof typeof STATUS
  readonly description: string
}

export function oauthError(error: OAuthError['error'], description: string): OAuthError {
  return { error, description }
}

export const UNAVAILABLE = oauthError(
  'temporarily_unavailable',
  'Nothing can be stored just now. Try again in a moment.',
)
export const UNKNOWN_CONFIGURATION = oauthError(
  'temporarily_unavailable',
  'The configuration is not known yet. Try again in a moment.',
)

/** An OAuthError on its way through the library, which knows nothing but throwing. */
export class Refused extends Error {
  override readonly name = 'Refused'
  readonly refusal: OAuthError

  constructor(error: OAuthError['error'], description: string) {
    super(description)
    this.refusal = oauthError(error, description)
  }
}

const RETRY_AFTER_SECONDS = 5

export function sendOAuthError(
  reply: FastifyReply,
  refusal: OAuthError,
  status: number = STATUS[refusal.error],
): FastifyReply {
  if (refusal.error === 'invalid_client') reply.header('www-authenticate', 'Basic realm="OpenProject API"')
  if (status === 503) reply.header('retry-after', RETRY_AFTER_SECONDS)
  return sendOAuth(reply, { error: refusal.error, error_description: refusal.description }, status)
}

/** As RFC 6749 §5.1 wants it: JSON, kept by nobody. */
export function sendOAuth(reply: FastifyReply, body: object, status = 200): FastifyReply {
  return reply
    .code(status)
    .header('cache-control', 'no-store')
    .header('pragma', 'no-cache')
    .header('content-type', 'application/json; charset=utf-8')
    .send(JSON.stringify(body))
}
