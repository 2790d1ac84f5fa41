/**
 * How long configuration takes to be live, in the real program (a process of its own, 10,000 Webhook files, store on disk with
 * synchronous=FULL):
 *
 *   node bench/configuration.ts [webhooks, default 10000] [changes, default 200]
 *
 * - cold start: from spawning the process to all webhooks in the route table, without and with an earlier run's data
 * - settled to live: from the end of a file's 20 ms of stillness (that is, from the rename that put it there, less the 20 ms it has to
 *   hold still) to the snapshot that has it, seen from within the process
 * - memory: growth of the live heap, after a collection, against an environment with a single webhook
 *
 * Targets: cold start 3 s; p99 50 ms; 10 KB each.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { startApp } from '../src/app.ts'
import { readRunConfig, runFlags } from '../src/config.ts'
import { Command } from 'commander'
import { median, print, quantile } from './statistics.ts'

const SETTLE_MS = 20

function webhookYaml(index: number, description: string): string {
  return `apiVersion: nepenthes.dev/v1
kind: Webhook
metadata:
  name: webhook-${index}
spec:
  displayName: Webhook number ${index}
  description: ${description}
  url: https://receiver-${index}.example.com/hooks
  events:
    - time_entry:created
    - work_package:updated
  projects:
    - project-${index}
`
}

interface Report {
  readonly kind: 'started' | 'live' | 'memory'
  readonly at: number
  readonly value: number
}

/** The program under measurement: reports when it is up, and the wall-clock time of every log line that says a configuration is live. */
async function run(): Promise<void> {
  const command = new Command('run')
  for (const option of runFlags()) command.addOption(option)
  command.parse(process.argv.slice(2), { from: 'user' })
  const report = (kind: Report['kind'], value: number) => send({ kind, at: now(), value })
  const app = await startApp(readRunConfig(command), {
    writeLog: (line) => {
      if (line.includes('"configuration in force"')) report('live', (JSON.parse(line) as { webhooks: number }).webhooks)
      else if (!line.includes('"level":"info"')) process.stderr.write(line)
    },
  })
  report('started', 0)
  process.on('message', (message) => {
    if (message === 'stop') return void app.stop().then(() => process.disconnect?.())
    globalThis.gc?.()
    const { heapUsed, external } = process.memoryUsage()
    report('memory', heapUsed + external)
  })
}

function send(report: Report): void {
  if (process.send) process.send(report)
}

/** One clock for both processes. */
function now(): number {
  return performance.timeOrigin + performance.now()
}

async function next(child: ChildProcess, kind: Report['kind']): Promise<Report> {
  for (;;) {
    const [report] = (await once(child, 'message')) as [Report]
    if (report.kind === kind) return report
  }
}

function launch(root: string): ChildProcess {
  const flags = ['--config', join(root, 'config'), '--data', join(root, 'data'), '--secrets', join(root, 'secrets')]
  const args = [...flags, '--listen', '127.0.0.1:0', '--admin-listen', '127.0.0.1:0']
  return fork(import.meta.filename, args, { env: { ...process.env, BENCH_PROGRAM: '1' }, execArgv: ['--expose-gc'] })
}

async function stop(child: ChildProcess): Promise<void> {
  child.send('stop')
  await once(child, 'exit')
}

function place(count: number): string {
  const root = mkdtempSync(join(tmpdir(), 'nepenthes-bench-'))
  mkdirSync(join(root, 'config'))
  for (let i = 0; i < count; i += 1)
    writeFileSync(join(root, 'config', `webhook-${i}.yaml`), webhookYaml(i, 'as it was'))
  return root
}

async function coldStart(root: string): Promise<{ child: ChildProcess; ms: number }> {
  const started = now()
  const child = launch(root)
  const live = await next(child, 'live')
  return { child, ms: live.at - started }
}

async function residentBytes(child: ChildProcess): Promise<number> {
  child.send('memory')
  return (await next(child, 'memory')).value
}

async function settleToLive(child: ChildProcess, root: string, index: number, round: number): Promise<number> {
  const file = join(root, 'config', `webhook-${index}.yaml`)
  const aside = join(root, `aside-${round}`)
  writeFileSync(aside, webhookYaml(index, `changed in round ${round}`))
  const live = next(child, 'live')
  renameSync(aside, file)
  const settled = now() + SETTLE_MS
  return (await live).at - settled
}

async function main(): Promise<void> {
  const [count = 10_000, changes = 200] = process.argv.slice(2).map(Number)
  const small = place(1)
  const { child: one } = await coldStart(small)
  await next(one, 'started').catch(() => undefined)
  const base = await residentBytes(one)
  await stop(one)

  const root = place(count)
  const cold: number[] = []
  const warm: number[] = []
  for (let round = 0; round < 3; round += 1) {
    rmSync(join(root, 'data'), { recursive: true, force: true })
    const first = await coldStart(root)
    cold.push(first.ms)
    await next(first.child, 'started')
    await stop(first.child)
    const again = await coldStart(root)
    warm.push(again.ms)
    await next(again.child, 'started')
    await stop(again.child)
  }
  const { child } = await coldStart(root)
  await next(child, 'started')
  const bytes = await residentBytes(child)
  const latencies: number[] = []
  for (let round = 0; round < changes; round += 1)
    latencies.push(await settleToLive(child, root, (round * 7919) % count, round))
  await stop(child)
  rmSync(root, { recursive: true, force: true })
  rmSync(small, { recursive: true, force: true })

  print(`cold start, ${count} webhooks (target 3 s)`, {
    first: `${(median(cold) / 1000).toFixed(2)} s`,
    again: `${(median(warm) / 1000).toFixed(2)} s`,
  })
  print(`settled file to live, ${changes} changes (target p99 50 ms)`, {
    p50: `${median(latencies).toFixed(1)} ms`,
    p99: `${quantile(latencies, 0.99).toFixed(1)} ms`,
    max: `${Math.max(...latencies).toFixed(1)} ms`,
  })
  print('memory per webhook (target 10 KB)', { each: `${((bytes - base) / count / 1024).toFixed(1)} KB` })
}

await (process.env['BENCH_PROGRAM'] ? run() : main())
