import type { FastifyInstance } from 'fastify'
import { fail, ok, type Result } from '../../base/result.ts'
import type { UserRecord } from '../../storage/tables.ts'
import type { ApiContext, Viewer } from '../context.ts'
import { USER_SHAPE } from '../embedded/user-shape.ts'
import { createUser, deleteUser, isKept, setStatus, updateUser } from '../embedded/users.ts'
import { apiError, type ApiError } from '../errors.ts'
import { seesUser } from '../permissions.ts'
import { firstUser } from '../seed.ts'
import { parseId } from './find.ts'
import { listPage, type ListDefinition } from './list.ts'
import { timeFilter } from './query/date-filters.ts'
import { idFilter, searchFilter, textFilter, unsetFilter } from './query/filter-kinds.ts'
import { userStatusFilter } from './query/user-filters.ts'
import { paths } from './representers/hal.ts'
import { bodySchemaOf } from './representers/schema.ts'
import { renderPreferences, renderUserActions } from './representers/user.ts'
import { userSchema } from './resource-schemas.ts'
import { halSchema, idParams, pageOf, pageQuery, route } from './route.ts'
import { sendAccepted, sendHal, sendResult, viewerOf } from './route.ts'

const tag = 'Users'
const schema = userSchema
const pageSchema = pageOf(schema)
const body = bodySchemaOf<UserRecord>(USER_SHAPE)

const USERS: ListDefinition<'users'> = {
  table: 'users',
  /** The route is for administrators; deleted users are nobody any more. */
  visible: () => [{ column: 'status', comparison: '!=', value: 'deleted' }],
  filters: {
    id: idFilter('id'),
    status: userStatusFilter(),
    name: textFilter('firstName', 'lastName', 'login'),
    login: textFilter('login'),
    group: unsetFilter(),
    anyNameAttribute: searchFilter('firstName', 'lastName', 'login', 'email'),
    typeahead: searchFilter('firstName', 'lastName', 'login', 'email'),
    createdAt: timeFilter('createdAt'),
    updatedAt: timeFilter('updatedAt'),
  },
  sort: {
    ...{ id: 'id', login: 'login', firstName: 'firstName', lastName: 'lastName', name: 'firstName' },
    ...{ status: 'status', createdAt: 'createdAt', updatedAt: 'updatedAt' },
  },
  fields: [
    ...['_type', 'id', 'name', 'createdAt', 'updatedAt', 'login', 'admin', 'firstName', 'lastName', 'email'],
    ...['avatar', 'status', 'identityUrl', 'language', 'self', 'memberships'],
    ...['updateImmediately', 'lock', 'unlock', 'delete'],
  ],
  render: async ({ store }, viewer, rows) => {
    const kept = await firstUser(store)
    return rows.map((row) => () => JSON.stringify(renderUserActions(row, viewer, row.id === kept?.id)))
  },
}

interface ById {
  Params: { id: string }
}

export function userRoutes(app: FastifyInstance, context: ApiContext): void {
  const list = { summary: 'List users', tag, errors: [400, 429], querystring: pageQuery, answers: { 200: pageSchema } }
  app.get<{ Querystring: Record<string, unknown> }>('/users', route(list), async (request, reply) =>
    sendResult(reply, await listPage(context, viewerOf(request), USERS, { path: paths.users, query: request.query })),
  )
  const create = { summary: 'Create a user', tag, errors: [400, 409, 422, 503], body, answers: { 201: schema } }
  app.post('/users', route(create), async (request, reply) =>
    sendResult(reply, await createUser(context, viewerOf(request), request.body), 201),
  )
  oneUserRoutes(app, context)
  lockRoutes(app, context)
  preferenceRoutes(app, context)
}

