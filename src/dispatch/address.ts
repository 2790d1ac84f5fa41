import ipaddr from 'ipaddr.js'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** A network in CIDR notation, parsed. */
export interface Network {
  readonly text: string
  readonly address: Address
  readonly prefix: number
}

/**
 * IPv4 networks no receiver on the Internet lives in. Sources: the IANA special-purpose registry (RFC 6890 and successors).
 * An answer that leads into one of them is how a webhook is turned against the network it is sent from.
 */
const DENIED_V4 = networks([
  ['0.0.0.0/8', 'a "this network" address'], // Linux connects 0.0.0.0 to the loopback interface
  ['10.0.0.0/8', 'a private address'],
  ['100.64.0.0/10', 'a shared address of carrier-grade NAT'],
  ['127.0.0.0/8', 'a loopback address'],
  ['169.254.0.0/16', 'a link-local address'],
  ['172.16.0.0/12', 'a private address'],
  ['192.0.0.0/24', 'an address reserved for protocols'], // holds Oracle's metadata service 192.0.0.192, DS-Lite, NAT64 discovery
  ['192.0.2.0/24', 'a documentation address'],
  ['192.31.196.0/24', 'an anycast sink of AS112'],
  ['192.52.193.0/24', 'an AMT relay address'],
  ['192.88.99.0/24', 'a 6to4 relay address'],
  ['192.168.0.0/16', 'a private address'],
  ['192.175.48.0/24', 'an anycast sink of AS112'],
  ['198.18.0.0/15', 'a benchmarking address'],
  ['198.51.100.0/24', 'a documentation address'],
  ['203.0.113.0/24', 'a documentation address'],
  ['224.0.0.0/4', 'a multicast address'],
  ['240.0.0.0/4', 'a reserved address'], // the broadcast address is among them
])

/** IPv6: only 2000::/3 is global unicast; these are the holes in it. */
const DENIED_V6 = networks([
  ['2001::/23', 'a protocol address (Teredo, ORCHID, benchmarking)'], // Teredo embeds an IPv4 address nobody checks
  ['2001:db8::/32', 'a documentation address'],
  ['2002::/16', 'a 6to4 address'], // embeds an IPv4 address nobody checks
  ['2620:4f:8000::/48', 'an anycast sink of AS112'],
  ['3fff::/20', 'a documentation address'],
])

/** IPv6 outside 2000::/3, only to call them by their name. */
const NAMED_V6 = networks([
  ['::/128', 'the unspecified address'],
  ['::1/128', 'a loopback address'],
  ['64:ff9b:1::/48', 'an address of a local NAT64'], // where the IPv4 address sits in it is up to its operator
  ['100::/64', 'a discard address'],
  ['5f00::/16', 'a segment routing address'],
  ['fc00::/7', 'a private (unique local) address'],
  ['fe80::/10', 'a link-local address'],
  ['fec0::/10', 'a site-local address'],
  ['ff00::/8', 'a multicast address'],
])

const GLOBAL_V6 = network('2000::/3')

/**
 * Where clouds hand credentials to whoever asks from inside. A wider network given to `--allow-address` does not open these:
 * only an entry for the very address does.
 */
const METADATA = new Set([
  '169.254.169.254', // AWS, Azure, Google, DigitalOcean, OpenStack
  '169.254.170.2', // AWS ECS task credentials
  '169.254.170.23', // AWS EKS pod identity
  '100.100.100.200', // Alibaba
  '192.0.0.192', // Oracle
  '168.63.129.16', // Azure's host agent, a public address that never leaves the host
  'fd00:ec2::254', // AWS over IPv6
  'fd00:ec2::23', // AWS EKS pod identity over IPv6
  'fd20:ce::254', // Google over IPv6
])

/** IPv6 networks that carry an IPv4 address in their last 32 bits; it is the one that counts. */
const CARRIERS = [network('::ffff:0:0/96'), network('::/96'), network('64:ff9b::/96')]

function networks(rows: readonly (readonly [string, string])[]): readonly (Network & { readonly is: string })[] {
  return rows.map(([text, is]) => ({ ...network(text), is }))
}

function network(text: string): Network {
  const [address, prefix] = ipaddr.parseCIDR(text)
  return { text, address, prefix }
}

/** Parses `10.0.0.0/8`, `fd00::/8` or a single address; undefined for anything else, other spellings of IPv4 included. */
export function parseNetwork(text: string): Network | undefined {
  const cidr = text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`
  const address = cidr.slice(0, cidr.indexOf('/'))
  if (!ipaddr.IPv4.isValidFourPartDecimal(address) && !ipaddr.IPv6.isValid(address)) return undefined
  return ipaddr.isValidCIDR(cidr) ? network(cidr) : undefined
}

function contains(network: Network, address: Address): boolean {
  return address.kind() === network.address.kind() && address.match(network.address, network.prefix)
}

/** Strips the ways of wrapping an IPv4 address in an IPv6 one. `::` and `::1` are addresses of their own. */
function unwrap(address: Address): Address {
  if (address.kind() === 'ipv4') return address
  const v6 = address as ipaddr.IPv6
  if (!CARRIERS.some((carrier) => contains(carrier, v6))) return v6
  const bytes = v6.toByteArray()
  const inner = bytes.slice(12)
  const special = bytes.slice(0, 15).every((byte) => byte === 0) && (bytes[15] ?? 0) <= 1
  return special ? v6 : new ipaddr.IPv4(inner)
}

/**
 * The address behind a literal in any spelling, wrapped IPv4 unwrapped, in the one canonical form; undefined when it is none
 * or has a zone, which only addresses of the local link need.
 */
export function canonicalAddress(text: string): string | undefined {
  return parse(text)?.toString()
}

function parse(text: string): Address | undefined {
  if (text.includes('%') || !ipaddr.isValid(text)) return undefined
  return unwrap(ipaddr.parse(text))
}

/**
 * Why a receiver at this address is refused, in words that fit "<address> is ...", or undefined when it may be dialled.
 * Fails closed: what cannot be parsed is refused.
 */
export function refusal(text: string, allowed: readonly Network[]): string | undefined {
  const address = parse(text)
  if (!address) return text.includes('%') ? 'an address bound to a local link' : 'not an IP address'
  if (METADATA.has(address.toString())) return metadataRefusal(address, allowed)
  if (allowed.some((network) => contains(network, address))) return undefined
  if (address.kind() === 'ipv4') return DENIED_V4.find((denied) => contains(denied, address))?.is
  const named = NAMED_V6.find((denied) => contains(denied, address)) ?? DENIED_V6.find((d) => contains(d, address))
  if (named) return named.is
  return contains(GLOBAL_V6, address) ? undefined : 'outside the global IPv6 range'
}

function metadataRefusal(address: Address, allowed: readonly Network[]): string | undefined {
  const exact = address.kind() === 'ipv4' ? 32 : 128
  const named = allowed.some((network) => network.prefix === exact && contains(network, address))
  return named ? undefined : "a cloud's metadata service"
}
