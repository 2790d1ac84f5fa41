import type { Clock } from '../../base/clock.ts'
import { toError } from '../../base/errors.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import { failureOf, unavailable, type Failure } from './failure.ts'

/** What is used of an answer. */
export interface ApiResponse {
  readonly ok: boolean
  readonly status: number
  readonly headers: { get(name: string): string | null }
  readonly body: AsyncIterable<Uint8Array> | null
  text(): Promise<string>
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string
  readonly signal: AbortSignal
}

/** `fetch` with the API server's address and the credentials added to it. Rejects when there is no answer. */
export type ApiFetch = (path: string, request: ApiRequest) => Promise<ApiResponse>

export interface Call {
  readonly method?: ApiRequest['method']
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  readonly body?: unknown
  readonly contentType?: string
  readonly signal: AbortSignal
}

/** The API server, seen as calls that are answered in JSON, within a time, or have failed. */
export interface Api {
  call(call: Call): Promise<Result<unknown, Failure>>
  /** The answer as it begins; whoever asked reads its body, until the signal aborts. */
  open(call: Call): Promise<Result<ApiResponse, Failure>>
}

const CALL_MS_MAX = 30_000

export function createApi(send: ApiFetch, clock: Clock): Api {
  async function open(call: Call): Promise<Result<ApiResponse, Failure>> {
    try {
      const response = await send(pathOf(call), requestOf(call))
      if (response.ok) return ok(response)
      const text = await response.text()
      return fail(failureOf(response.status, parsed(text), response.headers.get('retry-after')))
    } catch (thrown) {
      return fail(unavailable(reasonOf(thrown)))
    }
  }
  return {
    open,
    call: (call) =>
      within(clock, CALL_MS_MAX, call.signal, async (signal) => {
        const opened = await open({ ...call, signal })
        if (!opened.ok) return opened
        try {
          return ok(JSON.parse(await opened.value.text()) as unknown)
        } catch (thrown) {
          return fail(unavailable(reasonOf(thrown)))
        }
      }),
  }
}

/** Runs `work` with a signal that aborts with the given one, or after a time. */
export async function within<T>(
  clock: Clock,
  maxMs: number,
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const late = new AbortController()
  const timer = clock.after(maxMs, () => late.abort(new Error(`no answer within ${maxMs / 1000} s`)))
  try {
    return await work(AbortSignal.any([outer, late.signal]))
  } finally {
    timer.cancel()
  }
}

function pathOf({ path, query }: Call): string {
  return query ? `${path}?${new URLSearchParams(query).toString()}` : path
}

function requestOf({ method = 'GET', body, contentType = 'application/json', signal }: Call): ApiRequest {
  const headers = { accept: 'application/json' }
  if (body === undefined) return { method, headers, signal }
  return { method, headers: { ...headers, 'content-type': contentType }, body: JSON.stringify(body), signal }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** `fetch` says only that it failed; the cause says why. */
export function reasonOf(thrown: unknown): string {
  const error = toError(thrown)
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message
}
