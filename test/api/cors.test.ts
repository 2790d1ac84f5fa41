import { createConnection } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestApi, type TestApi } from './support.ts'

const ALLOWED = 'https://app.example.com'
const SHARED = [
  '/api/v3',
  '/api/v3/projects',
  '/api/v3/nope',
  '/api/v3/configuration',
  '/api/v3/%zz',
  '/api/v3/',
  '/api/v3?offset=1',
  '/api/v3x',
  '/%61pi/v3',
  '/api%2fv3',
  '/api/v3/spec.json',
  'http://x/api/v3',
  '/oauth/token',
  '/oauth/token?x=/oauth/authorize',
  '/oauth',
  '/oauth_clients/1',
  '/oauth/authorizer',
]
/** Every way to write the path of the consent form that anything might take for it. */
const CONSENT = [
  '/oauth/authorize',
  '/oauth/authorize/',
  '/oauth/authorize?client_id=x',
  '/oauth/authorize/native',
  '/oauth/authorize//',
  '/oauth//authorize',
  '/oauth/%61uthorize',
  '/oauth%2fauthorize',
  '/o%61uth/authorize%2F',
  '/oauth/AUTHORIZE',
  'http://x/oauth/authorize',
]
const NOT_SHARED = [
  '/',
  '/api',
  '/api/v2',
  '/api/docs',
  '/api/docs/json',
  '/API/v3',
  '//api/v3',
  '/x/api/v3',
  '/?/api/v3',
  '/.well-known/oauth-authorization-server',
  '/.well-known/oauth-protected-resource',
  '/nope',
  ...CONSENT,
]
const FOREIGN = {
  'another host': 'https://evil.example.com',
  'another scheme': 'http://app.example.com',
  'another port': 'https://app.example.com:8443',
  'a trailing slash': 'https://app.example.com/',
  'upper case': 'https://APP.example.com',
  'a suffix': 'https://app.example.com.evil.example',
  'a user name': 'https://user@app.example.com',
  'a path': 'https://app.example.com/api/v3',
  'two of them': 'https://app.example.com, http://localhost:3000',
  null: 'null',
  nothing: '',
  star: '*',
} as const

const GRANTED = {
  'access-control-allow-origin': ALLOWED,
  'access-control-allow-methods': 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS',
  'access-control-expose-headers': '',
  'access-control-max-age': '7200',
  'access-control-allow-credentials': 'true',
}

const on = { api: { cors: { enabled: true, allowedOrigins: [ALLOWED, 'http://localhost:3000'] } } }
const off = { api: { cors: { enabled: false, allowedOrigins: [ALLOWED] } } }

let api: TestApi
let port: number

beforeAll(async () => {
  api = await openTestApi(on)
  await api.app.listen({ host: '127.0.0.1', port: 0 })
  port = (api.app.server.address() as AddressInfo).port
})
afterAll(() => api.close())

interface RawAnswer {
  readonly status: number
  readonly headers: Record<string, string>
  readonly cors: Record<string, string>
  readonly body: string
}

