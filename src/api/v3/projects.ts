import type { FastifyInstance } from 'fastify'
import { fail, ok } from '../../base/result.ts'
import type { ProjectRecord } from '../../storage/tables.ts'
import type { ApiContext } from '../context.ts'
import { deleteProject } from '../embedded/delete.ts'
import { PROJECT_SHAPE } from '../embedded/project-shape.ts'
import { createProject, updateProject } from '../embedded/projects.ts'
import { apiError } from '../errors.ts'
import { inVisibleProjects } from '../permissions.ts'
import { listCatalogue, TYPES } from './catalogue.ts'
import { findVisibleProject } from './find.ts'
import { listPage, type ListDefinition } from './list.ts'
import { timeFilter } from './query/date-filters.ts'
import {
  ancestorFilter,
  booleanFilter,
  idFilter,
  optionalWordFilter,
  parentFilter,
  searchFilter,
  textFilter,
} from './query/filter-kinds.ts'
import {
  LATEST_ACTIVITY,
  latestActivityFilter,
  neverFilter,
  principalFilter,
  typeOfProjectFilter,
  userActionFilter,
  visibleFilter,
} from './query/project-filters.ts'
import { loadProject, loadProjects } from './related.ts'
import { renderWhole } from './representers/collection.ts'
import { paths } from './representers/hal.ts'
import { projectJson } from './representers/json.ts'
import { PROJECT_STATUSES, renderProjectStatus } from './representers/project.ts'
import { bodySchemaOf } from './representers/schema.ts'
import { projectSchema, projectStatusSchema, typeSchema } from './resource-schemas.ts'
import { idParams, pageOf, pageQuery, projectParams } from './route.ts'
import { route, sendDeleted, sendHal, sendResult, viewerOf, wholeOf, wholeSchema } from './route.ts'

const tag = 'Projects'
const schema = projectSchema
const pageSchema = pageOf(schema)
const body = bodySchemaOf<ProjectRecord>(PROJECT_SHAPE)

export const PROJECTS: ListDefinition<'projects'> = {
  table: 'projects',
  visible: inVisibleProjects('id'),
  filters: {
    id: idFilter('id'),
    active: booleanFilter('active'),
    public: booleanFilter('public'),
    name: textFilter('name'),
    nameAndIdentifier: textFilter('name', 'identifier'),
    typeahead: searchFilter('name', 'identifier'),
    parent: parentFilter('projects'),
    ancestor: ancestorFilter('projects'),
    projectStatusCode: optionalWordFilter('statusCode', Object.keys(PROJECT_STATUSES)),
    principal: principalFilter(),
    type: typeOfProjectFilter(),
    visible: visibleFilter(),
    userAction: userActionFilter(),
    latestActivityAt: latestActivityFilter(),
    favorited: neverFilter(),
    templated: neverFilter(),
    createdAt: timeFilter('createdAt'),
    updatedAt: timeFilter('updatedAt'),
  },
  sort: {
    id: 'id',
    name: 'name',
    identifier: 'identifier',
    typeahead: 'name',
    createdAt: 'createdAt',
    updatedAt: 'updatedAt',
    public: 'public',
    latestActivityAt: LATEST_ACTIVITY,
  },
  fields: [
    ...['_type', 'id', 'identifier', 'name', 'active', 'public', 'favorited', 'description', 'statusExplanation'],
    ...['createdAt', 'updatedAt', 'self', 'workPackages', 'categories', 'versions', 'memberships', 'types', 'schema'],
    ...['status', 'ancestors', 'parent', 'createWorkPackage', 'createWorkPackageImmediately'],
    ...['update', 'updateImmediately', 'delete'],
  ],
  render: async ({ store, memo }, viewer, rows) =>
    (await loadProjects(store, rows)).map((view) => () => projectJson(memo, view, viewer, false)),
}

interface ById {
  Params: { id: string }
}

export function projectRoutes(app: FastifyInstance, context: ApiContext): void {
  const doc = { tag, access: 'user', errors: [400, 429] } as const
  const list = { ...doc, summary: 'List projects', querystring: pageQuery, answers: { 200: pageSchema } }
  for (const path of [paths.projects, paths.workspaces]) {
    app.get<{ Querystring: Record<string, unknown> }>(
      path.slice(paths.root.length),
      route(list),
      async (request, reply) =>
        sendResult(reply, await listPage(context, viewerOf(request), PROJECTS, { path, query: request.query })),
    )
  }
  const create = { summary: 'Create a project', tag, errors: [400, 422, 503], body, answers: { 201: schema } }
  app.post('/projects', route(create), async (request, reply) =>
    sendResult(reply, await createProject(context, viewerOf(request), request.body), 201),
  )
  for (const base of ['/projects', '/workspaces']) oneProjectRoutes(app, context, base)
  const status = { summary: 'One project status', tag, access: 'user', params: idParams, errors: [404] } as const
  app.get<ById>(
    '/project_statuses/:id',
    route({ ...status, answers: { 200: projectStatusSchema } }),
    async ({ params }, reply) =>
      sendResult(
        reply,
        Object.hasOwn(PROJECT_STATUSES, params.id) ? ok(renderProjectStatus(params.id)) : fail(apiError('NotFound')),
      ),
  )
}

/** Newer clients follow `/workspaces` links, older ones `/projects`: the same resources. */
function oneProjectRoutes(app: FastifyInstance, context: ApiContext, base: string): void {
  const doc = { tag, access: 'user', params: projectParams } as const
  app.get<ById>(
    `${base}/:id`,
    route({ ...doc, summary: 'One project', errors: [404], answers: { 200: schema } }),
    async (request, reply) => {
      const viewer = viewerOf(request)
      const found = await findVisibleProject(context.store, viewer, request.params.id)
      if (!found.ok) return sendResult(reply, found)
      const view = await loadProject(context.store, found.value)
      return sendHal(reply, 200, projectJson(context.memo, view, viewer, true))
    },
  )
  app.patch<ById>(
    `${base}/:id`,
    route({ ...doc, summary: 'Change a project', errors: [400, 404, 409, 422, 503], body, answers: { 200: schema } }),
    async (request, reply) =>
      sendResult(reply, await updateProject(context, viewerOf(request), request.params.id, request.body)),
  )
  app.delete<ById>(
    `${base}/:id`,
    route({ ...doc, summary: 'Delete a project and all in it', errors: [404, 409, 503], answers: { 204: null } }),
    async (request, reply) => sendDeleted(reply, await deleteProject(context, viewerOf(request), request.params.id)),
  )
  for (const name of ['types', 'categories', 'versions']) subCollectionRoute(app, context, base, name)
}

/** Every project has every type; there are no categories and versions yet, and clients ask for them all the same. */
function subCollectionRoute(app: FastifyInstance, context: ApiContext, base: string, name: string): void {
  app.get<ById>(
    `${base}/:id/${name}`,
    route({
      tag,
      access: 'user',
      params: projectParams,
      summary: `The ${name} of a project`,
      errors: [404],
      answers: { 200: name === 'types' ? wholeOf(typeSchema) : wholeSchema },
    }),
    async (request, reply) => {
      const found = await findVisibleProject(context.store, viewerOf(request), request.params.id)
      if (!found.ok) return sendResult(reply, found)
      const path = `${paths.root}${base}/${found.value.id}/${name}`
      return sendHal(reply, 200, name === 'types' ? await listCatalogue(context, TYPES, path) : renderWhole(path, []))
    },
  )
}
