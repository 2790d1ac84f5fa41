import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { ApiStore } from '../src/api/context.ts'
import { createApi } from '../src/api/server.ts'
import { systemClock } from '../src/base/clock.ts'
import { createLog, type Log } from '../src/base/log.ts'
import { systemRandom } from '../src/base/random.ts'
import { type ApiSettingsSpec, effectiveApiSettings } from '../src/resources/api-settings.ts'
import { compileRoutes } from '../src/routing/route-table.ts'

/** Errors only, to standard error. */
export function benchLog(): Log {
  return createLog('error', (line) => process.stderr.write(line))
}

/** The API over this store, without webhooks, not yet listening. */
export function apiOver(store: ApiStore, settings: ApiSettingsSpec = {}): FastifyInstance {
  const snapshot = {
    version: 1,
    complete: true,
    api: effectiveApiSettings(settings),
    webhooks: new Map(),
    routes: compileRoutes([]),
  }
  return createApi({
    store,
    snapshots: { current: snapshot, subscribe: () => () => undefined },
    clock: systemClock,
    random: systemRandom,
    log: benchLog(),
    publicUrl: 'http://127.0.0.1',
    version: '0.0.0',
  })
}

/** Listens on a free port of this machine, which it answers. */
export async function listen(app: FastifyInstance): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  return (app.server.address() as AddressInfo).port
}
