import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

/** What one client, or many, may take of the server. Node's own clocks watch over the times. */
export interface ServerLimits {
  /** From a request's first byte to the end of its headers. */
  readonly headersTimeoutMs: number
  /** From a request's first byte to its last. */
  readonly requestTimeoutMs: number
  /** A connection on which nothing moves, unless it is the server's turn to answer: a client that never reads its answer. */
  readonly idleTimeoutMs: number
  /** How often the two request times are looked at: they end late by up to this. */
  readonly checkIntervalMs: number
  readonly bodyBytes: number
  readonly headerBytes: number
  /** Open at once; more are closed without an answer, so that files are left for the store and the deliveries. */
  readonly connections: number
}

export const LIMITS: ServerLimits = {
  headersTimeoutMs: 15_000,
  requestTimeoutMs: 30_000,
  idleTimeoutMs: 60_000,
  checkIntervalMs: 5_000,
  bodyBytes: 1024 * 1024,
  headerBytes: 16 * 1024,
  connections: 10_000,
}

/** The options of the HTTP server that the limits are. */
export function limitOptions(limits: ServerLimits) {
  return {
    bodyLimit: limits.bodyBytes,
    requestTimeout: limits.requestTimeoutMs,
    connectionTimeout: limits.idleTimeoutMs,
    http: {
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: limits.checkIntervalMs,
      maxHeaderSize: limits.headerBytes,
    },
  }
}

export function limitConnections(server: Server, limits: ServerLimits): void {
  server.maxConnections = limits.connections
  server.on('request', waitForAnswer)
}

/** Nothing moves while an answer is being worked out, and a large deletion takes its time. Node asks here before it hangs up. */
function waitForAnswer(_request: IncomingMessage, response: ServerResponse): void {
  response.on('timeout', (socket: Socket) => {
    if (response.headersSent) socket.destroy()
  })
}
