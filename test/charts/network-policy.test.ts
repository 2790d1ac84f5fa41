import fc from 'fast-check'
import ipaddr from 'ipaddr.js'
import { beforeAll, describe, expect, it } from 'vitest'
import { type Network, parseNetwork, refusal } from '../../src/dispatch/address.ts'
import { only, renderChart } from '../support/helm.ts'
import type { PodSpec } from './pod-security.ts'

interface Peer {
  readonly ipBlock: { readonly cidr: string; readonly except?: readonly string[] }
}

interface PolicyRule {
  readonly ports?: readonly { readonly port: string | number; readonly protocol: string }[]
  readonly to?: readonly Peer[]
  readonly from?: readonly unknown[]
}

interface Policy {
  readonly ingress: readonly PolicyRule[]
  readonly egress: readonly PolicyRule[]
}

const ALLOWED = ['10.20.0.0/16', 'fd00:1::/32']
let policy: Policy
let pod: PodSpec
beforeAll(async () => {
  const rendered = await renderChart({ config: { allowAddresses: ALLOWED } })
  policy = only(rendered, 'NetworkPolicy')['spec'] as Policy
  pod = (only(rendered, 'StatefulSet')['spec'] as { template: { spec: PodSpec } }).template.spec
})

const network = (text: string) => parseNetwork(text) as Network

function isIn(address: string, cidr: string): boolean {
  const parsed = ipaddr.parse(address)
  const { address: start, prefix } = network(cidr)
  return parsed.kind() === start.kind() && parsed.match(start, prefix)
}

const lets = ({ ipBlock: { cidr, except = [] } }: Peer, address: string) =>
  isIn(address, cidr) && !except.some((hole) => isIn(address, hole))

/** Whether the policy lets the operator reach an address on any port. */
const letsOut = (address: string) =>
  policy.egress.some(({ ports, to }) => ports === undefined && to?.some((peer) => lets(peer, address)))

/** IPv6 with an IPv4 address in it: by NAT64, mapped, compatible. The operator judges the inner one, which a network cannot say. */
const EMBEDDING = ['64:ff9b::/96', '::ffff:0:0/96', '::/96']
const v4 = fc.ipV4()
/** Most addresses are far from any boundary, so half of them begin as a network of note does. */
const v6 = fc
  .tuple(
    fc.constantFrom('2001', '2002', '2620', '3fff', 'fc00', 'fe80', 'fd00', '64', 'ff02', '2a00'),
    fc.constantFrom('0', '1', '1ff', 'db8', '4f', 'ff9b', 'fff', '1000'),
    fc.constantFrom('0', '1', '8000', 'ffff'),
    fc.nat(0xffff),
  )
  .map(([first, second, third, last]) => `${first}:${second}:${third}::${last.toString(16)}`)
const notable = fc
  .constantFrom(10, 100, 127, 169, 172, 192, 198, 203, 223, 224, 255, 0)
  .chain((first) => fc.tuple(fc.constant(first), fc.nat(255), fc.nat(255), fc.nat(255)).map((bytes) => bytes.join('.')))

describe('the NetworkPolicy', () => {
  it('lets the operator reach exactly what it would dial', () => {
    const allowed = ALLOWED.map(network)
    fc.assert(
      fc.property(fc.oneof(v4, notable, fc.ipV6(), v6), (address) => {
        fc.pre(!EMBEDDING.some((cidr) => isIn(address, cidr)))
        expect([address, letsOut(address)]).toEqual([address, refusal(address, allowed) === undefined])
      }),
      { numRuns: 1000 },
    )
  })

  it('lets it reach name servers and the API server wherever they are', () => {
    const anywhere = policy.egress.filter(({ to }) => to === undefined).flatMap(({ ports = [] }) => ports)
    expect(anywhere).toEqual([
      { port: 53, protocol: 'UDP' },
      { port: 53, protocol: 'TCP' },
      { port: 443, protocol: 'TCP' },
      { port: 6443, protocol: 'TCP' },
    ])
  })

  it('lets in to every port there is: to the API anybody, to the admin listener the namespace', () => {
    const open = policy.ingress.flatMap(({ ports = [] }) => ports.map(({ port }) => port))
    expect(open.sort()).toEqual((pod.containers[0]?.ports ?? []).map(({ name }) => name).sort())
    const from = (name: string) => policy.ingress.find(({ ports }) => ports?.[0]?.port === name)?.from
    expect(from('api')).toBeUndefined()
    expect(from('admin')).toEqual([{ podSelector: {} }])
  })
})
