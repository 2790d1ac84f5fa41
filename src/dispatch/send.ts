import { STATUS_CODES } from 'node:http'
import type { Dispatcher as Undici } from 'undici'
import { assert } from '../base/assert.ts'
import type { Clock, Timer } from '../base/clock.ts'
import { dropCutSecret, maskSecrets } from '../base/secret.ts'
import type { AttemptOutcome } from '../storage/records.ts'
import { ConnectionPool, type Connection } from './connection.ts'
import { failureOf, type Failure } from './failure.ts'
import type { Guard } from './guard.ts'
import type { Receiver } from './receiver.ts'

export interface OutgoingRequest {
  readonly receiver: Receiver
  /** Alternating names and values; all of them. */
  readonly headers: readonly string[]
  readonly body: Uint8Array
  /** Of the whole attempt: look-up, connect, TLS, request, response to its last byte. */
  readonly timeoutMs: number
}

/** What became of a request. */
export interface Reply {
  readonly outcome: AttemptOutcome
  readonly statusCode: number | null
  /** For people, secrets masked, stable while the cause is the same. Empty on success. */
  readonly message: string
  /** First 4 KiB of the response as text, secrets masked. */
  readonly responseBody: string
  readonly retryAfter: string | undefined
  readonly durationMs: number
}

/**
 * Sends one request; calls `done` once with what became of it, or with undefined when it was aborted. Never retries, never follows
 * a redirect. Returns how to abort it.
 */
export type Send = (request: OutgoingRequest, done: (reply: Reply | undefined) => void) => () => void

/** The only place that calls a user-given address. */
export interface Sender {
  readonly send: Send
  /** Aborts what runs and closes every connection; nothing is open once it resolves. */
  close(): Promise<void>
}

const BODY_READ_MAX_BYTES = 64 * 1024
const BODY_KEPT_MAX_BYTES = 4 * 1024
const IDLE_MAX_MS = 10_000

export function createSender(guard: Guard, clock: Clock): Sender {
  const state = new SenderState(guard, clock)
  return { send: (request, done) => state.send(request, done), close: () => state.close() }
}

class SenderState {
  readonly #guard: Guard
  readonly #clock: Clock
  readonly #pools = new Map<string, ConnectionPool>()
  readonly #running = new Set<Exchange>()
  readonly #closing = new Set<Promise<void>>()
  #sweep: Timer | undefined
  #closed = false

  constructor(guard: Guard, clock: Clock) {
    this.#guard = guard
    this.#clock = clock
  }

  send(request: OutgoingRequest, done: (reply: Reply | undefined) => void): () => void {
    assert(!this.#closed, 'nothing is sent after close')
    const pool = this.#pool(request.receiver)
    if ('outcome' in pool) {
      done(failedReply(request.receiver, pool, 0))
      return () => undefined
    }
    const connection = pool.acquire()
    const exchange = new Exchange(request, this.#clock, (reply, reusable) => {
      this.#running.delete(exchange)
      const kept = pool.release(connection, reusable && !this.#closed)
      if (!kept) this.#destroy(connection)
      done(reply)
    })
    this.#running.add(exchange)
    exchange.run(connection)
    return () => exchange.abort()
  }

  /** The pool of the destination, or why there can be none. */
  #pool(receiver: Receiver): ConnectionPool | Failure {
    const known = this.#pools.get(receiver.connectionKey)
    if (known) return known
    try {
      const pool = new ConnectionPool(receiver, this.#guard, this.#clock)
      this.#pools.set(receiver.connectionKey, pool)
      this.#sweep ??= this.#clock.after(IDLE_MAX_MS, () => this.#dropIdle())
      return pool
    } catch {
      return { outcome: 'tls', message: 'the certificate authorities of spec.tls.ca cannot be parsed as PEM' }
    }
  }

  #destroy(connection: Connection): void {
    const closing = connection.destroy()
    this.#closing.add(closing)
    void closing.finally(() => this.#closing.delete(closing))
  }

  /** Connections and pools nobody uses go: that of a deleted webhook, or of a certificate authority replaced. */
  #dropIdle(): void {
    const since = this.#clock.elapsed() - IDLE_MAX_MS
    for (const [key, pool] of this.#pools) {
      for (const connection of pool.takeIdle(since)) this.#destroy(connection)
      if (pool.unused) this.#pools.delete(key)
    }
    this.#sweep = this.#pools.size === 0 ? undefined : this.#clock.after(IDLE_MAX_MS, () => this.#dropIdle())
  }

