import type { FastifyInstance } from 'fastify'
import type { Condition } from '../../storage/store.ts'
import type { ApiContext } from '../context.ts'
import { visibleUsers } from '../permissions.ts'
import { listPage, type ListDefinition } from './list.ts'
import { idFilter, ids } from './query/filter-kinds.ts'
import type { FilterDefinition, FilterLookups } from './query/filters.ts'
import { userStatusFilter } from './query/user-filters.ts'
import { paths } from './representers/hal.ts'
import { renderUser } from './representers/user.ts'
import { pageQuery, pageSchema, route, sendResult, viewerOf } from './route.ts'

/** Whoever may be given work or roles: here these are users; groups and placeholders there are none. */

type UserConditions = Condition<'users'>[]

const MISSING = 'at least one is needed'
const NOBODY: Condition<'users'> = { column: 'id', comparison: 'in', value: [] }
/** Nobody has as many names; and a condition for each is made. */
const WORDS_MAX = 20
const KINDS: readonly string[] = ['User', 'Group', 'PlaceholderUser']

/** Every word of the text is part of a name. Strangers are shown no login and no address, so nobody finds out by these. */
function named(values: readonly string[]): UserConditions | string {
  const words = (values[0] ?? '').split(/\s+/).filter((word) => word !== '')
  if (values.length === 0) return MISSING
  if (words.length > WORDS_MAX) return `at most ${WORDS_MAX} words`
  return words.map((word) => ({ column: ['firstName', 'lastName'], comparison: 'contains', value: word }))
}

const namedFilter: FilterDefinition<'users'> = { '~': named, '**': named }

const memberFilter: FilterDefinition<'users'> = {
  '=': (values, lookups) => members('in', values, lookups),
  '!': (values, lookups) => members('not in', values, lookups),
}

async function members(
  comparison: 'in' | 'not in',
  values: readonly string[],
  lookups: FilterLookups,
): Promise<UserConditions | string> {
  const projectIds = ids(values, lookups)
  if (typeof projectIds === 'string') return projectIds
  return [{ column: 'id', comparison, value: [...(await lookups.usersIn(projectIds))] }]
}

const kindFilter: FilterDefinition<'users'> = {
  '=': (values) => {
    if (values.length === 0 || !values.every((value) => KINDS.includes(value))) return `one of ${KINDS.join(', ')}`
    return values.includes('User') ? [] : [NOBODY]
  },
  '!': (values) => {
    if (values.length === 0 || !values.every((value) => KINDS.includes(value))) return `one of ${KINDS.join(', ')}`
    return values.includes('User') ? [NOBODY] : []
  },
}

export const PRINCIPALS: ListDefinition<'users'> = {
  table: 'users',
  visible: async (viewer, store) => [
    ...(await visibleUsers(viewer, store)),
    { column: 'status', comparison: '!=', value: 'deleted' },
  ],
  filters: {
    id: idFilter('id'),
    name: namedFilter,
    type: kindFilter,
    status: userStatusFilter(),
    member: memberFilter,
    anyNameAttribute: namedFilter,
    typeahead: namedFilter,
  },
  sort: { id: 'id', name: 'firstName' },
  fields: [
    ...['_type', 'id', 'name', 'avatar', 'createdAt', 'updatedAt', 'login', 'admin', 'firstName', 'lastName', 'email'],
    ...['status', 'identityUrl', 'language', 'self', 'memberships'],
  ],
  render: async (_context, viewer, rows) => rows.map((row) => () => JSON.stringify(renderUser(row, viewer))),
}

export function principalRoutes(app: FastifyInstance, context: ApiContext): void {
  const doc = { summary: 'List who may be given work or roles', tag: 'Principals', access: 'user' } as const
  app.get<{ Querystring: Record<string, unknown> }>(
    '/principals',
    route({ ...doc, errors: [400, 429], querystring: pageQuery, answers: { 200: pageSchema } }),
    async (request, reply) => {
      const where = { path: paths.principals, query: request.query }
      return sendResult(reply, await listPage(context, viewerOf(request), PRINCIPALS, where))
    },
  )
}
