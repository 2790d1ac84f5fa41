import { once } from 'node:events'
import { connect, type AddressInfo, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ApiStore } from '../../src/api/context.ts'
import type { ServerLimits } from '../../src/api/limits.ts'
import { ADMIN_TOKEN, openTestApi, overriding, type TestApi } from './support.ts'

/** What clients do on the wire that no HTTP library would: each with a server whose patience is short. */
const AUTHORIZATION = `Authorization: Bearer ${ADMIN_TOKEN}\r\n`
const HEAD = `Host: x\r\n${AUTHORIZATION}`
const HASTY = { headersTimeoutMs: 50, requestTimeoutMs: 100, checkIntervalMs: 10 }

interface Listener {
  readonly api: TestApi
  readonly port: number
  /** The connections as the server has them. */
  readonly accepted: Socket[]
}

/** One server for all the tests of a block. */
function listener(limits: Partial<ServerLimits> = {}, wrap = (store: ApiStore) => store): () => Listener {
  let held: Listener | undefined
  beforeAll(async () => {
    const api = await openTestApi({ api: { cors: { enabled: true, allowedOrigins: [] } } }, { limits, wrap })
    const accepted: Socket[] = []
    api.app.server.on('connection', (socket: Socket) => void accepted.push(socket))
    await api.app.listen({ host: '127.0.0.1', port: 0 })
    held = { api, accepted, port: (api.app.server.address() as AddressInfo).port }
  })
  afterAll(() => held?.api.close())
  return () => {
    if (!held) throw new Error('the server listens once the tests run')
    return held
  }
}

interface Client {
  readonly socket: Socket
  /** Everything received, once the connection is closed. */
  readonly ended: Promise<string>
}

async function open(port: number): Promise<Client> {
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => undefined)
  const { promise: ended, resolve } = Promise.withResolvers<string>()
  socket.once('close', () => resolve(Buffer.concat(chunks).toString()))
  await once(socket, 'connect')
  return { socket, ended }
}

/** Sends it all at once and waits for the server to be done with it. */
async function say(port: number, text: string): Promise<string> {
  const { socket, ended } = await open(port)
  socket.write(text, 'latin1')
  return ended
}

async function allClosed({ accepted }: Listener): Promise<void> {
  for (const socket of accepted) if (!socket.closed) await once(socket, 'close')
}

