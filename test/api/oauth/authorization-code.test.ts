import { createHash } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { deleteApplication } from '../../../src/api/oauth/applications.ts'
import { createTestUser, openTestApi, PUBLIC_URL, type Json, type TestApi, type TestUser } from '../support.ts'
import {
  answerConsent,
  basic,
  CALLBACK,
  CHALLENGE,
  codeFor,
  countRows,
  credentials,
  locationOf,
  me,
  openConsent,
  post,
  register,
  VERIFIER,
  type TestApplication,
  type Tokens,
} from './support.ts'

let api: TestApi
let jane: TestUser
let web: TestApplication
let spa: TestApplication

beforeAll(async () => {
  api = await openTestApi()
  jane = await createTestUser(api, 'jane')
  web = await register(api, 'Calendar', { redirectUris: [CALLBACK, `${CALLBACK}?tenant=1`] })
  spa = await register(api, 'Board', { public: true })
})
afterAll(() => api.close())
beforeEach(() => api.configure({}))

const pkce = { code_challenge: CHALLENGE, code_challenge_method: 'S256' }
const redeem = (application: TestApplication, code: string, more: Record<string, string> = {}) =>
  post(api, '/oauth/token', {
    ...{ grant_type: 'authorization_code', code, redirect_uri: CALLBACK },
    ...credentials(application),
    ...more,
  })
const webCode = () => codeFor(api, { client_id: web.clientId }, jane.token)
const spaCode = () => codeFor(api, { client_id: spa.clientId, ...pkce }, jane.token)
const tokensOf = async (code: string) => (await redeem(web, code)).json<Tokens>()
const errorOf = (answer: { json(): unknown }) => (answer.json() as { error?: string }).error

describe('the whole way', () => {
  it('of a public application: link, form, redirect, code, token, request, refresh', async () => {
    // As any client does it, with nothing of the server's code.
    const verifier = 'a-verifier-of-our-own-of-at-least-43-characters~'
    const challenge = createHash('sha256').update(verifier, 'ascii').digest('base64url')
    const link = { client_id: spa.clientId, scope: 'api_v3', state: 'a b&c="', code_challenge: challenge }
    const request = { ...link, code_challenge_method: 'S256' }
    const form = await openConsent(api, request)
    expect([form.statusCode, form.headers['content-type']]).toEqual([200, 'text/html; charset=utf-8'])
    const location = locationOf(await answerConsent(api, request, { token: jane.token }))
    expect(`${location.origin}${location.pathname}`).toBe(CALLBACK)
    const code = location.searchParams.get('code') ?? ''
    expect(Object.fromEntries(location.searchParams)).toEqual({ code, state: 'a b&c="', iss: PUBLIC_URL })

    const answer = await redeem(spa, code, { code_verifier: verifier })
    const tokens = answer.json<Tokens>()
    expect([answer.statusCode, tokens]).toEqual([
      200,
      {
        access_token: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
        token_type: 'Bearer',
        expires_in: 7200,
        refresh_token: expect.stringMatching(/^[0-9a-f]{128}$/) as string,
        scope: 'api_v3',
        created_at: Math.floor(api.clock.now() / 1000),
      },
    ])
    expect((await me(api, tokens.access_token)).json<Json>()['login']).toBe('jane')

    api.clock.advance(7_200_000)
    expect((await me(api, tokens.access_token)).statusCode).toBe(401)
    const fields = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token, client_id: spa.clientId }
    const again = (await post(api, '/oauth/token', fields)).json<Tokens>()
    expect((await me(api, again.access_token)).json<Json>()['login']).toBe('jane')
  })

  it('of a confidential application, which needs no PKCE, by Basic', async () => {
    const fields = { grant_type: 'authorization_code', code: await webCode(), redirect_uri: CALLBACK }
    const answer = await post(api, '/oauth/token', fields, basic(web))
    expect((await me(api, answer.json<Tokens>().access_token)).statusCode).toBe(200)
  })

  it('with a redirect URI that has a query already', async () => {
    const redirect_uri = `${CALLBACK}?tenant=1`
    const code = await codeFor(api, { client_id: web.clientId, redirect_uri }, jane.token)
    expect((await redeem(web, code, { redirect_uri })).statusCode).toBe(200)
  })

  it('of a program on its user’s machine, which learns its port as it starts', async () => {
    const redirectUris = ['http://127.0.0.1/cb?x=1', 'http://[::1]:8000/cb']
    const desk = await register(api, 'Desk', { public: true, redirectUris })
    for (const redirect_uri of ['http://127.0.0.1:51004/cb?x=1', 'http://[::1]:3/cb']) {
      const code = await codeFor(api, { client_id: desk.clientId, redirect_uri, ...pkce }, jane.token)
      const proof = { code_verifier: VERIFIER }
      const [elsewhere] = redirectUris
      expect((await redeem(desk, code, { redirect_uri: elsewhere ?? '', ...proof })).statusCode).toBe(400)
      expect((await redeem(desk, code, { redirect_uri, ...proof })).statusCode).toBe(200)
    }
  })

  it('with a plain challenge, of which a hash is stored only', async () => {
    const code = await codeFor(api, { client_id: spa.clientId, code_challenge: VERIFIER }, jane.token)
    const row = await api.store.list('oauthCodes', { where: [], orderBy: [], limit: 100, offset: 0 })
    expect(JSON.stringify(row)).not.toContain(VERIFIER)
    expect(errorOf(await redeem(spa, code, { code_verifier: 'x'.repeat(43) }))).toBe('invalid_grant')
    expect((await redeem(spa, code, { code_verifier: VERIFIER })).statusCode).toBe(200)
  })
})

