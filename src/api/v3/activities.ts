import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { ok, type Result } from '../../base/result.ts'
import type { ApiContext, Viewer } from '../context.ts'
import { createComment, findJournal, updateComment } from '../embedded/comments.ts'
import type { ApiError } from '../errors.ts'
import { findVisible } from './find.ts'
import { latestJournals, loadJournal, loadJournals } from './journals.ts'
import type { CollectionJson } from './representers/collection-json.ts'
import { renderLongWhole } from './representers/collection.ts'
import { paths, type Hal } from './representers/hal.ts'
import { renderJournal } from './representers/journal.ts'
import {
  bodySchema,
  formattableSchema,
  halSchema,
  idParams,
  route,
  sendResult,
  viewerOf,
  wholeSchema,
} from './route.ts'

const tag = 'Activities'
const shownFormattable = Type.Object({ format: Type.String(), raw: Type.String(), html: Type.String() })
const schema = halSchema(['Activity', 'Activity::Comment'], {
  id: Type.Integer(),
  comment: shownFormattable,
  details: Type.Array(shownFormattable, { description: 'What the write changed, a sentence each.' }),
  version: Type.Integer({ description: 'Counts from 1 within the work package.' }),
  internal: Type.Boolean(),
})
const comment = { comment: formattableSchema }

interface ById {
  Params: { id: string }
}

export function activityRoutes(app: FastifyInstance, context: ApiContext): void {
  const doc = { tag, access: 'user', params: idParams } as const
  app.get<ById>(
    '/work_packages/:id/activities',
    route({
      ...doc,
      summary: 'What became of a work package, oldest first: the latest 1,000 at most, total counts all',
      errors: [404],
      answers: { 200: wholeSchema },
    }),
    async (request, reply) => sendResult(reply, await listActivities(context, viewerOf(request), request.params.id)),
  )
  app.post<ById>(
    '/work_packages/:id/activities',
    route({
      ...doc,
      summary: 'Comment on a work package',
      errors: [400, 404, 409, 422, 503],
      body: bodySchema({ ...comment, internal: Type.Boolean() }, []),
      answers: { 201: schema },
    }),
    async (request, reply) =>
      sendResult(reply, await createComment(context, viewerOf(request), request.params.id, request.body), 201),
  )
  app.get<ById>(
    '/activities/:id',
    route({ ...doc, summary: 'One activity', errors: [404], answers: { 200: schema } }),
    async (request, reply) => sendResult(reply, await showActivity(context, viewerOf(request), request.params.id)),
  )
  app.patch<ById>(
    '/activities/:id',
    route({
      ...doc,
      summary: 'Change the comment of an activity',
      errors: [400, 404, 409, 422, 503],
      body: bodySchema(comment, []),
      answers: { 200: schema },
    }),
    async (request, reply) =>
      sendResult(reply, await updateComment(context, viewerOf(request), request.params.id, request.body)),
  )
}

async function listActivities(
  { store }: ApiContext,
  viewer: Viewer,
  id: string,
): Promise<Result<CollectionJson, ApiError>> {
  const found = await findVisible(store, viewer, 'workPackages', id)
  if (!found.ok) return found
  const { rows, total } = await latestJournals(store, viewer, found.value)
  const views = await loadJournals(store, viewer, found.value, rows)
  const elements = views.map((view) => () => JSON.stringify(renderJournal(view, viewer)))
  return ok(renderLongWhole(paths.workPackageActivities(found.value.id), elements, total))
}

async function showActivity(context: ApiContext, viewer: Viewer, id: string): Promise<Result<Hal, ApiError>> {
  const found = await findJournal(context, viewer, id)
  if (!found.ok) return found
  const { record, work } = found.value
  return ok(renderJournal(await loadJournal(context.store, viewer, work.record, record), viewer, work))
}