const statuses = (text: string) => [...text.matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status))
const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\n${HEAD}${more}\r\n`

async function stillServes(port: number): Promise<void> {
  expect(statuses(await say(port, get('/api/v3/users/me', 'Connection: close\r\n')))).toEqual([200])
}

function expectRefusal(answer: string, status: number): void {
  expect(statuses(answer)).toEqual([status])
  const [head = '', body = ''] = answer.split('\r\n\r\n')
  expect(head.toLowerCase()).toContain('content-type: application/hal+json; charset=utf-8')
  expect(head.toLowerCase()).toContain('connection: close')
  expect(head.toLowerCase()).not.toContain('access-control-')
  expect(JSON.parse(body)).toMatchObject({ _type: 'Error' })
}

/** A letter that comes after the refusal resets the connection, and may take the answer with it. */
function expectTimeout(answer: string): void {
  if (answer !== '') expectRefusal(answer, 408)
}

describe('a client that takes its time', () => {
  const hasty = listener(HASTY)

  it.each([
    ['says nothing after the first line', 'GET /api/v3 HTTP/1.1\r\n', ''],
    ['sends its headers letter by letter', 'GET /api/v3 HTTP/1.1\r\nX-Slow: ', 'x'],
    ['sends header after header', `GET /api/v3 HTTP/1.1\r\n${HEAD}`, 'X-Next: 1\r\n'],
  ])('%s is refused in time', async (_, beginning, drop) => {
    const { port } = hasty()
    const { socket, ended } = await open(port)
    socket.write(beginning)
    const dripping = setInterval(() => socket.writable && socket.write(drop), 5)
    expectTimeout(await ended)
    clearInterval(dripping)
    await stillServes(port)
  })

  it('is told so, if it listens', async () => {
    expectRefusal(await say(hasty().port, 'GET /api/v3 HTTP/1.1\r\n'), 408)
  })

  it.each([
    ['never sends its body', ''],
    ['sends its body letter by letter', ' '],
  ])('%s is refused in time, and nothing is written', async (_, drop) => {
    const { api, port } = hasty()
    const { socket, ended } = await open(port)
    socket.write(
      `POST /api/v3/projects HTTP/1.1\r\n${HEAD}Content-Type: application/json\r\nContent-Length: 100000\r\n\r\n{"name":"x"}`,
    )
    const dripping = setInterval(() => socket.writable && socket.write(drop), 5)
    expectTimeout(await ended)
    clearInterval(dripping)
    await stillServes(port)
    expect((await api.call('GET', '/api/v3/projects')).json()).toMatchObject({ total: 0 })
  })

  const impatient = listener({ idleTimeoutMs: 300 })
  it('never reads: the server stops answering it before much is kept, and lets go of it', async () => {
    const { api, port } = impatient()
    let answered = 0
    api.app.server.on('request', () => (answered += 1))
    const { socket, ended } = await open(port)
    socket.pause()
    const asked = 2000
    socket.write(get('/api/v3/spec.json').repeat(asked))
    await once(api.app.server, 'request')
    await allClosed(impatient())
    expect(answered).toBeGreaterThan(0)
    expect(answered).toBeLessThan(asked / 2)
    socket.destroy()
    await ended
    await stillServes(port)
  })
})

describe('a server that takes its time for a deletion', () => {
  let timedOut: Promise<unknown> | undefined
  const slow = listener({ idleTimeoutMs: 300 }, (store) =>
    overriding(store, {
      async commit(write) {
        if (write.mutations.some(({ op }) => op === 'delete')) await timedOut
        return store.commit(write)
      },
    }),
  )
  /** Deletes a project, which lasts until nothing has moved on the connection for too long. */
  async function startDeleting(rest: string): Promise<Client> {
    const { api, port } = slow()
    const { id } = await api.create('/api/v3/projects', { name: 'Large' })
    const { promise, resolve } = Promise.withResolvers<void>()
    timedOut = promise
    api.app.server.once('connection', (socket: Socket) => socket.once('timeout', resolve))
    const client = await open(port)
    client.socket.write(`DELETE /api/v3/projects/${id} HTTP/1.1\r\n${HEAD}${rest}`)
    return client
  }

  it('answers all the same', async () => {
    const { ended } = await startDeleting('Connection: close\r\n\r\n')
    expect(statuses(await ended)).toEqual([204])
  })

  it('lets go of a client that then does not read', async () => {
    const { socket, ended } = await startDeleting(`\r\n${get('/api/v3/spec.json').repeat(2000)}`)
    socket.pause()
    await allClosed(slow())
    socket.destroy()
    await ended
    await stillServes(slow().port)
  })
})

describe('a request that is too large', () => {
  const server = listener()

  it('in its headers is refused as that', async () => {
    const { port } = server()
    expectRefusal(await say(port, get('/api/v3', `X-Large: ${'x'.repeat(17_000)}\r\n`)), 431)
    expectRefusal(await say(port, get(`/api/v3?${'x'.repeat(17_000)}`)), 431)
    expect(
      statuses(await say(port, get('/api/v3', `X-Large: ${'x'.repeat(14_000)}\r\nConnection: close\r\n`))),
    ).toEqual([200])
  })

  it.each([
    ['by its own word, before any of it is read', 'Content-Length: 2000000\r\n\r\n'],
    ['in pieces', `Transfer-Encoding: chunked\r\n\r\n${`10000\r\n${' '.repeat(0x10000)}\r\n`.repeat(17)}`],
  ])('in its body is refused: %s', async (_, rest) => {
    const { port } = server()
    const { socket, ended } = await open(port)
    socket.write(`POST /api/v3/projects HTTP/1.1\r\n${HEAD}Content-Type: application/json\r\n${rest}`)
    await once(socket, 'data')
    socket.destroy()
    expect(statuses(await ended)).toEqual([413])
    await stillServes(port)
  })
})

describe('what is no request', () => {
  const server = listener()

  it.each([
    ['nonsense', 'nonsense\r\n\r\n'],
    ['the beginning of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
    ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['a version there is not', 'GET /api/v3 HTTP/9.9\r\nHost: x\r\n\r\n'],
    ['two lengths', 'POST /api/v3 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab'],
    [
      'a length and chunks',
      'POST /api/v3 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['a negative length', 'POST /api/v3 HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n'],
    ['an unknown coding', 'POST /api/v3 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked, x\r\n\r\n'],
    ['a header with a NUL', 'GET /api/v3 HTTP/1.1\r\nHost: x\r\nX-A: a\0b\r\n\r\n'],
    ['a header name with a space', 'GET /api/v3 HTTP/1.1\r\nHost: x\r\nX A: b\r\n\r\n'],
    [
      'a chunk that is none',
      `POST /api/v3/projects HTTP/1.1\r\n${HEAD}Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`,
    ],
  ])('%s is refused and ends the connection', async (_, text) => {
    const { port } = server()
    expectRefusal(await say(port, text), 400)
    await stillServes(port)
  })
})

describe('many at once', () => {
  const server = listener()
  const narrow = listener({ connections: 2 })

  it('requests on one connection are answered in their order', async () => {
    const { port } = server()
    const count = 50
    const paths = Array.from({ length: count }, (_, index) => `/api/v3/users?pageSize=${index}`)
    const last = get('/api/v3/configuration', 'Connection: close\r\n')
    const answer = await say(port, paths.map((path) => get(path)).join('') + last)
    const sizes = [...answer.matchAll(/"pageSize":(\d+)/g)].map(([, size]) => Number(size))
    expect(sizes).toEqual(paths.map((_, index) => index))
    expect(statuses(answer)).toEqual(Array.from({ length: count + 1 }, () => 200))
  })

  it('connections beyond the limit are closed unanswered, and one that ends makes room', async () => {
    const { port } = narrow()
    const [first, second] = [await open(port), await open(port)]
    expect(await (await open(port)).ended).toBe('')
    first.socket.end(get('/api/v3/users/me', 'Connection: close\r\n'))
    expect(statuses(await first.ended)).toEqual([200])
    await stillServes(port)
    second.socket.destroy()
    await second.ended
  })

  it('clients that hang up in the middle leave nothing behind', async () => {
    const { api, port } = server()
    for (const text of [
      'GET /api',
      get('/api/v3/spec.json'),
      `POST /api/v3/projects HTTP/1.1\r\n${HEAD}Content-Length: 9\r\n\r\n{`,
    ]) {
      const { socket, ended } = await open(port)
      socket.write(text)
      socket.resetAndDestroy()
      await ended
    }
    await stillServes(port)
    expect(api.logged).toEqual([])
    await allClosed(server())
  })
})
