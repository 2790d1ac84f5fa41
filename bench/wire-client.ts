import { connect, type Socket } from 'node:net'

/** The cheapest HTTP client there is: keep-alive connections with one exchange at a time, so that load costs little to make. */
export interface WireClient {
  /** Waits for a free connection. Rejects when the server hangs up, or answers without a `content-length`. */
  exchange(request: string): Promise<WireAnswer>
  close(): void
}

export interface WireAnswer {
  readonly statusCode: number
  readonly body: Buffer
}

const HEAD_END = Buffer.from('\r\n\r\n')

interface Connection {
  readonly socket: Socket
  current: PromiseWithResolvers<WireAnswer> | undefined
  rest: Buffer
}

/** The whole request, ready to be written. */
export function wireRequest(method: string, path: string, headers: readonly string[], body: string): string {
  const length = `content-length: ${Buffer.byteLength(body)}`
  return [`${method} ${path} HTTP/1.1`, 'host: 127.0.0.1', ...headers, length, '', body].join('\r\n')
}

/** The answer, once all of it is there. */
function answerIn(bytes: Buffer): WireAnswer | undefined {
  const headEnd = bytes.indexOf(HEAD_END)
  if (headEnd === -1) return undefined
  const head = bytes.toString('latin1', 0, headEnd)
  const length = /content-length: (\d+)/i.exec(head)?.[1]
  if (length === undefined) throw new Error(`an answer without content-length: ${head}`)
  const bodyAt = headEnd + HEAD_END.length
  const end = bodyAt + Number(length)
  return end <= bytes.length
    ? { statusCode: Number(head.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length)), body: bytes.subarray(bodyAt, end) }
    : undefined
}

export function createWireClient(port: number, connections: number): WireClient {
  const all: Connection[] = []
  const idle: Connection[] = []
  const queue: { request: string; answered: PromiseWithResolvers<WireAnswer> }[] = []
  const send = (connection: Connection, request: string, answered: PromiseWithResolvers<WireAnswer>) => {
    connection.current = answered
    connection.socket.write(request)
  }
  const free = (connection: Connection) => {
    const next = queue.shift()
    if (next) send(connection, next.request, next.answered)
    else idle.push(connection)
  }
  const open = (): Connection => {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true })
    const connection: Connection = { socket, current: undefined, rest: Buffer.alloc(0) }
    const fail = (error: Error) => connection.current?.reject(error)
    socket.on('error', fail)
    socket.on('close', () => fail(new Error('the server hung up')))
    socket.on('data', (chunk: Buffer) => {
      connection.rest = connection.rest.length === 0 ? chunk : Buffer.concat([connection.rest, chunk])
      try {
        const answer = answerIn(connection.rest)
        if (!answer) return
        connection.rest = Buffer.alloc(0)
        connection.current?.resolve(answer)
        connection.current = undefined
        free(connection)
      } catch (thrown) {
        fail(thrown as Error)
      }
    })
    all.push(connection)
    return connection
  }
  return {
    exchange(request) {
      const answered = Promise.withResolvers<WireAnswer>()
      const connection = idle.pop() ?? (all.length < connections ? open() : undefined)
      if (connection) send(connection, request, answered)
      else queue.push({ request, answered })
      return answered.promise
    },
    close() {
      for (const { socket } of all) socket.destroy()
    },
  }
}
