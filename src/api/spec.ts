import swagger from '@fastify/swagger'
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { stringify } from 'yaml'
import type { ApiContext } from './context.ts'
import { nameSchemas } from './named-schemas.ts'
import { answerOf, route, sendHal } from './v3/route.ts'

const YAML = 'text/vnd.yaml'

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
          bearer: {
            type: 'http',
            scheme: 'bearer',
            description:
              'An API token (`opapi-...`), or an access token of OAuth 2.0: see `/.well-known/oauth-authorization-server`.',
          },
        },
      },
      security: [{ apiToken: [] }, { bearer: [] }],
    },
    transformObject: (made) => ('openapiObject' in made ? nameSchemas(made.openapiObject) : made.swaggerObject),
  })
}

/** Public, and independent of the docs page's switch; the same document under its three names, written once each. */
export function specRoutes(app: FastifyInstance): void {
  const json = once(() => JSON.stringify(app.swagger()))
  const yaml = once(() => stringify(app.swagger(), { aliasDuplicateObjects: false }))
  const doc = { summary: 'This API as an OpenAPI document', tag: 'OpenAPI', access: 'public' } as const
  const document = Type.Object({ openapi: Type.String() }, { additionalProperties: true })
  for (const path of ['/spec.json', '/openapi.json'])
    app.get(path, route({ ...doc, answers: { 200: document } }), (_request, reply) => sendHal(reply, 200, json()))
  app.get('/spec.yml', route({ ...doc, answers: { 200: answerOf(YAML, 'The document.') } }), (_request, reply) =>
    reply.header('content-type', `${YAML}; charset=utf-8`).send(yaml()),
  )
}

function once(make: () => string): () => string {
  let text: string | undefined
  return () => (text ??= make())
}
