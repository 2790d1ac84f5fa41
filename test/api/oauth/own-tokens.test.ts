import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createTestUser, openTestApi, overriding, PUBLIC_URL, type TestApi, type TestUser } from '../support.ts'
import {
  basic,
  CALLBACK,
  CHALLENGE,
  codeFor,
  credentials,
  me,
  post,
  register,
  VERIFIER,
  withToken,
  type TestApplication,
  type Tokens,
} from './support.ts'

let api: TestApi
let jane: TestUser
let web: TestApplication
let other: TestApplication
let spa: TestApplication

beforeAll(async () => {
  api = await openTestApi()
  jane = await createTestUser(api, 'jane')
  web = await register(api, 'Calendar', { actsAs: 'jane' })
  other = await register(api, 'Other')
  spa = await register(api, 'Board', { public: true })
})
afterAll(() => api.close())
beforeEach(() => api.configure({}))

async function tokensOf(application: TestApplication, user = jane): Promise<Tokens> {
  const pkce = { code_challenge: CHALLENGE, code_challenge_method: 'S256' }
  const code = await codeFor(api, { client_id: application.clientId, ...pkce }, user.token)
  const fields = { grant_type: 'authorization_code', code, redirect_uri: CALLBACK, code_verifier: VERIFIER }
  return (await post(api, '/oauth/token', { ...fields, ...credentials(application) })).json()
}
const refresh = (application: TestApplication, refresh_token: string) =>
  post(api, '/oauth/token', { grant_type: 'refresh_token', refresh_token, ...credentials(application) })
const revoke = (application: TestApplication, token: string, more: Record<string, string> = {}) =>
  post(api, '/oauth/revoke', { token, ...credentials(application), ...more })
const introspect = (application: TestApplication, token: string, more: Record<string, string> = {}) =>
  post(api, '/oauth/introspect', { token, ...more }, basic(application))
const ACTIVE = () => ({
  ...{ active: true, scope: 'api_v3', client_id: web.clientId, username: 'jane' },
  ...{ sub: String(jane.id), iss: PUBLIC_URL, iat: Math.floor(api.clock.now() / 1000) },
})
const INACTIVE = { active: false }

describe('revoking', () => {
  it.each<[what: string, token: keyof Tokens, hint: Record<string, string>]>([
    ['the access token', 'access_token', {}],
    ['the refresh token', 'refresh_token', {}],
    ['the refresh token, by the right name', 'refresh_token', { token_type_hint: 'refresh_token' }],
    ['the refresh token, by the wrong name', 'refresh_token', { token_type_hint: 'access_token' }],
    ['the access token, by the wrong name', 'access_token', { token_type_hint: 'refresh_token' }],
    ['the access token, by a name for nothing', 'access_token', { token_type_hint: 'saml' }],
    ['the access token, as if it were a code', 'access_token', { token_type_hint: 'auth_code' }],
  ])('%s ends both', async (_what, token, hint) => {
    for (const application of [web, spa]) {
      const tokens = await tokensOf(application)
      const revoked = await revoke(application, String(tokens[token]), hint)
      expect([revoked.statusCode, revoked.json(), revoked.headers['cache-control']]).toEqual([200, {}, 'no-store'])
      expect((await me(api, tokens.access_token)).statusCode).toBe(401)
      expect((await refresh(application, tokens.refresh_token)).json()).toMatchObject({ error: 'invalid_grant' })
    }
  })

  it('ends a refresh token whose access token has expired, and those of a user who is locked', async () => {
    const lou = await createTestUser(api, 'lou')
    const tokens = await tokensOf(web, lou)
    api.clock.advance(8_000_000)
    await api.call('POST', `/api/v3/users/${lou.id}/lock`, {})
    expect((await revoke(web, tokens.refresh_token)).statusCode).toBe(200)
    await api.call('DELETE', `/api/v3/users/${lou.id}/lock`)
    expect((await refresh(web, tokens.refresh_token)).json()).toMatchObject({ error: 'invalid_grant' })
  })

  it("another's token, or none, is answered the same and does nothing", async () => {
    const tokens = await tokensOf(web)
    for (const [application, token] of [
      [other, tokens.access_token],
      [other, tokens.refresh_token],
      [spa, tokens.access_token],
      [web, 'x'],
      [web, jane.token],
    ] as const) {
      const revoked = await revoke(application, token)
      expect([revoked.statusCode, revoked.json()]).toEqual([200, {}])
    }
    expect((await me(api, tokens.access_token)).statusCode).toBe(200)
    expect((await me(api, jane.token)).statusCode).toBe(200)
  })

  it('while it is being exchanged, or after, ends what the exchange gives too', async () => {
    for (let round = 0; round < 10; round += 1) {
      const tokens = await tokensOf(web)
      const [exchanged, revoked] = await Promise.all([
        refresh(web, tokens.refresh_token),
        revoke(web, tokens.refresh_token),
      ])
      expect(revoked.statusCode).toBe(200)
      expect([200, 400]).toContain(exchanged.statusCode)
      const given = exchanged.statusCode === 200 ? exchanged.json<Tokens>() : tokens
      for (const token of [tokens.access_token, given.access_token]) expect((await me(api, token)).statusCode).toBe(401)
      expect((await refresh(web, given.refresh_token)).statusCode).toBe(400)
    }
  })

  it('with a refresh token that was exchanged already ends what it was exchanged for, but by its own application only', async () => {
    const tokens = await tokensOf(web)
    const given = (await refresh(web, tokens.refresh_token)).json<Tokens>()
    expect((await revoke(other, tokens.refresh_token)).statusCode).toBe(200)
    expect((await me(api, given.access_token)).statusCode).toBe(200)
    expect((await revoke(web, tokens.refresh_token)).statusCode).toBe(200)
    expect((await me(api, given.access_token)).statusCode).toBe(401)
  })

  it('does not say that it is done, nor introspection that it is nothing, when the store cannot be read', async () => {
    let reads = Infinity
    const failing = await openTestApi(
      {},
      {
        wrap: (store) =>
          overriding(store, {
            find: (table, column, value) => {
              reads -= 1
              return reads === 0 ? Promise.reject(new Error('unreadable')) : store.find(table, column, value)
            },
          }),
      },
    )
    await createTestUser(failing, 'jane')
    const report = await register(failing, 'Report', { actsAs: 'jane' })
    const own = { grant_type: 'client_credentials', ...credentials(report) }
    const { access_token } = (await post(failing, '/oauth/token', own)).json<Tokens>()
    for (const path of ['/oauth/revoke', '/oauth/introspect'])
      for (const at of [1, 2, 3]) {
        reads = at
        const answer = await post(failing, path, { token: access_token }, basic(report))
        const expected = reads <= 0 ? { error: 'server_error' } : path.endsWith('revoke') ? {} : { active: true }
        expect([at, answer.json()]).toMatchObject([at, expected])
      }
    expect(failing.logged.length).toBeGreaterThanOrEqual(4)
    await failing.close()
  })
})

