import { expect, vi } from 'vitest'
import { createApi, type Api } from '../../../src/sources/kubernetes/api.ts'
import { createConnection } from '../../../src/sources/kubernetes/connection.ts'
import { systemRandom } from '../../../src/base/random.ts'
import { installDefinitions } from '../../support/cluster.ts'
import {
  startFakeApiServer,
  type FakeApiServer,
  type FakeApiServerOptions,
} from '../../support/fake-apiserver/index.ts'
import { createFakeClock, type FakeClock } from '../../support/fake-clock.ts'
import { quiet } from '../../reconcile/environment.ts'

export interface Bench {
  readonly server: FakeApiServer
  readonly api: Api
  readonly clock: FakeClock
  /** What every part under test is made with. */
  readonly parts: { api: Api; namespace: string; clock: FakeClock; random: typeof systemRandom; log: typeof quiet }
  /** Looks until it holds, time going on meanwhile, a second with each look. */
  until<T>(look: () => T | Promise<T>): Promise<T>
  /** Fails if a connection is left. */
  close(): Promise<void>
}

/**
 * A server with our definitions and a client of it whose time stands still until the test moves it; that of the server too if a clock is
 * given.
 */
export async function openBench(options: FakeApiServerOptions & { clock?: FakeClock } = {}): Promise<Bench> {
  const server = await startFakeApiServer(options)
  installDefinitions(server)
  const clock = options.clock ?? createFakeClock()
  const headers = { authorization: 'Bearer t' }
  const credentials = { server: server.url, namespace: 'default', read: async () => ({ headers, tls: {} }) }
  const connection = createConnection(credentials, clock, '0')
  const api = createApi(connection.fetch, clock)
  return {
    server,
    api,
    clock,
    parts: { api, namespace: 'default', clock, random: systemRandom, log: quiet },
    until: (look) =>
      vi.waitFor(
        async () => {
          clock.advance(1000)
          return await look()
        },
        { timeout: 10_000, interval: 10 },
      ),
    async close() {
      await connection.close()
      await vi.waitFor(() => expect(server.sockets).toEqual([]), { timeout: 5_000, interval: 5 })
      await server.close()
    },
  }
}
