import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { fail, ok } from '../../base/result.ts'
import type { ApiContext } from '../context.ts'
import { deleteProject } from '../embedded/delete.ts'
import { createProject, updateProject } from '../embedded/projects.ts'
import { apiError } from '../errors.ts'
import { listCatalogue, TYPES } from './catalogue.ts'
import { findProject } from './find.ts'
import { listPage, type ListDefinition } from './list.ts'
import { booleanFilter, idFilter, optionalIdFilter, textFilter, timeFilter, wordFilter } from './query/filter-kinds.ts'
import { loadProject, loadProjects } from './related.ts'
import { renderWhole } from './representers/collection.ts'
import { paths } from './representers/hal.ts'
import { projectJson } from './representers/json.ts'
import { PROJECT_STATUSES, renderProjectStatus } from './representers/project.ts'
import { projectSchema, projectStatusSchema, typeSchema } from './resource-schemas.ts'
import { bodySchema, formattableSchema, idParams, pageOf, pageQuery, projectParams } from './route.ts'
import { route, sendDeleted, sendHal, sendResult, viewerOf, wholeOf, wholeSchema } from './route.ts'

const tag = 'Projects'
const schema = projectSchema
const pageSchema = pageOf(schema)
const body = bodySchema(
  {
    name: Type.String({ minLength: 1, maxLength: 255 }),
    identifier: Type.String({ minLength: 1, maxLength: 100, pattern: '^[a-z0-9_-]+$' }),
    description: formattableSchema,
    statusExplanation: formattableSchema,
    active: Type.Boolean(),
    public: Type.Boolean(),
  },
  ['parent', 'status'],
)

const PROJECTS: ListDefinition<'projects'> = {
  table: 'projects',
  filters: {
    id: idFilter('id'),
    active: booleanFilter('active'),
    public: booleanFilter('public'),
    nameAndIdentifier: textFilter('name', 'identifier'),
    typeahead: {
      '**': (values) => [{ column: ['name', 'identifier'], comparison: 'contains', value: values[0] ?? '' }],
    },
    parent: optionalIdFilter('parentId'),
    projectStatusCode: wordFilter('statusCode', Object.keys(PROJECT_STATUSES)),
    createdAt: timeFilter('createdAt'),
    updatedAt: timeFilter('updatedAt'),
  },
  sort: {
    id: 'id',
    name: 'name',
    typeahead: 'name',
    createdAt: 'createdAt',
    updatedAt: 'updatedAt',
    public: 'public',
  },
  render: async ({ store, memo }, viewer, rows) =>
    (await loadProjects(store, rows)).map((view) => projectJson(memo, view, viewer, false)),
}

interface ById {
  Params: { id: string }
}

export function projectRoutes(app: FastifyInstance, context: ApiContext): void {
  const list = { summary: 'List projects', tag, errors: [400], querystring: pageQuery, answers: { 200: pageSchema } }
  app.get<{ Querystring: Record<string, unknown> }>('/projects', route(list), async (request, reply) =>
    sendResult(
      reply,
      await listPage(context, viewerOf(request), PROJECTS, { path: paths.projects, query: request.query }),
    ),
  )
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
  const doc = { tag, params: projectParams }
  app.get<ById>(
    `${base}/:id`,
    route({ ...doc, summary: 'One project', errors: [404], answers: { 200: schema } }),
    async (request, reply) => {
      const found = await findProject(context.store, request.params.id)
      if (!found.ok) return sendResult(reply, found)
      const view = await loadProject(context.store, found.value)
      return sendHal(reply, 200, projectJson(context.memo, view, viewerOf(request), true))
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
    async (request, reply) => sendDeleted(reply, await deleteProject(context, request.params.id)),
  )
  for (const name of ['types', 'categories', 'versions']) subCollectionRoute(app, context, base, name)
}

/** Every project has every type; there are no categories and versions yet, and clients ask for them all the same. */
function subCollectionRoute(app: FastifyInstance, context: ApiContext, base: string, name: string): void {
  app.get<ById>(
    `${base}/:id/${name}`,
    route({
      tag,
      params: projectParams,
      summary: `The ${name} of a project`,
      errors: [404],
      answers: { 200: name === 'types' ? wholeOf(typeSchema) : wholeSchema },
    }),
    async (request, reply) => {
      const found = await findProject(context.store, request.params.id)
      if (!found.ok) return sendResult(reply, found)
      const path = `${paths.root}${base}/${found.value.id}/${name}`
      return sendHal(reply, 200, name === 'types' ? await listCatalogue(context, TYPES, path) : renderWhole(path, []))
    },
  )
}
