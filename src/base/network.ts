import ipaddr from 'ipaddr.js'

import { fail, ok, type Result } from './result.ts'

export interface ListenAddress {
  /** An address or name, without brackets. */
  readonly host: string
  /** 0 lets the system choose. */
  readonly port: number
}

/** Reads `HOST:PORT`; the error says what is expected. */
export function parseListenAddress(text: string): Result<ListenAddress, string> {
  const match = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([A-Za-z0-9.-]+)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  const bracketsFit = match?.[1] === undefined || ipaddr.IPv6.isValid(match[1])
  if (host === undefined || port > 65_535 || !bracketsFit) {
    return fail(
      'HOST:PORT, for example 127.0.0.1:8080, or 0.0.0.0:8080 for every IPv4 interface, [::]:8080 for all interfaces',
    )
  }
  return ok({ host, port })
}

/** Reads `http(s)://host[:port]`, canonical on return; the error says what is expected. */
export function parseOrigin(text: string): Result<string, string> {
  const url = URL.parse(text)
  const web = url?.protocol === 'http:' || url?.protocol === 'https:'
  // Whatever a URL has beyond its origin makes it longer than the origin and a slash; an empty query or fragment does not show there.
  if (url && web && url.href === `${url.origin}/` && !/[?#]/.test(text)) return ok(url.origin)
  return fail('an http or https URL of scheme, host and port alone, for example https://projects.example.com')
}

const CIDR_EXPECTED = 'a network as ADDRESS/BITS, for example 10.0.0.0/8 or fd00::/8, or one address'

/** Reads a network in CIDR notation, or one address as a network of its own; canonical on return. The error says what is expected. */
export function parseCidr(text: string): Result<string, string> {
  const [written = '', writtenBits, ...rest] = text.split('/')
  const address = parseAddress(written)
  if (!address || rest.length > 0) return fail(CIDR_EXPECTED)
  if (address.kind() === 'ipv6' && (address as ipaddr.IPv6).isIPv4MappedAddress()) {
    return fail('an IPv4 network in IPv4 notation: mapped addresses are judged by the address inside')
  }
  const size = address.kind() === 'ipv4' ? 32 : 128
  const bits = writtenBits === undefined ? size : Number(writtenBits)
  if (!/^\d{1,3}$/.test(writtenBits ?? '0') || bits > size) return fail(CIDR_EXPECTED)
  const cidr = `${address.toString()}/${bits}`
  const network = firstAddress(cidr)
  // 10.1.2.3/8 may mean the network or the address: allowing sixteen million addresses by a slip is worth a question.
  if (network !== address.toString()) return fail(`the network ${network}/${bits} or the address ${address.toString()}`)
  return ok(cidr)
}

/** Addresses as everybody writes them: ipaddr.js alone also reads `0x7f.1` and `010.0.0.1`. */
function parseAddress(text: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  const plain = ipaddr.IPv4.isValidFourPartDecimal(text) || (/^[0-9a-fA-F:.]*:/.test(text) && ipaddr.IPv6.isValid(text))
  return plain && !text.includes('%') ? ipaddr.parse(text) : undefined
}

function firstAddress(cidr: string): string {
  const family = ipaddr.parseCIDR(cidr)[0].kind() === 'ipv4' ? ipaddr.IPv4 : ipaddr.IPv6
  return family.networkAddressFromCIDR(cidr).toString()
}

/** Whether a host, as in a URL or a listen address but without port, names this machine only: 127.0.0.0/8, ::1, localhost. */
export function isLoopbackHost(host: string): boolean {
  const bare = host.replace(/^\[(.*)\]$/, '$1').toLowerCase()
  if (bare === 'localhost') return true
  return parseAddress(bare)?.range() === 'loopback'
}
