import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { fail, ok } from '../../base/result.ts'
import { apiError } from '../errors.ts'
import { ROLES } from '../roles.ts'
import { parseId } from './find.ts'
import { renderWhole } from './representers/collection.ts'
import { paths } from './representers/hal.ts'
import { renderRole } from './representers/membership.ts'
import { halSchema, idParams, route, sendHal, sendResult, wholeSchema } from './route.ts'

const schema = halSchema('Role', { id: Type.Integer(), name: Type.String() })

export function roleRoutes(app: FastifyInstance): void {
  const doc = { tag: 'Roles', access: 'user' } as const
  app.get(
    '/roles',
    route({ ...doc, summary: 'The roles a membership may grant', answers: { 200: wholeSchema } }),
    (_request, reply) => sendHal(reply, 200, renderWhole(paths.roles, ROLES.map(renderRole))),
  )
  app.get<{ Params: { id: string } }>(
    '/roles/:id',
    route({ ...doc, summary: 'One role', params: idParams, errors: [404], answers: { 200: schema } }),
    ({ params }, reply) => {
      const role = ROLES.find(({ id }) => id === parseId(params.id))
      return sendResult(reply, role ? ok(renderRole(role)) : fail(apiError('NotFound')))
    },
  )
}
