import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { keepReads } from '../../src/storage/kept-reads.ts'
import { createLog } from '../../src/base/log.ts'
import { openSqliteStore } from '../../src/storage/sqlite/sqlite-store.ts'
import type { ListQuery, Mutation, Store } from '../../src/storage/store.ts'
import { tries } from '../support/effort.ts'
import { createFakeClock } from '../support/fake-clock.ts'
import { newWorkPackage } from './samples.ts'

let store: Store
let directory: string

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'nepenthes-kept-'))
  const log = createLog('silent', () => undefined)
  store = await openSqliteStore({ directory, clock: createFakeClock(), log, synchronous: 'OFF' })
})
afterAll(async () => {
  await store.close()
  rmSync(directory, { recursive: true, force: true })
})

/** Counts the reads that reach the store. */
function counting() {
  const reads = { find: 0, get: 0, list: 0, values: 0, pick: 0, search: 0 }
  const under: Store = {
    ...store,
    find: (table, column, value) => ((reads.find += 1), store.find(table, column, value)),
    get: (table, id) => ((reads.get += 1), store.get(table, id)),
    list: (table, query) => ((reads.list += 1), store.list(table, query)),
    pick: (table, columns, query) => ((reads.pick += 1), store.pick(table, columns, query)),
    values: (table, column, where) => ((reads.values += 1), store.values(table, column, where)),
    search: (table, query) => ((reads.search += 1), store.search(table, query)),
  }
  return { reads, kept: keepReads(under) }
}

const where = (column: 'parentId' | 'spentMinutes', value: number): ListQuery<'workPackages'> => ({
  where: [{ column, comparison: '=', value }],
  orderBy: [],
  limit: 20,
  offset: 0,
})
const write = (to: Store, mutations: Mutation[]) => to.commit({ expect: [], mutations, events: [] })
const insert = async (to: Store, parts: object = {}) => {
  const row = newWorkPackage(store.allocateId('workPackages'), parts)
  await write(to, [{ op: 'insert', table: 'workPackages', row }])
  return row
}
const increment = (id: number, by: number): Mutation => ({
  ...{ op: 'increment', table: 'workPackages', id },
  ...{ column: 'spentMinutes', by },
})
/** All children of `parentId` go to nobody (a negative one stands for that), or the other way round. */
const moveAll = (parentId: number): Mutation => ({
  ...{ op: 'update all', table: 'workPackages', column: 'parentId', value: parentId },
  ...{ changes: { parentId: -parentId }, raise: 'lockVersion' },
})

