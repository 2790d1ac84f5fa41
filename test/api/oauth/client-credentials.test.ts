import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { ApiStore } from '../../../src/api/context.ts'
import { deleteApplication } from '../../../src/api/oauth/applications.ts'
import { StoreClosed, type WriteSet } from '../../../src/storage/store.ts'
import { createTestUser, openTestApi, overriding, type Json, type TestApi, type TestUser } from '../support.ts'
import { basic, countRows, credentials, me, post, register, type TestApplication, type Tokens } from './support.ts'

const GRANT = { grant_type: 'client_credentials' }
const HOUR = 3_600_000

let api: TestApi
let jane: TestUser
let report: TestApplication
let board: TestApplication
let idle: TestApplication

beforeAll(async () => {
  api = await openTestApi()
  jane = await createTestUser(api, 'jane')
  report = await register(api, 'Report', { actsAs: 'jane', redirectUris: [] })
  board = await register(api, 'Board', { public: true })
  idle = await register(api, 'Idle')
})
afterAll(() => api.close())
beforeEach(() => api.configure({}))

const ask = (fields: Record<string, string> | string = GRANT, headers = basic(report)) =>
  post(api, '/oauth/token', fields, headers)
const token = async () => (await ask()).json<Tokens>().access_token

describe('a token of an application of its own', () => {
  it('has the fields of the protocol, and no refresh token', async () => {
    const answer = await ask()
    expect([answer.statusCode, answer.headers['cache-control'], answer.headers['content-type']]).toEqual([
      200,
      'no-store',
      'application/json; charset=utf-8',
    ])
    expect(answer.json()).toEqual({
      access_token: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      token_type: 'Bearer',
      expires_in: 7200,
      scope: 'api_v3',
      created_at: Math.floor(api.clock.now() / 1000),
    })
  })

  it('acts with the rights of its user, until it expires', async () => {
    const text = await token()
    const shown = await me(api, text)
    expect([shown.statusCode, shown.json<Json>()['login']]).toEqual([200, 'jane'])
    const headers = { authorization: `Bearer ${text}` }
    const refused = await api.call('POST', '/api/v3/projects', { name: 'x' }, { token: null, headers })
    expect(refused.statusCode).toBe(403)
    api.clock.advance(2 * HOUR - 1)
    expect((await me(api, text)).statusCode).toBe(200)
    api.clock.advance(1)
    const late = await me(api, text)
    expect([late.statusCode, late.headers['www-authenticate']]).toEqual([
      401,
      expect.stringContaining('error="invalid_token"'),
    ])
  })

  it.each([
    ['Basic', (a: TestApplication) => [GRANT, basic(a)] as const],
    [
      'Basic in any case',
      (a: TestApplication) =>
        [GRANT, { authorization: basic(a)['authorization']?.replace('Basic', 'bASIC  ') ?? '' }] as const,
    ],
    [
      'Basic, percent-encoded',
      (a: TestApplication) =>
        [
          GRANT,
          basic({ ...a, clientId: a.clientId.replace(/^./, (c) => `%${c.charCodeAt(0).toString(16)}`) }),
        ] as const,
    ],
    [
      'Basic, and its name in the form',
      (a: TestApplication) => [{ ...GRANT, client_id: a.clientId }, basic(a)] as const,
    ],
    ['the form', (a: TestApplication) => [{ ...GRANT, ...credentials(a) }, {}] as const],
    [
      'the form, in another character set',
      (a: TestApplication) =>
        [
          { ...GRANT, ...credentials(a) },
          { 'content-type': 'application/x-www-form-urlencoded; charset=UTF-8' },
        ] as const,
    ],
  ])('is given to who says who it is by %s', async (_how, how) => {
    const [fields, headers] = how(report)
    expect((await ask(fields, headers)).statusCode).toBe(200)
  })

  it('is not stored, nor is the secret, nor are they told to the log', async () => {
    const text = await token()
    const rows = await Promise.all(
      (['oauthTokens', 'applications'] as const).map((table) =>
        api.store.list(table, { where: [], orderBy: [], limit: 100, offset: 0 }),
      ),
    )
    const stored = JSON.stringify(rows) + api.logged.join('')
    for (const secret of [text, report.secret]) expect(stored).not.toContain(secret)
  })

  it('ends with the lock of its user, and comes back with it; none is made meanwhile', async () => {
    const text = await token()
    await api.call('POST', `/api/v3/users/${jane.id}/lock`, {})
    const locked = await me(api, text)
    expect([locked.statusCode, locked.headers['www-authenticate']]).toEqual([401, expect.stringContaining('is locked')])
    const refused = await ask()
    expect([refused.statusCode, refused.json<{ error: string }>().error]).toEqual([400, 'unauthorized_client'])
    await api.call('DELETE', `/api/v3/users/${jane.id}/lock`)
    expect((await me(api, text)).statusCode).toBe(200)
  })

  it('ends with its user', async () => {
    const gone = await createTestUser(api, 'gone')
    const own = await register(api, 'Gone', { actsAs: 'gone' })
    const text = (await ask(GRANT, basic(own))).json<Tokens>().access_token
    await api.call('DELETE', `/api/v3/users/${gone.id}`)
    expect((await me(api, text)).statusCode).toBe(401)
    const where = [{ column: 'userId', comparison: '=', value: gone.id }] as const
    expect((await api.store.list('oauthTokens', { where, orderBy: [], limit: 1, offset: 0 })).total).toBe(0)
  })

  it('keeps nobody from deleting its user, however often it is asked for', async () => {
    const gone = await createTestUser(api, 'busy')
    const own = await register(api, 'Busy', { actsAs: 'busy' })
    let deleted = false
    const asking = Array.from({ length: 5 }, async () => {
      while (!deleted) await ask(GRANT, basic(own))
    })
    const answer = await api.call('DELETE', `/api/v3/users/${gone.id}`)
    deleted = true
    await Promise.all(asking)
    expect(answer.statusCode).toBe(202)
    const where = [{ column: 'userId', comparison: '=', value: gone.id }] as const
    expect((await api.store.list('oauthTokens', { where, orderBy: [], limit: 1, offset: 0 })).total).toBe(0)
  })

  it('ends with its application, with the first commit of many', async () => {
    const own = await register(api, 'Fleeting', { actsAs: 'jane' })
    const texts = await Promise.all(
      [1, 2, 3].map(async () => (await ask(GRANT, basic(own))).json<Tokens>().access_token),
    )
    let commits = 0
    const cut = overriding(api.store, {
      commit: (write) =>
        (commits += 1) === 1 ? api.store.commit(write) : Promise.resolve({ outcome: 'unavailable', reason: '' }),
    })
    expect(await deleteApplication(cut, own.clientId)).toMatchObject({ ok: false })
    for (const text of texts) expect((await me(api, text)).statusCode).toBe(401)
    expect((await ask(GRANT, basic(own))).json()).toMatchObject({ error: 'invalid_client' })
    const before = await countRows(api, 'oauthTokens')
    expect(await deleteApplication(api.store, own.clientId)).toMatchObject({ ok: true })
    expect(await countRows(api, 'oauthTokens')).toBe(before - 3)
  })
})

