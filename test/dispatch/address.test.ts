import { describe, expect, it } from 'vitest'
import { canonicalAddress, parseNetwork, refusal, type Network } from '../../src/dispatch/address.ts'
import { createGuard, type Listener, type Resolve } from '../../src/dispatch/guard.ts'

function allow(...networks: string[]): Network[] {
  return networks.map((text) => parseNetwork(text) ?? expect.fail(`${text} is a network`))
}

/** What people write in a URL to reach where they should not; the URL parser makes addresses of all of them. */
const HOSTS_IN_URLS = [
  '127.0.0.1', 'localhost.localdomain@127.0.0.1', '127.1', '127.0.1', '2130706433', '0x7f000001', '0x7f.0.0.1', '0x7f.1',
  '0177.0.0.1', '017700000001', '0177.1', '127.0.0.1.', '0', '0.0.0.0', '00000000.0', '①②⑦.⓪.⓪.①', '１２７．０．０．１', '127。0。0。1',
  '%31%32%37.0.0.1', '127.0.0.0x1', '127.000.000.001', '0x7F.0X0.0.01', '10.0.0.1', '012.1.2.3', '0xa.0.0.1', '167772161',
  '172.16.0.1', '172.31.255.255', '192.168.1.1', '0xc0a80101', '3232235777', '169.254.169.254', '2852039166', '0xa9fea9fe',
  '0251.0376.0251.0376', '169.254.43518', '169.16689662', '169.254.170.2', '100.100.100.200', '100.64.0.1', '192.0.0.192',
  '168.63.129.16', '192.0.2.1', '198.51.100.1', '203.0.113.1', '198.18.0.1', '192.88.99.1', '224.0.0.1', '239.255.255.255',
  '240.0.0.1', '255.255.255.255', '4294967295',
  '[::]', '[::1]', '[0:0:0:0:0:0:0:1]', '[0000:0000::0001]', '[::ffff:127.0.0.1]', '[::ffff:7f00:1]', '[::FFFF:169.254.169.254]',
  '[0:0:0:0:0:ffff:a00:1]', '[::127.0.0.1]', '[::7f00:1]', '[::a9fe:a9fe]', '[64:ff9b::127.0.0.1]', '[64:ff9b::a9fe:a9fe]',
  '[64:ff9b::10.0.0.1]', '[64:ff9b:1::8.8.8.8]', '[64:ff9b:1:a00:1::]', '[2002:7f00:1::]', '[2002:a00:1::1]', '[2002:808:808::]',
  '[2001::1]', '[2001:0:53aa:64c:0:fffe:80ff:fffe]', '[2001:10::1]', '[2001:20::1]', '[2001:db8::1]', '[3fff::1]',
  '[fc00::1]', '[fd00:ec2::254]', '[fd12:3456:789a::1]', '[fe80::1]', '[febf::1]', '[fec0::1]', '[ff02::1]', '[ff05::1:3]',
  '[100::1]', '[5f00::1]', '[::ffff:0:127.0.0.1]', '[4000::1]', '[e000::1]', '[1::1]',
] // prettier-ignore

/** Literals as a resolver might hand them over. */
const ADDRESSES = ['fe80::1%eth0', '2606:4700::1111%1', '', 'localhost', '1.2.3.4.5', '::ffff:999.1.1.1', '1.2.3.4/8']

const HARMLESS = [
  '8.8.8.8',
  '1.1.1.1',
  '93.184.216.34',
  '172.15.0.1',
  '172.32.0.1',
  '100.63.0.1',
  '100.128.0.1',
  '192.0.1.1',
]
const HARMLESS_V6 = [
  '2606:4700::1111',
  '2a00:1450:4001:82b::200e',
  '::ffff:8.8.8.8',
  '64:ff9b::8.8.8.8',
  '2001:4860::8888',
]

describe('an address', () => {
  it.each(HOSTS_IN_URLS)('is refused: %s', (host) => {
    const { hostname } = new URL(`http://${host}/`)
    expect(refusal(hostname.replace(/^\[|\]$/g, ''), [])).toBeTypeOf('string')
  })
  it.each(ADDRESSES)('is refused: "%s"', (address) => expect(refusal(address, [])).toBeTypeOf('string'))
  it.each([...HARMLESS, ...HARMLESS_V6])('is fine: %s', (address) => expect(refusal(address, [])).toBeUndefined())

  it('is judged by the one inside, whatever wraps it', () => {
    for (const wrapped of ['::ffff:10.1.2.3', '::10.1.2.3', '64:ff9b::10.1.2.3', '64:ff9b::a01:203']) {
      expect(canonicalAddress(wrapped)).toBe('10.1.2.3')
      expect(refusal(wrapped, allow('10.0.0.0/8'))).toBeUndefined()
    }
  })

  it('says what it is', () => {
    expect(refusal('10.1.2.3', [])).toBe('a private address')
    expect(refusal('::1', [])).toBe('a loopback address')
    expect(refusal('64:ff9b::169.254.169.254', [])).toBe("a cloud's metadata service")
  })
})