describe('introspection', () => {
  it('says what an access token is until it expires, whatever the client takes it for', async () => {
    const { access_token } = await tokensOf(web)
    const told = { ...ACTIVE(), token_type: 'Bearer', exp: Math.floor(api.clock.now() / 1000) + 7200 }
    for (const hint of [{}, { token_type_hint: 'access_token' }, { token_type_hint: 'refresh_token' }]) {
      const answer = await introspect(web, access_token, hint)
      expect([answer.statusCode, answer.json(), answer.headers['cache-control']]).toEqual([200, told, 'no-store'])
    }
    api.clock.advance(7_200_000)
    expect((await introspect(web, access_token)).json()).toEqual(INACTIVE)
  })

  it('says what a refresh token is until it is used', async () => {
    const { refresh_token } = await tokensOf(web)
    const told = ACTIVE()
    expect((await introspect(web, refresh_token)).json()).toEqual(told)
    await refresh(web, refresh_token)
    expect((await introspect(web, refresh_token)).json()).toEqual(INACTIVE)
  })

  it('says nothing of what is not one, is of another, or of a user who is locked', async () => {
    const lee = await createTestUser(api, 'lee')
    const theirs = await tokensOf(web, lee)
    const { access_token, refresh_token } = await tokensOf(web)
    await api.call('POST', `/api/v3/users/${lee.id}/lock`, {})
    for (const [application, token] of [
      [other, access_token],
      [other, refresh_token],
      [web, 'x'],
      [web, jane.token],
      [web, theirs.access_token],
      [web, theirs.refresh_token],
    ] as const)
      expect((await introspect(application, token)).json()).toEqual(INACTIVE)
    // Asking does no harm, not even with one that was used.
    expect((await me(api, access_token)).statusCode).toBe(200)
  })

  it('goes on while the configuration is not known, as it writes nothing', async () => {
    const { access_token } = await tokensOf(web)
    api.configure({ complete: false })
    expect((await introspect(web, access_token)).json()).toMatchObject({ active: true })
    expect((await revoke(web, access_token)).statusCode).toBe(503)
  })
})

