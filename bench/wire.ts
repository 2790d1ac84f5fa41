import { createServer, type AddressInfo, type Server } from 'node:net'

const ANSWER = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
const HEAD_END = Buffer.from('\r\n\r\n')

interface Request {
  readonly head: string
  readonly bodyAt: number
  readonly end: number
}

/** The request that begins at `at`; undefined while it is not complete. */
function requestAt(bytes: Buffer, at: number): Request | undefined {
  const headEnd = bytes.indexOf(HEAD_END, at)
  if (headEnd === -1) return undefined
  const head = bytes.toString('latin1', at, headEnd)
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
  const bodyAt = headEnd + HEAD_END.length
  const end = bodyAt + length
  return end <= bytes.length ? { head, bodyAt, end } : undefined
}

/**
 * The cheapest HTTP receiver there is: reads requests off the wire and answers each with the same 200. `wanted` may look at a
 * request; where it says false the request is never answered.
 */
export function createWireServer(wanted: (head: string, body: Buffer) => boolean = () => true): Server {
  return createServer({ noDelay: true }, (socket) => {
    let rest: Buffer = Buffer.alloc(0)
    socket.on('error', () => undefined)
    socket.on('data', (chunk: Buffer) => {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      let at = 0
      for (let request = requestAt(bytes, at); request; request = requestAt(bytes, at)) {
        at = request.end
        if (wanted(request.head, bytes.subarray(request.bodyAt, request.end))) socket.write(ANSWER)
      }
      rest = bytes.subarray(at)
    })
  })
}

export async function listenOnLoopback(server: Server): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  return (server.address() as AddressInfo).port
}
