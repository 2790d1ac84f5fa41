import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Page } from 'playwright-core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ADMIN_TOKEN, openTestApi, type TestApi } from '../api/support.ts'
import { launchBrowser } from '../support/browser.ts'

/**
 * What a browser makes of the headers: pages on two origins, one of them listed, talk to an API that really listens on a third.
 * `refused` is all a page learns of an answer that is not for it.
 */
interface Answer {
  readonly status: number
  readonly body: string
  readonly headers: Record<string, string>
}
type Outcome = Answer | 'refused'

interface Ask {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly credentials?: 'omit' | 'include'
}

let api: TestApi
let base: string
let servers: Server[]
let chrome: Awaited<ReturnType<typeof launchBrowser>>
let listed: Page
let foreign: Page
let listedOrigin: string
let foreignOrigin: string
/** Requests as they reached the API. */
let seen: IncomingMessage[]

async function servePage(): Promise<Server> {
  const server = createServer((_request, response) =>
    response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>app</title>'),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

const originOf = (server: Server) => `http://127.0.0.1:${(server.address() as AddressInfo).port}`

async function openPage(origin: string): Promise<Page> {
  const page = await chrome.browser.newPage()
  await page.goto(origin)
  return page
}

/** A request made by a script of the page. */
function ask(page: Page, path: string, init: Ask = {}): Promise<Outcome> {
  return page.evaluate<Outcome, { url: string; init: Ask }>(
    async ({ url, init }) => {
      try {
        const response = await fetch(url, init)
        const { status, headers } = response
        return { status, body: await response.text(), headers: Object.fromEntries(headers) }
      } catch {
        return 'refused'
      }
    },
    { url: `${base}${path}`, init },
  )
}

const authorization = `Bearer ${ADMIN_TOKEN}`
const write = (method: string, body: object): Ask => ({
  method,
  headers: { authorization, 'content-type': 'application/json' },
  body: JSON.stringify(body),
})
const allow = (...allowedOrigins: string[]) => api.configure({ api: { cors: { enabled: true, allowedOrigins } } })
const methods = () => seen.map(({ method }) => method)

beforeAll(async () => {
  api = await openTestApi()
  await api.app.listen({ host: '127.0.0.1', port: 0 })
  base = originOf(api.app.server)
  api.app.server.on('request', (request: IncomingMessage) => void seen.push(request))
  servers = await Promise.all([servePage(), servePage()])
  const [listedAt = '', foreignAt = ''] = servers.map(originOf)
  ;[listedOrigin, foreignOrigin] = [listedAt, foreignAt]
  seen = []
  chrome = await launchBrowser()
  ;[listed, foreign] = await Promise.all([openPage(listedOrigin), openPage(foreignOrigin)])
})
afterAll(async () => {
  await chrome.close()
  for (const server of servers) server.close()
  await api.close()
})
beforeEach(() => {
  seen = []
  allow(listedOrigin)
})

describe('a page on a listed origin', () => {
  it('reads what anybody may read, and of the headers only those that are always its to read', async () => {
    const answer = await ask(listed, '/api/v3/configuration')
    expect(answer).toMatchObject({
      status: 200,
      body: expect.stringContaining('"maximumAPIV3PageSize":1000') as string,
    })
    const { 'content-length': _, ...headers } = (answer as Answer).headers
    expect(headers).toEqual({ 'content-type': 'application/hal+json; charset=utf-8' })
  })

  it('creates, changes, looks at and deletes with a token, each asked for first', async () => {
    const created = await ask(listed, '/api/v3/projects', write('POST', { name: 'Mine', identifier: 'mine' }))
    expect(created).toMatchObject({ status: 201 })
    const changed = await ask(listed, '/api/v3/projects/mine', write('PATCH', { name: 'Still mine' }))
    expect(changed).toMatchObject({ status: 200, body: expect.stringContaining('"name":"Still mine"') as string })
    const headers = { authorization }
    expect(await ask(listed, '/api/v3/projects/mine', { method: 'HEAD', headers })).toMatchObject({ status: 200 })
    expect(await ask(listed, '/api/v3/projects/mine', { method: 'DELETE', headers })).toMatchObject({ status: 204 })
    expect(methods().filter((method) => method !== 'OPTIONS')).toEqual(['POST', 'PATCH', 'HEAD', 'DELETE'])
    expect(seen[0]).toMatchObject({
      method: 'OPTIONS',
      headers: {
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization,content-type',
      },
    })
    expect(seen[0]?.headers.authorization).toBeUndefined()
  })

  it('sends cookies when it wants to, and reads the answer all the same', async () => {
    await listed.evaluate('document.cookie = "kept=1"')
    const headers = { authorization }
    for (const credentials of ['include', 'omit'] as const)
      expect(await ask(listed, '/api/v3/users/me', { headers, credentials })).toMatchObject({ status: 200 })
    expect(seen.filter(({ method }) => method === 'GET').map((request) => request.headers.cookie)).toEqual([
      'kept=1',
      undefined,
    ])
  })

  it.each([
    [401, '/api/v3/users/me', {}],
    [401, '/api/v3/users/me', { headers: { authorization: 'Basic YXBpa2V5Ondyb25n' } }],
    [404, '/api/v3/projects/nope', { headers: { authorization } }],
    [404, '/api/v3/nope', { headers: { authorization } }],
    [422, '/api/v3/projects', write('POST', { name: '' })],
    [415, '/api/v3/projects', { method: 'POST', headers: { authorization, 'content-type': 'text/plain' }, body: 'x' }],
  ] as const)('reads why it got %s', async (status, path, init) => {
    const answer = await ask(listed, path, init)
    expect(answer).toMatchObject({ status, body: expect.stringContaining('"_type":"Error"') as string })
  })

  it('reads what the token endpoint answers to a form', async () => {
    const form = {
      method: 'POST',
      headers: { authorization: 'Basic YXBwOnNlY3JldA==', 'content-type': 'application/x-www-form-urlencoded' },
      body: 'grant_type=client_credentials',
    }
    const answer = await ask(listed, '/oauth/token', form)
    expect(answer).toMatchObject({ body: expect.stringContaining('"error"') as string })
    expect(methods()).toEqual(['OPTIONS', 'POST'])
    expect(await ask(foreign, '/oauth/token', form)).toBe('refused')
  })

  it.each(['/api/docs', '/.well-known/oauth-authorization-server', '/oauth/authorize', '/oauth/authorize/', '/'])(
    'is not shown %s',
    async (path) => {
      const cors = { enabled: true, allowedOrigins: [listedOrigin] }
      api.configure({ api: { docs: { enabled: true }, cors } })
      expect(await ask(listed, path)).toBe('refused')
      expect(methods()).toEqual(['GET'])
    },
  )
})

describe('a page on another origin', () => {
  it('learns nothing, not even of an error', async () => {
    expect(await ask(foreign, '/api/v3/configuration')).toBe('refused')
    expect(await ask(foreign, '/api/v3/users/me')).toBe('refused')
    expect(await ask(foreign, '/api/v3/nope')).toBe('refused')
    expect(methods()).toEqual(['GET', 'GET', 'GET'])
  })

  it.each(['POST', 'PATCH', 'DELETE'])('cannot make the browser send a %s at all', async (method) => {
    const path = method === 'POST' ? '/api/v3/projects' : '/api/v3/projects/1'
    expect(await ask(foreign, path, write(method, { name: 'Stolen' }))).toBe('refused')
    expect(methods()).toEqual(['OPTIONS'])
    expect((await api.call('GET', '/api/v3/projects')).body).not.toContain('Stolen')
  })

  it('changes nothing by the requests a browser sends unasked', async () => {
    const unasked = { method: 'POST', credentials: 'include' as const, body: '{"name":"Stolen"}' }
    expect(await ask(foreign, '/api/v3/projects', unasked)).toBe('refused')
    expect(methods()).toEqual(['POST'])
    expect((await api.call('GET', '/api/v3/projects')).body).not.toContain('Stolen')
  })

  it('is refused too when it differs from a listed one in its host name only', async () => {
    const page = await openPage(listedOrigin.replace('127.0.0.1', 'localhost'))
    expect(await ask(page, '/api/v3/configuration')).toBe('refused')
    await page.close()
  })
})

describe('while the pages are open', () => {
  it('the list may change: the next request is answered by the new one', async () => {
    expect([await ask(listed, '/api/v3/configuration'), await ask(foreign, '/api/v3/configuration')]).toMatchObject([
      { status: 200 },
      'refused',
    ])
    allow(foreignOrigin)
    expect([await ask(listed, '/api/v3/configuration'), await ask(foreign, '/api/v3/configuration')]).toMatchObject([
      'refused',
      { status: 200 },
    ])
    const headers = { authorization }
    expect(await ask(foreign, '/api/v3/work_packages', { headers })).toMatchObject({ status: 200 })
    allow(listedOrigin, foreignOrigin)
    expect([await ask(listed, '/api/v3/configuration'), await ask(foreign, '/api/v3/configuration')]).toMatchObject([
      { status: 200 },
      { status: 200 },
    ])
  })

  it('sharing may be switched off and on', async () => {
    const headers = { authorization }
    expect(await ask(listed, '/api/v3/types', { headers })).toMatchObject({ status: 200 })
    api.configure({ api: { cors: { enabled: false, allowedOrigins: [listedOrigin] } } })
    expect(await ask(listed, '/api/v3/configuration')).toBe('refused')
    // The browser remembers that it may ask, but is not given the answer any more.
    expect(await ask(listed, '/api/v3/types', { headers })).toBe('refused')
    allow(listedOrigin)
    expect(await ask(listed, '/api/v3/types', { headers })).toMatchObject({ status: 200 })
  })

  it('the web service may be switched off: the page can read that it is', async () => {
    const cors = { enabled: true, allowedOrigins: [listedOrigin] }
    api.configure({ api: { enabled: false, cors } })
    const answer = await ask(listed, '/api/v3/projects', write('POST', { name: 'Late' }))
    expect(answer).toMatchObject({ status: 403, body: expect.stringContaining('switched off') as string })
  })
})