describe('what is refused', () => {
  it.each<[what: string, status: number, error: string, () => Promise<{ statusCode: number; json(): unknown }>]>([
    ['revoking by nobody', 401, 'invalid_client', () => post(api, '/oauth/revoke', { token: 'x' })],
    ['revoking with a wrong secret', 401, 'invalid_client', () => revoke({ ...web, secret: 'x' }, 'x')],
    ['revoking nothing', 400, 'invalid_request', () => revoke(web, '')],
    ['revoking two', 400, 'invalid_request', () => post(api, '/oauth/revoke', 'token=x&token=y', basic(web))],
    ['introspection by nobody', 401, 'invalid_client', () => post(api, '/oauth/introspect', { token: 'x' })],
    ['introspection with a wrong secret', 401, 'invalid_client', () => introspect({ ...web, secret: 'x' }, 'x')],
    [
      'introspection by a public application',
      401,
      'invalid_client',
      () => post(api, '/oauth/introspect', { token: 'x', client_id: spa.clientId }),
    ],
    ['introspection of nothing', 400, 'invalid_request', () => introspect(web, '')],
  ])('%s', async (_what, status, error, how) => {
    const answer = await how()
    expect([answer.statusCode, answer.json()]).toEqual([
      status,
      { error, error_description: expect.any(String) as string },
    ])
  })
})

describe('the info of a token', () => {
  const info = (token: string) => api.call('GET', '/oauth/token/info', undefined, withToken(token))

  it('is told to who holds it', async () => {
    const { access_token } = await tokensOf(web)
    const created = Math.floor(api.clock.now() / 1000)
    api.clock.advance(1_500)
    expect((await info(access_token)).json()).toEqual({
      resource_owner_id: jane.id,
      scope: ['api_v3'],
      expires_in: 7199,
      application: { uid: web.clientId },
      created_at: created,
    })
  })

  it.each([
    ['none', () => ''],
    ['an API token', () => jane.token],
    ['an unknown one', () => '0'.repeat(64)],
  ])('is refused for %s', async (what, token) => {
    const answer = await info(token())
    expect([answer.statusCode, answer.json(), answer.headers['www-authenticate']]).toEqual([
      401,
      { error: 'invalid_token', error_description: expect.any(String) as string },
      `Bearer realm="OpenProject API"${what === 'none' ? '' : ', error="invalid_token"'}`,
    ])
  })
})

describe('the metadata', () => {
  const document = async (name: string) => {
    const answer = await api.call('GET', `/.well-known/${name}`, undefined, { token: null })
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'application/json; charset=utf-8'])
    return answer.json<Record<string, unknown>>()
  }

  it('leads from the protected resource to its server, and to the docs page while there is one', async () => {
    const resource = await document('oauth-protected-resource')
    expect(resource['authorization_servers']).toEqual([PUBLIC_URL])
    const server = await document('oauth-authorization-server')
    expect(server).toMatchObject({
      issuer: PUBLIC_URL,
      response_types_supported: ['code'],
      scopes_supported: ['api_v3'],
      grant_types_supported: ['authorization_code', 'client_credentials', 'refresh_token'],
      code_challenge_methods_supported: ['S256', 'plain'],
    })
    expect(server).not.toHaveProperty('service_documentation')
    api.configure({ api: { docs: { enabled: true } } })
    expect(await document('oauth-authorization-server')).toMatchObject({
      service_documentation: `${PUBLIC_URL}/api/docs`,
    })
  })

  it('names endpoints that are there', async () => {
    const server = await document('oauth-authorization-server')
    const endpoints = Object.entries(server).filter(([name]) => name.endsWith('_endpoint'))
    expect(endpoints).toHaveLength(4)
    for (const [, url] of endpoints) {
      const { origin, pathname } = new URL(String(url))
      expect(origin).toBe(PUBLIC_URL)
      expect((await post(api, pathname, {})).statusCode, pathname).not.toBe(404)
    }
  })

  it('says truly how clients may show who they are', async () => {
    const server = await document('oauth-authorization-server')
    const { access_token } = await tokensOf(web)
    const ways = {
      client_secret_basic: [{}, basic(web)],
      client_secret_post: [credentials(web), {}],
      none: [{ client_id: spa.clientId }, {}],
    } as const
    for (const endpoint of ['token', 'revocation', 'introspection'] as const) {
      const supported = server[`${endpoint}_endpoint_auth_methods_supported`] as string[]
      const { pathname } = new URL(String(server[`${endpoint}_endpoint`]))
      for (const [way, [fields, headers]] of Object.entries(ways)) {
        const form = {
          grant_type: 'refresh_token',
          refresh_token: 'x',
          token: endpoint === 'token' ? 'x' : access_token,
        }
        const answer = await post(api, pathname, { ...form, ...fields }, headers)
        expect([endpoint, way, answer.statusCode !== 401]).toEqual([endpoint, way, supported.includes(way)])
      }
    }
  })
})

describe('while the web service is off', () => {
  it('nothing is given, and tokens open nothing', async () => {
    const { access_token } = await tokensOf(web)
    api.configure({ api: { enabled: false } })
    for (const path of ['/oauth/authorize', '/oauth/token', '/oauth/revoke', '/oauth/introspect']) {
      const answer = await post(api, path, { ...credentials(web), grant_type: 'client_credentials', token: 'x' })
      expect([path, answer.statusCode, answer.json<{ error: string }>().error]).toEqual([path, 403, 'access_denied'])
    }
    expect((await me(api, access_token)).statusCode).toBe(403)
  })
})