describe('a code', () => {
  it('is neither stored nor told to the log', async () => {
    const code = await webCode()
    const rows = await api.store.list('oauthCodes', { where: [], orderBy: [], limit: 100, offset: 0 })
    expect(JSON.stringify(rows) + api.logged.join('')).not.toContain(code)
  })

  it('is good for ten minutes', async () => {
    const [early, late] = [await webCode(), await webCode()]
    api.clock.advance(599_999)
    expect((await redeem(web, early)).statusCode).toBe(200)
    api.clock.advance(1)
    const refused = await redeem(web, late)
    expect([refused.statusCode, errorOf(refused)]).toEqual([400, 'invalid_grant'])
  })

  it('is good for once; used again it ends what it gave, refreshed meanwhile or not', async () => {
    for (const refreshed of [false, true]) {
      const code = await webCode()
      let tokens = await tokensOf(code)
      const fields = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token, ...credentials(web) }
      if (refreshed) tokens = (await post(api, '/oauth/token', fields)).json<Tokens>()
      expect((await me(api, tokens.access_token)).statusCode).toBe(200)
      const again = await redeem(web, code)
      expect([again.statusCode, errorOf(again)]).toEqual([400, 'invalid_grant'])
      expect((await me(api, tokens.access_token)).statusCode).toBe(401)
      const last = { ...fields, refresh_token: tokens.refresh_token }
      expect(errorOf(await post(api, '/oauth/token', last))).toBe('invalid_grant')
    }
  })

  it('is redeemed once at most by many who come at once', async () => {
    for (let round = 0; round < 5; round += 1) {
      const code = await webCode()
      const before = await countRows(api, 'oauthTokens')
      const answers = await Promise.all(Array.from({ length: 8 }, () => redeem(web, code)))
      const given = answers.filter(({ statusCode }) => statusCode === 200)
      expect(given).toHaveLength(1)
      const refused = answers.filter(({ statusCode }) => statusCode !== 200).map(errorOf)
      expect(refused).toEqual(Array.from({ length: 7 }, () => 'invalid_grant'))
      // The others have used it again.
      expect((await me(api, given[0]?.json<Tokens>().access_token ?? '')).statusCode).toBe(401)
      expect(await countRows(api, 'oauthTokens')).toBe(before)
    }
  })

  it('ends with its application, and with its user', async () => {
    const own = await register(api, 'Fleeting')
    const code = await codeFor(api, { client_id: own.clientId }, jane.token)
    await deleteApplication(api.store, own.clientId)
    expect(errorOf(await redeem(own, code))).toBe('invalid_client')
    const gone = await createTestUser(api, 'gone')
    const theirs = await codeFor(api, { client_id: web.clientId }, gone.token)
    const before = await countRows(api, 'oauthCodes')
    await api.call('DELETE', `/api/v3/users/${gone.id}`)
    expect(await countRows(api, 'oauthCodes')).toBe(before - 1)
    expect(errorOf(await redeem(web, theirs))).toBe('invalid_grant')
  })

  it('is worth nothing while its user is locked', async () => {
    const lou = await createTestUser(api, 'lou')
    const code = await codeFor(api, { client_id: web.clientId }, lou.token)
    await api.call('POST', `/api/v3/users/${lou.id}/lock`, {})
    expect(errorOf(await redeem(web, code))).toBe('invalid_grant')
    await api.call('DELETE', `/api/v3/users/${lou.id}/lock`)
    expect((await redeem(web, code)).statusCode).toBe(200)
  })

  it.each<[what: string, error: string, () => Promise<{ statusCode: number; json(): unknown }>]>([
    ['that is none', 'invalid_grant', () => redeem(web, 'x')],
    ['left out', 'invalid_request', () => redeem(web, '')],
    ['of another application', 'invalid_grant', async () => redeem(web, await spaCode(), { code_verifier: VERIFIER })],
    ['without its redirect URI', 'invalid_request', async () => redeem(web, await webCode(), { redirect_uri: '' })],
    [
      'with another redirect URI',
      'invalid_grant',
      async () => redeem(web, await webCode(), { redirect_uri: `${CALLBACK}?tenant=1` }),
    ],
    ['without its verifier', 'invalid_grant', async () => redeem(spa, await spaCode())],
    [
      'with another verifier',
      'invalid_grant',
      async () => redeem(spa, await spaCode(), { code_verifier: 'x'.repeat(43) }),
    ],
    [
      'with the challenge itself',
      'invalid_grant',
      async () => redeem(spa, await spaCode(), { code_verifier: CHALLENGE }),
    ],
    ['with a short verifier', 'invalid_grant', async () => redeem(spa, await spaCode(), { code_verifier: 'x' })],
    [
      'with a verifier nobody asked for',
      'invalid_grant',
      async () => redeem(web, await webCode(), { code_verifier: VERIFIER }),
    ],
    [
      'without the challenge a confidential application had sent',
      'invalid_grant',
      async () => redeem(web, await codeFor(api, { client_id: web.clientId, ...pkce }, jane.token)),
    ],
  ])('%s is refused', async (_what, error, how) => {
    const answer = await how()
    expect([answer.statusCode, answer.json()]).toEqual([
      400,
      { error, error_description: expect.any(String) as string },
    ])
  })
})

