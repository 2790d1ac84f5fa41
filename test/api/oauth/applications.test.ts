import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { judgeApplication } from '../../../src/api/oauth/application-rules.ts'
import { createApplication, deleteApplication, listApplications } from '../../../src/api/oauth/applications.ts'
import { systemRandom } from '../../../src/base/random.ts'
import { createTestUser, openTestApi, overriding, type TestApi } from '../support.ts'

let api: TestApi

beforeAll(async () => {
  api = await openTestApi()
  await createTestUser(api, 'jane')
  const { id } = await createTestUser(api, 'lou')
  await api.call('POST', `/api/v3/users/${id}/lock`, {})
})
afterAll(() => api.close())

const good = { name: 'Report', redirectUris: ['https://report.example.com/callback'], public: false }
const create = (parts: object) => createApplication(api.store, api.clock, systemRandom, { ...good, ...parts })

describe('a redirect URI', () => {
  it.each([
    'https://app.example.com',
    'https://app.example.com/callback?tenant=1&x=%20',
    'https://app.example.com:8443/',
    'https://192.0.2.1/',
    'https://[2001:db8::1]/x',
    'http://localhost:3000/',
    'http://127.0.0.1/cb',
    'http://127.1.2.3:5/',
    'http://[::1]:8080/',
    'urn:ietf:wg:oauth:2.0:oob',
  ])('may be %s', (uri) => {
    expect(judgeApplication({ ...good, redirectUris: [uri] })).toEqual([])
  })

  it.each([
    ['http://app.example.com/', 'must be https'],
    ['http://localhost.example.com/', 'must be https'],
    ['https://app.example.com/#x', 'fragment'],
    ['https://app.example.com/#', 'fragment'],
    ['https://user@app.example.com/', 'credentials'],
    ['https://*.example.com/', 'host'],
    ['https://a;script-src/', 'host'],
    ['https:app.example.com', 'no web address'],
    ['/callback', 'no web address'],
    ['https:///app.example.com/', 'write https://app.example.com/'],
    ['https://APP.example.com/', 'write https://app.example.com/'],
    ['https://app.example.com\\@evil.example.com/', 'write https://app.example.com/@evil.example.com/'],
    ['', 'no web address'],
    ['https://app.example.com/a b', 'no web address'],
    ['https://app.example.com/\n', 'no web address'],
    ['https://bücher.example/', 'no web address'],
    ['javascript:alert(1)', 'no web address'],
    ['com.example.app:/cb', 'no web address'],
    ['urn:ietf:wg:oauth:2.0:oob:auto', 'no web address'],
  ])('may not be %s', (uri, why) => {
    expect(judgeApplication({ ...good, redirectUris: [uri] })).toEqual([expect.stringContaining(why)])
  })
})

describe('a name', () => {
  it.each(['', ' ', ' Calendar', 'Calendar ', 'Cal\u200bendar', 'Cal\u2028endar', '\ud800', 'x'.repeat(256), 'a\nb'])(
    'may not be %j',
    (name) => expect(judgeApplication({ ...good, name })).toEqual([expect.stringContaining('a name has')]),
  )
  it.each(['Calendar', 'Kalender der Straße', '日本', 'x'.repeat(255)])('may be %j', (name) => {
    expect(judgeApplication({ ...good, name })).toEqual([])
  })
})

describe('an application', () => {
  it('is told all that is wrong with it at once', async () => {
    const wrong = { name: ' ', redirectUris: ['x', 'x'], public: true, actsAs: 'nobody' }
    const created = await create(wrong)
    expect(created).toMatchObject({ ok: false, error: { reason: 'invalid' } })
    expect((created as unknown as { error: { problems: string[] } }).error.problems).toEqual([
      expect.stringContaining('a name has'),
      expect.stringContaining('no credentials of its own'),
      expect.stringContaining('"x" is no web address'),
      expect.stringContaining('"x" is no web address'),
      expect.stringContaining('given twice'),
      expect.stringContaining('no active user nobody'),
    ])
  })

  it.each([
    [{ redirectUris: [] }, 'give a redirect URI'],
    [{ redirectUris: [], actsAs: 'lou' }, 'no active user lou'],
    [{ name: 'x'.repeat(256) }, 'a name has'],
    [{ name: 'a\u202eb' }, 'a name has'],
    [{ redirectUris: ['a', 'b'].map((host) => `https://${host}.example/${'x'.repeat(2_000)}`) }, 'more than 4000'],
  ])('is refused: %.60j', async (parts, why) => {
    const problems = [expect.stringContaining(why) as string]
    expect(await create(parts)).toEqual({ ok: false, error: { reason: 'invalid', problems } })
  })

  it('has a name no other has, whatever the case, also when both come at once', async () => {
    const made = await Promise.all(['Twice', 'TWICE', 'twice'].map((name) => create({ name })))
    expect(made.filter(({ ok }) => ok)).toHaveLength(1)
    expect(await create({ name: 'tWice' })).toMatchObject({ error: { problems: [expect.stringContaining('already')] } })
  })

  it('is listed without its secret, of which only a hash is stored; a public one has none', async () => {
    const made = await create({ name: 'Kept', actsAs: 'JANE' })
    if (!made.ok) throw new Error('refused')
    const { secret, info } = made.value
    expect([secret, info.clientId]).toEqual([
      expect.stringMatching(/^[0-9a-f]{64}$/),
      expect.stringMatching(/^[0-9a-f]{32}$/),
    ])
    expect(info).toMatchObject({ name: 'Kept', actsAs: 'jane', public: false, redirectUris: good.redirectUris })
    expect(await listApplications(api.store)).toContainEqual(info)
    expect(JSON.stringify(await api.store.find('applications', 'name', 'Kept'))).not.toContain(secret)
    const open = await create({ name: 'Open', public: true })
    expect(open).toMatchObject({ value: { secret: undefined, info: { public: true, actsAs: undefined } } })
  })

  it('is gone once deleted, and its name free; another client ID is none of it', async () => {
    const made = await create({ name: 'Short' })
    if (!made.ok) throw new Error('refused')
    const { clientId } = made.value.info
    expect(await deleteApplication(api.store, clientId.toUpperCase())).toMatchObject({
      error: { reason: 'no-such-application' },
    })
    const both = await Promise.all([deleteApplication(api.store, clientId), deleteApplication(api.store, clientId)])
    expect(both.map(({ ok }) => ok)).toContain(true)
    expect(await deleteApplication(api.store, clientId)).toMatchObject({ error: { reason: 'no-such-application' } })
    expect(await create({ name: 'Short' })).toMatchObject({ ok: true })
  })

  it('is neither made nor deleted while the disk is full, and the deletion can be finished later', async () => {
    const made = await create({ name: 'Half' })
    if (!made.ok) throw new Error('refused')
    const full = overriding(api.store, { commit: async () => ({ outcome: 'unavailable', reason: 'ENOSPC' }) })
    const refused = { ok: false, error: { reason: 'unavailable' } }
    expect(await createApplication(full, api.clock, systemRandom, { ...good, name: 'Late' })).toEqual(refused)
    expect(await deleteApplication(full, made.value.info.clientId)).toEqual(refused)
    expect(await deleteApplication(api.store, made.value.info.clientId)).toEqual({ ok: true, value: undefined })
  })
})
