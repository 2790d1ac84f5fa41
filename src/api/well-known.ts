import type { FastifyInstance } from 'fastify'
import type { ApiContext } from './context.ts'
import { apiError, sendError } from './errors.ts'

/**
 * `/.well-known/oauth-protected-resource` (RFC 9728 §2), where the challenge of every 401 sends clients: what they need to present,
 * and how. It names no authorization server, as there is none: tokens are made by `nepenthes token create`.
 */
export async function wellKnownRoutes(app: FastifyInstance, { snapshots, publicUrl }: ApiContext): Promise<void> {
  app.get('/.well-known/oauth-protected-resource', { schema: { hide: true } }, async (_request, reply) => {
    const { enabled, docs } = snapshots.current.api
    if (!enabled) return sendError(reply, apiError('WebServiceDisabled'))
    return reply
      .header('content-type', 'application/json; charset=utf-8')
      .header('cache-control', 'no-cache')
      .send(
        JSON.stringify({
          resource: publicUrl,
          resource_name: 'Nepenthes',
          scopes_supported: ['api_v3'],
          bearer_methods_supported: ['header'],
          ...(docs.enabled && { resource_documentation: `${publicUrl}/api/docs` }),
        }),
      )
  })
}
