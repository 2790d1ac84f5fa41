import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { Redis } from 'ioredis'
import type { Scope } from './scope.ts'

/** When Redis makes its log durable: before it answers, or once a second. */
export type Fsync = 'always' | 'everysec'

export interface RedisServer {
  readonly port: number
  /** Microseconds of all its threads since it began. */
  cpuMicros(): Promise<number>
  close(): Promise<void>
}

const COMMAND = 'redis-server'
const READY_TRIES = 100
const READY_PAUSE_MS = 50

/** Its version; undefined when there is none on PATH. */
export function redisVersion(): string | undefined {
  const { status, stdout } = spawnSync(COMMAND, ['--version'], { encoding: 'utf8' })
  return status === 0 ? (/v=(\S+)/.exec(stdout)?.[1] ?? 'of an unknown version') : undefined
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** A Redis of one's own, everything in its append-only file, which is never rewritten while it is measured. */
export async function startRedis(scope: Scope, fsync: Fsync): Promise<RedisServer> {
  const port = await freePort()
  const settings = {
    ...{ bind: '127.0.0.1', port: String(port), dir: scope.directory(), loglevel: 'warning' },
    ...{ save: '', appendonly: 'yes', appendfsync: fsync, 'auto-aof-rewrite-percentage': '0' },
    'maxmemory-policy': 'noeviction',
  }
  const child = scope.spawn(
    COMMAND,
    Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
  )
  const redis = new Redis({
    ...{ port, host: '127.0.0.1', maxRetriesPerRequest: null },
    retryStrategy: (tries: number) => (tries > READY_TRIES ? null : READY_PAUSE_MS),
  })
  // Told by the command that fails; until the server listens it is nothing to tell.
  redis.on('error', () => undefined)
  await Promise.race([
    redis.ping(),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`${COMMAND} ended with ${code}`))),
  ])
  return {
    port,
    async cpuMicros() {
      const info = await redis.info('cpu')
      const seconds = (name: string) => Number(new RegExp(`^${name}:(.*)$`, 'm').exec(info)?.[1] ?? NaN)
      return (seconds('used_cpu_user') + seconds('used_cpu_sys')) * 1e6
    },
    async close() {
      redis.disconnect()
      if (child.exitCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
}
