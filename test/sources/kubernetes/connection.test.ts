import { mkdtempSync, rmSync } from 'node:fs'
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
