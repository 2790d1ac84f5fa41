import { fastify } from 'fastify'
import { systemClock } from '../src/base/clock.ts'
import { openSqliteStore } from '../src/storage/sqlite/sqlite-store.ts'
import { answer } from './scope.ts'
import { apiOver, benchLog, listen } from './served-api.ts'

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
  const store = await openSqliteStore({ directory, clock: systemClock, log: benchLog() })
  const api = apiOver(store, { cors: { enabled: true, allowedOrigins: ['https://other.example', origin] } })
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

function cpuUs(): number {
  const { user, system } = process.cpuUsage()
  return user + system
}

answer({ start, cpuUs })
