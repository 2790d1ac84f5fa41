import net, { type AddressInfo, type Socket } from 'node:net'
import { afterEach, beforeEach, expect } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { parseNetwork, type Network } from '../../src/dispatch/address.ts'
import { createGuard, type Listener, type Resolve } from '../../src/dispatch/guard.ts'
import { systemResolve } from '../../src/dispatch/look-ups.ts'
import { createReceiver as prepare } from '../../src/dispatch/receiver.ts'
import { createSender, type Reply, type Sender } from '../../src/dispatch/send.ts'
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts'
import { createReceiver, type Receiver } from '../support/receiver.ts'
import { credentials } from './harness.ts'

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
/** What a test has opened besides, closed after it. */
export const closers: (() => Promise<void>)[] = []
export let clock: FakeClock

export function sender({ listeners = [], resolve, allow = loopback }: Made = {}): Sender {
  const guard = createGuard({ allow, ownListeners: () => listeners, resolve: resolve ?? systemResolve })
  const sender = createSender(guard, clock)
  made.push(sender)
  return sender
}

export async function raw(onData: (socket: Socket) => void): Promise<Raw> {
  const server = await rawServer(onData)
  closers.push(() => server.close())
  return server
}

export const request = (url: string, given: Parameters<typeof credentials>[1] = {}) => {
  const receiver = prepare(credentials(url, given), '1.2.3')
  return { receiver, headers: receiver.headers, body: Buffer.from('{}'), timeoutMs: 15_000 }
}

export const send = (to: Sender, outgoing: ReturnType<typeof request>) =>
  new Promise<Reply | undefined>((resolve) => void to.send(outgoing, resolve))

export const post = (url: string, given: Made = {}) => send(sender(given), request(url))

beforeEach(() => {
  clock = createFakeClock(systemClock.now())
})
afterEach(async () => {
  for (const sender of made.splice(0)) await sender.close()
  for (const close of closers.splice(0)) await close()
  expect(clock.timers).toBe(0)
})

export async function receiver(): Promise<Receiver> {
  const created = await createReceiver()
  closers.push(() => created.close())
  return created
}
