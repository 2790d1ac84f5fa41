import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createTlsServer } from 'node:https'
import net, { type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { parseNetwork, type Network } from '../../src/dispatch/address.ts'
import { createGuard, type Listener, type Resolve } from '../../src/dispatch/guard.ts'
import { systemResolve } from '../../src/dispatch/look-ups.ts'
import { createReceiver as prepare } from '../../src/dispatch/receiver.ts'
import { createSender, type Reply, type Sender } from '../../src/dispatch/send.ts'
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts'
import { createReceiver, type Receiver } from '../support/receiver.ts'
import { credentials, until } from './harness.ts'
import type { Given } from './resetting-server.ts'

const loopback = [parseNetwork('127.0.0.0/8')].filter((network): network is Network => network !== undefined)

interface Raw {
  readonly url: string
  readonly port: number
  readonly sockets: Set<Socket>
  readonly bytesReceived: () => number
  close(): Promise<void>
}

/** A TCP server that does to each connection what the test says. */
async function rawServer(onData: (socket: Socket) => void): Promise<Raw> {
  const sockets = new Set<Socket>()
  let bytes = 0
  const server = net.createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    socket.on('data', (chunk) => (bytes += chunk.length))
    socket.once('data', () => onData(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/hooks`,
    port,
    sockets,
    bytesReceived: () => bytes,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

interface Made {
  readonly listeners?: readonly Listener[]
  readonly resolve?: Resolve
  readonly allow?: readonly Network[]
}

const made: Sender[] = []
const closers: (() => Promise<void>)[] = []
let clock: FakeClock

function sender({ listeners = [], resolve, allow = loopback }: Made = {}): Sender {
  const guard = createGuard({ allow, ownListeners: () => listeners, resolve: resolve ?? systemResolve })
  const sender = createSender(guard, clock)
  made.push(sender)
  return sender
}

async function raw(onData: (socket: Socket) => void): Promise<Raw> {
  const server = await rawServer(onData)
  closers.push(() => server.close())
  return server
}

const request = (url: string, given: Parameters<typeof credentials>[1] = {}) => {
  const receiver = prepare(credentials(url, given), '1.2.3')
  return { receiver, headers: receiver.headers, body: Buffer.from('{}'), timeoutMs: 15_000 }
}

const send = (to: Sender, outgoing: ReturnType<typeof request>) =>
  new Promise<Reply | undefined>((resolve) => void to.send(outgoing, resolve))

const post = (url: string, given: Made = {}) => send(sender(given), request(url))

beforeEach(() => {
  clock = createFakeClock(systemClock.now())
})
afterEach(async () => {
  for (const sender of made.splice(0)) await sender.close()
  for (const close of closers.splice(0)) await close()
  expect(clock.timers).toBe(0)
})

async function receiver(): Promise<Receiver> {
  const created = await createReceiver()
  closers.push(() => created.close())
  return created
}

describe('an answer', () => {
  it.each([200, 201, 204, 299])('%i is a success', async (status) => {
    const to = await receiver()
    to.answer = { status, body: status === 204 ? '' : 'thanks' }
    const body = status === 204 ? '' : 'thanks'
    expect(await post(to.url)).toMatchObject({
      outcome: 'success',
      statusCode: status,
      message: '',
      responseBody: body,
    })
  })

  it.each([
    [301, 'HTTP 301 Moved Permanently'],
    [307, 'HTTP 307 Temporary Redirect'],
    [400, 'HTTP 400 Bad Request'],
    [410, 'HTTP 410 Gone'],
    [429, 'HTTP 429 Too Many Requests'],
    [500, 'HTTP 500 Internal Server Error'],
    [599, 'HTTP 599'],
  ])('%i is none, and no redirect is followed', async (status, message) => {
    const to = await receiver()
    const elsewhere = await receiver()
    to.answer = { status, headers: { location: elsewhere.url, 'retry-after': '7' }, body: 'no' }
    expect(await post(to.url)).toMatchObject({
      outcome: 'http',
      statusCode: status,
      message,
      responseBody: 'no',
      retryAfter: '7',
    })
    expect([to.requests.length, elsewhere.requests.length]).toEqual([1, 0])
  })

  it('is kept to 4 KiB, cut between characters', async () => {
    const to = await receiver()
    to.answer = { status: 200, body: 'a' + 'ü'.repeat(5000) }
    const reply = await post(to.url)
    expect(reply?.responseBody).toBe('a' + 'ü'.repeat(2047))
  })

  it('has secrets masked, one that lies across the cut included', async () => {
    const to = await receiver()
    const secret = 'authorization-secret'
    to.answer = { status: 400, body: `${secret} ${'x'.repeat(4075)}${secret} and "${secret}"` }
    const outgoing = request(to.url, { headers: [{ name: 'Authorization', value: secret }] })
    const reply = await send(sender(), outgoing)
    expect(reply?.responseBody.startsWith('[secret] xxx')).toBe(true)
    expect(reply?.responseBody).not.toMatch(/author/)
  })

  it('has a long secret masked that is echoed until the answer is cut off', async () => {
    const to = await receiver()
    const secret = Array.from({ length: 100 }, (_, i) => `part-${i}-of-it`).join('/')
    to.answer = { status: 400, body: `${secret} `.repeat(9) }
    const outgoing = request(to.url, { headers: [{ name: 'Authorization', value: secret }] })
    const reply = await send(sender(), outgoing)
    expect(reply?.responseBody).toContain('[secret]')
    expect(reply?.responseBody).not.toMatch(/part-\d/)
  })

  it('does not tell a secret URL back', async () => {
    const to = await receiver()
    to.answer = (received) => ({ status: 404, body: `no route for ${received.path}, ${received.headers.host}` })
    const url = to.url.replace('/hooks?tenant=1', '/T0001/B0002/XXXXYYYY?key=abcdefgh')
    const reply = await send(sender(), request(url, { urlIsSecret: true }))
    expect(reply?.responseBody).toBe('no route for [secret], [secret]')
  })

  it('does not tell parts of a secret back: a token without its scheme, a segment of a secret URL', async () => {
    const to = await receiver()
    to.answer = { status: 401, body: 'token abcdef123456 has expired; no service has the hook XYZ TOKEN123' }
    const url = to.url.replace('/hooks?tenant=1', '/services/T0001/XYZ%20TOKEN123')
    const headers = [{ name: 'Authorization', value: 'Bearer abcdef123456' }]
    const reply = await send(sender(), request(url, { urlIsSecret: true, headers }))
    expect(reply?.responseBody).toBe('token [secret] has expired; no service has the hook [secret]')
  })

  it('asks for no compression, and a compressed answer is not unpacked', async () => {
    const to = await receiver()
    const bomb = gzipSync(Buffer.alloc(32 * 1024 * 1024))
    to.answer = { status: 200, headers: { 'content-encoding': 'gzip' }, body: bomb }
    const before = process.memoryUsage().rss
    const reply = await post(to.url)
    expect(to.requests[0]?.headers['accept-encoding']).toBeUndefined()
    expect(reply).toMatchObject({ outcome: 'success', responseBody: '(compressed, not shown)' })
    expect(process.memoryUsage().rss - before).toBeLessThan(24 * 1024 * 1024)
  })
})

describe('a receiver that does not play by the rules', () => {
  it('gets its connection closed after 64 KiB of an endless body; the status code counts', async () => {
    const to = await raw((socket) => {
      socket.write('HTTP/1.1 200 OK\r\n\r\n')
      const flood = () => {
        while (!socket.destroyed && socket.write(Buffer.alloc(16_384, 'x')));
      }
      socket.on('drain', flood)
      flood()
    })
    const reply = await post(to.url)
    expect(reply).toMatchObject({ outcome: 'success', statusCode: 200 })
    expect(reply?.responseBody).toHaveLength(4096)
    await until(() => to.sockets.size === 0)
  })

  it.each([
    ['never answers', ''],
    ['sends a head byte by byte', 'HTTP/1.1 2'],
    ['stops within the body', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc'],
    ['keeps saying it is busy', 'HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n'],
  ])('is given up when the time of the whole attempt is over: %s', async (_name, bytes) => {
    const to = await raw((socket) => socket.write(bytes))
    const reply = post(to.url)
    await until(() => to.bytesReceived() > 0)
    clock.advance(14_999)
    clock.advance(1)
    expect(await reply).toMatchObject({ outcome: 'timeout', statusCode: null, durationMs: 15_000 })
    await until(() => to.sockets.size === 0)
  })

  it.each([
    ['resets', (socket: Socket) => socket.resetAndDestroy(), 'connect'],
    ['hangs up', (socket: Socket) => socket.destroy(), 'connect'],
    [
      'hangs up within the body',
      (socket: Socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nab'),
      'connect',
    ],
    ['speaks no HTTP', (socket: Socket) => socket.end('220 smtp.example ESMTP\r\n'), 'protocol'],
    [
      'sends huge headers',
      (socket: Socket) => socket.end(`HTTP/1.1 200 OK\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`),
      'protocol',
    ],
    [
      'sends many headers',
      (socket: Socket) => socket.end(`HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(9000)}\r\n`),
      'protocol',
    ],
  ] as const)('has failed: %s', async (_name, act, outcome) => {
    const to = await raw((socket) => void act(socket))
    const reply = await post(to.url)
    expect(reply).toMatchObject({ outcome, statusCode: null, responseBody: '' })
    expect(reply?.message).toMatch(/^the /)
    expect(reply?.message).not.toMatch(/\d{4,}|127\.0\.0\.1/)
  })

  it('refuses the connection', async () => {
    const to = await raw(() => undefined)
    await closers.pop()?.()
    expect(await post(to.url)).toMatchObject({ outcome: 'connect', message: 'the connection was refused' })
  })

  it('does not get a request that was given up before the connection stood', async () => {
    const to = await receiver()
    const callbacks: Parameters<Resolve>[1][] = []
    const slow = sender({ resolve: (_hostname, callback) => void callbacks.push(callback) })
    const reply = send(slow, request(`http://receiver.test:${to.port}/`))
    await until(() => callbacks.length === 1)
    clock.advance(15_000)
    expect(await reply).toMatchObject({ outcome: 'timeout', message: 'no complete answer within 15 s (connecting)' })
    callbacks[0]?.(null, [{ address: '127.0.0.1', family: 4 }])
    expect(await send(slow, request(to.url))).toMatchObject({ outcome: 'success' })
    expect(to.requests).toHaveLength(1)
  })
})

