import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Clock } from './clock.ts'
import { errorCode, toError, UserError } from './errors.ts'
import type { ListenAddress } from './network.ts'

/** An address a server really listens on. */
export interface Listening {
  readonly address: string
  readonly port: number
}

/** Binds a server. An address that cannot be had is told in words, with the flag that chooses another. */
export async function listen(server: FastifyInstance, at: ListenAddress, flag: string): Promise<Listening> {
  try {
    await server.listen({ host: at.host, port: at.port })
  } catch (thrown) {
    throw new UserError(
      `cannot listen on ${at.host}:${at.port}: ${reason(thrown)}; choose another address with ${flag}`,
    )
  }
  const { address, port } = server.server.address() as AddressInfo
  return { address, port }
}

function reason(thrown: unknown): string {
  switch (errorCode(thrown)) {
    case 'EADDRINUSE':
      return 'another program listens there already'
    case 'EACCES':
      return 'the system does not allow it (ports under 1024 need a privilege)'
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return 'this machine has no such address'
    case undefined:
    default:
      return toError(thrown).message
  }
}

/** Requests under way get this long to end; a client that never finishes its request must not keep the program from stopping. */
const CLOSE_GRACE_MS = 1_500

/** Accepts nothing more, lets requests under way finish, then cuts what is left. */
export async function closeServer(server: FastifyInstance, clock: Clock): Promise<void> {
  const timer = clock.after(CLOSE_GRACE_MS, () => server.server.closeAllConnections())
  await server.close()
  timer.cancel()
}

/** The address as the start of a URL that reaches it from this machine. */
export function origin({ address, port }: Listening): string {
  if (address === '0.0.0.0' || address === '::') return `http://127.0.0.1:${port}`
  return address.includes(':') ? `http://[${address}]:${port}` : `http://${address}:${port}`
}
