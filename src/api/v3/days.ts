import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { fail, ok } from '../../base/result.ts'
import { apiError } from '../errors.ts'
import { renderWhole } from './representers/collection.ts'
import { paths, type Hal } from './representers/hal.ts'
import { halSchema, idParams, route, sendHal, sendResult, wholeOf, wholeSchema } from './route.ts'

/** Which days are worked (representers/working-days.ts), as clients that plan ask for it. */
const NAMES = ['Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday', 'Sunday']
const WORKED = 5

const day = Type.Integer({ minimum: 1, maximum: 7, description: '1 is Monday.' })
const schema = halSchema('WeekDay', { day, name: Type.String(), working: Type.Boolean() })

function renderWeekDay(name: string, index: number): Hal {
  const self = { href: `${paths.weekDays}/${index + 1}`, title: name }
  return { _type: 'WeekDay', day: index + 1, name, working: index < WORKED, _links: { self } }
}

export function dayRoutes(app: FastifyInstance): void {
  const doc = { tag: 'Days', access: 'user' } as const
  const week = { ...doc, summary: 'The days of the week, and which are worked' }
  app.get('/days/week', route({ ...week, answers: { 200: wholeOf(schema) } }), (_request, reply) =>
    sendHal(reply, 200, renderWhole(paths.weekDays, NAMES.map(renderWeekDay))),
  )
  const one = { ...doc, summary: 'One day of the week', params: idParams, errors: [404] }
  app.get<{ Params: { id: string } }>(
    '/days/week/:id',
    route({ ...one, answers: { 200: schema } }),
    (request, reply) => {
      const found = NAMES.map(renderWeekDay).find((shown) => String(shown['day']) === request.params.id)
      return sendResult(reply, found ? ok(found) : fail(apiError('NotFound')))
    },
  )
  const holidays = { ...doc, summary: 'Days that are not worked although their weekday is: there are none' }
  app.get('/days/non_working', route({ ...holidays, answers: { 200: wholeSchema } }), (_request, reply) =>
    sendHal(reply, 200, renderWhole(paths.nonWorkingDays, [])),
  )
}