describe('connections', () => {
  it('are used again, one request at a time', async () => {
    let connections = 0
    const to = await receiver()
    const one = sender()
    for (let index = 0; index < 5; index += 1)
      expect(await send(one, request(to.url))).toMatchObject({ outcome: 'success' })
    connections = new Set(to.requests.map((received) => received.headers.host)).size
    expect(connections).toBe(1)
  })

  it('go when nobody has used them for a while', async () => {
    const to = await raw((socket) => socket.write('HTTP/1.1 204 No Content\r\n\r\n'))
    await post(to.url)
    expect(to.sockets.size).toBe(1)
    clock.advance(10_000)
    clock.advance(10_001)
    await until(() => to.sockets.size === 0)
    expect(clock.timers).toBe(0)
  })

  it('in use are aborted by close, without a word', async () => {
    const to = await raw(() => undefined)
    const one = sender()
    const reply = send(one, request(to.url))
    await until(() => to.bytesReceived() > 0)
    await one.close()
    expect(await reply).toBeUndefined()
    await until(() => to.sockets.size === 0)
  })
})

describe('the address guard', () => {
  const refused = (reply: Reply | undefined) => {
    expect(reply).toMatchObject({ outcome: 'address-blocked', statusCode: null })
    return reply?.message
  }

  it('refuses literals, which nobody looks up', async () => {
    const to = await receiver()
    for (const host of ['127.0.0.1', '[::ffff:127.0.0.1]', '2130706433', '0x7f.1', '[::1]', '0']) {
      refused(await post(`http://${host}:${to.port}/`, { allow: [] }))
    }
    expect(to.requests).toHaveLength(0)
  })

  it('refuses a name by any of its addresses, at every look-up anew', async () => {
    const to = await receiver()
    const answers = [['127.0.0.1'], ['127.0.0.1', '10.0.0.1'], ['169.254.169.254'], ['127.0.0.1']]
    let asked = 0
    const resolve: Resolve = (_hostname, callback) => {
      const addresses = answers[asked] ?? []
      asked += 1
      callback(null, addresses.map((address) => ({ address, family: 4 }))) // prettier-ignore
    }
    const one = sender({ resolve })
    const url = `http://rebinding.test:${to.port}/`
    to.answer = { status: 204, headers: { connection: 'close' } }
    expect(await send(one, request(url))).toMatchObject({ outcome: 'success' })
    expect(refused(await send(one, request(url)))).toContain('10.0.0.1 is a private address')
    expect(refused(await send(one, request(url)))).toContain('metadata')
    expect(await send(one, request(url))).toMatchObject({ outcome: 'success' })
    expect(to.requests).toHaveLength(2)
  })

  it('dials only what it has judged, whatever the name says a moment later', async () => {
    const to = await receiver()
    let asked = 0
    const resolve: Resolve = (_hostname, callback) => {
      asked += 1
      callback(null, [{ address: asked === 1 ? '127.0.0.1' : '10.0.0.1', family: 4 }])
    }
    expect(await post(`http://rebinding.test:${to.port}/`, { resolve })).toMatchObject({ outcome: 'success' })
    expect(asked).toBe(1)
  })

  it("refuses this process's own listeners although their network is allowed", async () => {
    const to = await receiver()
    const listeners = [{ address: '0.0.0.0', port: to.port }]
    expect(refused(await post(to.url, { listeners }))).toContain('a listener of this operator itself')
    expect(to.requests).toHaveLength(0)
  })

  it('says nothing of the address of a secret URL', async () => {
    const to = await receiver()
    const reply = await send(sender({ allow: [] }), request(to.url, { urlIsSecret: true }))
    expect(refused(reply)).toBe('the receiver has an address that may not be dialled')
  })
})

