import { isUtf8 } from 'node:buffer'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { apiError, sendError, type ApiError } from './errors.ts'

/** Request bodies are JSON or HAL+JSON, matched on the beginning of the type (reference §8). */
const ACCEPTED = /^application\/(?:hal\+)?json/i
const ACCEPTED_TEXT = /^text\/plain(?:[;\s]|$)/i

/** What a route takes that takes no JSON. */
export const TEXT = 'text/plain'

/** A body that is no JSON: carried through Fastify's error path to the one place that renders errors. */
export class BodyError extends Error {
  override readonly name = 'BodyError'
  readonly apiError: ApiError

  constructor(error: ApiError) {
    super(error.message)
    this.apiError = error
  }
}

export function parseJsonBodies(app: FastifyInstance): void {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(ACCEPTED, { parseAs: 'buffer' }, (request, body, done) => {
    // JSON is UTF-8 (RFC 8259 §8.1), whatever the type says: anything else would be stored with its characters replaced.
    if (typeof body !== 'string' && !isUtf8(body) && request.method !== 'DELETE') return done(unreadable('not UTF-8'))
    const text = body.toString()
    if (request.method === 'DELETE' || text.trim() === '') return done(null, undefined)
    try {
      done(null, JSON.parse(text))
    } catch (thrown) {
      done(unreadable(thrown instanceof Error ? thrown.message : 'unreadable'))
    }
  })
  // Only a DELETE, whose body says nothing, and a path that is not there come here: see `isAcceptedBody`.
  app.addContentTypeParser('*', (_request, _body, done) => done(null, undefined))
}

function unreadable(parseError: string): BodyError {
  return new BodyError(apiError('InvalidRequestBody', undefined, { parseError }))
}

/** False when it has refused: 406 without a content type (plain text, as clients know it), 415 with another one. */
export function isAcceptedBody(request: FastifyRequest, reply: FastifyReply): boolean {
  const type = request.headers['content-type'] ?? ''
  const isText = request.routeOptions.config.takes === 'text'
  if (request.method === 'DELETE' || (isText ? ACCEPTED_TEXT : ACCEPTED).test(type)) return true
  if (type === '') {
    reply.code(406).header('content-type', 'text/plain').send('Missing content-type header')
    return false
  }
  const expected = isText ? TEXT : 'application/json application/hal+json'
  const message = `Expected CONTENT-TYPE to be '${expected}' but got '${type.slice(0, 200)}'.`
  sendError(reply, apiError('TypeNotSupported', message))
  return false
}