describe('a refresh token', () => {
  const refresh = (application: TestApplication, token: string, more: Record<string, string> = {}) =>
    post(api, '/oauth/token', {
      ...{ grant_type: 'refresh_token', refresh_token: token },
      ...credentials(application),
      ...more,
    })
  const spaTokens = async () => (await redeem(spa, await spaCode(), { code_verifier: VERIFIER })).json<Tokens>()

  it('is exchanged for another, and both tokens of before end', async () => {
    const first = await tokensOf(await webCode())
    const second = (await refresh(web, first.refresh_token, { scope: 'api_v3' })).json<Tokens>()
    expect(second.refresh_token).not.toBe(first.refresh_token)
    expect((await me(api, first.access_token)).statusCode).toBe(401)
    expect((await me(api, second.access_token)).statusCode).toBe(200)
    const again = await refresh(web, first.refresh_token)
    expect([again.statusCode, errorOf(again)]).toEqual([400, 'invalid_grant'])
    // Nobody but the application could have tried: it may have lost the answer.
    expect((await me(api, second.access_token)).statusCode).toBe(200)
    expect((await refresh(web, second.refresh_token)).statusCode).toBe(200)
  })

  it('of a public application ends all that came of it when it is used again, however often it was exchanged', async () => {
    const first = await spaTokens()
    let last = first
    for (let exchange = 0; exchange < 3; exchange += 1) last = (await refresh(spa, last.refresh_token)).json<Tokens>()
    expect((await me(api, last.access_token)).statusCode).toBe(200)
    expect(errorOf(await refresh(spa, first.refresh_token))).toBe('invalid_grant')
    expect((await me(api, last.access_token)).statusCode).toBe(401)
    expect(errorOf(await refresh(spa, last.refresh_token))).toBe('invalid_grant')
  })

  it('is used once at most by many who come at once', async () => {
    for (const [application, tokens] of [
      [web, await tokensOf(await webCode())],
      [spa, await spaTokens()],
    ] as const) {
      const before = await countRows(api, 'oauthTokens')
      const answers = await Promise.all(Array.from({ length: 8 }, () => refresh(application, tokens.refresh_token)))
      expect(answers.filter(({ statusCode }) => statusCode === 200)).toHaveLength(1)
      expect(answers.filter(({ statusCode }) => statusCode !== 200).map(errorOf)).toEqual(
        Array.from({ length: 7 }, () => 'invalid_grant'),
      )
      expect(await countRows(api, 'oauthTokens')).toBe(application === web ? before : before - 1)
    }
  })

  it('of a public application ends all when it is used again while a thief goes on exchanging', async () => {
    for (let round = 0; round < 5; round += 1) {
      const first = await spaTokens()
      let last = (await refresh(spa, first.refresh_token)).json<Tokens>()
      let caught = false
      const thief = async () => {
        while (!caught) {
          const answer = await refresh(spa, last.refresh_token)
          if (answer.statusCode !== 200) return
          last = answer.json<Tokens>()
        }
      }
      const stealing = thief()
      expect(errorOf(await refresh(spa, first.refresh_token))).toBe('invalid_grant')
      caught = true
      await stealing
      expect((await me(api, last.access_token)).statusCode).toBe(401)
    }
  })

  it('does not expire, but is worth nothing while its user is locked', async () => {
    const lee = await createTestUser(api, 'lee')
    const code = await codeFor(api, { client_id: web.clientId }, lee.token)
    const { refresh_token } = await tokensOf(code)
    api.clock.advance(366 * 86_400_000)
    await api.call('POST', `/api/v3/users/${lee.id}/lock`, {})
    expect(errorOf(await refresh(web, refresh_token))).toBe('invalid_grant')
    await api.call('DELETE', `/api/v3/users/${lee.id}/lock`)
    expect((await refresh(web, refresh_token)).statusCode).toBe(200)
  })

  it.each<[what: string, error: string, (token: string) => Promise<{ statusCode: number; json(): unknown }>]>([
    ['that is none', 'invalid_grant', () => refresh(web, 'x')],
    ['left out', 'invalid_request', () => refresh(web, '')],
    ['of another application', 'invalid_grant', (token) => refresh(spa, token)],
    ['for another scope', 'invalid_scope', (token) => refresh(web, token, { scope: 'admin' })],
  ])('%s is refused, and does no harm', async (_what, error, how) => {
    const tokens = await tokensOf(await webCode())
    const answer = await how(tokens.refresh_token)
    expect([answer.statusCode, errorOf(answer)]).toEqual([400, error])
    expect((await refresh(web, tokens.refresh_token)).statusCode).toBe(200)
  })
})

describe('what a user allows', () => {
  it('again and again is bounded: the oldest gives way', async () => {
    const own = await register(api, 'Eager')
    const all: Tokens[] = []
    for (let time = 0; time < 103; time += 1) {
      const code = await codeFor(api, { client_id: own.clientId }, jane.token)
      all.push((await redeem(own, code)).json<Tokens>())
    }
    const statuses = await Promise.all(all.map(async ({ access_token }) => (await me(api, access_token)).statusCode))
    expect(statuses).toEqual(all.map((_, index) => (index < 3 ? 401 : 200)))
  })

  it('leaves no codes behind', async () => {
    for (let time = 0; time < 30; time += 1) {
      await webCode()
      api.clock.advance(60_000)
      expect(await countRows(api, 'oauthCodes')).toBeLessThan(20)
    }
  })
})