describe('TLS', () => {
  const file = (name: string) => readFileSync(join(import.meta.dirname, 'tls', name), 'utf8')
  const ca = file('ca.pem')

  async function tlsServer(): Promise<{ port: number; versions: Set<string> }> {
    const versions = new Set<string>()
    const server = createTlsServer({ cert: file('server.pem'), key: file('server-key.pem') }, (received, response) => {
      versions.add(received.httpVersion)
      received.resume().on('end', () => response.end('secure'))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closers.push(async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    })
    return { port: (server.address() as AddressInfo).port, versions }
  }

  const resolve: Resolve = (_hostname, callback) => callback(null, [{ address: '127.0.0.1', family: 4 }])

  it('trusts an extra authority, by name and by address, and speaks HTTP/1.1', async () => {
    const { port, versions } = await tlsServer()
    const one = sender({ resolve })
    for (const host of ['receiver.test', '127.0.0.1']) {
      const reply = await send(one, request(`https://${host}:${port}/`, { ca }))
      expect(reply).toMatchObject({ outcome: 'success', responseBody: 'secure' })
    }
    expect([...versions]).toEqual(['1.1'])
  })

  it('fails without it, for another name, and where no TLS is spoken', async () => {
    const { port } = await tlsServer()
    const plain = await receiver()
    const check = async (url: string, given: Parameters<typeof credentials>[1], message: string) => {
      const reply = await send(sender({ resolve }), request(url, given))
      expect(reply).toMatchObject({ outcome: 'tls', message: expect.stringContaining(message) as string })
    }
    await check(`https://receiver.test:${port}/`, {}, 'spec.tls.ca')
    await check(`https://other.test:${port}/`, { ca }, 'another host name')
    await check(`https://127.0.0.1:${plain.port}/`, {}, 'TLS')
    await check(`https://127.0.0.1:${port}/`, { ca: 'no PEM' }, 'spec.tls.ca')
  })

  it('takes a reset right after the handshake for what it is, not for an address that may not be dialled', async () => {
    const cell = new Int32Array(new SharedArrayBuffer(4))
    const stages = { begun: 1, still: 2, reset: 3 }
    const workerData: Given = { cell, stages }
    const server = new Worker(new URL('resetting-server.ts', import.meta.url), { workerData })
    closers.push(async () => void (await server.terminate()))
    const [port] = (await once(server, 'message')) as [number]
    const reply = send(sender(), request(`https://127.0.0.1:${port}/`, { ca }))
    await until(() => Atomics.load(cell, 0) === stages.begun)
    Atomics.store(cell, 0, stages.still)
    Atomics.notify(cell, 0)
    Atomics.wait(cell, 0, stages.still)
    expect(await reply).toMatchObject({ outcome: 'connect', message: 'the connection was reset' })
  })
})

it('names a host that does not exist', async () => {
  const resolve: Resolve = (_hostname, callback) => callback(Object.assign(new Error('x'), { code: 'ENOTFOUND' }), [])
  expect(await post('http://missing.test/', { resolve })).toMatchObject({
    outcome: 'dns',
    message: 'the host name was not found',
  })
})

it('never sends a header HTTP does not allow', async () => {
  const to = await receiver()
  const outgoing = request(to.url, { headers: [{ name: 'X-Tenant', value: 'a\r\nx-injected: 1' }] })
  expect(await send(sender(), outgoing)).toMatchObject({ outcome: 'protocol' })
  expect(to.requests).toHaveLength(0)
})
