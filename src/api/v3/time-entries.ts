import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { fail, ok } from '../../base/result.ts'
import type { ApiContext } from '../context.ts'
import { deleteTimeEntry } from '../embedded/delete.ts'
import { createTimeEntry, updateTimeEntry } from '../embedded/time-entries.ts'
import { apiError } from '../errors.ts'
import { findRow } from './find.ts'
import { listPage, type ListDefinition } from './list.ts'
import { booleanFilter, dateFilter, idFilter, optionalIdFilter, timeFilter } from './query/filter-kinds.ts'
import { loadTimeEntries, loadTimeEntry } from './related.ts'
import { paths } from './representers/hal.ts'
import { timeEntryJson } from './representers/json.ts'
import { timeEntrySchema } from './resource-schemas.ts'
import { bodySchema, formattableSchema, idParams, pageOf, pageQuery } from './route.ts'
import { route, sendDeleted, sendResult, viewerOf } from './route.ts'

const tag = 'Time entries'
const schema = timeEntrySchema
const pageSchema = pageOf(schema)
const body = bodySchema(
  {
    hours: Type.String({ format: 'duration', description: 'ISO 8601 duration: PT1H30M.' }),
    spentOn: Type.String({ format: 'date' }),
    comment: formattableSchema,
    ongoing: Type.Boolean(),
  },
  ['entity', 'workPackage', 'project', 'activity', 'user'],
)

const TIME_ENTRIES: ListDefinition<'timeEntries'> = {
  table: 'timeEntries',
  filters: {
    id: idFilter('id'),
    user: idFilter('userId'),
    project: idFilter('projectId'),
    entityId: idFilter('workPackageId'),
    /** Time is logged on work packages only. */
    entityType: { '=': (values) => (values.every((value) => value === 'WorkPackage') ? [] : 'write "WorkPackage"') },
    workPackage: idFilter('workPackageId'),
    activity: optionalIdFilter('activityId'),
    ongoing: booleanFilter('ongoing'),
    spentOn: dateFilter('spentOn'),
    createdAt: timeFilter('createdAt'),
    updatedAt: timeFilter('updatedAt'),
  },
  sort: { id: 'id', hours: 'minutes', spentOn: 'spentOn', createdAt: 'createdAt', updatedAt: 'updatedAt' },
  hidden: { unless: 'ongoing', where: [{ column: 'ongoing', comparison: '=', value: false }] },
  render: async ({ store, memo }, viewer, rows) =>
    (await loadTimeEntries(store, rows)).map((view) => timeEntryJson(memo, view, viewer, false)),
  links: () => ({
    createTimeEntry: { href: `${paths.timeEntries}/form`, method: 'post' },
    createTimeEntryImmediately: { href: paths.timeEntries, method: 'post' },
  }),
}

interface ById {
  Params: { id: string }
}

export function timeEntryRoutes(app: FastifyInstance, context: ApiContext): void {
  const list = {
    summary: 'List time entries',
    tag,
    errors: [400],
    querystring: pageQuery,
    answers: { 200: pageSchema },
  }
  app.get<{ Querystring: Record<string, unknown> }>('/time_entries', route(list), async (request, reply) => {
    const where = { path: paths.timeEntries, query: request.query }
    return sendResult(reply, await listPage(context, viewerOf(request), TIME_ENTRIES, where))
  })
  const create = { summary: 'Log time', tag, errors: [400, 409, 422, 503], body, answers: { 201: schema } }
  app.post('/time_entries', route(create), async (request, reply) =>
    sendResult(reply, await createTimeEntry(context, viewerOf(request), request.body), 201),
  )
  const doc = { tag, params: idParams }
  app.get<ById>(
    '/time_entries/:id',
    route({ ...doc, summary: 'One time entry', errors: [404], answers: { 200: schema } }),
    async (request, reply) => {
      const found = await findRow(context.store, 'timeEntries', request.params.id)
      const view = found.ok ? await loadTimeEntry(context.store, found.value) : undefined
      const viewer = viewerOf(request)
      return sendResult(reply, view ? ok(timeEntryJson(context.memo, view, viewer, true)) : fail(apiError('NotFound')))
    },
  )
  app.patch<ById>(
    '/time_entries/:id',
    route({
      ...doc,
      summary: 'Change a time entry',
      errors: [400, 404, 409, 422, 503],
      body,
      answers: { 200: schema },
    }),
    async (request, reply) =>
      sendResult(reply, await updateTimeEntry(context, viewerOf(request), request.params.id, request.body)),
  )
  app.delete<ById>(
    '/time_entries/:id',
    route({ ...doc, summary: 'Delete a time entry', errors: [404, 503], answers: { 204: null } }),
    async (request, reply) => sendDeleted(reply, await deleteTimeEntry(context, request.params.id)),
  )
}
