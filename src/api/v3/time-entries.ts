import type { FastifyInstance } from 'fastify'
import { fail, ok } from '../../base/result.ts'
import type { TimeEntryRecord } from '../../storage/tables.ts'
import type { ApiContext } from '../context.ts'
import { deleteTimeEntry } from '../embedded/delete.ts'
import { createTimeEntry, updateTimeEntry } from '../embedded/time-entries.ts'
import { TIME_ENTRY_SHAPE } from '../embedded/time-entry-shape.ts'
import { apiError } from '../errors.ts'
import { inVisibleProjects, mayContributeSomewhere } from '../permissions.ts'
import { findVisible } from './find.ts'
import { listPage, type ListDefinition } from './list.ts'
import { dateFilter, timeFilter } from './query/date-filters.ts'
import { booleanFilter, entityTypeFilter, idFilter, optionalIdFilter } from './query/filter-kinds.ts'
import { loadTimeEntries, loadTimeEntry } from './related.ts'
import { paths } from './representers/hal.ts'
import { timeEntryJson } from './representers/json.ts'
import { bodySchemaOf } from './representers/schema.ts'
import { timeEntrySchema } from './resource-schemas.ts'
import { idParams, pageOf, pageQuery } from './route.ts'
import { route, sendDeleted, sendResult, viewerOf } from './route.ts'

const tag = 'Time entries'
const schema = timeEntrySchema
const pageSchema = pageOf(schema)
const body = bodySchemaOf<TimeEntryRecord>(TIME_ENTRY_SHAPE)

const TIME_ENTRIES: ListDefinition<'timeEntries'> = {
  table: 'timeEntries',
  visible: inVisibleProjects('projectId'),
  filters: {
    id: idFilter('id'),
    user: idFilter('userId'),
    project: idFilter('projectId'),
    entityId: idFilter('workPackageId'),
    entityType: entityTypeFilter(),
    workPackage: idFilter('workPackageId'),
    activity: optionalIdFilter('activityId'),
    ongoing: booleanFilter('ongoing'),
    spentOn: dateFilter('spentOn'),
    createdAt: timeFilter('createdAt'),
    updatedAt: timeFilter('updatedAt'),
  },
  sort: { id: 'id', hours: 'minutes', spentOn: 'spentOn', createdAt: 'createdAt', updatedAt: 'updatedAt' },
  fields: [
    ...['_type', 'id', 'ongoing', 'comment', 'spentOn', 'hours', 'createdAt', 'updatedAt', 'self', 'schema'],
    ...['project', 'entity', 'workPackage', 'user', 'activity', 'update', 'updateImmediately', 'delete'],
  ],
  hidden: { unless: 'ongoing', where: [{ column: 'ongoing', comparison: '=', value: false }] },
  render: async ({ store, memo }, viewer, rows) =>
    (await loadTimeEntries(store, rows)).map((view) => () => timeEntryJson(memo, view, viewer, false)),
  links: (viewer) =>
    mayContributeSomewhere(viewer)
      ? {
          createTimeEntry: { href: `${paths.timeEntries}/form`, method: 'post' },
          createTimeEntryImmediately: { href: paths.timeEntries, method: 'post' },
        }
      : {},
}

interface ById {
  Params: { id: string }
}

export function timeEntryRoutes(app: FastifyInstance, context: ApiContext): void {
  const list = {
    summary: 'List time entries',
    tag,
    access: 'user',
    errors: [400, 429],
    querystring: pageQuery,
    answers: { 200: pageSchema },
  } as const
  app.get<{ Querystring: Record<string, unknown> }>('/time_entries', route(list), async (request, reply) => {
    const where = { path: paths.timeEntries, query: request.query }
    return sendResult(reply, await listPage(context, viewerOf(request), TIME_ENTRIES, where))
  })
  const create = {
    summary: 'Log time',
    tag,
    access: 'user',
    errors: [400, 404, 409, 422, 503],
    body,
    answers: { 201: schema },
  } as const
  app.post('/time_entries', route(create), async (request, reply) =>
    sendResult(reply, await createTimeEntry(context, viewerOf(request), request.body), 201),
  )
  const doc = { tag, access: 'user', params: idParams } as const
  app.get<ById>(
    '/time_entries/:id',
    route({ ...doc, summary: 'One time entry', errors: [404], answers: { 200: schema } }),
    async (request, reply) => {
      const viewer = viewerOf(request)
      const found = await findVisible(context.store, viewer, 'timeEntries', request.params.id)
      const view = found.ok ? await loadTimeEntry(context.store, found.value) : undefined
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
    route({ ...doc, summary: 'Delete a time entry', errors: [404, 409, 503], answers: { 204: null } }),
    async (request, reply) => sendDeleted(reply, await deleteTimeEntry(context, viewerOf(request), request.params.id)),
  )
}
