import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import type { Resolve } from '../../src/dispatch/guard.ts'
import type { Reply } from '../../src/dispatch/send.ts'
import { type credentials, until } from './harness.ts'
import type { Given } from './resetting-server.ts'
import { clock, closers, post, raw, receiver, request, send, sender } from './sending.ts'

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