  async close(): Promise<void> {
    this.#closed = true
    this.#sweep?.cancel()
    for (const exchange of [...this.#running]) exchange.abort()
    for (const pool of this.#pools.values()) for (const idle of pool.takeIdle(Infinity)) this.#destroy(idle)
    await Promise.all(this.#closing)
    assert(this.#running.size === 0, 'no exchange runs once the sender is closed')
  }
}

/**
 * One request and its response. It settles once: on the last byte, on more bytes than anybody reads, on an error, on time being
 * up, or on abort; what comes after is ignored. Only a response read to its end leaves a connection that can be used again.
 */
class Exchange implements Undici.DispatchHandler {
  readonly #request: OutgoingRequest
  readonly #clock: Clock
  readonly #settled: (reply: Reply | undefined, reusable: boolean) => void
  readonly #startedAt: number
  #timer: Timer | undefined
  #done = false
  #phase = 'connecting'
  #statusCode = 0
  #retryAfter: string | undefined
  #encoding: string | undefined
  #kept: Buffer[] = []
  #keptBytes = 0
  #readBytes = 0

  constructor(request: OutgoingRequest, clock: Clock, settled: (reply: Reply | undefined, reusable: boolean) => void) {
    this.#request = request
    this.#clock = clock
    this.#settled = settled
    this.#startedAt = clock.elapsed()
  }

  run(connection: Connection): void {
    const { receiver, headers, body, timeoutMs } = this.#request
    this.#timer = this.#clock.after(timeoutMs, () => this.#timeOut())
    try {
      connection.client.dispatch({ path: receiver.path, method: 'POST', headers: headers as string[], body }, this)
    } catch {
      // undici refuses a header or path it cannot send; its message may hold the value.
      this.#fail({ outcome: 'protocol', message: 'a header or the URL holds characters HTTP does not allow' })
    }
  }

  abort(): void {
    this.#settle(undefined, false)
  }

  onRequestStart(controller: Undici.DispatchController): void {
    // Given up before the connection stood: nothing must leave any more.
    if (this.#done) controller.abort(new Error('given up'))
    this.#phase = 'waiting for the response'
  }

  onResponseStart(
    _controller: Undici.DispatchController,
    statusCode: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    if (statusCode < 200) return
    this.#phase = 'reading the response'
    this.#statusCode = statusCode
    this.#retryAfter = first(headers['retry-after'])
    this.#encoding = first(headers['content-encoding'])
  }

  onResponseData(_controller: Undici.DispatchController, chunk: Buffer): void {
    if (this.#done) return
    this.#readBytes += chunk.length
    this.#keep(chunk)
    if (this.#readBytes > BODY_READ_MAX_BYTES) this.#answered(false)
  }

  onResponseEnd(): void {
    this.#answered(true)
  }

  onResponseError(_controller: Undici.DispatchController, error: Error): void {
    this.#fail(failureOf(error))
  }

  /** A copy: the chunk is a window onto the socket's buffer. Some more than is shown: a secret may lie across the cut. */
  #keep(chunk: Buffer): void {
    const room = BODY_KEPT_MAX_BYTES + 4 * this.#longestSecret - this.#keptBytes
    if (room <= 0) return
    const part = Buffer.from(chunk.subarray(0, room))
    this.#kept.push(part)
    this.#keptBytes += part.length
  }

  get #longestSecret(): number {
    return this.#request.receiver.secrets[0]?.reveal().length ?? 0
  }

  #timeOut(): void {
    const seconds = this.#request.timeoutMs / 1000
    this.#fail({ outcome: 'timeout', message: `no complete answer within ${seconds} s (${this.#phase})` })
  }

  #fail(failure: Failure): void {
    const durationMs = this.#clock.elapsed() - this.#startedAt
    this.#settle(failedReply(this.#request.receiver, failure, durationMs), false)
  }

  #answered(reusable: boolean): void {
    const statusCode = this.#statusCode
    const success = statusCode >= 200 && statusCode <= 299
    const reply: Reply = {
      outcome: success ? 'success' : 'http',
      statusCode,
      message: success ? '' : statusText(statusCode),
      responseBody: this.#bodyText(),
      retryAfter: this.#retryAfter,
      durationMs: this.#clock.elapsed() - this.#startedAt,
    }
    this.#settle(reply, reusable)
  }

  #bodyText(): string {
    if (this.#keptBytes === 0) return ''
    // Never decompressed: nothing asked for it, and a few kilobytes may unpack to gigabytes.
    if (this.#encoding !== undefined && this.#encoding !== 'identity') return '(compressed, not shown)'
    const { secrets } = this.#request.receiver
    const text = maskSecrets(Buffer.concat(this.#kept).toString('utf8'), secrets)
    const isCut = this.#readBytes > this.#keptBytes
    const masked = Buffer.from(isCut ? dropCutSecret(text.replace(/\uFFFD+$/, ''), secrets) : text)
    if (masked.length <= BODY_KEPT_MAX_BYTES) return masked.toString()
    return masked
      .subarray(0, BODY_KEPT_MAX_BYTES)
      .toString('utf8')
      .replace(/\uFFFD+$/, '')
  }

  #settle(reply: Reply | undefined, reusable: boolean): void {
    if (this.#done) return
    this.#done = true
    this.#timer?.cancel()
    this.#settled(reply, reusable)
  }
}

function first(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value
}

/** The standard's reason phrase; the receiver's own could be anything. */
function statusText(statusCode: number): string {
  const phrase = STATUS_CODES[statusCode]
  return phrase === undefined ? `HTTP ${statusCode}` : `HTTP ${statusCode} ${phrase}`
}

function failedReply(receiver: Receiver, failure: Failure, durationMs: number): Reply {
  const hidden = receiver.urlIsSecret && failure.outcome === 'address-blocked'
  const message = hidden ? 'the receiver has an address that may not be dialled' : failure.message
  return {
    outcome: failure.outcome,
    statusCode: null,
    message: maskSecrets(message, receiver.secrets),
    responseBody: '',
    retryAfter: undefined,
    durationMs,
  }
}
