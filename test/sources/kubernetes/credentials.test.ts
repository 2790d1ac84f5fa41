import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createPlainServer, type Server } from 'node:http'
import { createServer, type Server as TlsServer } from 'node:https'
import { connect, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TLSSocket } from 'node:tls'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { stringify } from 'yaml'
import { createConnection, type Connection } from '../../../src/sources/kubernetes/connection.ts'
import { loadCredentials } from '../../../src/sources/kubernetes/credentials.ts'
import { shippedRules, startCluster } from '../../support/cluster.ts'
import type { FakeApiServer } from '../../support/fake-apiserver/index.ts'
import { createFakeClock } from '../../support/fake-clock.ts'

const PATH = '/apis/nepenthes.dev/v1/namespaces/default/webhooks'
const OLD = {
  cert: join(import.meta.dirname, '../../dispatch/tls/server.pem'),
  key: keyOf('../../dispatch/tls/server'),
}
const OLD_CA = join(import.meta.dirname, '../../dispatch/tls/ca.pem')
const RENEWED = { cert: join(import.meta.dirname, 'tls/renewed.pem'), key: keyOf('tls/renewed') }
const { signal } = new AbortController()

function keyOf(name: string): string {
  return join(import.meta.dirname, `${name}-key.pem`)
}

const clock = createFakeClock()
let root: string
let closing: (() => Promise<unknown>)[]

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'nepenthes-credentials-'))
  closing = []
  vi.stubEnv('HOME', root)
  vi.stubEnv('KUBECONFIG', '')
})
afterEach(async () => {
  for (const close of closing.reverse()) await close()
  vi.unstubAllEnvs()
  vi.useRealTimers()
  rmSync(root, { recursive: true })
})

async function open(at?: string): Promise<Connection> {
  const connection = createConnection(await loadCredentials(at === undefined ? {} : { root: at }), clock, '0')
  closing.push(() => connection.close())
  return connection
}

async function answered(connection: Connection, path = PATH): Promise<string> {
  const response = await connection.fetch(path, { method: 'GET', headers: {}, signal })
  const text = await response.text()
  return response.ok ? text : String(response.status)
}

/** A minute passes, on our clock and for the library that reads tokens. */
function minute(): void {
  clock.advance(60_000)
  vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 60_001 })
}

function kubeconfig(cluster: object, user: object = {}): void {
  const path = join(root, 'kubeconfig')
  const context = { cluster: 'c', user: 'u', namespace: 'projects' }
  const named = { clusters: [{ name: 'c', cluster }], users: [{ name: 'u', user }], contexts: [{ name: 'x', context }] }
  writeFileSync(path, stringify({ apiVersion: 'v1', kind: 'Config', ...named, 'current-context': 'x' }))
  vi.stubEnv('KUBECONFIG', path)
}

describe('in a pod', () => {
  const mounted = () => join(root, 'var/run/secrets/kubernetes.io/serviceaccount')
  const mount = (file: string, text: string) => writeFileSync(join(mounted(), file), text)
  let server: FakeApiServer

  beforeEach(async () => {
    server = await startCluster()
    closing.push(() => server.close())
    accept('one')
    mkdirSync(mounted(), { recursive: true })
    mount('token', 'one')
    mount('namespace', 'default\n')
    mount('ca.crt', server.ca ?? '')
    vi.stubEnv('KUBERNETES_SERVICE_HOST', '127.0.0.1')
    vi.stubEnv('KUBERNETES_SERVICE_PORT', String(server.port))
  })
  const accept = (...tokens: string[]) =>
    server.setUsers(tokens.map((token) => ({ name: token, token, rules: shippedRules() })))
  const lastUser = () => server.requests.all.at(-1)?.user

  it('the service account says where the server is, who we are and which namespace is ours', async () => {
    expect(await loadCredentials({ root })).toMatchObject({ server: server.url, namespace: 'default' })
    await answered(await open(root))
    expect([lastUser(), server.requests.all.at(-1)?.status]).toEqual(['one', 200])
  })

  it('a token replaced in its file is used from then on: within a minute, or at once if the old one is refused', async () => {
    const connection = await open(root)
    await answered(connection)
    accept('one', 'two')
    mount('token', 'two')
    await answered(connection)
    expect(lastUser()).toBe('one')
    minute()
    await answered(connection)
    expect(lastUser()).toBe('two')
    mount('token', 'three')
    accept('three')
    await answered(connection)
    expect([lastUser(), server.requests.all.at(-1)?.status]).toEqual(['three', 200])
  })

  it('a kubeconfig that is given comes first', async () => {
    kubeconfig({ server: 'https://127.0.0.1:1/' })
    expect(await loadCredentials({ root })).toMatchObject({ server: 'https://127.0.0.1:1', namespace: 'projects' })
  })
})