function oneUserRoutes(app: FastifyInstance, context: ApiContext): void {
  const doc = { tag, access: 'user', params: idParams } as const
  const show = { ...doc, summary: 'One user: an id, a login or `me`', errors: [404] }
  app.get<ById>('/users/:id', route({ ...show, answers: { 200: schema } }), async (request, reply) => {
    const viewer = viewerOf(request)
    const user = await findUser(context, viewer, request.params.id)
    if (!user.ok) return sendResult(reply, user)
    return sendResult(reply, ok(renderUserActions(user.value, viewer, await isKept(context.store, user.value))))
  })
  const change = { ...doc, summary: 'Change a user, or oneself', errors: [400, 404, 409, 422, 503] }
  app.patch<ById>('/users/:id', route({ ...change, body, answers: { 200: schema } }), async (request, reply) => {
    const viewer = viewerOf(request)
    const user = await findUser(context, viewer, request.params.id)
    return sendResult(reply, user.ok ? await updateUser(context, viewer, user.value.id, request.body) : user)
  })
  const remove = { ...doc, summary: 'Delete a user; what it wrote stays', errors: [404, 409, 503] }
  app.delete<ById>('/users/:id', route({ ...remove, answers: { 202: null } }), async (request, reply) => {
    const viewer = viewerOf(request)
    const user = await findUser(context, viewer, request.params.id)
    if (user.ok && !viewer.admin) return sendResult(reply, fail(apiError('MissingPermission')))
    return sendAccepted(reply, user.ok ? await deleteUser(context, user.value.id) : user)
  })
}

function lockRoutes(app: FastifyInstance, context: ApiContext): void {
  const doc = { tag, access: 'user', params: idParams, errors: [400, 404, 409, 503], answers: { 200: schema } } as const
  const become = async (viewer: Viewer, id: string, status: 'active' | 'locked') => {
    const user = await findUser(context, viewer, id)
    if (user.ok && !viewer.admin) return fail(apiError('MissingPermission'))
    return user.ok ? setStatus(context, viewer, user.value.id, status) : user
  }
  app.post<ById>(
    '/users/:id/lock',
    route({ ...doc, summary: 'Lock a user: nothing of it opens anything' }),
    async (request, reply) => sendResult(reply, await become(viewerOf(request), request.params.id, 'locked')),
  )
  app.delete<ById>('/users/:id/lock', route({ ...doc, summary: 'Take the lock off a user' }), async (request, reply) =>
    sendResult(reply, await become(viewerOf(request), request.params.id, 'active')),
  )
}

/** Only to be read: nobody can change anything yet, and these are the ways things are. */
function preferenceRoutes(app: FastifyInstance, context: ApiContext): void {
  const doc = { tag, access: 'user', answers: { 200: halSchema('UserPreferences') } } as const
  const one = { ...doc, summary: 'The preferences of a user: one’s own, or any for administrators', errors: [404] }
  app.get<ById>('/users/:id/preferences', route({ ...one, params: idParams }), async (request, reply) => {
    const viewer = viewerOf(request)
    const user = await findUser(context, viewer, request.params.id)
    if (!user.ok) return sendResult(reply, user)
    const own = viewer.admin || viewer.id === user.value.id
    return sendResult(reply, own ? ok(renderPreferences(user.value)) : fail(apiError('MissingPermission')))
  })
  app.get('/my_preferences', route({ ...doc, summary: 'One’s own preferences' }), (request, reply) =>
    sendHal(reply, 200, renderPreferences(viewerOf(request))),
  )
}

/** Users the viewer shares no project with do not exist. */
async function findUser(context: ApiContext, viewer: Viewer, text: string): Promise<Result<UserRecord, ApiError>> {
  if (text === 'me') return ok(viewer)
  const id = parseId(text)
  // Logins are not shown to strangers, so nobody finds out by trying.
  const byLogin = viewer.admin || text.toLowerCase() === viewer.login.toLowerCase()
  const known = id !== undefined || byLogin
  const user =
    id === undefined ? await context.store.find('users', 'login', text) : await context.store.get('users', id)
  return known && user && (await seesUser(context.store, viewer, user.id)) ? ok(user) : fail(apiError('NotFound'))
}
