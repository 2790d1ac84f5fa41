import { expect, it } from 'vitest'
import type { ApiStore } from '../../src/api/context.ts'
import type { CommitResult, Mutation, WriteSet } from '../../src/storage/store.ts'
import type { RecordOf, TableName } from '../../src/storage/tables.ts'
import { seeds } from '../support/effort.ts'
import { seededRandom, type SeededRandom } from '../support/seeded-random.ts'
import { href, openTestApi, overriding, type Json, type TestApi } from './support.ts'

/**
 * Whatever is created, moved and deleted at once: a row goes only in a transaction in which it is below something whose
 * deletion is under way, and nothing is left that refers to a row that has gone.
 */

const KINDS = ['projects', 'workPackages', 'timeEntries', 'journals', 'watchers'] as const
type Kind = (typeof KINDS)[number]
const PATHS = {
  ...{ projects: 'projects', workPackages: 'work_packages', timeEntries: 'time_entries', journals: 'activities' },
  watchers: 'watchers',
} as const

/** Columns by which a row hangs below another. */
const ABOVE: Record<Kind, readonly (readonly [column: string, kind: Kind])[]> = {
  projects: [['parentId', 'projects']],
  workPackages: [
    ['parentId', 'workPackages'],
    ['projectId', 'projects'],
  ],
  timeEntries: [['workPackageId', 'workPackages']],
  journals: [['workPackageId', 'workPackages']],
  watchers: [['workPackageId', 'workPackages']],
}

interface Committed {
  readonly write: WriteSet
  /** What was being deleted, and not yet answered, when the write was handed in. */
  readonly deleting: ReadonlySet<string>
  result?: CommitResult
}

/** The rows as the writes, in the order they were handed in, have made them. */
type Rows = Map<string, Readonly<Record<string, unknown>>>

const key = (kind: string, id: unknown) => `${kind}/${String(id)}`

function isBelow(rows: Rows, kind: Kind, id: unknown, deleting: ReadonlySet<string>): boolean {
  if (deleting.has(key(kind, id))) return true
  const row = rows.get(key(kind, id))
  return ABOVE[kind].some(([column, above]) => row?.[column] != null && isBelow(rows, above, row[column], deleting))
}

/** Applies the writes one after the other; what was deleted without being below a deletion. */
function replay(log: readonly Committed[]): { rows: Rows; lost: string[] } {
  const rows: Rows = new Map()
  const lost: string[] = []
  for (const { write, deleting, result } of log) {
    if (result?.outcome !== 'committed') continue
    for (const mutation of write.mutations) {
      const kind = mutation.table as Kind
      if (mutation.op !== 'delete' || !KINDS.includes(kind)) continue
      // Of two deletions that meet, the second finds nothing left to take.
      const at = key(kind, mutation.id)
      if (rows.has(at) && !isBelow(rows, kind, mutation.id, deleting)) lost.push(at)
    }
    for (const mutation of write.mutations) {
      if (mutation.op === 'update all') {
        updateAll(rows, mutation)
        continue
      }
      const at = key(mutation.table, mutation.op === 'insert' ? mutation.row.id : mutation.id)
      if (mutation.op === 'insert') rows.set(at, mutation.row)
      else if (mutation.op === 'update') rows.set(at, { ...rows.get(at), ...mutation.changes })
      else if (mutation.op === 'delete') rows.delete(at)
    }
  }
  return { rows, lost }
}

function updateAll(rows: Rows, { table, column, value, changes }: Extract<Mutation, { op: 'update all' }>): void {
  for (const [at, row] of rows)
    if (at.startsWith(`${table}/`) && row[column] === value) rows.set(at, { ...row, ...changes })
}

async function allRows<T extends TableName>(api: TestApi, table: T): Promise<RecordOf<T>[]> {
  return (await api.store.list(table, { where: [], orderBy: [], limit: 100_000, offset: 0 })).rows
}

/** A site that several people change at once, each doing one thing after the other; every read and write takes its own time. */
function openSite(random: SeededRandom) {
  const log: Committed[] = []
  const deleting = new Set<string>()
  const pause = async () => {
    for (let turns = random.integer(0, 3); turns > 0; turns -= 1) await new Promise((resolve) => setImmediate(resolve))
  }
  const wrap = (store: ApiStore): ApiStore =>
    overriding(store, {
      list: async (table, query) => (await pause(), store.list(table, query)),
      async commit(write) {
        await pause()
        const committed: Committed = { write, deleting: new Set(deleting) }
        log.push(committed)
        return (committed.result = await store.commit(write))
      },
    })
  return { log, deleting, wrap }
}

const PEOPLE = 6
const STEPS = 25

