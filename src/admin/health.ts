import type { FastifyInstance } from 'fastify'
import type { Registry } from 'prom-client'

export interface Readiness {
  readonly ready: boolean
  /** What is still missing, for people; empty when ready. Shown to anyone. */
  readonly reasons: readonly string[]
}

/** `/livez`, `/readyz` and `/metrics`: open to whoever reaches the listener. */
export function healthRoutes(server: FastifyInstance, readiness: () => Readiness, metrics: Registry): void {
  // Alive is who answers: whatever else is wrong, restarting would not mend it.
  server.get('/livez', (_request, reply) => reply.type('text/plain').send('ok\n'))

  server.get<{ Querystring: { verbose?: string } }>('/readyz', (request, reply) => {
    const { ready, reasons } = readiness()
    const lines = [ready ? 'ok' : 'not ready']
    if (request.query.verbose !== undefined) lines.push(...reasons.map((reason) => `- ${reason}`))
    return reply
      .code(ready ? 200 : 503)
      .type('text/plain')
      .send(`${lines.join('\n')}\n`)
  })

  server.get('/metrics', async (_request, reply) => reply.type(metrics.contentType).send(await metrics.metrics()))
}
