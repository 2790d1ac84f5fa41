import { hash } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { sendHal } from './route.ts'

/** Answers with the text, or with 304 when the client says that it has it already (RFC 9110 §13.1.2). */
export function sendTagged(request: FastifyRequest, reply: FastifyReply, text: string): FastifyReply {
  const tag = `"${hash('sha256', text, 'base64url')}"`
  reply.header('etag', tag)
  return isKnown(request.headers['if-none-match'], tag) ? reply.code(304).send() : sendHal(reply, 200, text)
}

function isKnown(known: string | undefined, tag: string): boolean {
  if (known === undefined) return false
  const tags = known.split(',').map((item) => item.trim().replace(/^W\//, ''))
  return tags.includes(tag) || known.trim() === '*'
}
