import type { ServerResponse } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { Clock } from '../../../src/base/clock.ts'
import { sleep } from '../../../src/base/clock.ts'
import { ApiError, expired } from './api-error.ts'
import type { LoggedRequest } from './requests.ts'

/**
 * What goes wrong with a request:
 * - `status`: an answer of this code, as a Status object unless a `body` is given.
 * - `gone`: 410, as the answer; or, for a watch, as an ERROR event in the stream.
 * - `reset`: the connection breaks before any answer. `lost`: the same, once the request has had its effect.
 * - `hang`: no answer, ever, and no close.
 * - `cut`: the answer breaks off after so many bytes, by a reset or an orderly end; or nothing more comes of it.
 * - `slow`: the answer starts so much later. `trickle`: it comes a few bytes at a time, a second between them.
 */
export type Fault =
  | {
      readonly kind: 'status'
      readonly code: number
      readonly retryAfterSeconds?: number
      readonly body?: string
      readonly message?: string
    }
  | { readonly kind: 'gone'; readonly as: 'answer' | 'event' }
  | { readonly kind: 'reset' }
  | { readonly kind: 'lost' }
  | { readonly kind: 'hang' }
  | { readonly kind: 'cut'; readonly afterBytes: number; readonly by: 'reset' | 'end' | 'silence' }
  | { readonly kind: 'slow'; readonly delayMs: number }
  | { readonly kind: 'trickle'; readonly bytes: number }

/** Which requests a fault meets: all given fields must agree. */
export interface FaultMatch {
  readonly verb?: string | readonly string[]
  readonly resource?: string
  readonly name?: string
  readonly subresource?: string
  readonly user?: string
  readonly when?: (request: LoggedRequest) => boolean
}

export interface Faults {
  /** Meets the next `times` requests that match; by default all until it is removed. Answers how to remove it. */
  inject(match: FaultMatch, fault: Fault, times?: number): () => void
  clear(): void
  /** The fault for a request, counted as used. */
  take(request: LoggedRequest): Fault | undefined
}

export function createFaults(): Faults {
  const injected = new Set<{ match: FaultMatch; fault: Fault; left: number }>()
  return {
    inject(match, fault, times = Infinity) {
      const one = { match, fault, left: times }
      injected.add(one)
      return () => injected.delete(one)
    },
    clear: () => injected.clear(),
    take(request) {
      const met = [...injected].find(({ match }) => isMet(match, request))
      if (!met) return undefined
      met.left -= 1
      if (met.left <= 0) injected.delete(met)
      return met.fault
    },
  }
}

function isMet({ verb, resource, name, subresource, user, when }: FaultMatch, request: LoggedRequest): boolean {
  const verbs = typeof verb === 'string' ? [verb] : verb
  return (
    (verbs?.includes(request.verb) ?? true) &&
    (resource ?? request.resource) === request.resource &&
    (name ?? request.name) === request.name &&
    (subresource ?? request.subresource) === request.subresource &&
    (user ?? request.user) === request.user &&
    (when?.(request) ?? true)
  )
}

/** By a reset; one that is encrypted cannot send one, and only breaks off. */
export function breakConnection({ socket }: ServerResponse): void {
  if (socket instanceof TLSSocket) socket.destroy()
  else socket?.resetAndDestroy()
}

/** Does what a fault wants done before the request is handled. True once the answer has been taken care of. */
export async function strike(fault: Fault | undefined, response: ServerResponse, clock: Clock): Promise<boolean> {
  switch (fault?.kind) {
    case undefined:
      return false
    case 'lost':
      return (loseAnswer(response), false)
    case 'reset':
      breakConnection(response)
      return true
    case 'hang':
      return true
    case 'slow':
      await sleep(clock, fault.delayMs)
      return false
    case 'trickle':
      return (trickle(response, fault.bytes, clock), false)
    case 'cut':
      return (cutShort(response, fault.afterBytes, fault.by), false)
    case 'gone':
      if (fault.as === 'answer') throw expired('The resourceVersion for the provided watch is too old.')
      return (sendGoneEvent(response), true)
    case 'status':
      return answerStatus(fault, response)
  }
}

function sendGoneEvent(response: ServerResponse): void {
  const object = expired('too old resource version: 1 (2)').toStatus()
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(`${JSON.stringify({ type: 'ERROR', object })}\n`)
}

const REASONS: Readonly<Record<number, string>> = {
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'NotFound',
  409: 'Conflict',
  410: 'Expired',
  429: 'TooManyRequests',
  500: 'InternalError',
  503: 'ServiceUnavailable',
  504: 'Timeout',
}

function answerStatus(fault: Fault & { kind: 'status' }, response: ServerResponse): boolean {
  const { code, retryAfterSeconds, body, message = 'injected by the test' } = fault
  if (retryAfterSeconds !== undefined) response.setHeader('retry-after', String(retryAfterSeconds))
  if (body === undefined)
    throw new ApiError(
      code,
      REASONS[code] ?? '',
      message,
      retryAfterSeconds === undefined ? undefined : { retryAfterSeconds },
    )
  response.writeHead(code, { 'content-type': 'text/plain' }).end(body)
  return true
}

/** What is answered never leaves: the connection breaks instead. */
function loseAnswer(response: ServerResponse): void {
  response.end = () => {
    breakConnection(response)
    return response
  }
}

/** What is answered at once leaves little by little, until nobody waits for it any more. */
function trickle(response: ServerResponse, bytes: number, clock: Clock): void {
  const end = response.end.bind(response)
  const drip = (rest: Buffer): void => {
    if (response.destroyed) return
    if (rest.length <= bytes) return void end(rest)
    response.write(rest.subarray(0, bytes))
    clock.after(1000, () => drip(rest.subarray(bytes)))
  }
  response.end = ((chunk: string) => {
    drip(Buffer.from(chunk))
    return response
  }) as typeof response.end
}

/** From now on the response takes only so many bytes, then breaks. */
function cutShort(response: ServerResponse, afterBytes: number, by: 'reset' | 'end' | 'silence'): void {
  const write = response.write.bind(response)
  const end = response.end.bind(response)
  let left = afterBytes
  const cut = (chunk: unknown): boolean => {
    if (left < 0) return false
    const bytes = Buffer.from(typeof chunk === 'string' || chunk instanceof Uint8Array ? chunk : '')
    const isLast = bytes.length >= left
    write(bytes.subarray(0, Math.max(left, 0)))
    left -= bytes.length
    if (!isLast) return true
    left = -1
    // Only once it is on its way: a reset throws away what still waits to be sent.
    write('', () => {
      if (by === 'reset') breakConnection(response)
      else if (by === 'end') end()
    })
    return false
  }
  response.write = cut as typeof response.write
  response.end = ((chunk?: unknown) => {
    if (left >= 0 && (chunk === undefined || cut(chunk))) end()
    return response
  }) as typeof response.end
}
