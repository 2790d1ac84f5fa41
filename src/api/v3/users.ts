import type { FastifyInstance } from 'fastify'
import { fail, ok, type Result } from '../../base/result.ts'
import type { UserRecord } from '../../storage/tables.ts'
import type { ApiContext, Viewer } from '../context.ts'
import { apiError, type ApiError } from '../errors.ts'
import { parseId } from './find.ts'
import { listPage, type ListDefinition } from './list.ts'
import { idFilter, textFilter, wordFilter } from './query/filter-kinds.ts'
import { paths } from './representers/hal.ts'
import { renderUser } from './representers/user.ts'
import { userSchema } from './resource-schemas.ts'
import { idParams, pageOf, pageQuery, route, sendResult, viewerOf } from './route.ts'

const tag = 'Users'
const schema = userSchema
const pageSchema = pageOf(schema)

const USERS: ListDefinition<'users'> = {
  table: 'users',
  filters: {
    id: idFilter('id'),
    status: wordFilter('status', ['active', 'registered', 'locked', 'invited']),
    name: textFilter('firstName', 'lastName', 'login'),
    login: textFilter('login'),
  },
  sort: { id: 'id', login: 'login', firstName: 'firstName', lastName: 'lastName', status: 'status' },
  render: async (_context, viewer, rows) => rows.map((row) => JSON.stringify(renderUser(row, viewer))),
}

export function userRoutes(app: FastifyInstance, context: ApiContext): void {
  const list = { summary: 'List users', tag, errors: [400], querystring: pageQuery, answers: { 200: pageSchema } }
  app.get<{ Querystring: Record<string, unknown> }>('/users', route(list), async (request, reply) =>
    sendResult(reply, await listPage(context, viewerOf(request), USERS, { path: paths.users, query: request.query })),
  )
  const show = { summary: 'One user: an id, a login or `me`', tag, access: 'user', errors: [404] } as const
  app.get<{ Params: { id: string } }>(
    '/users/:id',
    route({ ...show, params: idParams, answers: { 200: schema } }),
    async (request, reply) => {
      const viewer = viewerOf(request)
      const user = await findUser(context, viewer, request.params.id)
      return sendResult(reply, user.ok ? ok(renderUser(user.value, viewer)) : user)
    },
  )
}

/** Users who are not administrators see themselves only: others do not exist for them. */
async function findUser(context: ApiContext, viewer: Viewer, text: string): Promise<Result<UserRecord, ApiError>> {
  if (text === 'me') return ok(viewer)
  const id = parseId(text)
  const user =
    id === undefined ? await context.store.find('users', 'login', text) : await context.store.get('users', id)
  return user && (viewer.admin || viewer.id === user.id) ? ok(user) : fail(apiError('NotFound'))
}
