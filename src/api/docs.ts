import swaggerUi from '@fastify/swagger-ui'
import type { FastifyInstance } from 'fastify'
import type { ApiContext } from './context.ts'
import { apiError, sendError } from './errors.ts'

/**
 * Nothing from anywhere but this server, no script in the page itself, in nobody's frame. `data:` images are the icons in the
 * page's own style sheet. Requests go to where the page came from, and nowhere else.
 */
const CSP = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "form-action 'none'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ')

const HEADERS = {
  'content-security-policy': CSP,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-cache',
}

/** Would write the whole document as YAML for whoever asks, each time: `/api/v3/spec.yml` is the one that is kept. */
const COSTLY = '/api/docs/yaml'

/**
 * `/api/docs` and all it loads: 404 unless `spec.docs.enabled`, and while the web service is off. Decided with each request,
 * which is why its answers are cached only to be asked for again.
 */
export async function docsRoutes(app: FastifyInstance, { snapshots }: ApiContext): Promise<void> {
  app.addHook('onRequest', (request, reply, next) => {
    const { enabled, docs } = snapshots.current.api
    if (!enabled || !docs.enabled || request.routeOptions.url === COSTLY)
      return void sendError(reply, apiError('NotFound'))
    reply.headers(HEADERS)
    next()
  })
  await app.register(swaggerUi, {
    routePrefix: '/api/docs',
    theme: { title: 'Nepenthes API' },
    uiConfig: { layout: 'BaseLayout', docExpansion: 'list', defaultModelsExpandDepth: -1, tryItOutEnabled: true },
    // The page calls the server it came from, whatever its public name: anything else its policy forbids.
    transformSpecification: (document) => ({ ...document, servers: [{ url: '/' }] }),
    transformSpecificationClone: false,
  })
}
