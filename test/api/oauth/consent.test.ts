import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createTestUser, openTestApi, overriding, PUBLIC_URL, type TestApi, type TestUser } from '../support.ts'
import {
  answerConsent,
  basic,
  CALLBACK,
  CHALLENGE,
  codeFor,
  countRows,
  credentials,
  locationOf,
  openConsent,
  post,
  register,
  type Authorization,
  type TestApplication,
  type Tokens,
} from './support.ts'

const OOB = 'urn:ietf:wg:oauth:2.0:oob'
const NASTY = `Cal<b>"&'endar`

let api: TestApi
let jane: TestUser
let web: TestApplication
let spa: TestApplication
let desk: TestApplication
/** Every write fails while it is. */
let full: boolean

beforeAll(async () => {
  api = await openTestApi(
    {},
    {
      wrap: (store) =>
        overriding(store, {
          commit: (write) => (full ? Promise.resolve({ outcome: 'unavailable', reason: '' }) : store.commit(write)),
        }),
    },
  )
  full = false
  jane = await createTestUser(api, 'jane')
  web = await register(api, NASTY, { redirectUris: [CALLBACK, 'http://[::1]:8000/cb', 'http://localhost:3000/?x=1'] })
  spa = await register(api, 'Board', { public: true })
  desk = await register(api, 'Desk', { redirectUris: [OOB] })
})
afterAll(() => api.close())
beforeEach(() => {
  full = false
  api.configure({})
})

const allow = (request: Authorization, answer: { token?: string; decision?: string } = { token: jane.token }) =>
  answerConsent(api, request, answer)
const paramsOf = (url: URL) => Object.fromEntries(url.searchParams)

describe('the consent form', () => {
  it('says who asks, where it will send you and what for, everything escaped, and carries the request', async () => {
    const state = '"><script>alert(1)</script>'
    const { body } = await openConsent(api, { client_id: web.clientId, state })
    const text = body.replace(/<style>[^]*<\/style>/, '')
    expect(text).toContain('<strong>Cal&lt;b&gt;&quot;&amp;&#39;endar</strong>')
    expect(text).toContain(`<code>${CALLBACK}</code>`)
    expect(text).toMatch(/see and change all that you may/)
    expect(text).toContain('value="&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"')
    expect(text).not.toMatch(/<script|<b>|onload|javascript:/i)
    expect(text).toMatch(/<label for="token">[^]*<input\s+id="token"[^>]*type="password"/)
    expect(text).toMatch(/<html lang="en">[^]*<title>Authorise Cal[^]*<main>[^]*<h1>/)
  })

  it.each([
    ['an address', CALLBACK, "'self' https://app.example.com"],
    ['a port', 'http://localhost:3000/?x=1', "'self' http://localhost:3000"],
    ['an IPv6 address, for which a policy has no words', 'http://[::1]:8000/cb', "'self' http:"],
  ])('is locked down, and may lead to %s', async (_what, redirect_uri, targets) => {
    const { headers, body } = await openConsent(api, { client_id: web.clientId, redirect_uri })
    const [, style = ''] = /<style>([^]*)<\/style>/.exec(body) ?? []
    const hash = createHash('sha256').update(style).digest('base64')
    expect(headers).toMatchObject({
      'content-security-policy': `default-src 'none'; style-src 'sha256-${hash}'; form-action ${targets}; base-uri 'none'; frame-ancestors 'none'`,
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
    })
    expect(headers).not.toHaveProperty('access-control-allow-origin')
    expect(headers).not.toHaveProperty('set-cookie')
  })

  it('is shown to who posts the request too, and to the question with HEAD', async () => {
    const fields = { client_id: web.clientId, redirect_uri: CALLBACK, response_type: 'code' }
    const posted = await post(api, '/oauth/authorize', fields)
    expect([posted.statusCode, posted.body]).toEqual([200, expect.stringContaining('type="password"')])
    const url = `/oauth/authorize?${new URLSearchParams(fields).toString()}`
    expect((await api.app.inject({ method: 'HEAD', url })).statusCode).toBe(200)
  })

  it('comes back with the reason while the token is wrong, and does not repeat what was typed', async () => {
    const unknown = `opapi-${'0'.repeat(64)}`
    const { access_token } = (
      await post(api, '/oauth/token', {
        ...{ grant_type: 'authorization_code', redirect_uri: CALLBACK },
        ...{ code: await codeFor(api, { client_id: web.clientId }, jane.token), ...credentials(web) },
      })
    ).json<Tokens>()
    for (const token of [unknown, '', ' ', 'x', access_token, web.secret]) {
      const again = await allow({ client_id: web.clientId, state: 'kept' }, { token })
      expect([again.statusCode, again.headers['www-authenticate']]).toEqual([403, undefined])
      expect(again.body).toMatch(/role="alert">\s*This is not an API token/)
      expect(again.body).toMatch(/aria-describedby="problem hint"\s+aria-invalid="true"/)
      expect(again.body).toContain('value="kept"')
      if (token.trim().length > 1) expect(again.body).not.toContain(token)
    }
  })

  it('tells of a lock only who has the right token', async () => {
    const lou = await createTestUser(api, 'lou')
    await api.call('POST', `/api/v3/users/${lou.id}/lock`, {})
    const refused = await allow({ client_id: web.clientId }, { token: lou.token })
    expect([refused.statusCode, refused.body]).toEqual([403, expect.stringContaining('Your account is locked.')])
  })

  it('takes the token with the blanks that copying leaves', async () => {
    expect(locationOf(await allow({ client_id: web.clientId }, { token: ` ${jane.token}\r\n` }))).toBeDefined()
  })

  it('asks for patience before the configuration is known and while the disk is full', async () => {
    api.configure({ complete: false })
    const early = await allow({ client_id: web.clientId })
    expect([early.statusCode, early.headers['retry-after'], early.body]).toEqual([
      503,
      '5',
      expect.stringContaining('not known yet'),
    ])
    api.configure({})
    full = true
    const late = await allow({ client_id: web.clientId })
    expect([late.statusCode, late.headers['retry-after'], late.body]).toEqual([
      503,
      '5',
      expect.stringContaining('Nothing can be stored'),
    ])
    full = false
    expect((await allow({ client_id: web.clientId })).statusCode).toBe(303)
  })
})

