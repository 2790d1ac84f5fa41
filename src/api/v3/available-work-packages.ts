import type { FastifyInstance } from 'fastify'
import type { ApiContext } from '../context.ts'
import { inOwnProjects } from '../permissions.ts'
import { listPage, type ListDefinition } from './list.ts'
import { paths } from './representers/hal.ts'
import { workPackageSchema } from './resource-schemas.ts'
import { pageOf, route, sendResult, totalsQuery, viewerOf } from './route.ts'
import { WORK_PACKAGES } from './work-package-list.ts'

/** What time may be logged on: the work packages of projects the viewer works in, archived ones left out. */
const LOGGABLE: ListDefinition<'workPackages'> = {
  ...WORK_PACKAGES,
  visible: async (viewer, store) => {
    const archived = await store.values('projects', 'id', [{ column: 'active', comparison: '=', value: false }])
    const ofActive = { column: 'projectId', comparison: 'not in', value: [...archived] } as const
    return [...inOwnProjects<'workPackages'>('projectId')(viewer), ...(archived.size > 0 ? [ofActive] : [])]
  },
}

export function availableWorkPackageRoutes(app: FastifyInstance, context: ApiContext): void {
  const doc = {
    summary: 'Work packages time may be logged on',
    tag: 'Time entries',
    access: 'user',
    errors: [400, 429],
    querystring: totalsQuery,
    answers: { 200: pageOf(workPackageSchema) },
  } as const
  app.get<{ Querystring: Record<string, unknown> }>(
    '/time_entries/available_work_packages',
    route(doc),
    async (request, reply) => {
      const where = { path: `${paths.timeEntries}/available_work_packages`, query: request.query }
      return sendResult(reply, await listPage(context, viewerOf(request), LOGGABLE, where))
    },
  )
}
