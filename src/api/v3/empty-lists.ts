import type { FastifyInstance } from 'fastify'
import { ok } from '../../base/result.ts'
import type { ApiContext } from '../context.ts'
import { parsePage } from './query/page.ts'
import { renderPage } from './representers/collection.ts'
import { paths } from './representers/hal.ts'
import { pageQuery, pageSchema, route, sendResult } from './route.ts'

/** What this backend keeps none of. Clients that read everything there is read these as well, and take a 404 for a broken server. */
const EMPTY = [
  'versions',
  'relations',
  'groups',
  'placeholder_users',
  'queries',
  'news',
  'documents',
  'notifications',
] as const

export function emptyListRoutes(app: FastifyInstance, { snapshots }: ApiContext): void {
  const doc = { tag: 'Always empty', access: 'user', errors: [400] } as const
  for (const name of EMPTY) {
    const summary = `List ${name.replace('_', ' ')}: there are none`
    app.get<{ Querystring: Record<string, unknown> }>(
      `/${name}`,
      route({ ...doc, summary, querystring: pageQuery, answers: { 200: pageSchema } }),
      (request, reply) => {
        const page = parsePage(request.query, snapshots.current.api.maxPageSize)
        if (!page.ok) return sendResult(reply, page)
        const nothing = { total: 0, count: 0, elements: [] }
        return sendResult(
          reply,
          ok(renderPage({ path: `${paths.root}/${name}`, query: {}, page: page.value, ...nothing })),
        )
      },
    )
  }
}
