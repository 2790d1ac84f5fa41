import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { createConnection, type Connection } from '../../../src/sources/kubernetes/connection.ts'
import { loadCredentials } from '../../../src/sources/kubernetes/credentials.ts'
import { shippedRules, startCluster, TOKEN } from '../../support/cluster.ts'
import type { FakeApiServer } from '../../support/fake-apiserver/index.ts'
import { createFakeClock } from '../../support/fake-clock.ts'

const PATH = '/apis/nepenthes.dev/v1/namespaces/default/webhooks'
const { signal } = new AbortController()

let directory: string
let server: FakeApiServer
let connection: Connection
const clock = createFakeClock()
const statusOf = async () => {
  const response = await connection.fetch(PATH, { method: 'GET', headers: {}, signal })
  await response.text()
  return response.status
}
const rotate = (token: string) => server.setUsers([{ name: 'operator', token, rules: shippedRules() }])

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'nepenthes-kubeconfig-'))
  server = await startCluster()
  vi.stubEnv('KUBECONFIG', server.kubeconfig(join(directory, 'config')))
  connection = createConnection(await loadCredentials(), clock, '0')
})
afterEach(async () => {
  vi.unstubAllEnvs()
  await connection.close()
  await server.close()
  rmSync(directory, { recursive: true })
})

describe('the connection to the API server', () => {
  it('trusts the authority of the kubeconfig, and uses its connections again', async () => {
    for (let call = 0; call < 20; call += 1) expect(await statusOf()).toBe(200)
    expect(server.sockets.length).toBeLessThan(4)
  })

  it('is HTTP/1.1 also to a server that offers HTTP/2, where one connection would carry every watch and might be told to go away', async () => {
    const TLS = join(import.meta.dirname, '..', '..', 'dispatch', 'tls')
    const read = (name: string) => readFileSync(join(TLS, name))
    const options = { cert: read('server.pem'), key: read('server-key.pem'), allowHTTP1: true }
    const modern = createSecureServer(options, (request, response) => response.end(request.httpVersion))
    await new Promise<void>((resolve) => modern.listen(0, '127.0.0.1', resolve))
    const { port } = modern.address() as AddressInfo
    const identity = { headers: {}, tls: { ca: read('ca.pem') } }
    const credentials = { server: `https://127.0.0.1:${port}`, namespace: undefined, read: async () => identity }
    const asking = createConnection(credentials, clock, '0')
    const response = await asking.fetch('/', { method: 'GET', headers: {}, signal })
    expect(await response.text()).toBe('1.1')
    await asking.close()
    await new Promise((resolve) => modern.close(resolve))
  })

  it('reads the token anew when it is no longer accepted', async () => {
    expect(await statusOf()).toBe(200)
    rotate('another token')
    expect(await statusOf()).toBe(401)
    server.kubeconfig(join(directory, 'config'))
    expect(await statusOf()).toBe(200)
    rotate(TOKEN)
    server.kubeconfig(join(directory, 'config'))
    expect(await statusOf()).toBe(200)
  })
})
