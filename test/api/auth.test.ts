import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createToken, listTokens, revokeToken } from '../../src/api/tokens.ts'
import { seed } from '../../src/api/seed.ts'
import { systemRandom } from '../../src/base/random.ts'
import { ADMIN_TOKEN, createTestUser, openTestApi, PUBLIC_URL, type TestApi } from './support.ts'

const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`
const BEARER = `Bearer realm="OpenProject API", resource_metadata="${PUBLIC_URL}/.well-known/oauth-protected-resource", scope="api_v3"`
const INVALID = `${BEARER}, error="invalid_token", error_description="The token is unknown or was revoked"`
const BASIC = 'Basic realm="OpenProject API"'
const NONE = 'You need to be authenticated to access this resource.'
const WRONG = 'You did not provide the correct credentials.'
const UNKNOWN = `opapi-${'0'.repeat(64)}`

let api: TestApi

beforeAll(async () => {
  api = await openTestApi()
})
afterAll(() => api.close())

function ask(authorization: string | undefined, path = '/api/v3/users/me') {
  return api.call('GET', path, undefined, {
    token: null,
    headers: authorization === undefined ? {} : { authorization },
  })
}

describe('credentials that are accepted', () => {
  it.each([
    ['a bearer token', `Bearer ${ADMIN_TOKEN}`],
    ['the scheme in any case', `bearer   ${ADMIN_TOKEN}`],
    ['basic with the user apikey', basic(`apikey:${ADMIN_TOKEN}`)],
  ])('%s', async (_, authorization) => {
    const response = await ask(authorization)
    expect(response.statusCode).toBe(200)
    expect(response.json()).toMatchObject({ _type: 'User', login: 'admin', admin: true })
  })
})

describe('where a challenge sends clients', () => {
  it('says without credentials what to present, and names the docs page while there is one', async () => {
    const challenge = String((await ask(undefined)).headers['www-authenticate'])
    const [, origin, path = ''] = /resource_metadata="(https:..[^/]+)([^"]+)"/.exec(challenge) ?? []
    expect(origin).toBe(PUBLIC_URL)
    const metadata = {
      resource: PUBLIC_URL,
      resource_name: 'Nepenthes',
      authorization_servers: [PUBLIC_URL],
      scopes_supported: ['api_v3'],
      bearer_methods_supported: ['header'],
    }
    const answer = await ask(undefined, path)
    expect([answer.statusCode, answer.headers['content-type']]).toEqual([200, 'application/json; charset=utf-8'])
    expect(answer.json()).toEqual(metadata)
    api.configure({ api: { docs: { enabled: true } } })
    expect((await ask(undefined, path)).json()).toEqual({
      ...metadata,
      resource_documentation: `${PUBLIC_URL}/api/docs`,
    })
    api.configure({})
  })
})

describe('credentials that are refused', () => {
  it.each([
    ['none', undefined, NONE, BEARER],
    ['an empty header', '', NONE, BEARER],
    ['an unknown scheme', 'Digest x', NONE, BEARER],
    ['an unknown bearer token', `Bearer ${UNKNOWN}`, WRONG, INVALID],
    ['a bearer token without the prefix', 'Bearer abcdef', WRONG, INVALID],
    ['a bearer scheme without a token', 'Bearer', WRONG, INVALID],
    ['a token in another case', `Bearer ${ADMIN_TOKEN.toUpperCase()}`, WRONG, INVALID],
    ['basic with an unknown token', basic(`apikey:${UNKNOWN}`), WRONG, BASIC],
    ['basic with another user', basic(`admin:${ADMIN_TOKEN}`), WRONG, BASIC],
    ['basic with the user in another case', basic(`APIKEY:${ADMIN_TOKEN}`), WRONG, BASIC],
    ['basic without a password', basic('apikey:'), WRONG, BASIC],
    ['basic that is no base64', 'Basic ???', WRONG, BASIC],
  ])('%s', async (_, authorization, message, challenge) => {
    const response = await ask(authorization)
    expect(response.statusCode).toBe(401)
    expect(response.headers['www-authenticate']).toBe(challenge)
    expect(response.headers['content-type']).toBe('application/hal+json; charset=utf-8')
    expect(response.json()).toEqual({
      _type: 'Error',
      errorIdentifier: 'urn:openproject-org:api:v3:errors:Unauthenticated',
      message,
    })
  })
})

describe('what anybody may read', () => {
  it.each([
    ['/api/v3/configuration', 200],
    ['/api/v3/spec.json', 200],
    ['/api/v3/openapi.json', 200],
    ['/api/v3', 401],
    ['/api/v3/statuses', 401],
    ['/api/v3/work_packages', 401],
    ['/api/v3/nope', 401],
    ['/nope', 404],
  ])('%s answers %i', async (path, status) => {
    expect((await ask(undefined, path)).statusCode).toBe(status)
  })
})

describe('users who are not administrators', () => {
  it('get in with a token of their own until they are locked, and again once the lock is off', async () => {
    const { id, token } = await createTestUser(api, 'jane')
    const me = () => api.call('GET', '/api/v3/users/me', undefined, { token })
    expect((await me()).json()).toMatchObject({ login: 'jane', name: 'jane Doe', admin: false })
    await api.call('POST', `/api/v3/users/${id}/lock`, {})
    const locked = await me()
    expect(locked.statusCode).toBe(401)
    expect(locked.headers['www-authenticate']).toContain('error_description="The user account is locked"')
    const basicAnswer = await ask(basic(`apikey:${token}`))
    expect([basicAnswer.statusCode, basicAnswer.headers['www-authenticate']]).toEqual([401, BASIC])
    await api.call('DELETE', `/api/v3/users/${id}/lock`)
    expect((await me()).statusCode).toBe(200)
  })
})

describe('tokens', () => {
  it('work from the moment they are created to the moment they are revoked, and are stored as a hash', async () => {
    const created = await createToken(api.store, api.clock, systemRandom, { login: 'admin', name: 'ci' })
    if (!created.ok) throw new Error(created.error.reason)
    const { token, info } = created.value
    expect(token).toMatch(/^opapi-[0-9a-f]{64}$/)
    expect((await ask(`Bearer ${token}`)).statusCode).toBe(200)
    expect(
      JSON.stringify(await api.store.list('tokens', { where: [], orderBy: [], limit: 100, offset: 0 })),
    ).not.toContain(token.slice(6))
    expect(await listTokens(api.store)).toContainEqual({ ...info, name: 'ci', login: 'admin' })
    expect(await revokeToken(api.store, info.id)).toEqual({ ok: true, value: undefined })
    expect((await ask(`Bearer ${token}`)).statusCode).toBe(401)
    expect(await revokeToken(api.store, info.id)).toEqual({ ok: false, error: { reason: 'no-such-token' } })
  })

  it('that the program keeps itself can be neither revoked nor made by others', async () => {
    const kept = (await listTokens(api.store)).find(({ name }) => name === 'administrator')
    expect(await revokeToken(api.store, kept?.id ?? 0)).toEqual({ ok: false, error: { reason: 'kept' } })
    const owner = { login: 'admin', name: 'administrator' }
    expect(await createToken(api.store, api.clock, systemRandom, owner)).toEqual({
      ok: false,
      error: { reason: 'kept' },
    })
  })

  it('need a user and a name that is free', async () => {
    const again = () => createToken(api.store, api.clock, systemRandom, { login: 'admin', name: 'twice' })
    expect((await again()).ok).toBe(true)
    expect(await again()).toEqual({ ok: false, error: { reason: 'name-taken' } })
    const nobody = await createToken(api.store, api.clock, systemRandom, { login: 'nobody', name: 'x' })
    expect(nobody).toEqual({ ok: false, error: { reason: 'no-such-user' } })
  })

  it('are made for active users only, and go with their user', async () => {
    const { id, token } = await createTestUser(api, 'leaver')
    const another = (login = 'leaver') => createToken(api.store, api.clock, systemRandom, { login, name: 'more' })
    await api.call('POST', `/api/v3/users/${id}/lock`, {})
    expect(await another()).toEqual({ ok: false, error: { reason: 'not-active' } })
    expect((await api.call('DELETE', `/api/v3/users/${id}`)).statusCode).toBe(202)
    const logins = ['leaver', String((await api.store.get('users', id))?.login)]
    for (const login of logins) expect(await another(login)).toEqual({ ok: false, error: { reason: 'no-such-user' } })
    expect((await listTokens(api.store)).map(({ login }) => login)).not.toContain(logins[1])
    const answer = await api.call('GET', '/api/v3/users/me', undefined, { token })
    expect([answer.statusCode, answer.headers['www-authenticate']]).toEqual([401, INVALID])
  })
})

describe('the seed', () => {
  it('changes nothing the second time, and follows a new administrator token', async () => {
    const other = await openTestApi()
    const count = async () => ({
      users: (await other.store.list('users', { where: [], orderBy: [], limit: 0, offset: 0 })).total,
      statuses: (await other.store.list('statuses', { where: [], orderBy: [], limit: 0, offset: 0 })).total,
      tokens: (await listTokens(other.store)).map(({ name }) => name),
    })
    const before = await count()
    expect(before).toEqual({ users: 1, statuses: 14, tokens: ['administrator'] })
    await seed(other.store, other.clock, { adminToken: ADMIN_TOKEN })
    await seed(other.store, other.clock, { adminToken: undefined })
    expect(await count()).toEqual(before)
    expect((await other.call('GET', '/api/v3')).statusCode).toBe(200)

    await other.call('POST', '/api/v3/users', {
      login: 'boss',
      firstName: 'B',
      lastName: 'B',
      email: 'b@b.b',
      admin: true,
    })
    const boss = await createToken(other.store, other.clock, systemRandom, { login: 'boss', name: 'x' })
    const renamed =
      boss.ok && (await other.call('PATCH', '/api/v3/users/1', { login: 'root' }, { token: boss.value.token }))
    expect(renamed && renamed.statusCode).toBe(200)
    await seed(other.store, other.clock, { adminToken: ADMIN_TOKEN })
    expect(await count()).toEqual({ users: 2, statuses: 14, tokens: ['administrator', 'x'] })

    const rotated = `opapi-${'cd'.repeat(32)}`
    await seed(other.store, other.clock, { adminToken: rotated })
    expect(await count()).toMatchObject({ users: 2, statuses: 14 })
    expect((await other.call('GET', '/api/v3')).statusCode).toBe(401)
    expect((await other.call('GET', '/api/v3', undefined, { token: rotated })).statusCode).toBe(200)
    await other.close()
  })
})
