import type dns from 'node:dns'
import { networkInterfaces } from 'node:os'
import { canonicalAddress, refusal, type Network } from './address.ts'

export interface Listener {
  readonly address: string
  readonly port: number
}

export interface ResolvedAddress {
  readonly address: string
  readonly family: number
}

/** All addresses of a host name; what `dns.lookup` with `all: true` answers. */
export type Resolve = (
  hostname: string,
  callback: (error: NodeJS.ErrnoException | null, addresses: readonly ResolvedAddress[]) => void,
) => void

export interface GuardOptions {
  /** `--allow-address`. */
  readonly allow: readonly Network[]
  /** What this process listens on; refused whatever is allowed. */
  readonly ownListeners: () => readonly Listener[]
  readonly resolve: Resolve
  /** Addresses of this host; asked only when a port coincides with a listener's. */
  readonly localAddresses?: () => readonly string[]
}

/** Thrown into a connection attempt: the receiver's address may not be dialled. */
export class AddressRefusedError extends Error {
  override readonly name = 'AddressRefusedError'
  readonly code = 'NEPENTHES_ADDRESS_REFUSED'
}

/** `lookup` as `net.connect` calls it. */
export type ConnectLookup = (
  hostname: string,
  options: dns.LookupOptions,
  callback: (error: NodeJS.ErrnoException | null, address: string | dns.LookupAddress[], family?: number) => void,
) => void

/**
 * Judges addresses at the moment they are dialled. A check of the URL alone proves nothing: names resolve differently a second
 * later. So the look-up that feeds the dial is judged, every address of it, one bad one refusing all; literals, which are never
 * looked up, before; and the socket's peer once more afterwards.
 */
export interface Guard {
  /** Why `address:port` may not be dialled; undefined if it may. */
  refuse(address: string, port: number): AddressRefusedError | undefined
  /** The look-up for one connection to `port`. */
  lookupFor(port: number): ConnectLookup
}

const hostAddresses = () =>
  Object.values(networkInterfaces()).flatMap((rows) => (rows ?? []).map((row) => row.address.replace(/%.*$/, '')))

export function createGuard(options: GuardOptions): Guard {
  const { resolve } = options
  const localAddresses = options.localAddresses ?? hostAddresses

  function refuse(address: string, port: number): AddressRefusedError | undefined {
    if (reachesListener(address, port, options.ownListeners(), localAddresses)) {
      return new AddressRefusedError(`${address} port ${port} is a listener of this operator itself`)
    }
    const reason = refusal(address, options.allow)
    if (reason === undefined) return undefined
    return new AddressRefusedError(`${address} is ${reason}; --allow-address permits it`)
  }

  function lookupFor(port: number): ConnectLookup {
    return (hostname, lookupOptions, callback) =>
      resolve(hostname, (error, answers) => {
        if (error) return callback(error, '')
        // Sorted: the message must not change with the order of a round-robin answer.
        const addresses = answers.map((answer) => answer.address).sort()
        const refused = addresses.map((address) => refuse(address, port)).find((reason) => reason !== undefined)
        const [first] = answers
        if (refused) return callback(refused, '')
        if (!first) return callback(new AddressRefusedError('the host name has no address'), '')
        if (lookupOptions.all) return callback(null, [...answers])
        callback(null, first.address, first.family)
      })
  }

  return { refuse, lookupFor }
}

const WILDCARDS = new Set(['0.0.0.0', '::'])

function reachesListener(
  address: string,
  port: number,
  listeners: readonly Listener[],
  localAddresses: () => readonly string[],
): boolean {
  const candidates = listeners.filter((listener) => listener.port === port)
  if (candidates.length === 0) return false
  const target = canonicalAddress(address)
  if (target === undefined) return true
  // The system connects the unspecified address to this very host.
  if (WILDCARDS.has(target)) return true
  return candidates.some((listener) => {
    const bound = canonicalAddress(listener.address)
    if (bound === undefined || bound === target) return true
    return WILDCARDS.has(bound) && isLocal(target, localAddresses())
  })
}

function isLocal(target: string, localAddresses: readonly string[]): boolean {
  if (target.startsWith('127.') || target === '::1') return true
  return localAddresses.some((local) => canonicalAddress(local) === target)
}
