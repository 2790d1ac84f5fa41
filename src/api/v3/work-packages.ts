import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { fail, ok, type Result } from '../../base/result.ts'
import type { WorkPackageRecord } from '../../storage/tables.ts'
import type { ApiContext, Viewer } from '../context.ts'
import { deleteWorkPackage } from '../embedded/delete.ts'
import { WORK_PACKAGE_SHAPE } from '../embedded/work-package-shape.ts'
import { createWorkPackage, updateWorkPackage } from '../embedded/work-packages.ts'
import { apiError, sendError, type ApiError } from '../errors.ts'
import { mayContribute, seesSomething } from '../permissions.ts'
import { findVisible, findVisibleProject } from './find.ts'
import { listPage } from './list.ts'
import { refusePast } from './query/timestamps.ts'
import { loadWorkPackage } from './related.ts'
import { renderWhole } from './representers/collection.ts'
import { paths } from './representers/hal.ts'
import { workPackageJson } from './representers/json.ts'
import { bodySchemaOf } from './representers/schema.ts'
import { workPackageSchema } from './resource-schemas.ts'
import { idParams, pageOf } from './route.ts'
import { projectParams, route, sendDeleted, sendHal, sendResult, totalsQuery, viewerOf, wholeSchema } from './route.ts'
import { watchedOf, withWatchLinks } from './watching.ts'
import { WORK_PACKAGES } from './work-package-list.ts'

const tag = 'Work packages'
const schema = workPackageSchema
const pageSchema = pageOf(schema)
const body = bodySchemaOf<WorkPackageRecord>(WORK_PACKAGE_SHAPE)

const includeSubprojects = Type.Optional(Type.String({ description: '`false`: not of the projects below it.' }))
const subprojectsQuery = Type.Object({ ...totalsQuery.properties, includeSubprojects })

interface ById {
  Params: { id: string }
}
interface Listing {
  Querystring: Record<string, unknown>
}

export function workPackageRoutes(app: FastifyInstance, context: ApiContext): void {
  const list = {
    tag,
    access: 'user',
    errors: [400, 429],
    querystring: totalsQuery,
    answers: { 200: pageSchema },
  } as const
  const create = { tag, access: 'user', errors: [400, 404, 409, 422, 503], body, answers: { 201: schema } } as const
  app.get<Listing>('/work_packages', route({ ...list, summary: 'List work packages' }), async (request, reply) => {
    const viewer = viewerOf(request)
    // Reference §12.4: who sees no project at all is told so.
    if (!seesSomething(viewer)) return sendError(reply, apiError('MissingPermission'))
    const where = { path: paths.workPackages, query: request.query }
    return sendResult(reply, await listPage(context, viewer, WORK_PACKAGES, where))
  })
  app.post('/work_packages', route({ ...create, summary: 'Create a work package' }), async (request, reply) =>
    sendResult(reply, await createWorkPackage(context, viewerOf(request), request.body), 201),
  )
  for (const base of ['/projects', '/workspaces']) {
    const path = `${base}/:id/work_packages`
    const doc = {
      ...list,
      summary: 'List the work packages of a project',
      params: projectParams,
      querystring: subprojectsQuery,
      errors: [400, 404, 429],
    }
    app.get<ById & Listing>(path, route(doc), async (request, reply) => {
      const project = await findVisibleProject(context.store, viewerOf(request), request.params.id)
      if (!project.ok) return sendResult(reply, project)
      const where = {
        path: `${paths.root}${base}/${project.value.id}/work_packages`,
        query: request.query,
        ...(await workOf(context, project.value.id, request.query)),
      }
      return sendResult(reply, await listPage(context, viewerOf(request), WORK_PACKAGES, where))
    })
    const createIn = { ...create, summary: 'Create a work package in a project', params: projectParams }
    app.post<ById>(path, route(createIn), async (request, reply) => {
      const project = await findVisibleProject(context.store, viewerOf(request), request.params.id)
      if (!project.ok) return sendResult(reply, project)
      return sendResult(reply, await createWorkPackage(context, viewerOf(request), request.body, project.value), 201)
    })
  }
  oneWorkPackageRoutes(app, context)
}

/** What is in the project and, as clients of the original expect unless they say otherwise, in those below it. */
async function workOf({ store }: ApiContext, id: number, { includeSubprojects }: Record<string, unknown>) {
  const alone = includeSubprojects === 'false'
  const below = alone
    ? []
    : await store.values('projects', 'id', [{ column: 'parentId', comparison: 'below', value: [id] }])
  return {
    scope: id,
    within: [{ column: 'projectId', comparison: 'in', value: [id, ...below] } as const],
    fixed: alone ? { includeSubprojects } : {},
  }
}

function oneWorkPackageRoutes(app: FastifyInstance, context: ApiContext): void {
  const path = '/work_packages/:id'
  const doc = { tag, access: 'user', params: idParams } as const
  app.get<ById & Listing>(
    path,
    route({ ...doc, summary: 'One work package', errors: [400, 404], answers: { 200: schema } }),
    async (request, reply) => {
      const past = refusePast(request.query)
      if (past) return sendError(reply, past)
      return sendResult(reply, await showWorkPackage(context, viewerOf(request), request.params.id))
    },
  )
  app.patch<ById>(
    path,
    route({
      ...doc,
      summary: 'Change a work package',
      errors: [400, 404, 409, 422, 503],
      body,
      answers: { 200: schema },
    }),
    async (request, reply) =>
      sendResult(reply, await updateWorkPackage(context, viewerOf(request), request.params.id, request.body)),
  )
  app.delete<ById>(
    path,
    route({
      ...doc,
      summary: 'Delete a work package, its children and their time',
      errors: [404, 409, 422, 429, 503],
      answers: { 204: null },
    }),
    async (request, reply) =>
      sendDeleted(reply, await deleteWorkPackage(context, viewerOf(request), request.params.id)),
  )
  for (const name of ['attachments', 'relations']) emptyCollectionRoute(app, context, name)
}

async function showWorkPackage(
  { store, memo }: ApiContext,
  viewer: Viewer,
  segment: string,
): Promise<Result<string, ApiError>> {
  const found = await findVisible(store, viewer, 'workPackages', segment)
  if (!found.ok) return found
  const { id, projectId } = found.value
  const [view, watched] = await Promise.all([
    loadWorkPackage(store, found.value),
    watchedOf(store, viewer.id, [found.value.id]),
  ])
  if (!view) return fail(apiError('NotFound'))
  const watching = { viewer, watched: watched.has(id), works: mayContribute(viewer, projectId) }
  return ok(withWatchLinks(workPackageJson(memo, view, viewer, true), id, watching))
}

/** Linked and embedded by every work package; this backend keeps none. */
function emptyCollectionRoute(app: FastifyInstance, context: ApiContext, name: string): void {
  app.get<ById>(
    `/work_packages/:id/${name}`,
    route({
      tag,
      access: 'user',
      params: idParams,
      summary: `The ${name} of a work package`,
      errors: [404],
      answers: { 200: wholeSchema },
    }),
    async (request, reply) => {
      const found = await findVisible(context.store, viewerOf(request), 'workPackages', request.params.id)
      if (!found.ok) return sendResult(reply, found)
      return sendHal(reply, 200, renderWhole(`${paths.workPackage(found.value.id)}/${name}`, []))
    },
  )
}