describe('reads that are kept', () => {
  it('reach the store once, until a commit changes the row', async () => {
    const { reads, kept } = counting()
    const { id } = await insert(kept)
    const [first, second] = [await kept.get('workPackages', id), await kept.get('workPackages', id)]
    expect([first === second, reads.get]).toEqual([true, 1])
    await write(kept, [{ op: 'update', table: 'workPackages', id, changes: { subject: 'Changed' } }])
    expect(await kept.get('workPackages', id)).toMatchObject({ subject: 'Changed' })
    await write(kept, [{ op: 'delete', table: 'workPackages', id }])
    expect(await kept.get('workPackages', id)).toBeUndefined()
  })

  it('of a row go on through increments, which say what they make of it', async () => {
    const { reads, kept } = counting()
    const { id } = await insert(kept)
    const spent = async () => (await kept.get('workPackages', id))?.spentMinutes
    const before = await kept.get('workPackages', id)
    await Promise.all([
      write(kept, [increment(id, 5)]),
      write(kept, [increment(id, 6)]),
      write(kept, [increment(id, 7)]),
    ])
    expect([await spent(), reads.get]).toEqual([18, 1])
    expect(before?.spentMinutes).toBe(0)
    const refused = { kind: 'row', table: 'workPackages', id, values: { subject: 'Another' } } as const
    await kept.commit({ expect: [refused], mutations: [increment(id, 100)], events: [] })
    expect([await spent(), reads.get]).toEqual([18, 1])
    expect(await kept.get('workPackages', id)).toEqual(await store.get('workPackages', id))
    const rename: Mutation = { op: 'update', table: 'workPackages', id, changes: { subject: 'New' } }
    await Promise.all([write(kept, [increment(id, 1)]), write(kept, [rename]), write(kept, [increment(id, 1)])])
    expect([await spent(), reads.get]).toEqual([20, 2])
  })

  it('of a row are not worked out where a commit failed: nobody knows what became of it', async () => {
    const failing: Store = { ...store, commit: () => Promise.reject(new Error('gone')) }
    const kept = keepReads(failing)
    const { id } = await insert(store)
    await kept.get('workPackages', id)
    await expect(write(kept, [increment(id, 5)])).rejects.toThrow('gone')
    await write(store, [increment(id, 5)])
    expect(await kept.get('workPackages', id)).toMatchObject({ spentMinutes: 5 })
  })

  it('of lists are read again after any change but an increment, and then show the incremented row', async () => {
    const { reads, kept } = counting()
    const parent = await insert(kept)
    const child = await insert(kept, { parentId: parent.id })
    await kept.list('workPackages', where('parentId', parent.id))
    await write(kept, [increment(child.id, 7)])
    await kept.list('workPackages', where('parentId', parent.id))
    await write(kept, [increment(child.id, 7)])
    expect((await kept.list('workPackages', where('parentId', parent.id))).rows).toEqual([
      { ...child, spentMinutes: 14 },
    ])
    expect(reads.list).toBe(2)
    await insert(kept, { parentId: parent.id })
    expect((await kept.list('workPackages', where('parentId', parent.id))).total).toBe(2)
    expect(reads.list).toBe(3)
  })

  it('of searches are kept as lists are, unless they add up or look at other tables', async () => {
    const { reads, kept } = counting()
    const { id } = await insert(kept, { parentId: 77 })
    const query = where('parentId', 77)
    const byStatus = {
      column: 'statusId',
      descending: false,
      by: { table: 'statuses', columns: ['position'] },
    } as const
    const orLater = [{ table: 'timeEntries', refersBy: 'workPackageId', column: 'updatedAt' }] as const
    const byLatest = { column: 'updatedAt', descending: false, orLater } as const
    const orders = [byStatus, byLatest].map((order) => ({ ...query, orderBy: [order] }))
    const asked = [query, { ...query, sums: ['spentMinutes'] as const }, ...orders]
    for (let n = 0; n < 2; n += 1) for (const one of asked) await kept.search('workPackages', one)
    expect(reads.search).toBe(7)
    await write(kept, [{ op: 'update', table: 'workPackages', id, changes: { parentId: null } }])
    expect(await kept.search('workPackages', query)).toMatchObject({ ok: true, value: { rows: [], total: 0 } })
  })

  it('of rows found by a column follow whoever has the value now', async () => {
    const { reads, kept } = counting()
    const [first, second] = [await insert(kept), await insert(kept)]
    const rename = (id: number, subject: string): Mutation => ({
      op: 'update',
      table: 'workPackages',
      id,
      changes: { subject },
    })
    const holder = async () => (await kept.find('workPackages', 'subject', 'Sought'))?.id
    expect([await holder(), await holder(), reads.find]).toEqual([undefined, undefined, 2])
    await write(kept, [rename(first.id, 'Sought')])
    expect([await holder(), await holder(), reads.find]).toEqual([first.id, first.id, 3])
    await write(kept, [rename(first.id, 'Other'), rename(second.id, 'Sought')])
    expect(await holder()).toBe(second.id)
    await write(kept, [{ op: 'delete', table: 'workPackages', id: second.id }])
    expect(await holder()).toBeUndefined()
  })

  it('of sets of values are the same object until a change that may be noticed', async () => {
    const { reads, kept } = counting()
    const parent = await insert(kept)
    const child = await insert(kept, { parentId: parent.id })
    const children = () => kept.values('workPackages', 'id', where('parentId', parent.id).where)
    const first = await children()
    expect([...first]).toEqual([child.id])
    await write(kept, [increment(child.id, 7)])
    await children()
    await write(kept, [increment(child.id, 7)])
    expect(await children()).toBe(await children())
    expect(reads.values).toBe(2)
    const other = await insert(kept, { parentId: parent.id })
    expect(await children()).toEqual(new Set([child.id, other.id]))
    await write(kept, [{ op: 'delete', table: 'workPackages', id: child.id }])
    expect(await children()).toEqual(new Set([other.id]))
  })

  it('of lists that ask for an incremented column are not kept', async () => {
    const { kept } = counting()
    const { id } = await insert(kept)
    const withSpent = async (minutes: number) =>
      (await kept.list('workPackages', where('spentMinutes', minutes))).rows.some((row) => row.id === id)
    for (const minutes of [1_001, 2_002, 3_003]) {
      expect(await withSpent(minutes)).toBe(false)
      await write(kept, [increment(id, 1_001)])
      expect(await withSpent(minutes)).toBe(true)
    }
  })

  it('leave the rest of the store as it is', () => {
    const healthy = { value: false }
    const kept = keepReads<Store>({
      ...store,
      get healthy() {
        return healthy.value
      },
    })
    expect(kept.healthy).toBe(false)
    healthy.value = true
    expect(kept.healthy).toBe(true)
    expect(kept.allocateId('workPackages')).toBeGreaterThan(0)
  })

  it('are not what is too long, and what is absent', async () => {
    const { reads, kept } = counting()
    const { id } = await insert(kept, { description: 'x'.repeat(5_000) })
    for (let n = 0; n < 3; n += 1) {
      await kept.get('workPackages', id)
      await kept.get('workPackages', 987_654)
    }
    expect(reads.get).toBe(6)
  })

  it('are bounded', async () => {
    const { reads, kept } = counting()
    const { id } = await insert(kept)
    await kept.get('workPackages', id)
    const rows = Array.from({ length: 2_000 }, () => newWorkPackage(store.allocateId('workPackages')))
    await write(
      kept,
      rows.map((row) => ({ op: 'insert', table: 'workPackages', row })),
    )
    for (const row of rows) await kept.get('workPackages', row.id)
    await kept.get('workPackages', id)
    expect(reads.get).toBe(2_002)
  })

  it('of some columns are kept as the same objects, also while other columns are incremented', async () => {
    const { reads, kept } = counting()
    const parent = await insert(kept)
    const child = await insert(kept, { parentId: parent.id })
    const pick = () => kept.pick('workPackages', ['id', 'subject'], where('parentId', parent.id))
    await write(kept, [increment(child.id, 1)])
    const first = await pick()
    expect(first).toEqual([{ id: child.id, subject: child.subject }])
    await write(kept, [increment(child.id, 1)])
    expect(await pick()).toBe(first)
    expect(reads.pick).toBe(1)
    await write(kept, [{ op: 'update', table: 'workPackages', id: child.id, changes: { subject: 'Other' } }])
    expect(await pick()).toEqual([{ id: child.id, subject: 'Other' }])
  })

  it('say what the store says, whatever happens at once', async () => {
    const step = fc.record({
      what: fc.constantFrom(
        ...(['get', 'list', 'search', 'values', 'pick', 'pickSpent', 'listSpent', 'update'] as const),
        ...(['increment', 'move', 'moveAll', 'replace', 'wait'] as const),
      ),
      which: fc.nat({ max: 3 }),
      value: fc.nat({ max: 2 }),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const kept = keepReads(store)
        const ids = await Promise.all([0, 1, 2, 3].map(async () => (await insert(kept)).id))
        const parent = ids[0] ?? 0
        const lists = [where('parentId', parent), ...[0, 1, 2].map((value) => where('spentMinutes', value))]
        const children = where('parentId', parent)
        const reading: Partial<
          Record<(typeof steps)[number]['what'], (id: number, value: number) => Promise<unknown>>
        > = {
          get: (id) => kept.get('workPackages', id),
          list: () => kept.list('workPackages', children),
          values: () => kept.values('workPackages', 'id', children.where),
          pick: () => kept.pick('workPackages', ['id', 'subject'], children),
          pickSpent: () => kept.pick('workPackages', ['spentMinutes'], children),
          search: () => kept.search('workPackages', children),
          listSpent: (_, value) => kept.list('workPackages', where('spentMinutes', value)),
        }
        let running: Promise<unknown>[] = []
        for (const { what, which, value } of steps) {
          const id = ids[which] ?? 0
          const change = (changes: object) => write(kept, [{ op: 'update', table: 'workPackages', id, changes }])
          const read = reading[what]
          if (read) running.push(read(id, value))
          else if (what === 'update') running.push(change({ subject: `${value}` }))
          else if (what === 'move') running.push(change({ parentId: value === 0 ? null : parent }))
          else if (what === 'moveAll') running.push(write(kept, [moveAll(value === 0 ? parent : -parent)]))
          else if (what === 'increment') running.push(write(kept, [increment(id, value - 1)]))
          else if (what === 'wait') running = await Promise.all(running).then(() => [])
          else {
            const row = newWorkPackage(store.allocateId('workPackages'), { parentId: parent })
            running.push(
              write(kept, [
                { op: 'delete', table: 'workPackages', id },
                { op: 'insert', table: 'workPackages', row },
              ]),
            )
            ids[which] = row.id
          }
        }
        await Promise.all(running)
        for (const id of ids) expect(await kept.get('workPackages', id)).toEqual(await store.get('workPackages', id))
        for (const query of lists.slice(0, 2)) {
          const searched = await kept.search('workPackages', query)
          expect(searched).toEqual({ ok: true, value: await store.list('workPackages', query) })
        }
        for (const columns of [['id', 'subject'], ['spentMinutes']] as const)
          expect(await kept.pick('workPackages', columns, children)).toEqual(
            await store.pick('workPackages', columns, children),
          )
        for (const query of lists) {
          expect(await kept.list('workPackages', query)).toEqual(await store.list('workPackages', query))
          const ids = await kept.values('workPackages', 'id', query.where)
          expect(ids).toEqual(await store.values('workPackages', 'id', query.where))
        }
      }),
      { numRuns: tries(60, 1_000) },
    )
  })
})