/** One request written byte by byte, so that nothing between test and server adds or mends a header. */
async function raw(method: string, path: string, headers: Record<string, string> = {}): Promise<RawAnswer> {
  const socket = createConnection({ host: '127.0.0.1', port })
  const lines = Object.entries({ Host: 'x', Connection: 'close', ...headers }).map(
    ([name, value]) => `${name}: ${value}\r\n`,
  )
  socket.end(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`)
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(socket, 'close')
  const [head = '', body = ''] = Buffer.concat(chunks)
    .toString()
    .split(/\r\n\r\n(.*)/s)
  const [statusLine = '', ...rest] = head.split('\r\n')
  const parsed = Object.fromEntries(
    rest.map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
  )
  const cors = Object.fromEntries(Object.entries(parsed).filter(([name]) => name.startsWith('access-control-')))
  return { status: Number(statusLine.split(' ')[1]), headers: parsed, cors, body }
}

const preflight = (path: string, origin: string, more: Record<string, string> = {}) =>
  raw('OPTIONS', path, { Origin: origin, 'Access-Control-Request-Method': 'PATCH', ...more })

describe('switched on, an allowed origin', () => {
  it.each(SHARED)('gets the headers on every answer of %s', async (path) => {
    api.configure(on)
    const answer = await raw('GET', path, { Origin: ALLOWED })
    expect(answer.cors).toEqual(GRANTED)
    expect(answer.headers['vary']).toBe('Origin')
  })

  it('gets them whatever the status', async () => {
    api.configure(on)
    const statuses = [
      await raw('GET', '/api/v3/projects', { Origin: ALLOWED }),
      await raw('GET', '/api/v3/projects', { Origin: ALLOWED, Authorization: 'Basic YXBpa2V5OndyaXRlcg==' }),
      await raw('POST', '/api/v3/configuration', { Origin: ALLOWED, 'Content-Length': '0' }),
      await raw('GET', '/oauth/nope', { Origin: ALLOWED }),
      await raw('GET', '/api/v3/configuration', { Origin: ALLOWED }),
    ]
    expect(statuses.map(({ status }) => status)).toEqual([401, 401, 401, 404, 200])
    for (const { cors } of statuses) expect(cors).toEqual(GRANTED)
    api.configure({ api: { ...on.api, enabled: false } })
    const disabled = await raw('GET', '/api/v3/projects', { Origin: ALLOWED })
    expect([disabled.status, disabled.cors]).toEqual([403, GRANTED])
  })

  it.each(SHARED.filter((path) => !path.includes('%')))(
    'passes a preflight of %s, empty, with the asked headers verbatim',
    async (path) => {
      api.configure(on)
      const asked = 'X-Custom, Authorization,content-type'
      const answer = await preflight(path, ALLOWED, { 'Access-Control-Request-Headers': asked })
      expect(answer.status).toBe(200)
      expect(answer.body).toBe('')
      expect(answer.cors).toEqual({ ...GRANTED, 'access-control-allow-headers': asked })
      expect((await preflight(path, ALLOWED)).cors).toEqual(GRANTED)
    },
  )

  it.each(['X-A,  x-b ,X-A', '*', '', 'x'.repeat(4000)])(
    'gives back the asked headers as they are: %s',
    async (asked) => {
      api.configure(on)
      const { cors } = await preflight('/api/v3', ALLOWED, { 'Access-Control-Request-Headers': asked })
      expect(cors['access-control-allow-headers']).toBe(asked)
    },
  )

  it.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'x'])(
    'may ask beforehand for any method: %s',
    async (method) => {
      api.configure(on)
      const answer = await preflight('/api/v3/projects/1', ALLOWED, { 'Access-Control-Request-Method': method })
      expect(answer).toMatchObject({ status: 200, cors: GRANTED, body: '' })
      expect(answer.headers).toMatchObject({ vary: 'Origin', 'content-length': '0' })
      expect(answer.headers).not.toHaveProperty('content-type')
    },
  )

  it('gets them on HEAD as on GET', async () => {
    api.configure(on)
    const answer = await raw('HEAD', '/api/v3/configuration', { Origin: ALLOWED })
    expect(answer).toMatchObject({ status: 200, cors: GRANTED, body: '', headers: { vary: 'Origin' } })
  })

  it('may be any of the list', async () => {
    api.configure(on)
    const { cors } = await raw('GET', '/api/v3/configuration', { Origin: 'http://localhost:3000' })
    expect(cors).toEqual({ ...GRANTED, 'access-control-allow-origin': 'http://localhost:3000' })
  })

  it('passes preflights as ever while the web service is off', async () => {
    api.configure({ api: { ...on.api, enabled: false } })
    expect(await preflight('/api/v3/projects', ALLOWED)).toMatchObject({ status: 200, cors: GRANTED, body: '' })
  })

  it('may come as X-Origin, but not beside an Origin', async () => {
    api.configure(on)
    expect((await raw('GET', '/api/v3/configuration', { 'X-Origin': ALLOWED })).cors).toEqual(GRANTED)
    const both = { Origin: FOREIGN['another host'], 'X-Origin': ALLOWED }
    expect((await raw('GET', '/api/v3/configuration', both)).cors).toEqual({})
  })
})

describe('switched on, any other origin', () => {
  it.each(Object.entries(FOREIGN))('gets nothing: %s', async (_, origin) => {
    api.configure(on)
    const simple = await raw('GET', '/api/v3/configuration', { Origin: origin })
    expect([simple.status, simple.cors, simple.headers['vary']]).toEqual([200, {}, 'Origin'])
    expect(await preflight('/api/v3/projects', origin)).toMatchObject({ status: 200, cors: {}, body: '' })
  })

  it('is matched exactly also when the list holds a star', async () => {
    api.configure({ api: { cors: { enabled: true, allowedOrigins: ['*'] } } })
    expect((await raw('GET', '/api/v3/configuration', { Origin: ALLOWED })).cors).toEqual({})
  })

  it('needs no answer when there is none', async () => {
    api.configure(on)
    const answer = await raw('GET', '/api/v3/configuration')
    expect([answer.status, answer.cors, answer.headers['vary']]).toEqual([200, {}, 'Origin'])
  })
})

describe('other paths', () => {
  it.each(NOT_SHARED)('%s gives nothing to an allowed origin', async (path) => {
    api.configure(on)
    const simple = await raw('GET', path, { Origin: ALLOWED })
    expect([simple.cors, simple.headers['vary']]).toEqual([{}, undefined])
    expect(await preflight(path, ALLOWED)).toMatchObject({ status: 200, cors: {}, body: '' })
  })

  it.each(CONSENT)('%s cannot be framed', async (path) => {
    api.configure(on)
    const answer = await raw('GET', path, { Origin: ALLOWED })
    expect(answer.headers['content-security-policy']).toMatch(/(?:^|; )frame-ancestors 'none'$/)
    expect(answer.cors).toEqual({})
  })
})

describe('switched off', () => {
  it.each(SHARED)('%s gives nothing, but still varies by origin', async (path) => {
    api.configure(off)
    const answer = await raw('GET', path, { Origin: ALLOWED })
    expect([answer.cors, answer.headers['vary']]).toEqual([{}, 'Origin'])
  })

  it('preflights are still answered, without headers', async () => {
    api.configure(off)
    expect(await preflight('/api/v3/projects', ALLOWED)).toMatchObject({ status: 200, cors: {}, body: '' })
  })
})

describe('what is no preflight', () => {
  it('OPTIONS without the asked method is an ordinary request', async () => {
    api.configure(on)
    const answer = await raw('OPTIONS', '/api/v3/projects', { Origin: ALLOWED })
    expect([answer.status, answer.cors]).toEqual([401, GRANTED])
  })

  it('OPTIONS without an origin is an ordinary request', async () => {
    api.configure(on)
    const answer = await raw('OPTIONS', '/api/v3/projects', { 'Access-Control-Request-Method': 'GET' })
    expect([answer.status, answer.cors, answer.headers['vary']]).toEqual([401, {}, 'Origin'])
  })

  it('another method that carries the asked method is an ordinary request', async () => {
    api.configure(on)
    const asked = { Origin: ALLOWED, 'Access-Control-Request-Method': 'PATCH', 'Access-Control-Request-Headers': 'x' }
    const answer = await raw('GET', '/api/v3/configuration', asked)
    expect([answer.status, answer.cors]).toEqual([200, GRANTED])
    expect(answer.body).not.toBe('')
  })

  it('a preflight of a path that cannot be decoded is refused', async () => {
    api.configure(on)
    expect(await preflight('/api/v3/%zz', ALLOWED)).toMatchObject({ status: 400, body: '' })
  })

  it('a new snapshot takes effect with the next request', async () => {
    api.configure(off)
    expect((await raw('GET', '/api/v3/configuration', { Origin: ALLOWED })).cors).toEqual({})
    api.configure(on)
    expect((await raw('GET', '/api/v3/configuration', { Origin: ALLOWED })).cors).toEqual(GRANTED)
  })
})
