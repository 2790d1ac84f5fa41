import { createHash, timingSafeEqual } from 'node:crypto'

import type { FastifyRequest } from 'fastify'

import { isLoopbackHost } from '../base/network.ts'
import type { SecretValue } from '../base/secret.ts'
import type { Refusal } from './refusal.ts'

/** Who may use `/v1`, by where the listener listens. */
export interface Access {
  /** Whether the listener is on a loopback address: then whoever is on this machine may, and only web pages must be kept out. */
  readonly loopback: boolean
  /** Asked for off loopback; without one nobody may. */
  readonly token?: SecretValue | undefined
}

export const REQUEST_HEADER = 'x-nepenthes-request'

/** Why this request may not use `/v1`; undefined if it may. */
export function judgeAccess(access: Access, request: FastifyRequest): Refusal | undefined {
  return access.loopback ? judgeLoopback(request) : judgeToken(access.token, request.headers.authorization)
}

/**
 * On loopback the danger is a page in this machine's browser. One under a foreign name that resolves to 127.0.0.1 (DNS rebinding)
 * shows in `Host`; a cross-site request in `Origin`; and a form or an image cannot set a header of its own.
 */
function judgeLoopback(request: FastifyRequest): Refusal | undefined {
  const { host, origin } = request.headers
  if (!isLoopbackHost(hostWithoutPort(host ?? ''))) {
    return forbidden(
      'ForeignHost',
      `the Host header "${host ?? ''}" does not name this machine`,
      'Ask by http://127.0.0.1 or http://localhost, with the port of the admin listener.',
    )
  }
  if (origin !== undefined && origin !== `http://${host}`) {
    return forbidden('ForeignOrigin', 'web pages of another origin may not use this', 'Use the nepenthes program.')
  }
  if (request.method !== 'GET' && request.headers[REQUEST_HEADER] === undefined) {
    return forbidden(
      'HeaderMissing',
      `a ${request.method} request must carry the header ${REQUEST_HEADER}`,
      `Add "${REQUEST_HEADER}: 1"; it keeps web pages from making such requests.`,
    )
  }
  return undefined
}

function hostWithoutPort(host: string): string {
  return host.replace(/:\d*$/, '')
}

function forbidden(code: string, message: string, hint: string): Refusal {
  return { status: 403, code, message, hint }
}

function judgeToken(token: SecretValue | undefined, authorization: string | undefined): Refusal | undefined {
  const presented = /^Bearer +(\S+) *$/i.exec(authorization ?? '')?.[1]
  if (token && presented !== undefined && sameText(presented, token.reveal())) return undefined
  return {
    status: 401,
    code: 'AdminTokenNeeded',
    message:
      presented === undefined
        ? 'the admin listener is open to other machines and wants the admin token'
        : 'this is not the admin token',
    hint: 'Set NEPENTHES_ADMIN_TOKEN to the token the operator runs with; unless it was given one, it is in the file admin-token of its data directory.',
  }
}

/** Takes the same time wherever the texts differ; hashing makes their lengths equal. */
function sameText(a: string, b: string): boolean {
  return timingSafeEqual(sha256(a), sha256(b))
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
