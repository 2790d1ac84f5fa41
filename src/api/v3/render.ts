import { isUtf8 } from 'node:buffer'
import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { fail, ok, type Result } from '../../base/result.ts'
import type { ApiContext, Viewer } from '../context.ts'
import { TEXT } from '../content-type.ts'
import { readTail } from '../embedded/body.ts'
import { apiError, sendError, type ApiError } from '../errors.ts'
import { findVisible, findVisibleProject } from './find.ts'
import { markdown, plain } from './representers/formats.ts'
import { answerOf, route, viewerOf } from './route.ts'

const RENDERERS = { markdown, plain } as const

interface Request {
  Querystring: { context?: unknown }
  Body: Buffer | undefined
}

/**
 * `POST /render/markdown` and `/render/plain`: the HTML of a text, for previews while it is written. Takes text and answers HTML, so it has
 * parsers of its own; it writes nothing, so it does not wait for a configuration.
 */
export async function renderRoutes(app: FastifyInstance, context: ApiContext): Promise<void> {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  const query = Type.Object({
    context: Type.Optional(Type.String({ description: 'Href of the work package or project the text is about.' })),
  })
  for (const [format, render] of Object.entries(RENDERERS)) {
    const doc = { summary: `The HTML of a text: ${format}`, tag: 'Previews', access: 'user', errors: [400] } as const
    const body = { body: Type.String(), takes: 'text' } as const
    const options = route({ ...doc, ...body, querystring: query, answers: { 200: answerOf('text/html', 'The HTML.') } })
    app.post<Request>(`/render/${format}`, options, async (request, reply) => {
      const about = await judgeContext(context, viewerOf(request), request.query.context)
      const text = about.ok ? readText(request.body) : about
      if (!text.ok) return sendError(reply, text.error)
      return reply.header('content-type', 'text/html; charset=utf-8').send(render(text.value).html)
    })
  }
}

function readText(body: Buffer = Buffer.alloc(0)): Result<string, ApiError> {
  return isUtf8(body)
    ? ok(body.toString())
    : fail(apiError('BadRequest', `Bad request: the text is not ${TEXT} in UTF-8.`))
}

/** Nothing of it changes the HTML yet; but who names one that is not there is told so, as by the protocol's servers. */
async function judgeContext({ store }: ApiContext, viewer: Viewer, href: unknown): Promise<Result<unknown, ApiError>> {
  if (href === undefined) return ok(undefined)
  const [namespace, id = ''] = (typeof href === 'string' && readTail(href)) || []
  if (namespace === 'work_packages') return orInvalid(await findVisible(store, viewer, 'workPackages', id))
  if (namespace === 'projects' || namespace === 'workspaces')
    return orInvalid(await findVisibleProject(store, viewer, id))
  return fail(apiError('InvalidRenderContext', 'The context is no link to a work package or a project.'))
}

function orInvalid(found: Result<unknown, ApiError>): Result<unknown, ApiError> {
  return found.ok ? found : fail(apiError('InvalidRenderContext'))
}
