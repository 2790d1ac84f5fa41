import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import { connect, type AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import { gunzipSync, inflateSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ADMIN_TOKEN, openTestApi, type TestApi } from './support.ts'

const ORIGIN = 'https://app.example.com'
const LONG = 'work to be done. '.repeat(1_000)

let api: TestApi
let port: number

beforeAll(async () => {
  api = await openTestApi({ api: { cors: { enabled: true, allowedOrigins: [ORIGIN] } } })
  await api.app.listen({ host: '127.0.0.1', port: 0 })
  port = (api.app.server.address() as AddressInfo).port
  await api.create('/api/v3/projects', { name: 'Demo' })
  await api.create('/api/v3/projects/demo/work_packages', { subject: 'Work', description: { raw: LONG } })
})
afterAll(() => api.close())

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Buffer
}

async function get(path: string, headers: Record<string, string> = {}, method = 'GET'): Promise<Answer> {
  const authorization = `Bearer ${ADMIN_TOKEN}`
  const request = httpRequest({ port, path: `/api/v3${path}`, method, headers: { authorization, ...headers } }).end()
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  return { status: response.statusCode ?? 0, headers: response.headers, body: await buffer(response) }
}

const asking = (accepted: string) => ({ 'accept-encoding': accepted })
const DECODE = { gzip: gunzipSync, deflate: inflateSync }

describe('an answer', () => {
  it.each<[accepted: string, coding: keyof typeof DECODE]>([
    ['gzip', 'gzip'],
    ['GZip', 'gzip'],
    ['gzip, deflate, br, zstd', 'gzip'],
    ['deflate', 'deflate'],
    ['br;q=1.0, gzip;q=0.5, deflate;q=0.8', 'deflate'],
    ['*', 'gzip'],
    ['identity;q=0, *;q=0.5', 'gzip'],
  ])('to a client that accepts %j is %s', async (accepted, coding) => {
    const plain = await get('/work_packages/1')
    const { headers, body } = await get('/work_packages/1', asking(accepted))
    expect(headers).toMatchObject({ 'content-encoding': coding, 'content-length': String(body.length) })
    expect(headers['vary']).toBe('Origin, Accept-Encoding')
    expect(body.length).toBeLessThan(plain.body.length / 5)
    expect(DECODE[coding](body)).toEqual(plain.body)
  })

  it.each(['identity', 'br', 'gzip;q=0', '*;q=0', 'gzip;q=0, *', '', ';;=,'])(
    'to a client that accepts %j is plain',
    async (accepted) => {
      const plain = await get('/work_packages/1')
      const { headers, body } = await get('/work_packages/1', asking(accepted))
      expect([headers['content-encoding'], headers['vary'], body]).toEqual([undefined, 'Origin', plain.body])
    },
  )

  it('is plain when it is short, or nothing at all', async () => {
    const { status, headers } = await get('/nowhere', asking('gzip'))
    expect([status, headers['content-encoding']]).toEqual([404, undefined])
    const tag = (await get('/projects/schema')).headers['etag']
    const known = await get('/projects/schema', { ...asking('gzip'), 'if-none-match': String(tag) })
    expect([known.status, known.headers['content-encoding'], known.body.length]).toEqual([304, undefined, 0])
  })

  it('has a weak tag when it is compressed, by which it is known all the same', async () => {
    const plain = await get('/projects/schema')
    const { headers } = await get('/projects/schema', asking('gzip'))
    expect(headers['etag']).toBe(`W/${String(plain.headers['etag'])}`)
    const again = await get('/projects/schema', { ...asking('gzip'), 'if-none-match': String(headers['etag']) })
    expect(again.status).toBe(304)
  })

  it('to HEAD tells what GET would', async () => {
    const [got, told] = [
      await get('/work_packages/1', asking('gzip')),
      await get('/work_packages/1', asking('gzip'), 'HEAD'),
    ]
    expect(told.body.length).toBe(0)
    for (const name of ['content-encoding', 'content-length', 'content-type', 'vary'])
      expect(told.headers[name], name).toBe(got.headers[name])
  })

  it('is shared with other origins like any other', async () => {
    const { headers } = await get('/work_packages/1', { ...asking('gzip'), origin: ORIGIN })
    expect(headers).toMatchObject({ 'content-encoding': 'gzip', 'access-control-allow-origin': ORIGIN })
  })
})

describe('a page that is rendered while it is sent', () => {
  const DESCRIPTION = 'long '.repeat(50_000)
  const PAGE = '/projects/long/work_packages'

  beforeAll(async () => {
    await api.create('/api/v3/projects', { name: 'Long' })
    for (let n = 0; n < 10; n += 1)
      await api.create(`/api/v3${PAGE}`, { subject: `Long ${n}`, description: { raw: DESCRIPTION } })
  })

  it('is compressed as it goes', async () => {
    const plain = await get(PAGE)
    const { headers, body } = await get(PAGE, asking('gzip'))
    expect(headers).toMatchObject({ 'content-encoding': 'gzip', vary: 'Origin, Accept-Encoding' })
    expect(headers['content-length']).toBeUndefined()
    expect(gunzipSync(body)).toEqual(plain.body)
  })

  it('ends with the client that has gone, and leaves nothing to the log', async () => {
    const requested = once(api.app.server, 'request') as Promise<[IncomingMessage, ServerResponse]>
    const socket = connect(port, '127.0.0.1')
    socket.write(
      `GET /api/v3${PAGE} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${ADMIN_TOKEN}\r\naccept-encoding: gzip\r\n\r\n`,
    )
    await once(socket, 'data')
    socket.destroy()
    const [, response] = await requested
    if (!response.closed) await once(response, 'close')
    expect((await get('/work_packages/1', asking('gzip'))).status).toBe(200)
    expect(api.logged).toEqual([])
  })
})
