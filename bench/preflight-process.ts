import type { AddressInfo } from 'node:net'
import { fastify, type FastifyInstance } from 'fastify'
import { createApi } from '../src/api/server.ts'
import { systemClock } from '../src/base/clock.ts'
import { createLog } from '../src/base/log.ts'
import { systemRandom } from '../src/base/random.ts'
import { effectiveApiSettings } from '../src/resources/api-settings.ts'
import { compileRoutes } from '../src/routing/route-table.ts'
import { openSqliteStore } from '../src/storage/sqlite/sqlite-store.ts'
import { answer } from './scope.ts'

/** The API, and beside it a bare route that gives the same answer to a preflight. */
export interface Preflights {
  readonly path: string
  readonly origin: string
  readonly asked: string
}

export interface Ports {
  readonly api: number
  readonly bare: number
}

async function start({ directory, path, origin, asked }: Preflights & { directory: string }): Promise<Ports> {
  const log = createLog('error', (line) => process.stderr.write(line))
  const snapshot = {
    version: 1,
    complete: true,
    api: effectiveApiSettings({ cors: { enabled: true, allowedOrigins: ['https://other.example', origin] } }),
    webhooks: new Map(),
    routes: compileRoutes([]),
  }
  const api = createApi({
    store: await openSqliteStore({ directory, clock: systemClock, log }),
    snapshots: { current: snapshot, subscribe: () => () => undefined },
    clock: systemClock,
    random: systemRandom,
    log,
    publicUrl: 'http://127.0.0.1',
    version: '0.0.0',
  })
  const preflight = { origin, 'access-control-request-method': 'PATCH', 'access-control-request-headers': asked }
  const { statusCode, headers } = await api.inject({ method: 'OPTIONS', url: path, headers: preflight })
  if (statusCode !== 200 || headers['access-control-allow-origin'] !== origin) throw new Error('no preflight answered')
  const bare = fastify()
  const same = Object.entries(headers).filter(([name]) => name === 'vary' || name.startsWith('access-control-'))
  bare.options(path, (_request, reply) => {
    for (const [name, value] of same) reply.header(name, value)
    reply.code(200).send()
  })
  return { api: await listen(api), bare: await listen(bare) }
}

async function listen(app: FastifyInstance): Promise<number> {
  await app.listen({ host: '127.0.0.1', port: 0 })
  return (app.server.address() as AddressInfo).port
}

function cpuUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

answer({ start, cpuUs })
