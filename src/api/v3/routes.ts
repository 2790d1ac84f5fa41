import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { createAuthenticator } from '../auth.ts'
import { compressAnswers } from '../compression.ts'
import { isAcceptedBody, parseJsonBodies } from '../content-type.ts'
import type { ApiContext } from '../context.ts'
import { apiError, sendError, unavailable } from '../errors.ts'
import { specRoutes } from '../spec.ts'
import { linkToDescription } from '../unreadable.ts'
import { activityRoutes } from './activities.ts'
import { assigneeRoutes } from './assignees.ts'
import { availableProjectRoutes } from './available-projects.ts'
import { availableWorkPackageRoutes } from './available-work-packages.ts'
import { ACTIVITIES, catalogueRoutes, PRIORITIES, STATUSES, TYPES } from './catalogue.ts'
import { dayRoutes } from './days.ts'
import { emptyListRoutes } from './empty-lists.ts'
import { documentInherentAnswers } from './inherent-answers.ts'
import { configurationRoutes } from './configuration.ts'
import { formRoutes } from './forms.ts'
import { membershipRoutes } from './memberships.ts'
import { principalRoutes } from './principals.ts'
import { projectRoutes } from './projects.ts'
import { renderRoutes } from './render.ts'
import { roleRoutes } from './roles.ts'
import { rootRoutes } from './root.ts'
import { schemaRoutes } from './schemas.ts'
import { timeEntryRoutes } from './time-entries.ts'
import { userRoutes } from './users.ts'
import { watcherRoutes } from './watchers.ts'
import { workPackageRoutes } from './work-packages.ts'

const READING: readonly string[] = ['GET', 'HEAD', 'OPTIONS']

/** False when it has refused. */
function mayWrite({ snapshots }: ApiContext, request: FastifyRequest, reply: FastifyReply): boolean {
  if (!isAcceptedBody(request, reply)) return false
  if (snapshots.current.complete || request.routeOptions.config.takes === 'text') return true
  // An event of now would have to be matched against webhooks that are not known yet.
  sendError(reply, unavailable('The configuration is not known yet. Try again in a moment.'))
  return false
}

/** Everything under /api/v3. The order of the hooks is the order of the refusals: switched off, who asks, may they, can it be written. */
export async function v3Routes(app: FastifyInstance, context: ApiContext): Promise<void> {
  parseJsonBodies(app)
  app.addHook('onRoute', documentInherentAnswers)
  app.decorateRequest('viewer', undefined)
  app.addHook('onRequest', (_request, reply, next) => {
    linkToDescription(reply)
    if (context.snapshots.current.api.enabled) next()
    else sendError(reply, apiError('WebServiceDisabled'))
  })
  app.addHook('onRequest', createAuthenticator(context))
  app.addHook('onRequest', (request, reply, next) => {
    if (READING.includes(request.method) || request.is404 || mayWrite(context, request, reply)) next()
  })
  app.setNotFoundHandler((_request, reply) => sendError(reply, apiError('NotFound')))
  compressAnswers(app)

  rootRoutes(app, context)
  configurationRoutes(app, context)
  specRoutes(app)
  projectRoutes(app, context)
  workPackageRoutes(app, context)
  activityRoutes(app, context)
  timeEntryRoutes(app, context)
  formRoutes(app, context)
  schemaRoutes(app, context)
  userRoutes(app, context)
  principalRoutes(app, context)
  membershipRoutes(app, context)
  roleRoutes(app)
  assigneeRoutes(app, context)
  availableProjectRoutes(app, context)
  availableWorkPackageRoutes(app, context)
  watcherRoutes(app, context)
  dayRoutes(app)
  emptyListRoutes(app, context)
  void app.register(async (scope) => renderRoutes(scope, context))
  catalogueRoutes(app, context, TYPES)
  catalogueRoutes(app, context, STATUSES)
  catalogueRoutes(app, context, PRIORITIES)
  catalogueRoutes(app, context, ACTIVITIES)
}
