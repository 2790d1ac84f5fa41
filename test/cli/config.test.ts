import { Command } from 'commander'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'

import {
  readClientConfig,
  clientFlags,
  readRunConfig,
  type RunConfig,
  runFlags,
  settleEnvironment,
  UsageError,
} from '../../src/config.ts'

/** What `nepenthes run ARGS` would run with. */
function read(args: readonly string[]): RunConfig {
  const command = new Command('run')
  for (const option of runFlags()) command.addOption(option)
  command.parse(args, { from: 'user' })
  settleEnvironment(command)
  return readRunConfig(command)
}

function problemOf(act: () => unknown): string {
  try {
    act()
  } catch (thrown) {
    if (thrown instanceof UsageError) return thrown.message
    throw thrown
  }
  return 'nothing was thrown'
}

beforeEach(() => {
  for (const name of Object.keys(process.env)) if (name.startsWith('NEPENTHES_')) vi.stubEnv(name, undefined)
})
afterEach(() => vi.unstubAllEnvs())

const DEFAULTS = {
  mode: { kind: 'directory', root: 'conf' },
  dataDir: './data',
  secretsDir: './secrets',
  listen: { host: '127.0.0.1', port: 8080 },
  adminListen: { host: '127.0.0.1', port: 8081 },
  publicUrl: undefined,
  allowAddresses: [],
  deliveryLog: { maxAgeDays: 30, maxBytes: 4 * 2 ** 30 },
  apiToken: undefined,
  adminToken: undefined,
  logLevel: 'info',
}

describe('good values', () => {
  test.each<[string, Partial<RunConfig>]>([
    ['', {}],
    ['--listen 0.0.0.0:0', { listen: { host: '0.0.0.0', port: 0 } }],
    ['--listen [::1]:80', { listen: { host: '::1', port: 80 } }],
    ['--admin-listen my-host.example:65535', { adminListen: { host: 'my-host.example', port: 65_535 } }],
    ['--data /d --secrets /s', { dataDir: '/d', secretsDir: '/s' }],
    ['--public-url https://Example.com:443/', { publicUrl: 'https://example.com' }],
    ['--public-url http://10.0.0.1:8080', { publicUrl: 'http://10.0.0.1:8080' }],
    ['--allow-address 10.0.0.0/8', { allowAddresses: ['10.0.0.0/8'] }],
    [
      '--allow-address 10.0.0.0/8 fd00::/8 --allow-address 192.168.1.7',
      { allowAddresses: ['10.0.0.0/8', 'fd00::/8', '192.168.1.7/32'] },
    ],
    ['--allow-address 10.0.0.0/8,FD00:0::/8', { allowAddresses: ['10.0.0.0/8', 'fd00::/8'] }],
    ['--allow-address ::1', { allowAddresses: ['::1/128'] }],
    ['--allow-address 0.0.0.0/0', { allowAddresses: ['0.0.0.0/0'] }],
    ['--delivery-log-days 7 --delivery-log-size 512MiB', { deliveryLog: { maxAgeDays: 7, maxBytes: 512 * 2 ** 20 } }],
    ['--log-level silent', { logLevel: 'silent' }],
  ])('%s', (args, expected) => {
    expect(read(['--config', 'conf', ...args.split(' ').filter(Boolean)])).toEqual({ ...DEFAULTS, ...expected })
  })

  test('a cluster, with and without a namespace', () => {
    expect(read(['--kubernetes']).mode).toEqual({ kind: 'kubernetes', namespace: undefined })
    expect(read(['--kubernetes', '--namespace', 'prod-1']).mode).toEqual({ kind: 'kubernetes', namespace: 'prod-1' })
  })
})

