/**
 * What answering a preflight costs, against a bare Fastify route that answers 200 with the very same headers.
 *
 *   node bench/api-preflight.ts [seconds per run, default 2] [rounds, default 5]
 *
 * Both servers live in one process, so that the client has the other core; runs alternate, and medians are printed: of requests
 * a second, and of the servers' CPU for each, which a busy machine disturbs less. Target: 0.9 of the bare route by CPU.
 */
import { performance } from 'node:perf_hooks'
import type { Ports } from './preflight-process.ts'
import { benchmark, type Child } from './scope.ts'
import { judged, median, print } from './statistics.ts'
import { createWireClient, wireRequest } from './wire-client.ts'

const CONNECTIONS = 20
const TARGET = 0.9
const PREFLIGHT = {
  path: '/api/v3/work_packages/100',
  origin: 'https://app.example.com',
  asked: 'authorization,content-type',
}
const REQUEST = wireRequest(
  'OPTIONS',
  PREFLIGHT.path,
  [
    `origin: ${PREFLIGHT.origin}`,
    'access-control-request-method: PATCH',
    `access-control-request-headers: ${PREFLIGHT.asked}`,
  ],
  '',
)

interface Sample {
  readonly perSecond: number
  readonly cpuUs: number
}

/** Over `CONNECTIONS` connections, each with one request at a time. */
async function run(servers: Child, port: number, seconds: number): Promise<Sample> {
  const client = createWireClient(port, CONNECTIONS)
  const before = await servers.ask<number>('cpuUs')
  const started = performance.now()
  let count = 0
  const loop = async () => {
    while (performance.now() - started < seconds * 1000) {
      const { statusCode } = await client.exchange(REQUEST)
      if (statusCode !== 200) throw new Error(`answered ${statusCode}`)
      count += 1
    }
  }
  await Promise.all(Array.from({ length: CONNECTIONS }, loop))
  const elapsed = (performance.now() - started) / 1000
  client.close()
  return { perSecond: count / elapsed, cpuUs: ((await servers.ask<number>('cpuUs')) - before) / count }
}

await benchmark(async (scope) => {
  const [seconds, rounds] = [Number(process.argv[2] ?? 2), Number(process.argv[3] ?? 5)]
  const servers = scope.fork('preflight-process.ts')
  const ports = await servers.ask<Ports>('start', { ...PREFLIGHT, directory: scope.directory() })
  const samples: Record<keyof Ports, Sample[]> = { bare: [], api: [] }
  for (const kind of ['bare', 'api'] as const) await run(servers, ports[kind], seconds / 2)
  for (let round = 0; round < rounds; round += 1)
    for (const kind of ['bare', 'api'] as const) samples[kind].push(await run(servers, ports[kind], seconds))
  const rate = (kind: keyof Ports) => median(samples[kind].map(({ perSecond }) => perSecond))
  const cost = (kind: keyof Ports) => median(samples[kind].map(({ cpuUs }) => cpuUs))
  for (const kind of ['bare', 'api'] as const)
    print(kind, { 'a second': rate(kind).toFixed(0), 'CPU us each': cost(kind).toFixed(1) })
  const ratio = cost('bare') / cost('api')
  print('preflights, of the bare route', {
    'by rate': (rate('api') / rate('bare')).toFixed(2),
    'by CPU': `${ratio.toFixed(2)} (target ${TARGET}: ${judged(ratio >= TARGET)})`,
  })
})
