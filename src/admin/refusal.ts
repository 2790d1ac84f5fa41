import type { FastifyReply } from 'fastify'

import { KIND_NAMES, KINDS } from '../resources/kinds.ts'

/** Why the admin listener does not do as asked, for people. The body of every answer that is not 2xx, as `error`. */
export interface Refusal {
  /** HTTP status. */
  readonly status: 400 | 401 | 403 | 404 | 409 | 413 | 500 | 503 | 504
  /** Stable, for programs. */
  readonly code: string
  readonly message: string
  /** What to do about it; may be empty. */
  readonly hint: string
}

export function refuse(reply: FastifyReply, refusal: Refusal, more: Record<string, unknown> = {}): FastifyReply {
  const { status, ...error } = refusal
  if (status === 401) reply.header('www-authenticate', 'Bearer realm="nepenthes admin"')
  return reply.code(status).send({ error, ...more })
}

export function badRequest(message: string, hint = ''): Refusal {
  return { status: 400, code: 'BadRequest', message, hint }
}

export function notFound(message: string, hint = ''): Refusal {
  return { status: 404, code: 'NotFound', message, hint }
}

export function noSuchKind(name: string): Refusal {
  const known = KIND_NAMES.map((kind) => [kind, KINDS[kind].plural, ...KINDS[kind].shortNames].join(' or '))
  return notFound(`there is no kind "${name}"`, `There are ${known.join(', and ')}, in any case.`)
}
