import { createHash } from 'node:crypto'
import { createApplication } from '../../../src/api/oauth/applications.ts'
import { systemRandom } from '../../../src/base/random.ts'
import type { LightMyRequestResponse } from 'fastify'
import type { TestApi } from '../support.ts'

export const CALLBACK = 'https://app.example.com/callback'

export interface TestApplication {
  readonly clientId: string
  /** Empty for a public application. */
  readonly secret: string
}

interface Parts {
  readonly redirectUris?: readonly string[]
  readonly public?: boolean
  readonly actsAs?: string
}

export async function register(api: TestApi, name: string, parts: Parts = {}): Promise<TestApplication> {
  const request = { name, redirectUris: [CALLBACK], public: false, ...parts }
  const created = await createApplication(api.store, api.clock, systemRandom, request)
  if (!created.ok) throw new Error(JSON.stringify(created.error))
  return { clientId: created.value.info.clientId, secret: created.value.secret ?? '' }
}

export type Fields = Readonly<Record<string, string>> | string

/** A form as browsers and clients send it; `headers` may say who asks. */
export function post(
  api: TestApi,
  path: string,
  fields: Fields,
  headers: Record<string, string> = {},
): Promise<LightMyRequestResponse> {
  return api.app.inject({
    method: 'POST',
    url: path,
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    payload: typeof fields === 'string' ? fields : new URLSearchParams(fields).toString(),
  })
}

export function basic({ clientId, secret }: TestApplication): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${clientId}:${secret}`).toString('base64')}` }
}

export const credentials = ({ clientId, secret }: TestApplication) => ({
  client_id: clientId,
  ...(secret !== '' && { client_secret: secret }),
})

export interface Tokens {
  readonly access_token: string
  readonly refresh_token: string
  readonly token_type: string
  readonly expires_in: number
  readonly scope: string
  readonly created_at: number
}

/** RFC 7636 §4: what a client makes up, and what it shows of it. */
export const VERIFIER = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
export const CHALLENGE = createHash('sha256').update(VERIFIER).digest('base64url')

export const withToken = (token: string) => ({ token: null, headers: { authorization: `Bearer ${token}` } })

/** What the API says to who has this token. */
export function me(api: TestApi, token: string): Promise<LightMyRequestResponse> {
  return api.call('GET', '/api/v3/users/me', undefined, withToken(token))
}

export async function countRows(api: TestApi, table: 'oauthCodes' | 'oauthTokens'): Promise<number> {
  return (await api.store.list(table, { where: [], orderBy: [], limit: 1, offset: 0 })).total
}

export interface Authorization {
  readonly client_id: string
  readonly redirect_uri?: string
  readonly response_type?: string
  readonly scope?: string
  readonly state?: string
  readonly code_challenge?: string
  readonly code_challenge_method?: string
}

const asked = (request: Authorization): Record<string, string> => ({
  response_type: 'code',
  redirect_uri: CALLBACK,
  ...request,
})

/** What a browser is shown that follows the application's link. */
export function openConsent(api: TestApi, request: Authorization): Promise<LightMyRequestResponse> {
  return api.app.inject({ method: 'GET', url: `/oauth/authorize?${new URLSearchParams(asked(request)).toString()}` })
}

/** What comes of answering the form. */
export function answerConsent(
  api: TestApi,
  request: Authorization,
  answer: { readonly token?: string; readonly decision?: string },
): Promise<LightMyRequestResponse> {
  return post(api, '/oauth/authorize', { ...asked(request), decision: 'authorise', ...answer })
}

export function locationOf(response: LightMyRequestResponse): URL {
  if (response.statusCode !== 303) throw new Error(`${response.statusCode} ${response.body}`)
  return new URL(response.headers.location ?? '')
}

/** A code of a user with this token. */
export async function codeFor(api: TestApi, request: Authorization, token: string): Promise<string> {
  return locationOf(await answerConsent(api, request, { token })).searchParams.get('code') ?? ''
}