describe('a request that is refused', () => {
  const wrong = (secret: string) => basic({ ...report, secret })
  it.each<
    [
      what: string,
      status: number,
      error: string,
      () => Promise<{ statusCode: number; json(): unknown; headers: object }>,
    ]
  >([
    ['no grant', 400, 'invalid_request', () => ask({ x: 'y' })],
    ['an empty grant', 400, 'invalid_request', () => ask({ grant_type: '' })],
    ['an empty form', 400, 'invalid_request', () => ask('')],
    [
      'a grant given twice',
      400,
      'invalid_request',
      () => ask('grant_type=client_credentials&grant_type=client_credentials'),
    ],
    ['anything given twice', 400, 'invalid_request', () => ask('grant_type=client_credentials&x=1&x=2')],
    ['a grant that is none', 400, 'unsupported_grant_type', () => ask({ grant_type: 'constructor' })],
    ['the implicit grant', 400, 'unsupported_grant_type', () => ask({ grant_type: 'implicit' })],
    [
      'the password grant',
      400,
      'unsupported_grant_type',
      () => ask({ grant_type: 'password', username: 'a', password: 'b' }),
    ],
    ['nobody', 401, 'invalid_client', () => ask(GRANT, {})],
    ['somebody unknown', 401, 'invalid_client', () => ask(GRANT, basic({ ...report, clientId: 'nobody' }))],
    [
      'its name in capitals',
      401,
      'invalid_client',
      () => ask(GRANT, basic({ ...report, clientId: report.clientId.toUpperCase() })),
    ],
    ['another secret', 401, 'invalid_client', () => ask(GRANT, wrong('x'))],
    ['no secret', 401, 'invalid_client', () => ask(GRANT, wrong(''))],
    ['no secret in the form', 401, 'invalid_client', () => ask({ ...GRANT, client_id: report.clientId }, {})],
    ['a broken Basic', 401, 'invalid_client', () => ask(GRANT, { authorization: 'Basic !!' })],
    ['an unreadable Basic', 401, 'invalid_client', () => ask(GRANT, wrong('%zz'))],
    ['a secret in two ways', 400, 'invalid_request', () => ask({ ...GRANT, ...credentials(report) })],
    ['two names', 400, 'invalid_request', () => ask({ ...GRANT, client_id: idle.clientId })],
    ['another scope', 400, 'invalid_scope', () => ask({ ...GRANT, scope: 'admin' })],
    ['more than one scope', 400, 'invalid_scope', () => ask({ ...GRANT, scope: 'api_v3 admin' })],
    ['an application that acts as nobody', 400, 'unauthorized_client', () => ask(GRANT, basic(idle))],
    ['a public application', 400, 'unauthorized_client', () => ask({ ...GRANT, client_id: board.clientId }, {})],
    [
      'a public application with a secret',
      401,
      'invalid_client',
      () => ask({ ...GRANT, client_id: board.clientId, client_secret: 'x' }, {}),
    ],
    ['JSON', 415, 'invalid_request', () => ask('{}', { ...basic(report), 'content-type': 'application/json' })],
    [
      'no type',
      415,
      'invalid_request',
      () => ask('grant_type=client_credentials', { ...basic(report), 'content-type': 'text/plain' }),
    ],
    ['too much', 413, 'invalid_request', () => ask({ ...GRANT, x: 'x'.repeat(70_000) })],
    ['another method', 404, 'invalid_request', () => api.call('GET', '/oauth/token')],
  ])('%s', async (_what, status, error, how) => {
    const answer = await how()
    expect([answer.statusCode, answer.json()]).toEqual([
      status,
      { error, error_description: expect.any(String) as string },
    ])
    const { error_description } = answer.json() as { error_description: string }
    expect(error_description).toMatch(/^[\x20\x21\x23-\x5b\x5d-\x7e]+$/)
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store' })
    if (error === 'invalid_client')
      expect(answer.headers).toMatchObject({ 'www-authenticate': 'Basic realm="OpenProject API"' })
    expect(api.logged).toEqual([])
  })

  it('says so before the configuration is known, and while the disk is full', async () => {
    const later = { error: 'temporarily_unavailable', error_description: expect.any(String) as string }
    api.configure({ complete: false })
    const early = await ask()
    expect([early.statusCode, early.headers['retry-after'], early.json()]).toEqual([503, '5', later])
    let full = false
    const commit = (store: ApiStore) => (write: WriteSet) =>
      full ? Promise.resolve({ outcome: 'unavailable', reason: 'ENOSPC' } as const) : store.commit(write)
    const own = await openTestApi({}, { wrap: (store) => overriding(store, { commit: commit(store) }) })
    const app = await register(own, 'Report', { actsAs: 'admin' })
    full = true
    const late = await post(own, '/oauth/token', GRANT, basic(app))
    expect([late.statusCode, late.headers['retry-after'], late.json()]).toEqual([503, '5', later])
    full = false
    expect((await post(own, '/oauth/token', GRANT, basic(app))).statusCode).toBe(200)
    await own.close()
  })
})

