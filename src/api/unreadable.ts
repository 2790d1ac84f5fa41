import type { ServerResponse } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { apiError, ERRORS, HAL, renderError, sendError, type ApiError, type ErrorName } from './errors.ts'

/**
 * Requests that are refused before any route sees them. Without this the HTTP server would answer them itself, without a body
 * or in a shape of its own.
 */

/** By the code of the parser's error; anything else is malformed. */
const BY_CODE: Readonly<Record<string, ErrorName>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'RequestTimeout',
  HPE_HEADER_OVERFLOW: 'HeadersTooLarge',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'BodyTooLarge',
}

/** What could not be parsed: there is no request to look at, so the answer is the same whatever was asked for. */
export function answerUnparsed(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || socket.destroyed) return
  if (socket.writable && !isAnswering(socket))
    socket.write(rawAnswer(apiError(BY_CODE[error.code ?? ''] ?? 'BadRequest')))
  socket.destroy(error)
}

/** An answer that has begun must not get another one into its middle. Node's own handler looks at the same field. */
function isAnswering(socket: Socket & { _httpMessage?: ServerResponse | null }): boolean {
  return socket._httpMessage?.headersSent === true
}

function rawAnswer(error: ApiError): string {
  const { status } = ERRORS[error.name]
  const body = JSON.stringify(renderError(error))
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    `content-type: ${HAL}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
  ]
  return `${head.join('\r\n')}\r\n\r\n${body}`
}

/** Hands expectations that cannot be met to the routes' own hooks, instead of letting Node answer them. */
export function routeExpectations(app: FastifyInstance): void {
  app.server.on('checkExpectation', (request, response) => app.routing(request, response))
}

/** What HTTP itself forbids of a request that was parsed; undefined for nearly all. */
export function protocolError(request: FastifyRequest): ApiError | undefined {
  const { host, expect } = request.headers
  if (host === undefined && request.raw.httpVersion === '1.1') {
    return apiError('BadRequest', 'Bad request: the Host header is missing')
  }
  return expect !== undefined && expect.toLowerCase() !== '100-continue' ? apiError('ExpectationFailed') : undefined
}

/** Answers what never reaches the hooks of its path: with the link that every answer under /api/v3 has. */
export function refuse(request: FastifyRequest, reply: FastifyReply, error: ApiError): void {
  if ((request.raw.url ?? '').startsWith('/api/v3')) linkToDescription(reply)
  sendError(reply, error)
}

export function linkToDescription(reply: FastifyReply): void {
  reply.header('link', '</api/v3/openapi.json>; rel="service-desc"')
}
