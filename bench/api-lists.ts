/**
 * What lists cost with a million work packages, against ten thousand.
 *
 *   node bench/api-lists.ts [requests per list, default 300] [searches of each kind, default 5]
 *
 * Both stores are filled directly and served by one child process; requests to the two take turns. Every list is read from the store
 * (the reads that the program keeps until the next write are passed by), related rows are not. Pages in the order of the ids are to
 * cost at most 1.5 times as much with a million. What neither counters nor indexes serve is carried out on a thread of its own: shown
 * is how long each takes, or that it is refused, and what one work package costs meanwhile, against before.
 * Filling takes about half a minute; SQLite with synchronous=FULL, which reads do not notice.
 */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { DatabaseSync } from 'node:sqlite'
import { Pool } from 'undici'
import { seed } from '../src/api/seed.ts'
import { systemClock } from '../src/base/clock.ts'
import { keepReads } from '../src/storage/kept-reads.ts'
import { openSqliteStore } from '../src/storage/sqlite/sqlite-store.ts'
import { apiOver, benchLog, listen } from './served-api.ts'
import { judged, median, print, quantile } from './statistics.ts'

const FEW = 10_000
const MANY = 1_000_000
const PROJECTS = 100
const RATIO_MAX = 1.5
const TOKEN = `opapi-${'0'.repeat(64)}`
const HEADERS = { authorization: `Bearer ${TOKEN}` }

const LIST = '/api/v3/work_packages'
const where = (filters: readonly object[], more: Record<string, string> = {}) =>
  `${LIST}?${new URLSearchParams({ filters: JSON.stringify(filters), ...more }).toString()}`
const OPEN = { status: { operator: 'o', values: [] } }
const memberOf = (projects: readonly number[]) => ({ project: { operator: '=', values: projects.map(String) } })
const holding = (text: string) => ({ search: { operator: '**', values: [text] } })
const MOST = Array.from({ length: PROJECTS - 5 }, (_, i) => i + 1)

/** Served by counters and indexes. */
const PAGES = {
  'page 1, open only': LIST,
  'page 1, all': where([]),
  'page 1, newest first': where([OPEN], { sortBy: '[["id","desc"]]' }),
  'page 20': where([OPEN], { offset: '20' }),
  'page 1 of a project': '/api/v3/projects/7/work_packages',
  'page 1 for a member of 3 projects': where([OPEN, memberOf([7, 50, 93])]),
  'page 1 for a member of most projects': where([OPEN, memberOf(MOST)]),
} as const

/** Served by neither. */
const SEARCHES = {
  'text that is nowhere': where([holding('no such thing')]),
  'text that is nowhere, not ASCII': where([holding('nö')]),
  'sorted by subject': where([OPEN], { sortBy: '[["subject","asc"]]' }),
  'sorted by status': where([OPEN], { sortBy: '[["status","asc"]]' }),
  'grouped by status, with sums': where([OPEN], { groupBy: 'status', showSums: 'true' }),
  'page 25,000': where([OPEN], { offset: '25000' }),
} as const

interface Ports {
  readonly few: number
  readonly many: number
}

async function serve(): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'nepenthes-bench-'))
  const few = await startApi(join(root, 'few'), FEW)
  const many = await startApi(join(root, 'many'), MANY)
  process.send?.({ few: few.port, many: many.port } satisfies Ports)
  await once(process, 'message')
  for (const api of [few, many]) await api.stop()
  rmSync(root, { recursive: true, force: true })
  process.disconnect?.()
}

async function startApi(directory: string, count: number) {
  const open = () => openSqliteStore({ directory, clock: systemClock, log: benchLog() })
  const empty = await open()
  await seed(empty, systemClock, { adminToken: TOKEN })
  await empty.close()
  fill(join(directory, 'nepenthes.db'), count)
  const store = await open()
  const passingBy = Object.assign(Object.create(keepReads(store)) as typeof store, {
    search: store.search.bind(store),
  })
  const api = apiOver(passingBy)
  const port = await listen(api)
  return { port, stop: () => api.close().then(() => store.close()) }
}

