import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { fail, ok } from '../../base/result.ts'
import type { Condition } from '../../storage/store.ts'
import type { MembershipRecord } from '../../storage/tables.ts'
import type { ApiContext } from '../context.ts'
import { MEMBERSHIP_SHAPE } from '../embedded/membership-shape.ts'
import { createMembership, deleteMembership, updateMembership } from '../embedded/memberships.ts'
import { apiError } from '../errors.ts'
import { inOwnProjects, mayContribute } from '../permissions.ts'
import { ROLES } from '../roles.ts'
import { parseId, readRow } from './find.ts'
import { listPage, type ListDefinition } from './list.ts'
import { timeFilter } from './query/date-filters.ts'
import { idFilter, unsetFilter } from './query/filter-kinds.ts'
import { loadMemberships } from './related.ts'
import { paths } from './representers/hal.ts'
import { renderMembership } from './representers/membership.ts'
import { bodySchemaOf } from './representers/schema.ts'
import { halSchema, idParams, pageQuery, pageSchema } from './route.ts'
import { route, sendDeleted, sendResult, viewerOf } from './route.ts'

const tag = 'Memberships'
const schema = halSchema('Membership', { id: Type.Integer() })
const body = bodySchemaOf<MembershipRecord>(MEMBERSHIP_SHAPE)

/** Memberships with any of the roles. */
function roleConditions(values: readonly string[]): Condition<'memberships'>[] | string {
  const roles = values.map((value) => ROLES.find(({ id }) => id === parseId(value)))
  if (roles.length === 0) return 'at least one is needed'
  const columns = roles.flatMap((role) => (role ? [role.column] : []))
  if (columns.length < roles.length) return `one of ${ROLES.map(({ id }) => id).join(', ')}`
  return [{ column: columns, comparison: '=', value: true }]
}

const MEMBERSHIPS: ListDefinition<'memberships'> = {
  table: 'memberships',
  visible: inOwnProjects('projectId'),
  filters: {
    id: idFilter('id'),
    project: idFilter('projectId'),
    principal: idFilter('userId'),
    role: { '=': roleConditions },
    group: unsetFilter(),
    createdAt: timeFilter('createdAt'),
    updatedAt: timeFilter('updatedAt'),
  },
  sort: { id: 'id', createdAt: 'createdAt', updatedAt: 'updatedAt' },
  fields: [
    ...['_type', 'id', 'createdAt', 'updatedAt', 'self', 'schema', 'update', 'updateImmediately', 'delete'],
    ...['project', 'principal', 'roles'],
  ],
  render: async ({ store }, viewer, rows) =>
    (await loadMemberships(store, rows)).map((view) => () => JSON.stringify(renderMembership(view, viewer, false))),
}

interface ById {
  Params: { id: string }
}

export function membershipRoutes(app: FastifyInstance, context: ApiContext): void {
  const doc = { tag, access: 'user' } as const
  const list = { ...doc, summary: 'List memberships', errors: [400, 429] }
  app.get<{ Querystring: Record<string, unknown> }>(
    '/memberships',
    route({ ...list, querystring: pageQuery, answers: { 200: pageSchema } }),
    async (request, reply) => {
      const where = { path: paths.memberships, query: request.query }
      return sendResult(reply, await listPage(context, viewerOf(request), MEMBERSHIPS, where))
    },
  )
  const create = { ...doc, summary: 'Make a user a member of a project', errors: [400, 404, 409, 422, 503] }
  app.post('/memberships', route({ ...create, body, answers: { 201: schema } }), async (request, reply) =>
    sendResult(reply, await createMembership(context, viewerOf(request), request.body), 201),
  )
  oneMembershipRoutes(app, context)
}

function oneMembershipRoutes(app: FastifyInstance, context: ApiContext): void {
  const doc = { tag, access: 'user', params: idParams } as const
  app.get<ById>(
    '/memberships/:id',
    route({ ...doc, summary: 'One membership', errors: [404], answers: { 200: schema } }),
    async (request, reply) => {
      const viewer = viewerOf(request)
      const row = await readRow(context.store, 'memberships', request.params.id)
      const [view] = row && mayContribute(viewer, row.projectId) ? await loadMemberships(context.store, [row]) : []
      return sendResult(reply, view ? ok(renderMembership(view, viewer, true)) : fail(apiError('NotFound')))
    },
  )
  const change = { ...doc, summary: 'Change the roles of a membership', errors: [400, 404, 409, 422, 503] }
  app.patch<ById>('/memberships/:id', route({ ...change, body, answers: { 200: schema } }), async (request, reply) =>
    sendResult(reply, await updateMembership(context, viewerOf(request), request.params.id, request.body)),
  )
  app.delete<ById>(
    '/memberships/:id',
    route({ ...doc, summary: 'End a membership', errors: [404, 409, 503], answers: { 204: null } }),
    async (request, reply) => sendDeleted(reply, await deleteMembership(context, viewerOf(request), request.params.id)),
  )
}
