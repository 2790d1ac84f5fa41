import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { ApiContext } from './context.ts'
import { route, sendHal } from './v3/route.ts'

/** The OpenAPI document: derived from the routes' own schemas, so it cannot fall behind them. */

/** Sees every route registered after it. */
export function collectSpec(app: FastifyInstance, { publicUrl, version }: ApiContext): void {
  void app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Nepenthes APIv3',
        description: 'HAL+JSON API for projects, work packages and time entries.',
        version,
      },
      servers: [{ url: publicUrl }],
      components: {
        securitySchemes: {
          apiToken: { type: 'http', scheme: 'basic', description: 'User `apikey`, an API token as password.' },
          bearer: { type: 'http', scheme: 'bearer', description: 'An API token (`opapi-...`).' },
        },
      },
      security: [{ apiToken: [] }, { bearer: [] }],
    },
  })
}

/** Public, and independent of the docs page's switch; the same document under its two names. */
export function specRoutes(app: FastifyInstance): void {
  let text: string | undefined
  const document = () => (text ??= JSON.stringify(app.swagger()))
  const answers = { 200: Type.Object({ openapi: Type.String() }, { additionalProperties: true }) }
  for (const path of ['/spec.json', '/openapi.json']) {
    app.get(
      path,
      route({ summary: 'This API as an OpenAPI document', tag: 'OpenAPI', access: 'public', answers }),
      (_request, reply) => sendHal(reply, 200, document()),
    )
  }
}