/** Work packages of all statuses, in turn in each project. */
function fill(file: string, count: number): void {
  const db = new DatabaseSync(file)
  db.exec('PRAGMA synchronous = OFF; PRAGMA cache_size = -500000; BEGIN')
  const numbers = (to: number) => `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${to})`
  db.exec(`${numbers(PROJECTS)} INSERT INTO projects (id, identifier, name, description, active, public, statusExplanation, revision, createdAt, updatedAt)
    SELECT i, 'project-' || i, 'Project ' || i, '', 1, 0, '', 0, 1772366400000, 1772366400000 FROM n`)
  db.exec(`${numbers(count)} INSERT INTO workPackages (id, projectId, typeId, statusId, priorityId, authorId, assigneeId, subject, description,
      estimatedMinutes, spentMinutes, scheduleManually, ignoreNonWorkingDays, lockVersion, revision, createdAt, updatedAt)
    SELECT i, 1 + (i * 7919) % ${PROJECTS}, 1, 1 + (i / 7) % (SELECT count(*) FROM statuses), 1, 1, NULL,
      'Work package number ' || ((i * 7919) % ${count}), 'What to do about it, in some detail, number ' || i,
      60, 0, 0, 0, 1, 0, 1772366400000 + i, 1772366400000 + i FROM n`)
  db.exec('COMMIT; PRAGMA wal_checkpoint(TRUNCATE)')
  db.close()
}

interface Answer {
  readonly ms: number
  readonly status: number
}

function client(port: number) {
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections: 4, pipelining: 1, allowH2: false })
  return {
    async get(path: string): Promise<Answer> {
      const started = performance.now()
      const { statusCode, body } = await pool.request({
        path,
        method: 'GET',
        headers: HEADERS,
      })
      await body.arrayBuffer()
      return { ms: performance.now() - started, status: statusCode }
    },
    close: () => pool.close(),
  }
}
type Client = ReturnType<typeof client>

async function comparePages(few: Client, many: Client, requests: number): Promise<void> {
  for (const [name, path] of Object.entries(PAGES)) {
    const times: Record<'few' | 'many', number[]> = { few: [], many: [] }
    for (let n = -20; n < requests; n += 1) {
      const [a, b] = [await few.get(path), await many.get(path)]
      if (a.status !== 200 || b.status !== 200) throw new Error(`${path}: ${a.status}, ${b.status}`)
      if (n < 0) continue // warming up
      times.few.push(a.ms)
      times.many.push(b.ms)
    }
    const ratio = median(times.many) / median(times.few)
    print(name, {
      [`${FEW}`]: `${median(times.few).toFixed(2)} ms`,
      [`${MANY}`]: `${median(times.many).toFixed(2)} ms`,
      ratio: `${ratio.toFixed(2)} (target ${RATIO_MAX}, ${judged(ratio <= RATIO_MAX)})`,
    })
  }
}

/** One work package every few milliseconds, until `during` is over: what each took. */
async function others(many: Client, during: Promise<unknown>): Promise<number[]> {
  const times: number[] = []
  let over = false
  const ended = during.finally(() => (over = true))
  while (!over) {
    times.push((await many.get(`/api/v3/work_packages/${1 + ((times.length * 7919) % MANY)}`)).ms)
    await new Promise((resolve) => setTimeout(resolve, 2))
  }
  await ended
  return times
}

async function measureSearches(many: Client, count: number): Promise<void> {
  const wait = new Promise((resolve) => setTimeout(resolve, 2_000))
  const alone = await others(many, wait)
  const shown = (times: number[]) => `p50 ${median(times).toFixed(2)} p99 ${quantile(times, 0.99).toFixed(1)} ms`
  print('one work package, nothing else asked', { took: shown(alone) })
  for (const [name, path] of Object.entries(SEARCHES)) {
    const answers: Answer[] = []
    const searching = (async () => {
      for (let n = 0; n < count; n += 1) answers.push(await many.get(path))
    })()
    const meanwhile = await others(many, searching)
    const statuses = [...new Set(answers.map(({ status }) => status))].join(', ')
    print(name, {
      took: `${median(answers.map(({ ms }) => ms)).toFixed(0)} ms, ${statuses}`,
      'one work package meanwhile': shown(meanwhile),
    })
  }
}

async function measure(): Promise<void> {
  const [requests = 300, searches = 5] = process.argv.slice(2).map(Number)
  const child: ChildProcess = fork(import.meta.filename, [], { env: { ...process.env, BENCH_SERVER: '1' } })
  const end = () => void child.kill('SIGTERM')
  process.once('SIGTERM', end)
  const exit = once(child, 'exit')
  const ready = await Promise.race([once(child, 'message') as Promise<[Ports]>, exit])
  const [ports] = ready as [Ports]
  if (typeof ports !== 'object') throw new Error('the server did not start')
  const [few, many] = [client(ports.few), client(ports.many)]
  await comparePages(few, many, requests)
  await measureSearches(many, searches)
  await Promise.all([few.close(), many.close()])
  child.send('done')
  await exit
}

await (process.env['BENCH_SERVER'] ? serve() : measure())
