import { request } from 'undici'

import { errorCode, toError, UserError } from '../base/errors.ts'
import type { ClientConfig } from '../config.ts'
import { isRecord } from '../resources/finding.ts'

/** What the admin listener answered, whatever its status. */
export interface Answer {
  readonly status: number
  /** JSON; undefined if there was none. */
  readonly body: unknown
}

/** Nobody answers at the address of the admin listener. */
export class UnreachableError extends UserError {}

const ANSWER_MS_MAX = 30_000

type Method = 'GET' | 'POST' | 'DELETE'

/** Asks the admin listener; throws an UnreachableError if there is none. `waitMs`: how long the answer may take on purpose. */
export async function ask(
  config: ClientConfig,
  method: Method,
  path: string,
  { body, waitMs = 0 }: { body?: unknown; waitMs?: number } = {},
): Promise<Answer> {
  try {
    const response = await request(new URL(path, config.server), {
      method,
      headers: headers(config, body !== undefined),
      body: body === undefined ? null : JSON.stringify(body),
      headersTimeout: ANSWER_MS_MAX + waitMs,
    })
    return { status: response.statusCode, body: parseJson(await response.body.text()) }
  } catch (thrown) {
    const why = errorCode(thrown) ?? toError(thrown).message
    throw new UnreachableError(
      `no operator answers at ${config.server} (${why})\n` +
        'Start one with "nepenthes run --config DIR", or name its admin listener with --server URL or NEPENTHES_SERVER.',
      { cause: thrown },
    )
  }
}

/** As `ask`, but any answer other than 2xx is thrown as a UserError with what the listener said. */
export async function askFor<T>(
  config: ClientConfig,
  method: Method,
  path: string,
  options: { body?: unknown; waitMs?: number } = {},
): Promise<T> {
  const answer = await ask(config, method, path, options)
  const isOurs = answer.status === 204 || isRecord(answer.body)
  if (answer.status >= 200 && answer.status < 300 && isOurs) return answer.body as T
  throw refusalError(config, answer)
}

/** As `askFor` by GET, for what is a list of items. */
export async function askForList<T, More = unknown>(
  config: ClientConfig,
  path: string,
): Promise<{ readonly items: readonly T[] } & More> {
  const list = await askFor<{ items?: unknown }>(config, 'GET', path)
  if (!Array.isArray(list.items)) throw foreignError(config, 200)
  return list as { items: T[] } & More
}

/** Whether the answer has the shape of the listener's refusals: a proxy, or some other server, answers otherwise. */
export function isRefusal({ body }: Answer): boolean {
  return isRecord(body) && isRecord(body['error']) && typeof body['error']['message'] === 'string'
}

/** The listener's refusal as an error for people. */
export function refusalError(config: ClientConfig, { status, body }: Answer): UserError {
  const error = (body as { error?: { message?: unknown; hint?: unknown } } | undefined)?.error
  if (typeof error?.message !== 'string') return foreignError(config, status)
  return new UserError(typeof error.hint === 'string' && error.hint ? `${error.message}\n${error.hint}` : error.message)
}

export function foreignError({ server }: ClientConfig, status: number): UserError {
  return new UserError(
    `${server} answered with HTTP status ${status}, but not as an admin listener does; is --server right?`,
  )
}

function headers(config: ClientConfig, hasBody: boolean): Record<string, string> {
  return {
    accept: 'application/json',
    'x-nepenthes-request': '1',
    ...(hasBody && { 'content-type': 'application/json' }),
    ...(config.adminToken && { authorization: `Bearer ${config.adminToken.reveal()}` }),
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