describe('--allow-address', () => {
  it('opens what it names and nothing else', () => {
    const allowed = allow('10.0.0.0/8', '::1/128', 'fd00::/8')
    for (const open of ['10.0.0.1', '::1', 'fd12::1']) expect(refusal(open, allowed)).toBeUndefined()
    for (const shut of ['127.0.0.1', '192.168.0.1', 'fc00::1', '::2']) {
      expect(refusal(shut, allowed)).toBeTypeOf('string')
    }
  })

  it('opens a metadata service only by its very address', () => {
    expect(refusal('169.254.169.254', allow('169.254.0.0/16', '0.0.0.0/0'))).toBeTypeOf('string')
    expect(refusal('fd00:ec2::254', allow('fd00::/8'))).toBeTypeOf('string')
    expect(refusal('169.254.169.254', allow('169.254.169.254/32'))).toBeUndefined()
  })

  it('takes networks as people write them, and nothing that only looks like one', () => {
    expect(parseNetwork('10.1.2.3')?.prefix).toBe(32)
    for (const bad of ['10/8', '0x7f.1/8', '10.0.0.0/33', 'localhost', '', '::/129']) {
      expect(parseNetwork(bad)).toBeUndefined()
    }
  })
})

const answer =
  (...addresses: string[]): Resolve =>
  (_hostname, callback) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )

function guard(resolve: Resolve, listeners: readonly Listener[] = [], allowed: string[] = []) {
  return createGuard({
    allow: allow(...allowed),
    ownListeners: () => listeners,
    resolve,
    localAddresses: () => ['192.168.7.7', 'fd00::7'],
  })
}

function lookUp(resolve: Resolve): Promise<string> {
  return new Promise((done) =>
    guard(resolve).lookupFor(443)('receiver.example', { all: true }, (error, addresses) =>
      done(error ? error.message : JSON.stringify(addresses)),
    ),
  )
}

describe('the look-up of a connection', () => {
  it('hands over the addresses it has judged', async () => {
    expect(await lookUp(answer('8.8.8.8', '2606:4700::1111'))).toContain('8.8.8.8')
  })

  it('refuses all when one is bad, whichever and of whatever family', async () => {
    expect(await lookUp(answer('8.8.8.8', '10.0.0.1'))).toContain('10.0.0.1 is a private address')
    expect(await lookUp(answer('10.0.0.1', '8.8.8.8'))).toContain('10.0.0.1')
    expect(await lookUp(answer('8.8.8.8', 'fd00::1'))).toContain('fd00::1')
    expect(await lookUp(answer('8.8.8.8', '::ffff:127.0.0.1'))).toContain('loopback')
    expect(await lookUp(answer())).toContain('no address')
  })

  it('says the same whatever order a round robin answers in', async () => {
    expect(await lookUp(answer('10.0.0.2', '10.0.0.1'))).toBe(await lookUp(answer('10.0.0.1', '10.0.0.2')))
  })
})

describe("this process's own listeners", () => {
  const everything = ['0.0.0.0/0', '::/0']
  const refuses = (listener: Listener, address: string, port = listener.port) =>
    guard(answer(), [listener], everything).refuse(address, port) !== undefined

  it('are refused whatever is allowed, in every spelling', () => {
    const listener = { address: '127.0.0.1', port: 8081 }
    for (const address of ['127.0.0.1', '::ffff:127.0.0.1', '64:ff9b::7f00:1', '0.0.0.0', '::']) {
      expect(refuses(listener, address)).toBe(true)
    }
    expect(refuses(listener, '127.0.0.1', 8082)).toBe(false)
    expect(refuses(listener, '192.168.7.7')).toBe(false)
  })

  it('on a wildcard address count on every address of this host', () => {
    for (const address of ['0.0.0.0', '::']) {
      const listener = { address, port: 8080 }
      for (const local of ['127.0.0.1', '127.9.9.9', '::1', '192.168.7.7', 'fd00::7', '::ffff:192.168.7.7']) {
        expect(refuses(listener, local)).toBe(true)
      }
      expect(refuses(listener, '192.168.7.8')).toBe(false)
    }
  })
})

it('has a corpus worth the name', () => {
  expect(HOSTS_IN_URLS.length + ADDRESSES.length).toBeGreaterThanOrEqual(80)
})
