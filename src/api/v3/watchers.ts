import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { fail, ok, type Result } from '../../base/result.ts'
import type { WorkPackageRecord } from '../../storage/tables.ts'
import type { ApiContext, Viewer } from '../context.ts'
import { addWatcher, removeWatcher } from '../embedded/watchers.ts'
import { apiError, sendError, type ApiError } from '../errors.ts'
import { mayContribute, whoSees } from '../permissions.ts'
import { findVisible } from './find.ts'
import { listPage } from './list.ts'
import { PRINCIPALS } from './principals.ts'
import { renderWhole } from './representers/collection.ts'
import { paths, type Hal } from './representers/hal.ts'
import { renderUser } from './representers/user.ts'
import { userSchema } from './resource-schemas.ts'
import { idParams, linkInput, pageOf, pageQuery, route, sendDeleted, sendHal, sendResult } from './route.ts'
import { viewerOf, wholeOf } from './route.ts'

/** Never cut into pages (reference §12.4), so more than anybody reads is left out. */
const SHOWN_MAX = 5_000

const tag = 'Work packages'

interface ById {
  Params: { id: string }
}
interface Listing {
  Querystring: Record<string, unknown>
}
interface OfUser {
  Params: { id: string; user_id: string }
}

export function watcherRoutes(app: FastifyInstance, context: ApiContext): void {
  const doc = { tag, access: 'user', params: idParams } as const
  const path = '/work_packages/:id/watchers'
  const list = { ...doc, summary: 'Who watches a work package', errors: [404], answers: { 200: wholeOf(userSchema) } }
  app.get<ById>(path, route(list), async (request, reply) =>
    sendResult(reply, await listWatchers(context, viewerOf(request), request.params.id)),
  )
  const add = {
    ...doc,
    summary: 'Watch a work package, or have somebody watch it: 201, or 200 if so already',
    errors: [400, 404, 409, 422, 503],
    body: Type.Object({ user: Type.Optional(linkInput) }),
    answers: { 200: userSchema, 201: userSchema },
  }
  app.post<ById>(path, route(add), async (request, reply) => {
    const watching = await addWatcher(context, viewerOf(request), request.params.id, request.body)
    if (!watching.ok) return sendError(reply, watching.error)
    return sendHal(reply, watching.value.added ? 201 : 200, watching.value.shown)
  })
  const remove = {
    ...doc,
    summary: 'Watch a work package no longer, or have somebody watch it no longer',
    params: Type.Object({ ...idParams.properties, user_id: Type.String({ description: 'The id of the user.' }) }),
    errors: [404, 409, 503],
    answers: { 204: null },
  }
  app.delete<OfUser>(`${path}/:user_id`, route(remove), async (request, reply) => {
    const { id, user_id: userId } = request.params
    return sendDeleted(reply, await removeWatcher(context, viewerOf(request), id, userId))
  })
  availableRoute(app, context)
}

function availableRoute(app: FastifyInstance, context: ApiContext): void {
  const doc = {
    summary: 'Members of the project who do not watch the work package yet',
    tag,
    access: 'user',
    params: idParams,
    querystring: pageQuery,
    errors: [400, 404, 429],
    answers: { 200: pageOf(userSchema) },
  } as const
  app.get<ById & Listing>('/work_packages/:id/available_watchers', route(doc), async (request, reply) => {
    const viewer = viewerOf(request)
    const found = await findOwn(context, viewer, request.params.id)
    if (!found.ok) return sendError(reply, found.error)
    const { id, projectId } = found.value
    const [members, watching] = await Promise.all([
      context.store.values('memberships', 'userId', [{ column: 'projectId', comparison: '=', value: projectId }]),
      context.store.values('watchers', 'userId', [{ column: 'workPackageId', comparison: '=', value: id }]),
    ])
    const path = paths.workPackageAvailableWatchers(id)
    const within = [
      { column: 'id', comparison: 'in', value: [...members].filter((member) => !watching.has(member)) },
      { column: 'status', comparison: '!=', value: 'locked' },
    ] as const
    return sendResult(reply, await listPage(context, viewer, PRINCIPALS, { path, query: request.query, within }))
  })
}

/** Who watches is the business of those who work there: 403 for who only looks on. */
async function findOwn(
  { store }: ApiContext,
  viewer: Viewer,
  id: string,
): Promise<Result<WorkPackageRecord, ApiError>> {
  const found = await findVisible(store, viewer, 'workPackages', id)
  if (!found.ok) return found
  return mayContribute(viewer, found.value.projectId) ? found : fail(apiError('MissingPermission'))
}

async function listWatchers(context: ApiContext, viewer: Viewer, id: string): Promise<Result<Hal, ApiError>> {
  const { store } = context
  const found = await findOwn(context, viewer, id)
  if (!found.ok) return found
  const work = found.value
  const [watching, project] = await Promise.all([
    store.values('watchers', 'userId', [{ column: 'workPackageId', comparison: '=', value: work.id }]),
    store.get('projects', work.projectId),
  ])
  if (!project) return fail(apiError('NotFound'))
  const [seesProject, { rows }] = await Promise.all([
    whoSees(store, project),
    store.list('users', {
      where: [{ column: 'id', comparison: 'in', value: [...watching] }],
      orderBy: [
        { column: 'firstName', descending: false },
        { column: 'lastName', descending: false },
      ],
      limit: SHOWN_MAX,
      offset: 0,
    }),
  ])
  const elements = rows.filter(seesProject).map((row) => renderUser(row, viewer))
  return ok(renderWhole(paths.workPackageWatchers(work.id), elements))
}
