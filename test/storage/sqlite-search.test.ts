import { statSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLog } from '../../src/base/log.ts'
import { IN_TIME, installDeadline, unlessPastDeadline } from '../../src/storage/sqlite/deadline.ts'
import { openReader } from '../../src/storage/sqlite/pragmas.ts'
import { runSearch } from '../../src/storage/sqlite/search.ts'
import { SearchThread } from '../../src/storage/sqlite/search-thread.ts'
import { openSqliteStore, type SqliteStoreOptions } from '../../src/storage/sqlite/sqlite-store.ts'
import { rowReader } from '../../src/storage/sqlite/statements.ts'
import type { Mutation, SearchQuery, Store } from '../../src/storage/store.ts'
import { createFakeClock } from '../support/fake-clock.ts'
import { newWorkPackage, writeSet } from './samples.ts'

const COUNT = 2_100 // more than is looked at where it is asked
const BY_ID = [{ column: 'id', descending: false }] as const
const query = (parts: Partial<SearchQuery<'workPackages'>>): SearchQuery<'workPackages'> => ({
  ...{ where: [], orderBy: BY_ID, limit: 20, offset: 0 },
  ...parts,
})
/** What neither counters nor indexes serve. */
const anywhere = query({ where: [{ column: 'subject', comparison: 'contains', value: 'Work' }] })

describe('a search in SQLite', () => {
  let directory: string
  const open = (options: Partial<SqliteStoreOptions> = {}) => {
    const log = createLog('silent', () => undefined)
    return openSqliteStore({ directory, clock: createFakeClock(), log, synchronous: 'OFF', ...options })
  }
  const filled = async (options: Partial<SqliteStoreOptions> = {}): Promise<Store> => {
    const store = await open(options)
    const mutations = Array.from({ length: COUNT }, (_, i): Mutation => {
      const place = { projectId: 1 + (i % 3), statusId: 1 + (i % 4) }
      return { op: 'insert', table: 'workPackages', row: newWorkPackage(i + 1, place) }
    })
    await store.commit(writeSet({ mutations }))
    return store
  }
  const refusal = async (store: Store, search: SearchQuery<'workPackages'>) => {
    const found = await store.search('workPackages', search)
    return found.ok ? 'answered' : found.error
  }

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'nepenthes-search-'))
  })
  afterEach(() => rm(directory, { recursive: true }))

  it('is given up once it has had its time, unless counters and indexes serve it', async () => {
    const store = await filled({ search: { budgetMs: 0, waitingMax: 4 } })
    const project = { column: 'projectId', comparison: '=', value: 2 } as const
    const projects = { column: 'projectId', comparison: 'in', value: [2, 3] } as const
    const open = { column: 'statusId', comparison: 'not in', value: [1] } as const
    const served = [[], [open], [project], [project, open], [projects, open]].map((where) => query({ where }))
    for (const one of served) {
      expect(await refusal(store, one)).toBe('answered')
      expect(await refusal(store, { ...one, offset: 300 })).toBe('answered')
    }
    const few = { column: 'id', comparison: 'in', value: [5, 6, 7] } as const
    expect(await refusal(store, query({ where: [few, ...anywhere.where], orderBy: [] }))).toBe('answered')
    const bySubject = [{ column: 'subject', descending: false }] as const
    const others = [anywhere, query({ orderBy: bySubject }), query({ groupBy: 'typeId' }), query({ sums: ['id'] })]
    for (const one of others) expect(await refusal(store, one)).toBe('too slow')
    expect(await refusal(store, { ...anywhere, limit: 0 })).toBe('too slow')
    await store.close()
  })

  it('that is given up half way answers nothing, whatever it was at', async () => {
    await (await filled()).close()
    const db = openReader(join(directory, 'nepenthes.db'))
    let looks = 0
    const setDeadline = installDeadline(db, { elapsed: () => (looks += 1) })
    const run = (parts: Partial<SearchQuery<'workPackages'>>, budgetMs: number) =>
      runSearch({ db, rows: rowReader(db), setDeadline }, 'workPackages', query(parts), { budgetMs })
    const { where } = anywhere
    const bySubject = [{ column: 'subject', descending: false }] as const
    const all = [{ where }, { where, groupBy: 'typeId', sums: ['id'] }, { where, sums: ['id'] }, { orderBy: bySubject }]
    for (const parts of all as Partial<SearchQuery<'workPackages'>>[]) {
      for (const budget of [1, 2, 5, 10, 15]) expect(run(parts, budget)).toEqual({ ok: false, error: 'too slow' })
      expect(run(parts, 1_000)).toMatchObject({ ok: true, value: { total: COUNT } })
    }
    db.close()
  })

  it('waits its turn, and is refused when too many wait', async () => {
    const store = await filled({ search: { budgetMs: 60_000, waitingMax: 2 } })
    const searches = Array.from({ length: 5 }, () => refusal(store, anywhere))
    expect(await Promise.all(searches)).toEqual(['answered', 'answered', 'answered', 'busy', 'busy'])
    expect(await refusal(store, anywhere)).toBe('answered')
    await store.close()
  })

  it('of one asker does not take the places of all', async () => {
    const store = await filled({ search: { budgetMs: 60_000, waitingMax: 3 } })
    const askers = ['mia', 'mia', 'mia', 'leo', 'mia', 'leo', undefined, 'zoe']
    const outcomes = askers.map(async (asker) => {
      const found = await store.search('workPackages', anywhere, asker)
      return found.ok ? 'answered' : found.error
    })
    const [yes, no] = ['answered', 'busy']
    expect(await Promise.all(outcomes)).toEqual([yes, yes, no, yes, no, no, yes, no])
    await store.close()
  })

  it('waits until a log that has grown long is emptied, for searches without a gap would let it grow for ever', async () => {
    const store = await filled({ search: { budgetMs: 60_000, waitingMax: 4, logMaxBytes: 128 * 1024 } })
    const logBytes = () => statSync(join(directory, 'nepenthes.db-wal')).size
    const before = logBytes()
    expect(before).toBeGreaterThan(128 * 1024)
    const searches = await Promise.all([refusal(store, anywhere), refusal(store, anywhere)])
    expect([searches, logBytes()]).toEqual([['answered', 'answered'], 0])
    await store.close()
  })

  it('that waits for the log is ended with the store', async () => {
    const store = await filled({ search: { budgetMs: 60_000, waitingMax: 4, logMaxBytes: 0 } })
    const search = store.search('workPackages', anywhere)
    await Promise.all([expect(search).rejects.toThrow('closed'), store.close()])
  })

  it('whose thread does not end is ended with it, after a while', async () => {
    const clock = createFakeClock()
    const entry = new URL('data:text/javascript,for(;;){}')
    const thread = new SearchThread({ file: '', budgetMs: 1, waitingMax: 1, clock, entry })
    const running = expect(thread.search('workPackages', anywhere)).rejects.toThrow('the store is closed')
    const closed = thread.close()
    expect(clock.timers).toBe(1)
    clock.advance(1_000)
    await closed
    await running
  })

  it('is ended by closing the store, which leaves no thread behind', async () => {
    const store = await filled({ search: { budgetMs: 60_000, waitingMax: 4 } })
    const endless = query({
      // Our own function for every row and condition: seconds, were it let.
      where: Array.from({ length: 40 }, () => ({ column: 'subject', comparison: 'not contains', value: 'ö' }) as const),
      orderBy: [{ column: 'parentId', descending: false, by: { table: 'workPackages', columns: ['subject'] } }],
    })
    const running = Promise.allSettled([1, 2, 3].map(() => store.search('workPackages', endless)))
    await store.close()
    const outcomes = (await running).map((result) =>
      result.status === 'rejected' ? String(result.reason) : 'answered',
    )
    expect(outcomes).toEqual(Array(3).fill('Error: the store is closed'))
    await expect(store.search('workPackages', endless)).rejects.toThrow()
    await (await open()).close() // everything was let go of
  })
})