describe('what goes wrong inside', () => {
  it.each([
    [new Error('the disk is on fire'), 500, 'server_error', /the disk is on fire/],
    [new StoreClosed(), 503, 'temporarily_unavailable', /^$/],
  ])(
    '%s: is told in the form of the protocol, and to the log without any secret',
    async (thrown, status, error, log) => {
      let broken = false
      const commit = (store: ApiStore) => (write: WriteSet) => (broken ? Promise.reject(thrown) : store.commit(write))
      const own = await openTestApi({}, { wrap: (store) => overriding(store, { commit: commit(store) }) })
      const app = await register(own, 'Report', { actsAs: 'admin' })
      broken = true
      const answer = await post(own, '/oauth/token', { ...GRANT, ...credentials(app) })
      expect([answer.statusCode, answer.json<{ error: string }>().error]).toEqual([status, error])
      expect(answer.body + own.logged.join('')).not.toContain(app.secret)
      expect(own.logged.join('')).toMatch(log)
      await own.close()
    },
  )
})

describe('tokens that are asked for without end', () => {
  it('do not make the store grow', async () => {
    const own = await openTestApi()
    await createTestUser(own, 'jane')
    const app = await register(own, 'Busy', { actsAs: 'jane' })
    const counts: number[] = []
    for (let minute = 0; minute < 300; minute += 1) {
      expect((await post(own, '/oauth/token', GRANT, basic(app))).statusCode).toBe(200)
      own.clock.advance(60_000)
      counts.push(await countRows(own, 'oauthTokens'))
    }
    expect(Math.max(...counts)).toBeLessThanOrEqual(121)
    expect(counts.at(-1)).toBeGreaterThan(100)
    await own.close()
  })

  it('nor do many at once', async () => {
    const own = await openTestApi()
    await createTestUser(own, 'jane')
    const app = await register(own, 'Busy', { actsAs: 'jane' })
    const counts: number[] = []
    for (let round = 0; round < 10; round += 1) {
      for (let n = 0; n < 3; n += 1)
        await Promise.all(Array.from({ length: 40 }, () => post(own, '/oauth/token', GRANT, basic(app))))
      own.clock.advance(3 * HOUR)
      counts.push(await countRows(own, 'oauthTokens'))
    }
    expect(Math.max(...counts)).toBeLessThan(3 * 120)
    await own.close()
  })
})
