import type { FastifyInstance } from 'fastify'
import type { ApiContext } from './context.ts'
import { apiError, sendError } from './errors.ts'
import { SCOPE } from './oauth/lifetimes.ts'

/**
 * `/.well-known`: `oauth-protected-resource` (RFC 9728 §2), where the challenge of every 401 sends clients, says what they need to present
 * and who gives it; `oauth-authorization-server` (RFC 8414 §2) how to ask for it. Programs find the rest from these two.
 */
export async function wellKnownRoutes(app: FastifyInstance, context: ApiContext): Promise<void> {
  serve(app, context, 'oauth-protected-resource', ({ publicUrl }) => ({
    resource: publicUrl,
    resource_name: 'Nepenthes',
    authorization_servers: [publicUrl],
    scopes_supported: [SCOPE],
    bearer_methods_supported: ['header'],
    ...whereDocumented(context, 'resource_documentation'),
  }))
  serve(app, context, 'oauth-authorization-server', ({ publicUrl }) => ({
    issuer: publicUrl,
    authorization_endpoint: `${publicUrl}/oauth/authorize`,
    token_endpoint: `${publicUrl}/oauth/token`,
    revocation_endpoint: `${publicUrl}/oauth/revoke`,
    introspection_endpoint: `${publicUrl}/oauth/introspect`,
    scopes_supported: [SCOPE],
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'client_credentials', 'refresh_token'],
    code_challenge_methods_supported: ['S256', 'plain'],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
    revocation_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
    introspection_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post'],
    authorization_response_iss_parameter_supported: true,
    ...whereDocumented(context, 'service_documentation'),
  }))
}

/** The docs page, while there is one. */
function whereDocumented({ snapshots, publicUrl }: ApiContext, name: string): Record<string, string> {
  return snapshots.current.api.docs.enabled ? { [name]: `${publicUrl}/api/docs` } : {}
}

function serve(app: FastifyInstance, context: ApiContext, name: string, document: (context: ApiContext) => object) {
  app.get(`/.well-known/${name}`, { schema: { hide: true } }, async (_request, reply) => {
    if (!context.snapshots.current.api.enabled) return sendError(reply, apiError('WebServiceDisabled'))
    return reply
      .header('content-type', 'application/json; charset=utf-8')
      .header('cache-control', 'no-cache')
      .send(JSON.stringify(document(context)))
  })
}
