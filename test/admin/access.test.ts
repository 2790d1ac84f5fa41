import { request as httpRequest } from 'node:http'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { SecretValue } from '../../src/base/secret.ts'
import { type AdminUnderTest, startAdmin } from '../support/admin.ts'

interface Asked {
  readonly method?: string
  readonly path?: string
  readonly headers?: Record<string, string>
}

/** One request over a socket, with exactly these headers: `fetch` would not let the test choose Host or Origin. */
function ask(port: number, { method = 'GET', path = '/v1/resources', headers = {} }: Asked) {
  return new Promise<{ status: number | undefined; code: string | undefined; text: string }>((resolve, reject) => {
    const request = httpRequest({ host: '127.0.0.1', port, method, path, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', (chunk: string) => (text += chunk))
      response.on('end', () => resolve({ status: response.statusCode, code: codeOf(text), text }))
    })
    request.on('error', reject)
    request.end()
  })
}

function codeOf(text: string): string | undefined {
  return text.startsWith('{"error"') ? (JSON.parse(text) as { error: { code: string } }).error.code : undefined
}

describe('on loopback', () => {
  let admin: AdminUnderTest
  beforeAll(async () => {
    admin = await startAdmin()
  })
  afterAll(() => admin[Symbol.asyncDispose]())

  const own = { 'x-nepenthes-request': '1' }
  test.each<[string, Asked, number, string?]>([
    ['the usual Host', {}, 200],
    ['localhost', { headers: { host: 'localhost:8081' } }, 200],
    ['localhost without a port', { headers: { host: 'LocalHost' } }, 200],
    ['another address of 127.0.0.0/8', { headers: { host: '127.9.8.7:1' } }, 200],
    ['IPv6 loopback', { headers: { host: '[::1]:8081' } }, 200],
    ['a name that resolves to 127.0.0.1', { headers: { host: 'localhost.evil.example:8081' } }, 403, 'ForeignHost'],
    ['a foreign address', { headers: { host: '10.0.0.1' } }, 403, 'ForeignHost'],
    ['an address only some parsers take for loopback', { headers: { host: '0x7f.1' } }, 403, 'ForeignHost'],
    ['an address that starts like loopback', { headers: { host: '127.0.0.1.evil.example' } }, 403, 'ForeignHost'],
    ['a Host that is only a port', { headers: { host: ':8081' } }, 403, 'ForeignHost'],
    ['a foreign origin', { headers: { host: 'localhost', origin: 'https://evil.example' } }, 403, 'ForeignOrigin'],
    ['an opaque origin', { headers: { host: 'localhost', origin: 'null' } }, 403, 'ForeignOrigin'],
    [
      'another port of this machine',
      { headers: { host: 'localhost:1', origin: 'http://localhost:2' } },
      403,
      'ForeignOrigin',
    ],
    ['its own origin', { headers: { host: 'localhost:1', origin: 'http://localhost:1' } }, 200],
    ['POST without our header', { method: 'POST', path: '/v1/tokens' }, 403, 'HeaderMissing'],
    ['POST with our header', { method: 'POST', path: '/v1/tokens', headers: own }, 400, 'BadRequest'],
    ['DELETE without our header', { method: 'DELETE', path: '/v1/tokens/1' }, 403, 'HeaderMissing'],
    ['HEAD without our header', { method: 'HEAD' }, 403],
    ['a preflight', { method: 'OPTIONS', headers: { origin: 'https://evil.example' } }, 403, 'ForeignOrigin'],
    [
      'an unknown path, refused before it is looked for',
      { path: '/v1/x', headers: { host: 'evil.example' } },
      403,
      'ForeignHost',
    ],
    ['a path in disguise', { path: '/%761/resources', headers: { host: 'evil.example' } }, 403, 'ForeignHost'],
    ['health, whoever asks', { path: '/livez', headers: { host: 'evil.example' } }, 200],
    ['readiness, whoever asks', { path: '/readyz', headers: { host: 'evil.example' } }, 200],
    ['metrics, whoever asks', { path: '/metrics', headers: { host: 'evil.example' } }, 200],
  ])('%s', async (_, asked, status, code) => {
    const answer = await ask(admin.port, asked)
    expect({ status: answer.status, code: answer.code }).toEqual({ status, code })
  })

  test('a token is not asked for, and a wrong one does no harm', async () => {
    expect((await ask(admin.port, { headers: { authorization: 'Bearer x' } })).status).toBe(200)
  })
})

describe('off loopback', () => {
  const secret = 'correct-horse-battery-staple'
  let admin: AdminUnderTest
  beforeAll(async () => {
    admin = await startAdmin({ access: { loopback: false, token: new SecretValue(secret) } })
  })
  afterAll(() => admin[Symbol.asyncDispose]())

  test.each<[string, Asked, number, string?]>([
    ['the token', { headers: { authorization: `Bearer ${secret}`, host: 'operator.example' } }, 200],
    ['the scheme in another case', { headers: { authorization: `bearer ${secret}` } }, 200],
    [
      'the token, on a POST without our header',
      { method: 'POST', path: '/v1/tokens', headers: { authorization: `Bearer ${secret}` } },
      400,
      'BadRequest',
    ],
    ['no token', {}, 401, 'AdminTokenNeeded'],
    [
      'no token, from a loopback Host',
      { headers: { host: '127.0.0.1', 'x-nepenthes-request': '1' } },
      401,
      'AdminTokenNeeded',
    ],
    ['a wrong token', { headers: { authorization: 'Bearer correct-horse-battery-stapl' } }, 401, 'AdminTokenNeeded'],
    ['the token with more behind it', { headers: { authorization: `Bearer ${secret}x` } }, 401, 'AdminTokenNeeded'],
    ['the token as Basic', { headers: { authorization: `Basic ${secret}` } }, 401, 'AdminTokenNeeded'],
    ['an empty token', { headers: { authorization: 'Bearer ' } }, 401, 'AdminTokenNeeded'],
    ['an unknown path', { path: '/v1/x' }, 401, 'AdminTokenNeeded'],
    ['health without it', { path: '/livez' }, 200],
    ['readiness without it', { path: '/readyz' }, 200],
    ['metrics without it', { path: '/metrics' }, 200],
  ])('%s', async (_, asked, status, code) => {
    const answer = await ask(admin.port, asked)
    expect({ status: answer.status, code: answer.code }).toEqual({ status, code })
    expect(answer.text).not.toContain(secret)
  })

  test('without a token configured nobody gets in', async () => {
    await using closed = await startAdmin({ access: { loopback: false } })
    for (const authorization of ['Bearer undefined', 'Bearer ', 'Bearer x']) {
      expect((await ask(closed.port, { headers: { authorization } })).status).toBe(401)
    }
  })
})
