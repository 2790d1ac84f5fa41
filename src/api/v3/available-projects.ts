import type { FastifyInstance } from 'fastify'
import type { ApiContext } from '../context.ts'
import { workable } from '../permissions.ts'
import { listPage, type ListDefinition } from './list.ts'
import { PROJECTS } from './projects.ts'
import { paths } from './representers/hal.ts'
import { pageQuery, pageSchema, route, sendResult, viewerOf } from './route.ts'

/** The projects something can be put into: those the viewer works in, archived ones left out. */
const WORKABLE: ListDefinition<'projects'> = { ...PROJECTS, visible: workable }

const PLACES = [
  [paths.workPackages, 'Work packages', 'Projects a work package may be put into'],
  [paths.timeEntries, 'Time entries', 'Projects time may be logged in'],
] as const

export function availableProjectRoutes(app: FastifyInstance, context: ApiContext): void {
  for (const [base, tag, summary] of PLACES) {
    const path = `${base}/available_projects`
    const doc = {
      summary,
      tag,
      access: 'user',
      errors: [400],
      querystring: pageQuery,
      answers: { 200: pageSchema },
    } as const
    app.get<{ Querystring: Record<string, unknown> }>(
      path.slice(paths.root.length),
      route(doc),
      async (request, reply) =>
        sendResult(reply, await listPage(context, viewerOf(request), WORKABLE, { path, query: request.query })),
    )
  }
}
