/**
 * A TLS server in a thread of its own that resets a connection right after the last bytes of its handshake, while the client is not
 * looking: it waits until the client's thread stands still and lets it go on once everything has happened.
 */
import { readFileSync } from 'node:fs'
import net, { type AddressInfo } from 'node:net'
import { join } from 'node:path'
import tls from 'node:tls'
import { parentPort, workerData } from 'node:worker_threads'

/** What the one cell goes through: the handshake has begun, the client stands still, the connection was reset. */
export interface Given {
  readonly cell: Int32Array
  readonly stages: { readonly begun: number; readonly still: number; readonly reset: number }
}

const { cell, stages } = workerData as Given
const file = (name: string) => readFileSync(join(import.meta.dirname, 'tls', name), 'utf8')
const enter = (stage: number) => {
  Atomics.store(cell, 0, stage)
  Atomics.notify(cell, 0)
}

// In version 1.3 all the server says in the handshake is one flight.
const secure = tls.createServer({ cert: file('server.pem'), key: file('server-key.pem'), minVersion: 'TLSv1.3' })
secure.on('secureConnection', (socket) => socket.on('error', () => undefined))
secure.on('tlsClientError', () => undefined)

const server = net.createServer((client) => {
  const { port } = secure.address() as AddressInfo
  const behind = net.connect(port, '127.0.0.1')
  for (const socket of [client, behind]) socket.on('error', () => undefined)
  client.once('data', (hello) => {
    enter(stages.begun)
    Atomics.wait(cell, 0, stages.begun)
    behind.write(hello)
  })
  behind.once('data', (flight) => client.write(flight, () => client.resetAndDestroy()))
  client.once('close', () => {
    behind.destroy()
    enter(stages.reset)
  })
})
secure.listen(0, '127.0.0.1', () =>
  server.listen(0, '127.0.0.1', () => parentPort?.postMessage((server.address() as AddressInfo).port)),
)
