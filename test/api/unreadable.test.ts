import { connect, type AddressInfo } from 'node:net'
import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ADMIN_TOKEN, openTestApi, type TestApi } from './support.ts'

const ORIGIN = 'https://app.example.com'
const HEAD = `Host: x\r\nConnection: close\r\nOrigin: ${ORIGIN}\r\nAuthorization: Bearer ${ADMIN_TOKEN}\r\n`
const HAL = 'application/hal+json; charset=utf-8'

let api: TestApi

beforeAll(async () => {
  api = await openTestApi({ api: { cors: { enabled: true, allowedOrigins: [ORIGIN] } } })
  await api.app.listen({ host: '127.0.0.1', port: 0 })
})
afterAll(() => api.close())

interface RawAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: { readonly _type?: string; readonly errorIdentifier?: string }
}

/** Everything the server says to these bytes, until it closes. */
async function send(bytes: string): Promise<RawAnswer> {
  const socket = connect((api.app.server.address() as AddressInfo).port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => undefined)
  socket.write(bytes)
  await once(socket, 'close')
  const [head = '', body = ''] = Buffer.concat(chunks).toString().split('\r\n\r\n')
  const [statusLine = '', ...lines] = head.split('\r\n')
  const headers = Object.fromEntries(lines.map((line) => line.split(/: (.*)/).slice(0, 2) as [string, string]))
  return { status: Number(statusLine.split(' ')[1]), headers, body: JSON.parse(body) as RawAnswer['body'] }
}

describe('bytes that are no request', () => {
  it.each([
    ['headers without end', `GET /api/v3/projects HTTP/1.1\r\n${HEAD}X: ${'y'.repeat(20_000)}\r\n\r\n`, 431],
    ['a verb nobody knows', `FOO /api/v3/projects HTTP/1.1\r\n${HEAD}\r\n`, 400],
    ['a version nobody knows', `GET /api/v3/projects HTTP/9.1\r\n${HEAD}\r\n`, 400],
    [
      'a body cut into no chunks',
      `POST /api/v3/projects HTTP/1.1\r\n${HEAD}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
      400,
    ],
  ])('%s get an error in HAL', async (_, bytes, status) => {
    const answer = await send(bytes)
    expect([answer.status, answer.headers['content-type']]).toEqual([status, HAL])
    expect(answer.body).toMatchObject({
      _type: 'Error',
      errorIdentifier: 'urn:openproject-org:api:v3:errors:BadRequest',
    })
    expect(JSON.stringify(answer.body)).not.toMatch(/HPE_| at |node:/)
  })
})

describe('a request that no route sees', () => {
  it.each([
    ['another verb', `PROPFIND /api/v3/projects HTTP/1.1\r\n${HEAD}\r\n`, 404],
    ['TRACE', `TRACE /api/v3/projects HTTP/1.1\r\n${HEAD}\r\n`, 404],
    ['QUERY', `QUERY /api/v3/projects HTTP/1.1\r\n${HEAD}\r\n`, 400],
    ['an expectation', `GET /api/v3/projects HTTP/1.1\r\n${HEAD}Expect: miracles\r\n\r\n`, 417],
    ['a path that cannot be decoded', `GET /api/v3/%zz HTTP/1.1\r\n${HEAD}\r\n`, 400],
    ['no host', `GET /api/v3/projects HTTP/1.1\r\n${HEAD.replace('Host: x\r\n', '')}\r\n`, 400],
  ])('%s: is answered like any other', async (_, bytes, status) => {
    const { headers, ...answer } = await send(bytes)
    expect([answer.status, headers['content-type'], answer.body._type]).toEqual([status, HAL, 'Error'])
    expect(headers['link']).toBe('</api/v3/openapi.json>; rel="service-desc"')
    expect(headers['access-control-allow-origin']).toBe(ORIGIN)
  })

  it('the one expectation there is, is met', async () => {
    const body = '{"name":"Expected"}'
    const head = `${HEAD}Expect: 100-continue\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`
    const socket = connect((api.app.server.address() as AddressInfo).port, '127.0.0.1')
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.write(`POST /api/v3/projects HTTP/1.1\r\n${head}`)
    await once(socket, 'data')
    socket.write(body)
    await once(socket, 'close')
    expect(
      Buffer.concat(chunks)
        .toString()
        .match(/HTTP\/1\.1 \d+/g),
    ).toEqual(['HTTP/1.1 100', 'HTTP/1.1 201'])
  })
})

describe('the body of a DELETE', () => {
  it.each([
    ['text/plain', 'x'],
    ['application/json', '{'],
    ['application/json', '{"_links":7}'],
    [undefined, 'x'],
  ])('of type %s says nothing', async (type, payload) => {
    const { id } = await api.create('/api/v3/projects', { name: 'Doomed' })
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, ...(type !== undefined && { 'content-type': type }) }
    const response = await api.app.inject({ method: 'DELETE', url: `/api/v3/projects/${id}`, headers, payload })
    expect([response.statusCode, response.body]).toEqual([204, ''])
  })
})
