import { connect } from 'node:net'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ADMIN_TOKEN, openTestApi, overriding, type Json, type TestApi } from './support.ts'

const HAL = 'application/hal+json; charset=utf-8'
let api: TestApi

beforeAll(async () => {
  api = await openTestApi()
})
afterAll(() => api.close())

const post = (type: string | undefined, payload: string | Buffer) =>
  api.app.inject({
    method: 'POST',
    url: '/api/v3/projects',
    headers: { authorization: `Bearer ${ADMIN_TOKEN}`, ...(type !== undefined && { 'content-type': type }) },
    payload,
  })
const identifier = (body: Json) => String(body['errorIdentifier']).replace(/.*:/, '')

describe('root, configuration and short lists', () => {
  it('the root links to everything, and tells the version to administrators', async () => {
    const response = await api.call('GET', '/api/v3')
    expect(response.headers['content-type']).toBe(HAL)
    expect(response.headers['link']).toBe('</api/v3/openapi.json>; rel="service-desc"')
    const body: Json = response.json()
    expect(body).toMatchObject({ _type: 'Root', instanceName: 'Nepenthes', coreVersion: '1.2.3' })
    expect(body._links).toMatchObject({
      self: { href: '/api/v3' },
      time_entries: { href: '/api/v3/time_entries' },
      user: { href: '/api/v3/users/1', title: 'Nepenthes Admin' },
    })
    expect((await api.call('GET', '/api/v3/')).json()).toEqual(body)
  })

  it.each([
    ['types', 'Type', 7],
    ['statuses', 'Status', 14],
    ['priorities', 'Priority', 4],
    ['time_entries/activities', 'TimeEntriesActivity', 6],
  ])('%s come whole, without paging, and one by one', async (path, type, count) => {
    const list: Json = (await api.call('GET', `/api/v3/${path}`)).json()
    expect(list).toMatchObject({
      _type: 'Collection',
      total: count,
      count,
      _links: { self: { href: `/api/v3/${path}` } },
    })
    expect(list).not.toHaveProperty('pageSize')
    const elements = list._embedded.elements
    expect(elements.map((element) => element['position'])).toEqual(
      Array.from({ length: count }, (_, index) => index + 1),
    )
    for (const element of elements) {
      expect(element['_type']).toBe(type)
      expect((await api.call('GET', element._links['self']?.href ?? '')).json()).toEqual(element)
    }
    for (const id of ['0', '99', 'x', '1.0', '01', '-1', '1e0']) {
      expect((await api.call('GET', `/api/v3/${path}/${id}`)).statusCode).toBe(404)
    }
  })

  it('the defaults are marked', async () => {
    const named = async (path: string, flag: string) => {
      const list: Json = (await api.call('GET', `/api/v3/${path}`)).json()
      return list._embedded.elements.filter((element) => element[flag] === true).map((element) => element['name'])
    }
    expect(await named('types', 'isDefault')).toEqual(['Task'])
    expect(await named('types', 'isMilestone')).toEqual(['Milestone'])
    expect(await named('statuses', 'isDefault')).toEqual(['New'])
    expect(await named('statuses', 'isClosed')).toEqual(['Closed', 'Rejected'])
    expect(await named('priorities', 'isDefault')).toEqual(['Normal'])
    expect(await named('time_entries/activities', 'default')).toEqual(['Development'])
  })

  it('users are found by id, by login and as me', async () => {
    const me: Json = (await api.call('GET', '/api/v3/users/me')).json()
    expect(me).toMatchObject({ _type: 'User', id: 1, login: 'admin', status: 'active' })
    for (const name of ['1', 'admin', 'ADMIN'])
      expect((await api.call('GET', `/api/v3/users/${name}`)).json()).toEqual(me)
    expect((await api.call('GET', '/api/v3/users/nobody')).statusCode).toBe(404)
    expect((await api.call('GET', '/api/v3/users')).json()).toMatchObject({ total: 1, _embedded: { elements: [me] } })
  })
})