describe('bad values', () => {
  test.each([
    ['--listen 8080', '--listen "8080": expected HOST:PORT'],
    ['--listen :8080', '--listen ":8080": expected HOST:PORT'],
    ['--listen localhost:65536', 'expected HOST:PORT'],
    ['--listen ::1:80', 'expected HOST:PORT'],
    ['--listen [127.0.0.1]:80', 'expected HOST:PORT'],
    ['--listen http://localhost:80', 'expected HOST:PORT'],
    ['--public-url example.com', '--public-url "example.com": expected an http or https URL'],
    ['--public-url https://example.com/path', 'expected an http or https URL'],
    ['--public-url https://me@example.com', 'expected an http or https URL'],
    ['--public-url https://example.com/?', 'expected an http or https URL'],
    ['--public-url ftp://example.com', 'expected an http or https URL'],
    ['--allow-address 10.0.0.0/33', '--allow-address "10.0.0.0/33": expected a network'],
    ['--allow-address 10.0.0.0/8/8', 'expected a network'],
    ['--allow-address 10.0.0.0/', 'expected a network'],
    ['--allow-address 10/8', 'expected a network'],
    ['--allow-address 010.0.0.0/8', 'expected a network'],
    ['--allow-address 0x0a.1', 'expected a network'],
    ['--allow-address fe80::1%eth0', 'expected a network'],
    ['--allow-address internal.example', 'expected a network'],
    ['--allow-address 10.1.2.3/8', 'expected the network 10.0.0.0/8 or the address 10.1.2.3'],
    ['--allow-address ::ffff:10.0.0.0/104', 'expected an IPv4 network in IPv4 notation'],
    ['--delivery-log-days 0', '--delivery-log-days "0": expected whole days, from 1 to 9999'],
    ['--delivery-log-size 4', '--delivery-log-size "4": expected a size such as 512MiB or 4GiB'],
    ['--delivery-log-size 4GB', 'expected a size'],
    ['--log-level loud', '--log-level "loud": expected one of trace, debug, info, warn, error, silent'],
    ['--namespace prod', '--namespace: goes with --kubernetes only'],
    ['--kubernetes', '--config and --kubernetes: give one of the two'],
  ])('%s', (args, expected) => {
    expect(problemOf(() => read(['--config', 'conf', ...args.split(' ')]))).toContain(expected)
  })

  test('neither a directory nor a cluster', () => {
    expect(problemOf(() => read([]))).toContain('give --config DIR')
  })

  test('an empty path', () => {
    expect(problemOf(() => read(['--config', '']))).toContain('--config "": expected the path of a directory')
  })

  test('all of them are told at once', () => {
    vi.stubEnv('NEPENTHES_LISTEN', 'x')
    expect(problemOf(() => read(['--log-level', 'loud', '--allow-address', 'a,b']))).toMatchInlineSnapshot(`
      "5 settings cannot be used:
        give --config DIR to watch a directory of YAML files, or --kubernetes to watch a cluster
        --listen "x", set by NEPENTHES_LISTEN: expected HOST:PORT, for example 127.0.0.1:8080, or 0.0.0.0:8080 for every IPv4 interface, [::]:8080 for all interfaces
        --allow-address "a": expected a network as ADDRESS/BITS, for example 10.0.0.0/8 or fd00::/8, or one address
        --allow-address "b": expected a network as ADDRESS/BITS, for example 10.0.0.0/8 or fd00::/8, or one address
        --log-level "loud": expected one of trace, debug, info, warn, error, silent"
    `)
  })
})

describe('the environment', () => {
  test('sets any flag, and a flag on the command line wins', () => {
    vi.stubEnv('NEPENTHES_CONFIG', 'from-env')
    vi.stubEnv('NEPENTHES_ADMIN_LISTEN', '127.0.0.1:1')
    vi.stubEnv('NEPENTHES_LISTEN', '127.0.0.1:2')
    vi.stubEnv('NEPENTHES_ALLOW_ADDRESS', '10.0.0.0/8, 172.16.0.0/12 fd00::/8')
    expect(read(['--listen', '127.0.0.1:3'])).toMatchObject({
      mode: { root: 'from-env' },
      adminListen: { port: 1 },
      listen: { port: 3 },
      allowAddresses: ['10.0.0.0/8', '172.16.0.0/12', 'fd00::/8'],
    })
    expect(read(['--allow-address', '::1']).allowAddresses).toEqual(['::1/128'])
  })

  test('a variable that is empty is not set', () => {
    for (const name of ['DATA', 'LISTEN', 'KUBERNETES', 'PUBLIC_URL', 'ALLOW_ADDRESS', 'API_TOKEN', 'NAMESPACE']) {
      vi.stubEnv(`NEPENTHES_${name}`, '')
    }
    expect(read(['--config', 'conf'])).toEqual(DEFAULTS)
  })

  test('a switch follows what its variable says', () => {
    vi.stubEnv('NEPENTHES_KUBERNETES', 'false')
    expect(read(['--config', 'conf']).mode.kind).toBe('directory')
    vi.stubEnv('NEPENTHES_KUBERNETES', 'true')
    expect(read([]).mode.kind).toBe('kubernetes')
    vi.stubEnv('NEPENTHES_KUBERNETES', 'maybe')
    expect(problemOf(() => read([]))).toBe('NEPENTHES_KUBERNETES "maybe": expected true or false')
  })

  test('tokens are taken without their last newline and never shown', () => {
    vi.stubEnv('NEPENTHES_API_TOKEN', 'sesame-open\n')
    vi.stubEnv('NEPENTHES_ADMIN_TOKEN', 'other')
    const config = read(['--config', 'conf'])
    expect([config.apiToken?.reveal(), config.adminToken?.reveal()]).toEqual(['sesame-open', 'other'])
    expect(JSON.stringify(config)).not.toContain('sesame')
    vi.stubEnv('NEPENTHES_API_TOKEN', 'sesame open')
    expect(problemOf(() => read(['--config', 'conf']))).toBe(
      'NEPENTHES_API_TOKEN (value not shown): expected printable ASCII characters without spaces',
    )
  })

  test('names the server to ask', () => {
    const client = (args: string[]) => {
      const command = new Command('status')
      for (const option of clientFlags()) command.addOption(option)
      return readClientConfig(command.parse(args, { from: 'user' })).server
    }
    expect(client([])).toBe('http://127.0.0.1:8081')
    vi.stubEnv('NEPENTHES_SERVER', 'https://ops.example/')
    expect(client([])).toBe('https://ops.example')
    expect(client(['--server', 'http://localhost:1'])).toBe('http://localhost:1')
    vi.stubEnv('NEPENTHES_SERVER', 'localhost:1')
    expect(problemOf(() => client([]))).toContain('--server "localhost:1", set by NEPENTHES_SERVER: expected an http')
  })
})
