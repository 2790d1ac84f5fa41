import type { FastifyInstance, FastifyReply } from 'fastify'
import type { ApiContext } from './context.ts'

/** The paths under /oauth: errors take the form of RFC 6749 §5.2, not HAL. */
export async function oauthRoutes(app: FastifyInstance, { snapshots }: ApiContext): Promise<void> {
  app.addHook('onRequest', async (_request, reply) => {
    if (snapshots.current.api.enabled) return undefined
    return sendOAuthError(reply, 403, 'access_denied', 'The REST web service is switched off in the ApiSettings.')
  })
  app.setNotFoundHandler((_request, reply) =>
    sendOAuthError(reply, 404, 'invalid_request', 'There is no such endpoint.'),
  )
}

export function sendOAuthError(reply: FastifyReply, status: number, error: string, description: string): FastifyReply {
  return reply
    .code(status)
    .header('cache-control', 'no-store')
    .header('content-type', 'application/json; charset=utf-8')
    .send(JSON.stringify({ error, error_description: description }))
}
