import net from 'node:net'
import tls from 'node:tls'
import { Client, type buildConnector } from 'undici'
import type { Clock } from '../base/clock.ts'
import type { Guard } from './guard.ts'

/** How to reach an origin. */
export interface Destination {
  readonly origin: string
  readonly ca: string | undefined
}

const RESPONSE_HEADERS_MAX_BYTES = 16 * 1024

/** A connection is not used longer than this, so that a change in DNS is followed even under steady traffic. */
const AGE_MAX_MS = 60_000

/**
 * Idle connections to one origin. One client is one connection with one exchange at a time, so that giving up on an exchange
 * gives up exactly its connection, whatever state it is in.
 */
export class ConnectionPool {
  readonly #destination: Destination
  readonly #guard: Guard
  readonly #clock: Clock
  readonly #secureContext: tls.SecureContext | undefined
  readonly #idle: Connection[] = []
  #busy = 0
  /** The last TLS session: a new connection resumes it. */
  #session: Buffer | undefined

  /** Throws when the extra certificate authorities cannot be parsed. */
  constructor(destination: Destination, guard: Guard, clock: Clock) {
    this.#destination = destination
    this.#guard = guard
    this.#clock = clock
    this.#secureContext = secureContext(destination.ca)
  }

  /** No connection is idle or in use: the pool may be forgotten. */
  get unused(): boolean {
    return this.#idle.length === 0 && this.#busy === 0
  }

  acquire(): Connection {
    this.#busy += 1
    return this.#idle.pop() ?? this.#open()
  }

  /** Takes a connection back, `reusable` after a complete exchange; answers whether it was kept. */
  release(connection: Connection, reusable: boolean): boolean {
    const now = this.#clock.elapsed()
    this.#busy -= 1
    connection.idleSince = now
    const keep = reusable && now - connection.openedAt <= AGE_MAX_MS
    if (keep) this.#idle.push(connection)
    return keep
  }

  /** Hands out the connections idle since before `since` (of the clock's `elapsed`), for closing. */
  takeIdle(since: number): Connection[] {
    // The stack's bottom is what was used least recently.
    const fresh = this.#idle.findIndex((connection) => connection.idleSince >= since)
    return this.#idle.splice(0, fresh === -1 ? this.#idle.length : fresh)
  }

  #open(): Connection {
    const client = new Client(this.#destination.origin, {
      allowH2: false,
      pipelining: 1,
      maxHeaderSize: RESPONSE_HEADERS_MAX_BYTES,
      // The attempt's own time limit covers all of it; two clocks for one thing would race.
      headersTimeout: 0,
      bodyTimeout: 0,
      connect: (options, callback) => {
        connection.socket = this.#connect(options, callback)
      },
    })
    const connection = new Connection(client, this.#clock.elapsed())
    return connection
  }

  #connect(options: buildConnector.Options, callback: buildConnector.Callback): net.Socket | undefined {
    const secure = options.protocol === 'https:'
    const port = Number(options.port === '' ? (secure ? 443 : 80) : options.port)
    // Literals are never looked up, so the look-up cannot judge them.
    const refused = net.isIP(options.hostname) === 0 ? undefined : this.#guard.refuse(options.hostname, port)
    if (refused) {
      callback(refused, null)
      return undefined
    }
    const target = { host: options.hostname, port, lookup: this.#guard.lookupFor(port), keepAlive: true, noDelay: true }
    const socket = secure ? this.#dialTls(target) : net.connect(target)
    let answered = false
    const once: buildConnector.Callback = (...result) => {
      if (answered) return
      answered = true
      callback(...result)
    }
    socket.once('error', (error) => once(error, null))
    socket.once(secure ? 'secureConnect' : 'connect', () => {
      const failure = this.#judgePeer(socket.remoteAddress, port)
      if (!failure) return once(null, socket)
      once(failure, null)
      socket.destroy()
    })
    return socket
  }

  /** Without an address there is nothing to judge: the peer has reset the connection before we came to look. */
  #judgePeer(address: string | undefined, port: number): Error | undefined {
    if (address !== undefined) return this.#guard.refuse(address, port)
    return Object.assign(new Error('the connection was reset'), { code: 'ECONNRESET' })
  }

  #dialTls(target: { host: string; port: number }): tls.TLSSocket {
    const socket = tls.connect({
      ...target,
      // An address is no server name (RFC 6066 §3); the certificate is then checked against the address.
      servername: net.isIP(target.host) === 0 ? target.host : '',
      ALPNProtocols: ['http/1.1'],
      ...(this.#session && { session: this.#session }),
      ...(this.#secureContext && { secureContext: this.#secureContext }),
    })
    socket.on('session', (session: Buffer) => (this.#session = session))
    return socket
  }
}

/** Extra trust comes on top of the default authorities, not in their place. */
function secureContext(ca: string | undefined): tls.SecureContext | undefined {
  if (ca === undefined) return undefined
  return tls.createSecureContext({ ca: [...tls.getCACertificates('default'), ca] })
}

export class Connection {
  readonly client: Client
  readonly openedAt: number
  idleSince = 0
  socket: net.Socket | undefined

  constructor(client: Client, openedAt: number) {
    this.client = client
    this.openedAt = openedAt
  }

  /** Ends it whatever it is doing, a dial under way included; resolves once the socket is closed. */
  async destroy(): Promise<void> {
    const socket = this.socket
    const closed = socket && !socket.closed ? new Promise((resolve) => socket.once('close', resolve)) : undefined
    // Whoever cares was told already.
    socket?.on('error', () => undefined)
    const destroyed = this.client.destroy()
    socket?.destroy()
    await Promise.all([destroyed, closed])
  }
}
