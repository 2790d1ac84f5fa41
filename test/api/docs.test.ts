import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestApi, type TestApi } from './support.ts'

const ASSETS = [
  '/api/docs',
  '/api/docs/',
  '/api/docs/json',
  '/api/docs/static/swagger-ui.css',
  '/api/docs/static/swagger-ui-bundle.js',
  '/api/docs/static/swagger-initializer.js',
]
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

const on = { api: { docs: { enabled: true } } }

let api: TestApi
const get = (path: string, headers: Record<string, string> = {}) =>
  api.call('GET', path, undefined, { token: null, headers })

beforeAll(async () => {
  api = await openTestApi()
})
afterAll(() => api.close())

describe('the docs page', () => {
  it.each(ASSETS)('%s is there only while it is switched on, and the web service too', async (path) => {
    for (const [settings, status] of [
      [{}, 404],
      [on, 200],
      [{ api: { ...on.api, enabled: false } }, 404],
      [on, 200],
    ] as const) {
      api.configure(settings)
      const response = await get(path)
      expect(response.statusCode).toBe(status)
      if (status === 404) expect(response.headers['content-type']).toBe('application/hal+json; charset=utf-8')
    }
  })

  it.each(ASSETS)('%s may load nothing from elsewhere, nor be framed or sniffed', async (path) => {
    api.configure(on)
    expect((await get(path)).headers).toMatchObject({
      'content-security-policy': POLICY,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    })
  })

  it('is asked for again each time, so that a copy does not outlive the switch', async () => {
    api.configure(on)
    const fresh = await get('/api/docs/static/swagger-ui.css')
    const known = { 'if-none-match': String(fresh.headers['etag']) }
    expect(fresh.headers['cache-control']).toBe('public, max-age=0')
    expect((await get('/api/docs')).headers['cache-control']).toBe('no-cache')
    expect((await get('/api/docs/static/swagger-ui.css', known)).statusCode).toBe(304)
    api.configure({})
    expect((await get('/api/docs/static/swagger-ui.css', known)).statusCode).toBe(404)
  })

  it('calls the server it came from, whatever its public name', async () => {
    api.configure(on)
    const { servers, ...shown } = (await get('/api/docs/json')).json<Record<string, unknown>>()
    const { servers: named, ...published } = (await get('/api/v3/spec.json')).json<Record<string, unknown>>()
    expect(shown).toEqual(published)
    expect([servers, named]).toEqual([[{ url: '/' }], [{ url: 'https://projects.example.com' }]])
  })

  it.each([
    '/api/docs/yaml',
    '/api/docs/nope',
    '/api/docs/static',
    '/api/docs/static/nope.js',
    '/api/docs/static/../index.js',
    '/api/docs/static/%2e%2e/index.js',
    '/api/docs/static/..%2findex.js',
  ])('has no %s', async (path) => {
    api.configure(on)
    const response = await get(path)
    expect([response.statusCode, response.json()]).toMatchObject([404, { _type: 'Error' }])
  })

  it('shares nothing with other origins', async () => {
    const cors = { enabled: true, allowedOrigins: ['https://app.example.com'] }
    api.configure({ api: { ...on.api, cors } })
    const { headers } = await get('/api/docs', { origin: 'https://app.example.com' })
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control-'))).toEqual([])
  })
})