describe('what a body may be', () => {
  it('no content type is 406, as plain text', async () => {
    const response = await post(undefined, '{}')
    expect([response.statusCode, response.headers['content-type'], response.body]).toEqual([
      406,
      'text/plain',
      'Missing content-type header',
    ])
  })

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', 'text/json'])(
    '%s is 415',
    async (type) => {
      const response = await post(type, '{"name":"x"}')
      expect([response.statusCode, identifier(response.json())]).toEqual([415, 'TypeNotSupported'])
    },
  )

  it.each(['application/json', 'application/json; charset=utf-8', 'application/hal+json', 'Application/JSON'])(
    '%s is read',
    async (type) => expect((await post(type, '{"name":"Typed"}')).statusCode).toBe(201),
  )

  it.each(['{', '{"name":}', 'name', '{"a":1}x', '\u0000'])('%j is no JSON', async (payload) => {
    const response = await post('application/json', payload)
    expect(response.statusCode).toBe(400)
    expect(identifier(response.json())).toBe('InvalidRequestBody')
    expect(response.json()).toMatchObject({ _embedded: { details: { parseError: expect.any(String) as string } } })
  })

  it('text that is not UTF-8 is no JSON, whatever the type calls it', async () => {
    const payload = Buffer.from('{"name":"caf\xe9"}', 'latin1')
    for (const type of ['application/json', 'application/json; charset=iso-8859-1']) {
      const response = await post(type, payload)
      expect([response.statusCode, identifier(response.json())]).toEqual([400, 'InvalidRequestBody'])
    }
    expect((await post('application/json', '{"name":"café ☕ 🎉"}')).json()).toMatchObject({ name: 'café ☕ 🎉' })
  })

  it('an empty body is an empty object', async () => {
    const response = await post('application/json', '')
    expect([response.statusCode, response.json<Json>()['message']]).toEqual([422, "Name can't be blank."])
  })

  it('a body over the limit is 413', async () => {
    const response = await post('application/json', JSON.stringify({ name: 'x'.repeat(1024 * 1024) }))
    expect([response.statusCode, identifier(response.json())]).toEqual([413, 'InvalidRequestBody'])
  })

  it('names from prototypes are values like any other', async () => {
    const response = await post('application/json', '{"name":"Proto","__proto__":{"public":true},"constructor":1}')
    expect([response.statusCode, response.json<Json>()['public']]).toEqual([201, false])
  })

  it('GET and DELETE need no content type', async () => {
    expect((await api.call('GET', '/api/v3/projects')).statusCode).toBe(200)
    expect((await api.call('DELETE', '/api/v3/projects/999')).statusCode).toBe(404)
  })
})