describe('certificates that are replaced', () => {
  let server: TlsServer
  let sendMore: (text: string) => void
  const secure = ({ cert, key }: typeof OLD) => ({ cert: readFileSync(cert), key: readFileSync(key) })
  const install = ({ cert, key }: typeof OLD, ca: string) => {
    copyFileSync(ca, join(root, 'ca.pem'))
    copyFileSync(cert, join(root, 'client.pem'))
    copyFileSync(key, join(root, 'client-key.pem'))
  }
  const url = () => `https://127.0.0.1:${(server.address() as AddressInfo).port}`

  /** Says whose certificate the client showed; on /watch bit by bit. */
  beforeEach(async () => {
    server = createServer({ ...secure(OLD), requestCert: true, rejectUnauthorized: false }, (request, response) => {
      const { subject } = (request.socket as TLSSocket).getPeerCertificate()
      if (request.url !== '/watch') return response.end(subject?.CN ?? 'nobody')
      sendMore = (text) => response.write(text)
      return sendMore('first')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    closing.push(async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    })
  })

  it('in their files are used within a minute; a watch under way goes on with the old', async () => {
    install(OLD, OLD_CA)
    const files = { 'client-certificate': join(root, 'client.pem'), 'client-key': join(root, 'client-key.pem') }
    kubeconfig({ server: url(), 'certificate-authority': join(root, 'ca.pem') }, files)
    const connection = await open()
    expect(await answered(connection)).toBe('localhost')
    const watch = await connection.fetch('/watch', { method: 'GET', headers: {}, signal })
    const chunks = (watch.body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]()
    const chunk = async () => Buffer.from((await chunks.next()).value as Uint8Array).toString()
    expect(await chunk()).toBe('first')

    install(RENEWED, RENEWED.cert)
    server.setSecureContext(secure(RENEWED))
    expect(await answered(connection)).toBe('localhost')
    clock.advance(60_000)
    expect(await answered(connection)).toBe('renewed')
    sendMore('second')
    expect(await chunk()).toBe('second')
  })

  it('in the kubeconfig itself are used within a minute too, once the old ones lead nowhere', async () => {
    const data = (path: string) => readFileSync(path).toString('base64')
    kubeconfig({ server: url(), 'certificate-authority-data': data(OLD_CA) })
    const connection = await open()
    expect(await answered(connection)).toBe('nobody')
    server.setSecureContext(secure(RENEWED))
    server.closeAllConnections()
    await expect(answered(connection)).rejects.toThrow()
    kubeconfig({ server: url(), 'certificate-authority-data': data(RENEWED.cert) })
    await expect(answered(connection)).rejects.toThrow()
    clock.advance(60_000)
    expect(await answered(connection)).toBe('nobody')
  })
})

describe('a proxy-url', () => {
  /** Tunnels to wherever it is told, for those who know the password. */
  async function startProxy(tunnelled: string[]): Promise<number> {
    const proxy: Server = createPlainServer()
    const sockets = new Set<{ destroy(): unknown }>()
    proxy.on('connect', (request, socket, head) => {
      const known = request.headers['proxy-authorization'] === `Basic ${Buffer.from('me:pass word').toString('base64')}`
      if (!known) return socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n')
      tunnelled.push(request.url ?? '')
      const [host = '', port] = (request.url ?? '').split(':')
      const onward = connect(Number(port), host, () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n')
        onward.write(head)
        socket.pipe(onward).pipe(socket)
      })
      for (const each of [socket, onward]) sockets.add(each.on('error', () => undefined))
      return socket
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    closing.push(async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => proxy.close(resolve))
    })
    return (proxy.address() as AddressInfo).port
  }

  it('of an http proxy is gone through, with its password', async () => {
    const server = await startCluster()
    closing.push(() => server.close())
    server.setUsers(undefined)
    const tunnelled: string[] = []
    const port = await startProxy(tunnelled)
    const authority = Buffer.from(server.ca ?? '').toString('base64')
    const cluster = { server: server.url, 'certificate-authority-data': authority }
    kubeconfig({ ...cluster, 'proxy-url': `http://me:pass%20word@127.0.0.1:${port}` })
    expect(await answered(await open())).toContain('WebhookList')
    expect(tunnelled).toEqual([`127.0.0.1:${server.port}`])
    kubeconfig({ ...cluster, 'proxy-url': `http://127.0.0.1:${port}` })
    await expect(answered(await open())).rejects.toThrow()
  })

  it('of another kind is refused, and not repeated', async () => {
    kubeconfig({ server: 'https://127.0.0.1:1', 'proxy-url': 'socks5://me:password@127.0.0.1:1' })
    const refused = await loadCredentials().catch((error: unknown) => String(error))
    expect(refused).toContain('proxy-url')
    expect(refused).not.toContain('password')
  })
})

describe('what cannot be used is said, and how to mend it', () => {
  it.each<[string, () => void, string]>([
    ['neither kubeconfig nor pod', () => undefined, 'set KUBECONFIG, or run in a pod'],
    [
      'a kubeconfig that is not there',
      () => vi.stubEnv('KUBECONFIG', join(root, 'none')),
      'the kubeconfig cannot be used',
    ],
    ['plain http', () => kubeconfig({ server: 'http://127.0.0.1:1' }), 'use https'],
  ])('%s', async (_name, arrange, expected) => {
    arrange()
    await expect(loadCredentials({ root })).rejects.toThrow(expected)
  })
})
