/**
 * The same program in a cluster: an API server in a process of its own (that of the tests), the program in another.
 *
 *   node bench/cluster.ts [webhooks, default 10000] [changes, default 200]
 *
 * - cold start: from spawning the process to all webhooks in the route table; in pages of 500, nothing known of an earlier run
 * - watch event to live: from the moment the API server begins to take a change (its own checks and its store included) to the snapshot
 *   that has it, while statuses are being written
 * - memory: growth of the live heap, after a collection, against a namespace with a single webhook
 * - statuses: 1,000 webhooks that are all judged at once; every write counted by the server
 * - at rest: the same program once everything is said
 *
 * Targets: cold start 5 s; p99 50 ms; 10 KB each; 20 writes a second and 200 at once, all statuses arrived.
 */
import type { Write } from './api-server-process.ts'
import type { Cpu } from './cpu.ts'
import { benchmark, sharedNow, type Child, type Scope } from './scope.ts'
import { judged, median, print, quantile } from './statistics.ts'

const TARGET_COLD_MS = 5_000
const TARGET_LIVE_MS = 50
const TARGET_BYTES = 10 * 1024
const BUDGET = { perSecond: 20, burst: 200 }
const TURNED = 1_000
const ROUNDS = 3
/** Events wait until the budget has something to spare again, after the last status: ten seconds at most. */
const QUIET_MS = 12_000
const REST_MS = 20_000

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))

interface Cluster {
  readonly server: Child
  readonly launch: (namespace: string) => Child
}

async function startCluster(scope: Scope): Promise<Cluster> {
  const server = scope.fork('api-server-process.ts')
  const kubeconfig = await server.ask<string>('kubeconfig', scope.directory())
  return {
    server,
    launch(namespace) {
      const mode = ['--kubernetes', '--namespace', namespace, '--data', scope.directory()]
      const args = [...mode, '--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0']
      return scope.fork('program-process.ts', { args, env: { KUBECONFIG: kubeconfig } })
    },
  }
}

async function stop(program: Child): Promise<void> {
  await program.ask('stop')
  await program.end()
}

async function coldStart({ launch }: Cluster, namespace: string, count: number) {
  const startedAt = sharedNow()
  const program = launch(namespace)
  await program.ask('live', count)
  const { at } = await program.ask<{ at: number }>('inForce')
  return { program, ms: at - startedAt }
}

async function changesToLive(server: Child, program: Child, { count, changes }: { count: number; changes: number }) {
  const latencies: number[] = []
  for (let round = 0; round < changes; round += 1) {
    const { version } = await program.ask<{ version: number }>('inForce')
    const change = { namespace: 'many', index: (round * 7919) % count, description: `changed in round ${round}` }
    const at = await server.ask<number>('change', change)
    const live = await program.ask<{ at: number }>('inForce', version + 1)
    latencies.push(live.at - at)
  }
  return latencies
}

/** Over any stretch of time no more is written than was saved up and may come since. */
function overBudget(writes: readonly Write[]): number {
  const allowed = (from: number, to: number) => BUDGET.burst + ((to - from) * BUDGET.perSecond) / 1000
  let worst = 0
  for (const [first, { atMs: from }] of writes.entries())
    for (let last = first; last < writes.length; last += 1)
      worst = Math.max(worst, last - first + 1 - allowed(from, (writes[last] as Write).atMs))
  return Math.ceil(worst)
}

async function statusesArrive({ server }: Cluster): Promise<void> {
  while ((await server.ask<number>('judged', 'turned')) < TURNED) await pause(100)
  const writes = await server.ask<Write[]>('writes')
  const statuses = writes.filter(({ kind }) => kind === 'status')
  const [first, last] = [statuses.at(0)?.atMs ?? 0, statuses.at(-1)?.atMs ?? 0]
  // The requests are noted as they arrive, a moment after they were paid for.
  const over = overBudget(writes) <= 2 ? 'within' : 'OVER'
  print(`${TURNED} statuses at once`, {
    'all arrived after': `${((last - first) / 1000).toFixed(1)} s`,
    'status writes': `${statuses.length}`,
    'events meanwhile': `${writes.length - statuses.length}`,
    budget: `${BUDGET.perSecond}/s and ${BUDGET.burst} at once, ${over}`,
  })
}

async function atRest({ server }: Cluster, program: Child): Promise<void> {
  const quiet = async () => {
    const before = (await server.ask<Write[]>('writes')).length
    await pause(QUIET_MS)
    return (await server.ask<Write[]>('writes')).length === before
  }
  while (!(await quiet()));
  await server.ask('clear')
  const [heap, cpu] = [await program.ask<number>('memory'), await program.ask<Cpu>('cpu')]
  await pause(REST_MS)
  const used = (await program.ask<Cpu>('cpu')).allThreads - cpu.allThreads
  const requests = await server.ask<number>('requests')
  const grown = (await program.ask<number>('memory')) - heap
  print(`at rest, ${TURNED} webhooks, ${REST_MS / 1000} s`, {
    CPU: `${(used / 10 / REST_MS).toFixed(2)} % of a core`,
    requests: `${requests} (the lease)`,
    'heap grown by': `${(grown / 1024).toFixed(0)} KB`,
  })
}

await benchmark(async (scope) => {
  const [count = 10_000, changes = 200] = process.argv.slice(2).map(Number)
  const cluster = await startCluster(scope)
  const { server } = cluster
  for (const [namespace, size] of [
    ['one', 1],
    ['many', count],
    ['turned', TURNED],
  ] as const)
    await server.ask('fill', { namespace, count: size })

  const one = await coldStart(cluster, 'one', 1)
  const base = await one.program.ask<number>('memory')
  await stop(one.program)

  const cold: number[] = []
  for (let round = 1; round < ROUNDS; round += 1) {
    const { program, ms } = await coldStart(cluster, 'many', count)
    cold.push(ms)
    await stop(program)
  }
  await server.ask('clear')
  const { program, ms } = await coldStart(cluster, 'many', count)
  cold.push(ms)
  const lists = await server.ask<number>('lists')
  const each = ((await program.ask<number>('memory')) - base) / count
  const latencies = await changesToLive(server, program, { count, changes })
  await stop(program)

  const coldMs = median(cold)
  print(`cold start, ${count} webhooks, ${lists} pages`, {
    median: `${(coldMs / 1000).toFixed(2)} s (target ${TARGET_COLD_MS / 1000} s, ${judged(coldMs <= TARGET_COLD_MS)})`,
  })
  const p99 = quantile(latencies, 0.99)
  print(`watch event to live, ${changes} changes`, {
    p50: `${median(latencies).toFixed(1)} ms`,
    p99: `${p99.toFixed(1)} ms (target ${TARGET_LIVE_MS} ms, ${judged(p99 <= TARGET_LIVE_MS)})`,
    max: `${Math.max(...latencies).toFixed(1)} ms`,
  })
  print('memory per webhook', {
    each: `${(each / 1024).toFixed(1)} KB (target ${TARGET_BYTES / 1024} KB, ${judged(each <= TARGET_BYTES)})`,
  })

  await server.ask('clear')
  const turned = await coldStart(cluster, 'turned', TURNED)
  await statusesArrive(cluster)
  await atRest(cluster, turned.program)
  await stop(turned.program)
})