describe('projects', () => {
  it.each([
    [{ name: '' }, "Name can't be blank."],
    [{ name: 'x'.repeat(256) }, 'Name is too long (maximum is 255 characters).'],
    [{ name: '🎉'.repeat(256) }, 'Name is too long (maximum is 255 characters).'],
    [{ name: '🎉'.repeat(255), identifier: 'party' }, undefined],
    [{ name: 'A', identifier: '' }, undefined],
    [{ name: 'B', identifier: 'x'.repeat(101) }, 'Identifier is too long (maximum is 100 characters).'],
    [{ name: 'C', identifier: '42' }, 'Identifier is invalid.'],
    [{ name: 'D', identifier: 'Upper' }, 'Identifier is invalid.'],
    [{ name: 'E', identifier: 'a b' }, 'Identifier is invalid.'],
    [{ name: 'F', identifier: 'schema' }, 'Identifier is invalid.'],
    [{ name: 'G', identifier: 'g_1-x' }, undefined],
    [{ name: 'H', identifier: 'g_1-x' }, 'Identifier has already been taken.'],
    [{ name: 'I', active: 'yes' }, expect.stringMatching(/^Invalid format for property 'active'/)],
    [
      { name: 'J', _links: { status: { href: '/api/v3/project_statuses/great' } } },
      'Status is not set to one of the allowed values.',
    ],
    [{ name: 'K', _links: { parent: { href: '/api/v3/projects/nope' } } }, 'Subproject of does not exist.'],
  ])('%j', async (body, message) => {
    const response = await api.call('POST', '/api/v3/projects', body)
    expect([response.statusCode, response.json<Json>()['message']]).toEqual([
      message === undefined ? 201 : 422,
      message,
    ])
  })

  it('of one name get identifiers of their own', async () => {
    const [first, second] = [
      await api.create('/api/v3/projects', { name: 'Twin' }),
      await api.create('/api/v3/projects', { name: 'Twin' }),
    ]
    expect([first['identifier'], second['identifier']]).toEqual(['twin', `twin-${second.id}`])
    expect(await api.create('/api/v3/projects', { name: '2026' })).toMatchObject({ identifier: 'project-2026' })
    expect(await api.create('/api/v3/projects', { name: '日本' })).toMatchObject({
      identifier: expect.stringMatching(/^project-\d+$/) as string,
    })
  })

  it('cannot be nested in themselves', async () => {
    const top = await api.create('/api/v3/projects', { name: 'Nest' })
    const child = await api.create('/api/v3/projects', {
      name: 'Nested',
      _links: { parent: { href: `/api/v3/projects/${top.id}` } },
    })
    const loop = await api.call('PATCH', `/api/v3/projects/${top.id}`, {
      _links: { parent: { href: `/api/v3/projects/${child.id}` } },
    })
    expect(loop.statusCode).toBe(422)
  })

  it('tell whoever asked when they change', async () => {
    api.projectChanges.length = 0
    const { id } = await api.create('/api/v3/projects', { name: 'Told' })
    const parent = { href: `/api/v3/projects/${id}` }
    const child = await api.create('/api/v3/projects', { name: 'Told too', _links: { parent } })
    await api.call('PATCH', `/api/v3/projects/${id}`, { identifier: 'told-2' })
    await api.call('DELETE', `/api/v3/projects/${id}`)
    await api.call('POST', '/api/v3/projects', { name: '' })
    expect(api.projectChanges).toEqual([
      [`${id}`, 'told'],
      [`${child.id}`, 'told-too'],
      [`${id}`, 'told-2', 'told'],
      [`${child.id}`, 'told-too'],
      [`${id}`, 'told-2'],
    ])
  })

  it.each(['types', 'categories', 'versions'])('have %s', async (name) => {
    const body: Json = (await api.call('GET', `/api/v3/workspaces/twin/${name}`)).json()
    expect([body['_type'], body['total']]).toEqual(['Collection', name === 'types' ? 7 : 0])
    expect((await api.call('GET', `/api/v3/projects/nope/${name}`)).statusCode).toBe(404)
  })

  it('have statuses', async () => {
    expect((await api.call('GET', '/api/v3/project_statuses/at_risk')).json()).toMatchObject({
      id: 'at_risk',
      name: 'At risk',
    })
    expect((await api.call('GET', '/api/v3/project_statuses/toString')).statusCode).toBe(404)
  })
})

describe('the switch', () => {
  it('refuses everything but preflights while it is off, and nothing once it is on again', async () => {
    api.configure({ api: { enabled: false, docs: { enabled: true } } })
    for (const path of [
      '/api/v3',
      '/api/v3/configuration',
      '/api/v3/spec.json',
      '/api/v3/nope',
      '/.well-known/oauth-authorization-server',
      '/.well-known/oauth-protected-resource',
    ]) {
      const response = await api.call('GET', path, undefined, { token: null })
      expect([path, response.statusCode, response.headers['content-type']]).toEqual([path, 403, HAL])
      expect(identifier(response.json())).toBe('MissingPermission')
    }
    for (const path of ['/oauth/token', '/oauth/authorize', '/oauth/nope']) {
      const response = await api.call('GET', path, undefined, { token: null })
      expect([path, response.statusCode, response.json<Json>()['error']]).toEqual([path, 403, 'access_denied'])
      expect(response.headers['content-type']).toBe('application/json; charset=utf-8')
    }
    expect((await api.call('GET', '/api/docs')).statusCode).toBe(404)
    api.configure({})
    expect((await api.call('GET', '/api/v3/configuration')).statusCode).toBe(200)
    expect((await api.call('GET', '/oauth/nope')).json()).toMatchObject({ error: 'invalid_request' })
  })
})

