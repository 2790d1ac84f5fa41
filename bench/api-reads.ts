/**
 * What reading through the API costs, against a bare Fastify route that returns the very same bytes.
 *
 *   node bench/api-reads.ts [seconds per run, default 3] [rounds, default 5]
 *
 * Both servers live in one child process, so that the client has the other core; runs alternate, and medians are printed: of
 * requests a second, and of the server process's CPU for each request, which a busy machine disturbs less.
 * The store is SQLite with synchronous=FULL, which reads do not notice. Targets: one resource 0.5, a page of twenty 0.3.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { fastify } from 'fastify'
import { Pool } from 'undici'
import { seed } from '../src/api/seed.ts'
import { systemClock } from '../src/base/clock.ts'
import { keepReads } from '../src/storage/kept-reads.ts'
import { openSqliteStore } from '../src/storage/sqlite/sqlite-store.ts'
import { apiOver, benchLog, listen } from './served-api.ts'

const TOKEN = `opapi-${'0'.repeat(64)}`
const HEADERS = { authorization: `Bearer ${TOKEN}` }
const PATHS = {
  'one work package': '/api/v3/work_packages/100',
  'a page of twenty': '/api/v3/work_packages?pageSize=20&offset=3',
  'one project': '/api/v3/projects/1',
  'one time entry': '/api/v3/time_entries/1',
  'who am I': '/api/v3/users/me',
} as const
const CONNECTIONS = 20

interface Ready {
  readonly api: number
  readonly bare: number
}

async function serve(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'nepenthes-bench-'))
  const store = keepReads(await openSqliteStore({ directory, clock: systemClock, log: benchLog() }))
  await seed(store, systemClock, { adminToken: TOKEN })
  const api = apiOver(store)
  const post = async (url: string, payload: object) => {
    const response = await api.inject({ method: 'POST', url, headers: HEADERS, payload })
    if (response.statusCode !== 201) throw new Error(response.body)
  }
  await post('/api/v3/projects', { name: 'Demo', description: { raw: 'A project to measure.' } })
  for (let n = 1; n <= 200; n += 1) {
    await post('/api/v3/projects/1/work_packages', {
      subject: `Work package ${n}`,
      description: { raw: 'What to do.' },
    })
  }
  const entity = { href: '/api/v3/work_packages/100' }
  await post('/api/v3/time_entries', { hours: 'PT1H', spentOn: '2026-03-01', _links: { entity } })

  const bare = fastify()
  for (const path of Object.values(PATHS)) {
    const response = await api.inject({ method: 'GET', url: path, headers: HEADERS })
    if (response.statusCode !== 200) throw new Error(response.body)
    bare.get(path.replace(/\?.*/, ''), (_request, reply) =>
      reply.header('content-type', 'application/hal+json; charset=utf-8').send(response.body),
    )
  }
  process.send?.({ api: await listen(api), bare: await listen(bare) } satisfies Ready)
  for (;;) {
    const [message] = (await once(process, 'message')) as ['cpu' | 'done']
    if (message === 'done') break
    const { user, system } = process.cpuUsage()
    process.send?.(user + system)
  }
  await Promise.all([api.close(), bare.close()])
  await store.close()
  rmSync(directory, { recursive: true, force: true })
  process.disconnect?.()
}

/** Requests a second over `CONNECTIONS` connections, each with one request at a time. */
async function run(port: number, path: string, seconds: number): Promise<{ count: number; perSecond: number }> {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: CONNECTIONS, pipelining: 1, allowH2: false })
  const until = performance.now() + seconds * 1000
  let count = 0
  const loop = async () => {
    while (performance.now() < until) {
      const { statusCode, body } = await pool.request({ path, method: 'GET', headers: HEADERS })
      await body.arrayBuffer()
      if (statusCode !== 200) throw new Error(`${path}: ${statusCode}`)
      count += 1
    }
  }
  const started = performance.now()
  await Promise.all(Array.from({ length: CONNECTIONS }, loop))
  const perSecond = count / ((performance.now() - started) / 1000)
  await pool.close()
  return { count, perSecond }
}

const median = (values: number[]) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

interface Sample {
  readonly perSecond: number
  /** CPU of the server process, in microseconds per request. */
  readonly cpuUs: number
}

async function sample(child: ChildProcess, port: number, path: string, seconds: number): Promise<Sample> {
  const cpu = async () => {
    child.send('cpu')
    const [us] = (await once(child, 'message')) as [number]
    return us
  }
  const before = await cpu()
  const { count, perSecond } = await run(port, path, seconds)
  return { perSecond, cpuUs: ((await cpu()) - before) / count }
}

async function measure(): Promise<void> {
  const seconds = Number(process.argv[2] ?? 3)
  const rounds = Number(process.argv[3] ?? 5)
  const child = fork(import.meta.filename, [], { env: { ...process.env, BENCH_SERVER: '1' } })
  const [ready] = (await once(child, 'message')) as [Ready]
  for (const path of Object.values(PATHS)) {
    await run(ready.bare, path, 0.5)
    await run(ready.api, path, 1)
  }
  for (const [name, path] of Object.entries(PATHS)) {
    const bare: Sample[] = []
    const api: Sample[] = []
    for (let round = 0; round < rounds; round += 1) {
      bare.push(await sample(child, ready.bare, path, seconds))
      api.push(await sample(child, ready.api, path, seconds))
    }
    const rates = [bare, api].map((samples) => median(samples.map(({ perSecond }) => perSecond)))
    const costs = [bare, api].map((samples) => median(samples.map(({ cpuUs }) => cpuUs)))
    const [[bareRate = 0, apiRate = 0], [bareCost = 0, apiCost = 0]] = [rates, costs]
    process.stdout.write(
      `${name.padEnd(18)} bare ${bareRate.toFixed(0)}/s ${bareCost.toFixed(0)} us  api ${apiRate.toFixed(0)}/s ${apiCost.toFixed(0)} us` +
        `  ratio by rate ${(apiRate / bareRate).toFixed(2)}, by CPU ${(bareCost / apiCost).toFixed(2)}\n`,
    )
  }
  child.send('done')
  await once(child, 'exit')
}

await (process.env['BENCH_SERVER'] ? serve() : measure())