describe('the answer', () => {
  it('no goes back as such, whatever token was typed', async () => {
    for (const token of ['', 'x', jane.token]) {
      const before = await countRows(api, 'oauthCodes')
      const refused = await allow({ client_id: web.clientId, state: 's' }, { token, decision: 'deny' })
      expect(paramsOf(locationOf(refused))).toEqual({
        error: 'access_denied',
        error_description: 'The user said no.',
        state: 's',
        iss: PUBLIC_URL,
      })
      expect(refused.headers).toMatchObject({ 'cache-control': 'no-store', 'referrer-policy': 'no-referrer' })
      expect(await countRows(api, 'oauthCodes')).toBe(before)
    }
  })

  it('keeps the query of the redirect URI', async () => {
    const redirect_uri = 'http://localhost:3000/?x=1'
    const { headers } = await allow({ client_id: web.clientId, redirect_uri })
    expect(headers.location).toMatch(
      /^http:\/\/localhost:3000\/\?x=1&code=[0-9a-f]{64}&iss=https%3A%2F%2Fprojects\.example\.com$/,
    )
  })

  it('is a code to copy for an application no browser can be sent to', async () => {
    const shown = await allow({ client_id: desk.clientId, redirect_uri: OOB })
    expect([shown.statusCode, shown.headers['content-security-policy']]).toEqual([
      200,
      expect.stringContaining("form-action 'none'"),
    ])
    const [, code = ''] = /value="([0-9a-f]{64})"/.exec(shown.body) ?? []
    const fields = { grant_type: 'authorization_code', code, redirect_uri: OOB }
    expect((await post(api, '/oauth/token', fields, basic(desk))).statusCode).toBe(200)
    const refused = await allow({ client_id: desk.clientId, redirect_uri: OOB }, { decision: 'deny' })
    expect([refused.statusCode, refused.body]).toEqual([400, expect.stringContaining('may not act as you')])
    expect(refused.headers).not.toHaveProperty('location')
  })
})