describe('before the configuration is known', () => {
  it('reads work, writes are told to come back', async () => {
    api.configure({ complete: false })
    expect((await api.call('GET', '/api/v3/projects')).statusCode).toBe(200)
    for (const [method, path] of [
      ['POST', '/api/v3/projects'],
      ['PATCH', '/api/v3/work_packages/1'],
      ['DELETE', '/api/v3/time_entries/1'],
    ] as const) {
      const response = await api.call(method, path, method === 'DELETE' ? undefined : {})
      expect([response.statusCode, response.headers['retry-after']]).toEqual([503, '5'])
    }
    api.configure({})
    expect((await api.call('DELETE', '/api/v3/time_entries/1')).statusCode).toBe(404)
  })
})

describe('what is not there', () => {
  it.each([
    ['GET', '/api/v3/nope'],
    ['GET', '/api/v3/projects/1/nope'],
    ['PUT', '/api/v3/projects/1'],
    ['DELETE', '/api/v3'],
    ['GET', '/'],
    ['GET', '/api'],
  ] as const)('%s %s is a 404 in HAL', async (method, path) => {
    const response = await api.call(method, path)
    expect(response.statusCode).toBe(404)
    expect(response.headers['content-type']).toBe(HAL)
    expect(response.json()).toEqual({
      _type: 'Error',
      errorIdentifier: 'urn:openproject-org:api:v3:errors:NotFound',
      message: 'The requested resource could not be found.',
    })
  })
})

it.each(['/api/v2', '/api/v2/projects', '/api/v2?format=xml'])('%s is gone', async (path) => {
  const response = await api.call('GET', path)
  expect([response.statusCode, response.body]).toEqual([410, ''])
})

describe('what goes wrong inside', () => {
  it('is logged, and told to nobody', async () => {
    const broken = await openTestApi(
      {},
      {
        wrap: (store) => overriding(store, { search: () => Promise.reject(new Error('the innermost secret')) }),
      },
    )
    const response = await broken.call('GET', '/api/v3/projects')
    expect(response.statusCode).toBe(500)
    expect(response.json()).toEqual({
      _type: 'Error',
      errorIdentifier: 'urn:openproject-org:api:v3:errors:InternalServerError',
      message: 'An internal error has occured.',
    })
    expect(response.body).not.toMatch(/innermost|at /)
    expect(broken.logged.join('\n')).toContain('the innermost secret')
    expect(broken.logged.join('\n')).not.toContain(ADMIN_TOKEN)
    await broken.close()
  })
})

describe('over a socket', () => {
  it('serves two requests on one connection', async () => {
    await api.app.listen({ host: '127.0.0.1', port: 0 })
    const socket = connect((api.app.server.address() as AddressInfo).port, '127.0.0.1')
    const credentials = Buffer.from(`apikey:${ADMIN_TOKEN}`).toString('base64')
    const head = `Host: x\r\nAuthorization: Basic ${credentials}\r\n`
    const body = '{"name":"Sockets & <pipes>"}'
    socket.write(
      `POST /api/v3/projects HTTP/1.1\r\n${head}Content-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    )
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    await once(socket, 'data')
    socket.write(`GET /api/v3/projects/sockets-pipes HTTP/1.1\r\n${head}Connection: close\r\n\r\n`)
    await once(socket, 'close')
    const text = Buffer.concat(chunks).toString()
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 201', 'HTTP/1.1 200'])
    expect(text.match(/"identifier":"sockets-pipes"/g)).toHaveLength(2)
  })
})
