import { STATUS_CODES, type Server } from 'node:http'
import type { Socket } from 'node:net'
import { apiError, ERRORS, HAL, renderError, type ErrorName } from './errors.ts'

/** What one client, or many, may take of the server. Node's own clocks watch over the times. */
export interface ServerLimits {
  /** From a request's first byte to the end of its headers. */
  readonly headersTimeoutMs: number
  /** From a request's first byte to its last. */
  readonly requestTimeoutMs: number
  /** A connection on which nothing moves: a client that never reads its answer. */
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
    clientErrorHandler: refuseClient,
    http: {
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: limits.checkIntervalMs,
      maxHeaderSize: limits.headerBytes,
    },
  }
}

export function limitConnections(server: Server, limits: ServerLimits): void {
  server.maxConnections = limits.connections
}

const REASONS: Readonly<Record<string, ErrorName>> = {
  ERR_HTTP_REQUEST_TIMEOUT: 'RequestTimeout',
  HPE_HEADER_OVERFLOW: 'HeadersTooLarge',
}

/** A socket that may have an answer under way. */
type AnsweringSocket = Socket & { readonly _httpMessage?: { readonly headersSent: boolean } | null }

/**
 * What came is no request, or does not come to its end: it has no path, so no hook has seen it. It is refused in HAL like
 * everything else, unless an answer to something before it is being written, and the connection ends.
 */
function refuseClient(error: Error & { code?: string }, socket: Socket): void {
  const { _httpMessage: underWay } = socket as AnsweringSocket
  if (socket.writable && !underWay?.headersSent) socket.write(refusal(REASONS[error.code ?? ''] ?? 'BadRequest'))
  socket.destroy()
}

function refusal(name: ErrorName): string {
  const body = JSON.stringify(renderError(apiError(name)))
  const { status } = ERRORS[name]
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    `content-type: ${HAL}`,
    `content-length: ${Buffer.byteLength(body)}`,
  ]
  return `${head.join('\r\n')}\r\nconnection: close\r\n\r\n${body}`
}
