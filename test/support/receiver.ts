import { createServer } from 'node:http'
import type { IncomingHttpHeaders, IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'

/** A request as the receiver got it. */
export interface Received {
  readonly method: string
  readonly path: string
  readonly headers: IncomingHttpHeaders
  /** Names and values as sent, alternating. */
  readonly rawHeaders: readonly string[]
  readonly body: Buffer
}

/** What to answer; a number is a status code without a body. `hang` never answers, `reset` drops the connection. */
export type Answer =
  | number
  | 'hang'
  | 'reset'
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string | Buffer }

export interface Receiver {
  readonly url: string
  readonly port: number
  readonly requests: readonly Received[]
  /** Open connections. */
  readonly connections: number
  /** Answers each request from now on; by default 204. */
  answer: Answer | ((request: Received, index: number) => Answer | Promise<Answer>)
  /** Resolves once `count` requests have come in all. */
  received(count: number): Promise<readonly Received[]>
  close(): Promise<void>
}

function send(request: IncomingMessage, response: ServerResponse, answer: Answer): void {
  if (answer === 'hang') return
  if (answer === 'reset') return void request.socket.resetAndDestroy()
  const { status, headers, body } = typeof answer === 'number' ? { status: answer, headers: {}, body: '' } : answer
  response.writeHead(status, headers).end(body)
}

/** A real HTTP receiver on a free port of 127.0.0.1. */
export async function createReceiver(): Promise<Receiver> {
  const requests: Received[] = []
  const waiting = new Set<() => void>()
  const sockets = new Set<Socket>()
  const receiver = {
    answer: 204 as Receiver['answer'],
    requests,
    get connections() {
      return sockets.size
    },
    async received(count: number) {
      while (requests.length < count) await new Promise<void>((resolve) => waiting.add(resolve))
      return requests
    },
  }
  const listener: RequestListener = (request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const received: Received = {
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        rawHeaders: request.rawHeaders,
        body: Buffer.concat(chunks),
      }
      requests.push(received)
      const { answer } = receiver
      const chosen = typeof answer === 'function' ? answer(received, requests.length - 1) : answer
      for (const wake of waiting) wake()
      waiting.clear()
      // At once where it can be: who answers without waiting has answered when `answer` returns.
      if (chosen instanceof Promise) void chosen.then((later) => send(request, response, later))
      else send(request, response, chosen)
    })
  }
  const server = createServer(listener)
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return Object.assign(receiver, {
    url: `http://127.0.0.1:${port}/hooks?tenant=1`,
    port,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  })
}
