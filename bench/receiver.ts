import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

/**
 * The cheapest receiver there is, in a process of its own so that its work is not counted: it reads requests off the wire and
 * answers each with the same 200. Prints its port.
 */
const ANSWER = Buffer.from('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n')
const HEAD_END = Buffer.from('\r\n\r\n')

/** Bytes from `at` on that belong to the next request, or 0 if it is not complete yet. */
function requestLength(bytes: Buffer, at: number): number {
  const headEnd = bytes.indexOf(HEAD_END, at)
  if (headEnd === -1) return 0
  const head = bytes.toString('latin1', at, headEnd)
  const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0)
  const end = headEnd + HEAD_END.length + length
  return end <= bytes.length ? end - at : 0
}

const server = createServer({ noDelay: true }, (socket) => {
  let rest: Buffer = Buffer.alloc(0)
  socket.on('error', () => undefined)
  socket.on('data', (chunk: Buffer) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    for (let length = requestLength(bytes, at); length > 0; length = requestLength(bytes, at)) {
      socket.write(ANSWER)
      at += length
    }
    rest = bytes.subarray(at)
  })
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
