import type { Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import type { Resolve } from '../../src/dispatch/guard.ts'
import { until } from './harness.ts'
import { clock, closers, post, raw, receiver, request, send, sender } from './sending.ts'

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

it('never sends a header HTTP does not allow', async () => {
  const to = await receiver()
  const outgoing = request(to.url, { headers: [{ name: 'X-Tenant', value: 'a\r\nx-injected: 1' }] })
  expect(await send(sender(), outgoing)).toMatchObject({ outcome: 'protocol' })
  expect(to.requests).toHaveLength(0)
})