describe('nobody is sent', () => {
  const CASES: [what: string, (request: Record<string, string>) => string | Record<string, string>][] = [
    ['for an unknown application', (request) => ({ ...request, client_id: 'x' })],
    ['without an application', ({ client_id: _, ...request }) => request],
    ['without an address', ({ redirect_uri: _, ...request }) => request],
    ['to another host', (request) => ({ ...request, redirect_uri: 'https://evil.example.com/callback' })],
    ['to another port', (request) => ({ ...request, redirect_uri: 'https://app.example.com:8443/callback' })],
    ['to another port by name', (request) => ({ ...request, redirect_uri: 'http://localhost:3001/?x=1' })],
    ['to no port there is', (request) => ({ ...request, redirect_uri: 'http://[::1]:65536/cb' })],
    ['to another path of any port', (request) => ({ ...request, redirect_uri: 'http://[::1]:8001/cb2' })],
    ['to another host by the port', (request) => ({ ...request, redirect_uri: 'http://[::1]:1@evil.example.com/cb' })],
    ['to another path', (request) => ({ ...request, redirect_uri: `${CALLBACK}/` })],
    ['with another query', (request) => ({ ...request, redirect_uri: `${CALLBACK}?x=1` })],
    ['with a fragment', (request) => ({ ...request, redirect_uri: `${CALLBACK}#x` })],
    ['in another case', (request) => ({ ...request, redirect_uri: CALLBACK.replace('app', 'APP') })],
    ['to the address of another application', (request) => ({ ...request, redirect_uri: OOB })],
    [
      'to two addresses',
      (request) => `${new URLSearchParams(request).toString()}&redirect_uri=https://evil.example.com`,
    ],
    ['with more to give back than fits into a header', (request) => ({ ...request, state: 'é'.repeat(1_000) })],
    ['for two applications', (request) => `${new URLSearchParams(request).toString()}&client_id=${desk.clientId}`],
  ]
  it.each(CASES)('%s', async (_what, change) => {
    const changed = change({ client_id: web.clientId, redirect_uri: CALLBACK, response_type: 'code', scope: 'admin' })
    const query = typeof changed === 'string' ? changed : new URLSearchParams(changed).toString()
    const got = await api.app.inject({ method: 'GET', url: `/oauth/authorize?${query}` })
    const posted = await post(api, '/oauth/authorize', `${query}&decision=deny`)
    for (const answer of [got, posted]) {
      expect([answer.statusCode, answer.headers['content-type']]).toEqual([400, 'text/html; charset=utf-8'])
      expect(answer.headers).not.toHaveProperty('location')
      expect(answer.body).toContain('This link does not work')
      expect(answer.body).not.toContain('<form')
    }
  })
})

describe('what is wrong with a request is told to the application', () => {
  const pkce = { code_challenge: CHALLENGE, code_challenge_method: 'S256' }
  const CASES: [what: string, error: string, () => Authorization][] = [
    ['no response type', 'invalid_request', () => ({ client_id: web.clientId, response_type: '' })],
    ['a token at once', 'unsupported_response_type', () => ({ client_id: web.clientId, response_type: 'token' })],
    ['another scope', 'invalid_scope', () => ({ client_id: web.clientId, scope: 'api_v3 admin' })],
    ['a public application without PKCE', 'invalid_request', () => ({ client_id: spa.clientId })],
    ['a short challenge', 'invalid_request', () => ({ client_id: spa.clientId, code_challenge: 'x' })],
    [
      'a method unknown',
      'invalid_request',
      () => ({ client_id: spa.clientId, ...pkce, code_challenge_method: 's256' }),
    ],
  ]
  it.each(CASES)('%s', async (_what, error, parts) => {
    const request = { ...parts(), state: 'kept' }
    const told = { error, error_description: expect.any(String) as string, state: 'kept', iss: PUBLIC_URL }
    for (const answer of [await openConsent(api, request), await allow(request)]) {
      const location = locationOf(answer)
      expect(`${location.origin}${location.pathname}`).toBe(CALLBACK)
      expect(paramsOf(location)).toEqual(told)
    }
  })

  it('anything given twice, the state too', async () => {
    const query = new URLSearchParams({ client_id: web.clientId, redirect_uri: CALLBACK, response_type: 'code' })
    const url = `/oauth/authorize?${query.toString()}&state=1&state=2`
    const location = locationOf(await api.app.inject({ method: 'GET', url }))
    expect(paramsOf(location)).toMatchObject({ error: 'invalid_request' })
    expect(location.searchParams.has('state')).toBe(false)
  })

  it('and goes unnoticed where it means nothing', async () => {
    const request = { client_id: web.clientId, response_mode: 'fragment', audience: 'x', prompt: 'none' }
    expect((await openConsent(api, request)).statusCode).toBe(200)
  })
})
