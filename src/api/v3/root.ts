import type { FastifyInstance } from 'fastify'
import type { ApiContext, Viewer } from '../context.ts'
import { paths, type Hal } from './representers/hal.ts'
import { userLink } from './representers/user.ts'
import { rootSchema } from './resource-schemas.ts'
import { route, sendHal, viewerOf } from './route.ts'

export function rootRoutes(app: FastifyInstance, context: ApiContext): void {
  const doc = { summary: 'The entry point: links to everything', tag: 'Root', access: 'user' } as const
  app.get('', route({ ...doc, answers: { 200: rootSchema } }), (request, reply) =>
    sendHal(reply, 200, renderRoot(context, viewerOf(request))),
  )
}

function renderRoot(context: ApiContext, viewer: Viewer): Hal {
  return {
    _type: 'Root',
    instanceName: 'Nepenthes',
    ...(viewer.admin && { coreVersion: context.version }),
    _links: {
      self: { href: paths.root },
      configuration: { href: paths.configuration },
      memberships: { href: paths.memberships },
      priorities: { href: paths.priorities },
      relations: { href: paths.relations },
      statuses: { href: paths.statuses },
      time_entries: { href: paths.timeEntries },
      types: { href: paths.types },
      user: userLink(viewer),
      userPreferences: { href: `${paths.user(viewer.id)}/preferences` },
      workPackages: { href: paths.workPackages },
    },
  }
}