async function run(seed: number): Promise<void> {
  const random = seededRandom(seed)
  const { log, deleting, wrap } = openSite(random)
  const api = await openTestApi({}, { wrap })
  const known: Record<Kind, number[]> = { projects: [], workPackages: [], timeEntries: [], journals: [], watchers: [] }
  const some = (kind: Kind) => href(`${PATHS[kind]}/${random.pick(known[kind])}`)
  const maybe = (kind: Kind) => (known[kind].length > 0 && random.fraction() < 0.7 ? some(kind) : { href: null })
  const call = async (method: string, path: string, body?: object) => {
    const answer = await api.call(method, path, body)
    expect([200, 201, 204, 404, 409, 422], `${method} ${path}: ${answer.body}`).toContain(answer.statusCode)
    return answer
  }
  const create = async (kind: Kind, body: object) => {
    const answer = await call('POST', `/api/v3/${PATHS[kind]}`, body)
    if (answer.statusCode === 201) known[kind].push(answer.json<Json>().id)
  }
  const remove = async (kind: Kind) => {
    const id = random.pick(known[kind])
    deleting.add(key(kind, id))
    await call('DELETE', `/api/v3/${PATHS[kind]}/${id}`)
    deleting.delete(key(kind, id))
  }
  const move = async (kind: Kind, links: object) => {
    const { href: path } = some(kind)
    const current = await call('GET', path)
    const { lockVersion } = current.json<Json>()
    if (current.statusCode === 200) await call('PATCH', path, { lockVersion, _links: links })
  }
  let names = 0
  const newProject = () => create('projects', { name: `P${(names += 1)}`, _links: { parent: maybe('projects') } })
  const newWork = () =>
    create('workPackages', { subject: 'W', _links: { project: some('projects'), parent: maybe('workPackages') } })
  const comment = async () => {
    await call('POST', `${some('workPackages').href}/activities`, { comment: { raw: 'Said' } })
  }
  const watch = async () => {
    await call('POST', `${some('workPackages').href}/watchers`, { user: href('users/1') })
  }
  const steps: readonly (readonly [weight: number, () => Promise<void>])[] = [
    [2, newProject],
    [6, newWork],
    [
      5,
      () => create('timeEntries', { hours: 'PT1M', spentOn: '2026-03-01', _links: { entity: some('workPackages') } }),
    ],
    [3, comment],
    [3, watch],
    [6, () => move('workPackages', { project: some('projects') })],
    [4, () => move('workPackages', { parent: maybe('workPackages') })],
    [2, () => move('projects', { parent: maybe('projects') })],
    [2, () => move('timeEntries', { entity: some('workPackages') })],
    [1, () => remove('timeEntries')],
    [1, () => remove('workPackages')],
    [1, () => remove('projects')],
  ]
  const bag = steps.flatMap(([weight, step]) => Array.from({ length: weight }, () => step))
  const person = async () => {
    for (let n = 0; n < STEPS; n += 1) await random.pick(bag)()
  }
  try {
    for (let n = 0; n < 6; n += 1) await newProject()
    for (let n = 0; n < 20; n += 1) await newWork()
    for (let n = 0; n < 10; n += 1) await steps[2]?.[1]()
    await Promise.all(Array.from({ length: PEOPLE }, person))
    await judge(api, replay(log))
  } finally {
    await api.close()
  }
}

async function judge(api: TestApi, { rows, lost }: ReturnType<typeof replay>): Promise<void> {
  expect(lost).toEqual([])
  const left: string[] = []
  const dangling: string[] = []
  for (const kind of KINDS) {
    for (const row of await allRows(api, kind)) {
      left.push(key(kind, row.id))
      if (!hangs(rows, kind, { ...row })) dangling.push(key(kind, row.id))
    }
  }
  expect(dangling).toEqual([])
  expect(left.sort()).toEqual([...rows.keys()].filter((at) => KINDS.includes(at.split('/')[0] as Kind)).sort())
  await judgeTime(api)
}

function hangs(rows: Rows, kind: Kind, row: Readonly<Record<string, unknown>>): boolean {
  return ABOVE[kind].every(([column, above]) => row[column] === null || rows.has(key(above, row[column])))
}

/** Logged time is in the project of its work package, and adds up there. */
async function judgeTime(api: TestApi): Promise<void> {
  const spent = new Map((await allRows(api, 'workPackages')).map((row) => [row.id, { ...row, sum: 0 }]))
  for (const entry of await allRows(api, 'timeEntries')) {
    const work = spent.get(entry.workPackageId)
    expect(entry.projectId).toBe(work?.projectId)
    if (work) work.sum += entry.minutes ?? 0
  }
  for (const work of spent.values()) expect(work.spentMinutes).toBe(work.sum)
}

it.each(seeds([], 3, 2_000))('deletions lose nothing and leave nothing behind (seed %i)', (seed) => run(seed))

it('what a full disk cuts short is finished by deleting again', async () => {
  let left = Infinity
  const wrap = (store: ApiStore): ApiStore =>
    overriding(store, {
      commit: (write) =>
        (left -= 1) < 0 ? Promise.resolve({ outcome: 'unavailable', reason: 'ENOSPC' }) : store.commit(write),
    })
  const api = await openTestApi({}, { wrap })
  await api.create('/api/v3/projects', { name: 'Demo' })
  for (let n = 0; n < 4; n += 1) await api.create('/api/v3/projects/demo/work_packages', { subject: `${n}` })
  left = 2
  expect((await api.call('DELETE', '/api/v3/projects/demo')).statusCode).toBe(503)
  expect(await allRows(api, 'workPackages')).toHaveLength(2)
  expect(await allRows(api, 'projects')).toHaveLength(1)
  left = Infinity
  expect((await api.call('DELETE', '/api/v3/projects/demo')).statusCode).toBe(204)
  expect([await allRows(api, 'workPackages'), await allRows(api, 'projects')]).toEqual([[], []])
  await api.close()
})

it('a tree deeper than any that can be built at once goes whole', async () => {
  const api = await openTestApi()
  await api.create('/api/v3/projects', { name: 'Demo' })
  const top = await api.create('/api/v3/projects/demo/work_packages', { subject: 'Top' })
  const row = await api.store.get('workPackages', top.id)
  const mutations = Array.from({ length: 300 }, () => api.store.allocateId('workPackages')).flatMap((id): Mutation[] =>
    row ? [{ op: 'insert', table: 'workPackages', row: { ...row, id, parentId: id - 1 } }] : [],
  )
  await api.store.commit({ expect: [], mutations, events: [] })
  expect(await allRows(api, 'workPackages')).toHaveLength(301)
  expect((await api.call('DELETE', `/api/v3/work_packages/${top.id}`)).statusCode).toBe(204)
  expect(await allRows(api, 'workPackages')).toEqual([])
  await api.close()
})
