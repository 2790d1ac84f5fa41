import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { fail, ok } from '../../base/result.ts'
import type { ApiContext } from '../context.ts'
import { deleteWorkPackage } from '../embedded/delete.ts'
import { createWorkPackage, updateWorkPackage } from '../embedded/work-packages.ts'
import { apiError } from '../errors.ts'
import { findProject, findRow } from './find.ts'
import { listPage, type ListDefinition } from './list.ts'
import { dateFilter, idFilter, optionalIdFilter, searchFilter, statusFilter } from './query/filter-kinds.ts'
import { textFilter, timeFilter } from './query/filter-kinds.ts'
import { loadWorkPackage, loadWorkPackages } from './related.ts'
import { renderWhole } from './representers/collection.ts'
import { paths } from './representers/hal.ts'
import { workPackageJson } from './representers/json.ts'
import { workPackageSchema } from './resource-schemas.ts'
import { bodySchema, formattableSchema, idParams, nullableDate, nullableDuration, pageOf, pageQuery } from './route.ts'
import { projectParams, route, sendDeleted, sendHal, sendResult, viewerOf, wholeSchema } from './route.ts'

const tag = 'Work packages'
const schema = workPackageSchema
const pageSchema = pageOf(schema)
const body = bodySchema(
  {
    lockVersion: Type.Integer({ description: 'The version the change was made from; required when changing.' }),
    subject: Type.String({ minLength: 1, maxLength: 255 }),
    description: formattableSchema,
    scheduleManually: Type.Boolean(),
    startDate: nullableDate,
    dueDate: nullableDate,
    date: nullableDate,
    duration: nullableDuration,
    estimatedTime: nullableDuration,
    remainingTime: nullableDuration,
    percentageDone: Type.Union([Type.Integer({ minimum: 0, maximum: 100 }), Type.Null()]),
    ignoreNonWorkingDays: Type.Boolean(),
  },
  ['project', 'type', 'status', 'priority', 'assignee', 'responsible', 'parent'],
)

const WORK_PACKAGES: ListDefinition<'workPackages'> = {
  table: 'workPackages',
  type: 'WorkPackageCollection',
  filters: {
    id: idFilter('id'),
    status: statusFilter('statusId'),
    type: idFilter('typeId'),
    priority: idFilter('priorityId'),
    author: idFilter('authorId'),
    assignee: optionalIdFilter('assigneeId'),
    responsible: optionalIdFilter('responsibleId'),
    project: idFilter('projectId'),
    parent: optionalIdFilter('parentId'),
    subject: textFilter('subject'),
    description: textFilter('description'),
    search: searchFilter('subject', 'description'),
    typeahead: searchFilter('subject'),
    startDate: dateFilter('startDate'),
    dueDate: dateFilter('dueDate'),
    createdAt: timeFilter('createdAt'),
    updatedAt: timeFilter('updatedAt'),
  },
  sort: {
    id: 'id',
    subject: 'subject',
    status: 'statusId',
    priority: 'priorityId',
    type: 'typeId',
    assignee: 'assigneeId',
    author: 'authorId',
    responsible: 'responsibleId',
    project: 'projectId',
    parent: 'parentId',
    createdAt: 'createdAt',
    updatedAt: 'updatedAt',
    startDate: 'startDate',
    dueDate: 'dueDate',
    percentageDone: 'percentageDone',
    estimatedTime: 'estimatedMinutes',
  },
  sortDefault: [{ column: 'id', descending: false }],
  filtersDefault: [{ name: 'status', operator: 'o', values: [] }],
  render: async ({ store, memo }, viewer, rows) =>
    (await loadWorkPackages(store, rows)).map((view) => workPackageJson(memo, view, viewer, false)),
  links: () => ({
    createWorkPackage: { href: `${paths.workPackages}/form`, method: 'post' },
    createWorkPackageImmediate: { href: paths.workPackages, method: 'post' },
    editWorkPackage: { href: `${paths.workPackages}/{work_package_id}/form`, method: 'post', templated: true },
    customFields: [],
    representations: [],
  }),
}

interface ById {
  Params: { id: string }
}
interface Listing {
  Querystring: Record<string, unknown>
}

export function workPackageRoutes(app: FastifyInstance, context: ApiContext): void {
  const list = { tag, errors: [400], querystring: pageQuery, answers: { 200: pageSchema } }
  const create = { tag, errors: [400, 404, 409, 422, 503], body, answers: { 201: schema } }
  app.get<Listing>('/work_packages', route({ ...list, summary: 'List work packages' }), async (request, reply) => {
    const where = { path: paths.workPackages, query: request.query }
    return sendResult(reply, await listPage(context, viewerOf(request), WORK_PACKAGES, where))
  })
  app.post('/work_packages', route({ ...create, summary: 'Create a work package' }), async (request, reply) =>
    sendResult(reply, await createWorkPackage(context, viewerOf(request), request.body), 201),
  )
  for (const base of ['/projects', '/workspaces']) {
    const path = `${base}/:id/work_packages`
    const doc = { ...list, summary: 'List the work packages of a project', params: projectParams, errors: [400, 404] }
    app.get<ById & Listing>(path, route(doc), async (request, reply) => {
      const project = await findProject(context.store, request.params.id)
      if (!project.ok) return sendResult(reply, project)
      const within = [{ column: 'projectId', comparison: '=', value: project.value.id }] as const
      const where = { path: `${paths.root}${base}/${project.value.id}/work_packages`, query: request.query, within }
      return sendResult(reply, await listPage(context, viewerOf(request), WORK_PACKAGES, where))
    })
    const createIn = { ...create, summary: 'Create a work package in a project', params: projectParams }
    app.post<ById>(path, route(createIn), async (request, reply) => {
      const project = await findProject(context.store, request.params.id)
      if (!project.ok) return sendResult(reply, project)
      return sendResult(reply, await createWorkPackage(context, viewerOf(request), request.body, project.value), 201)
    })
  }
  oneWorkPackageRoutes(app, context)
}

function oneWorkPackageRoutes(app: FastifyInstance, context: ApiContext): void {
  const path = '/work_packages/:id'
  const doc = { tag, params: idParams }
  app.get<ById>(
    path,
    route({ ...doc, summary: 'One work package', errors: [404], answers: { 200: schema } }),
    async (request, reply) => {
      const found = await findRow(context.store, 'workPackages', request.params.id)
      const view = found.ok ? await loadWorkPackage(context.store, found.value) : undefined
      const viewer = viewerOf(request)
      const result = view ? ok(workPackageJson(context.memo, view, viewer, true)) : fail(apiError('NotFound'))
      return sendResult(reply, result)
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
      errors: [404, 409, 503],
      answers: { 204: null },
    }),
    async (request, reply) => sendDeleted(reply, await deleteWorkPackage(context, request.params.id)),
  )
  for (const name of ['attachments', 'relations']) emptyCollectionRoute(app, context, name)
}

/** Linked and embedded by every work package; this backend keeps none. */
function emptyCollectionRoute(app: FastifyInstance, context: ApiContext, name: string): void {
  app.get<ById>(
    `/work_packages/:id/${name}`,
    route({
      tag,
      params: idParams,
      summary: `The ${name} of a work package`,
      errors: [404],
      answers: { 200: wholeSchema },
    }),
    async (request, reply) => {
      const found = await findRow(context.store, 'workPackages', request.params.id)
      if (!found.ok) return sendResult(reply, found)
      return sendHal(reply, 200, renderWhole(`${paths.workPackage(found.value.id)}/${name}`, []))
    },
  )
}