describe('the deadline of a query', () => {
  const clock = createFakeClock()
  let db: DatabaseSync
  let cancelled: boolean
  let step: number

  beforeEach(() => {
    db = new DatabaseSync(':memory:')
    db.exec('CREATE TABLE t (id INTEGER PRIMARY KEY)')
    db.exec(
      'WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO t SELECT i FROM n',
    )
    cancelled = false
    step = 0
    db.function('time_passes', { varargs: true }, () => {
      clock.advance(step)
      return 1
    })
  })
  afterEach(() => db.close())

  const count = () => db.prepare(`SELECT count(*) AS n FROM t WHERE ${IN_TIME} AND time_passes(id)`).get()?.['n']

  it('ends it when the clock has passed it, and leaves the next its own time', () => {
    const setDeadline = installDeadline(db, clock, () => cancelled)
    setDeadline(50)
    expect(unlessPastDeadline(count)).toBe(1000)
    step = 1
    setDeadline(50)
    expect(unlessPastDeadline(count)).toBeUndefined()
    setDeadline(5_000)
    expect(unlessPastDeadline(count)).toBe(1000)
  })

  it('ends it when it is cancelled', () => {
    installDeadline(db, clock, () => cancelled)(50)
    cancelled = true
    expect(unlessPastDeadline(count)).toBeUndefined()
  })

  it('hides no other error', () => {
    expect(() => unlessPastDeadline(() => db.prepare('SELECT absent').get())).toThrow('no such column')
  })
})
