import { describe, expect, it } from 'vitest'
import { StoreClosed, type Expectation } from '../../src/storage/store.ts'
import type { StoreUnderTest } from './contract.ts'
import { insertUser, newEvent, newWorkPackage, seqsOf, writeSet } from './samples.ts'

export function writeContract(under: () => StoreUnderTest): void {
  describe('commits', () => {
    it('leaves out a set whose expectation fails, whole, and names the expectation', async () => {
      const { store, handed } = under()
      const id = store.allocateId('users')
      const missing: Expectation = { kind: 'row', table: 'users', id: 999, values: {} }
      const taken: Expectation = { kind: 'absent', table: 'users', column: 'login', value: 'ada' }
      const write = writeSet({ expect: [taken, missing], mutations: [insertUser(id, 'ada')], events: [newEvent()] })
      expect(await store.commit(write)).toEqual({ outcome: 'conflict', expectation: missing })
      expect(await store.get('users', id)).toBeUndefined()
      expect(handed).toEqual([])
      expect(await store.deliveries({ limit: 10 })).toEqual([])
    })

    it('compares what the writer read exactly, null and case included', async () => {
      const { store } = under()
      const row = newWorkPackage(store.allocateId('workPackages'))
      await store.commit(writeSet({ mutations: [insertUser(1, 'Ada'), { op: 'insert', table: 'workPackages', row }] }))
      const outcome = async (expectation: Expectation) =>
        (await store.commit(writeSet({ expect: [expectation] }))).outcome
      const work = { kind: 'row', table: 'workPackages', id: row.id } as const
      expect(await outcome({ ...work, values: { assigneeId: null, lockVersion: 0 } })).toBe('committed')
      expect(await outcome({ ...work, values: { assigneeId: 1 } })).toBe('conflict')
      expect(await outcome({ kind: 'row', table: 'users', id: 1, values: { login: 'Ada', admin: true } })).toBe(
        'committed',
      )
      expect(await outcome({ kind: 'row', table: 'users', id: 1, values: { login: 'ada' } })).toBe('conflict')
    })

    it('knows a value as taken whatever its case, but not by the row itself', async () => {
      const { store } = under()
      await store.commit(writeSet({ mutations: [insertUser(1, 'ada')] }))
      const absent = { kind: 'absent', table: 'users', column: 'login', value: 'ADA' } as const
      expect((await store.commit(writeSet({ expect: [absent] }))).outcome).toBe('conflict')
      expect((await store.commit(writeSet({ expect: [{ ...absent, exceptId: 1 }] }))).outcome).toBe('committed')
      expect((await store.commit(writeSet({ expect: [{ ...absent, value: 'bob' }] }))).outcome).toBe('committed')
    })

    it('knows no value as taken by rows that have none', async () => {
      const { store } = under()
      await store.commit(writeSet({ mutations: [insertUser(1, 'ada'), insertUser(2, 'bob')] }))
      const clear = (id: number) => ({ op: 'update', table: 'users', id, changes: { email: null } }) as const
      expect((await store.commit(writeSet({ mutations: [clear(1), clear(2)] }))).outcome).toBe('committed')
      const absent = { kind: 'absent', table: 'users', column: 'email', value: 'Ada@example.com' } as const
      expect((await store.commit(writeSet({ expect: [absent], mutations: [insertUser(3, 'ada2')] }))).outcome).toBe(
        'committed',
      )
      expect(await store.find('users', 'email', 'ADA2@example.com')).toMatchObject({ id: 3 })
    })

    it('lets exactly one of many writers on the same lock version win', async () => {
      const { store } = under()
      const row = newWorkPackage(store.allocateId('workPackages'))
      await store.commit(writeSet({ mutations: [{ op: 'insert', table: 'workPackages', row }] }))
      const write = (subject: string) =>
        store.commit(
          writeSet({
            expect: [{ kind: 'row', table: 'workPackages', id: row.id, values: { lockVersion: 0 } }],
            mutations: [{ op: 'update', table: 'workPackages', id: row.id, changes: { subject, lockVersion: 1 } }],
          }),
        )
      const subjects = Array.from({ length: 40 }, (_, i) => `writer ${i}`)
      const outcomes = (await Promise.all(subjects.map(write))).map((result) => result.outcome)
      expect(outcomes.filter((outcome) => outcome === 'committed')).toHaveLength(1)
      const winner = subjects[outcomes.indexOf('committed')]
      expect(await store.get('workPackages', row.id)).toMatchObject({ subject: winner, lockVersion: 1 })
    })

    it('adds up the increments of writers who do not know of one another', async () => {
      const { store } = under()
      const row = newWorkPackage(store.allocateId('workPackages'), { spentMinutes: 5 })
      await store.commit(writeSet({ mutations: [{ op: 'insert', table: 'workPackages', row }] }))
      const add = (id: number, by: number) =>
        store.commit(
          writeSet({ mutations: [{ op: 'increment', table: 'workPackages', id, column: 'spentMinutes', by }] }),
        )
      await Promise.all([...Array.from({ length: 40 }, () => add(row.id, 3)), add(row.id, -20), add(999, 1)])
      expect(await store.get('workPackages', row.id)).toEqual({ ...row, spentMinutes: 105 })
      expect(await store.get('workPackages', 999)).toBeUndefined()
    })

    it('writes the same to every row of a value at once, those written a moment before included', async () => {
      const { store } = under()
      const insert = (parentId: number | null) => {
        const row = newWorkPackage(store.allocateId('workPackages'), { parentId })
        return { row, write: store.commit(writeSet({ mutations: [{ op: 'insert', table: 'workPackages', row }] })) }
      }
      const rows = [insert(7), insert(8), insert(null), ...Array.from({ length: 30 }, () => insert(7))]
      const changes = { parentId: 9, subject: 'Moved', dueDate: null }
      const moved = await store.commit(
        writeSet({
          mutations: [
            { op: 'update all', table: 'workPackages', column: 'parentId', value: 7, changes, raise: 'lockVersion' },
            { op: 'update all', table: 'workPackages', column: 'parentId', value: 99, changes, raise: 'lockVersion' },
          ],
        }),
      )
      await Promise.all(rows.map(({ write }) => write))
      expect(moved).toEqual({ outcome: 'committed' })
      for (const { row } of rows) {
        const expected = row.parentId === 7 ? { ...row, ...changes, lockVersion: 1 } : row
        expect(await store.get('workPackages', row.id)).toEqual(expected)
      }
    })

    it('keeps the good sets of a group when others of it fail', async () => {
      const { store, handed } = under()
      const failing = writeSet({ expect: [{ kind: 'row', table: 'users', id: 999, values: {} }], events: [newEvent()] })
      // Breaks a unique index without having expected it: a bug of the caller, and nobody else's trouble.
      const broken = writeSet({ mutations: [insertUser(90, 'same'), insertUser(91, 'SAME')], events: [newEvent()] })
      const good = (i: number) =>
        writeSet({ mutations: [insertUser(i, `user ${i}`)], events: [newEvent({ id: `evt_${i}` })] })
      const results = await Promise.allSettled(
        [good(1), failing, good(2), broken, good(3)].map((set) => store.commit(set)),
      )
      const outcomes = results.map((result) => (result.status === 'fulfilled' ? result.value.outcome : 'rejected'))
      expect(outcomes).toEqual(['committed', 'conflict', 'committed', 'rejected', 'committed'])
      expect((await store.list('users', { where: [], orderBy: [], limit: 9, offset: 0 })).total).toBe(3)
      expect(handed.map((delivery) => delivery.eventId)).toEqual(['evt_1', 'evt_2', 'evt_3'])
      expect(store.healthy).toBe(true)
    })

    it('answers each of hundreds handed in at once for itself, in their order', async () => {
      const { store, handed } = under()
      const numbers = Array.from({ length: 700 }, (_, i) => i + 1)
      const fails = (i: number) => i % 3 === 0
      const missing: Expectation = { kind: 'row', table: 'users', id: 9_999, values: {} }
      const answered: number[] = []
      const outcomes = numbers.map(async (i) => {
        const mutations = [insertUser(i, `user ${i}`)]
        const events = [newEvent({ id: `evt_${i}` })]
        const { outcome } = await store.commit(writeSet({ expect: fails(i) ? [missing] : [], mutations, events }))
        answered.push(i)
        return outcome
      })
      expect(await Promise.all(outcomes)).toEqual(numbers.map((i) => (fails(i) ? 'conflict' : 'committed')))
      expect(answered).toEqual(numbers)
      const good = numbers.filter((i) => !fails(i))
      expect(handed.map((delivery) => delivery.eventId)).toEqual(good.map((i) => `evt_${i}`))
      const { rows } = await store.list('users', { where: [], orderBy: [], limit: 1_000, offset: 0 })
      expect(rows.map(({ id }) => id)).toEqual(good)
    })

    it('keeps webhooks first seen in a set that failed apart from those of the next', async () => {
      const { store } = under()
      const broken = writeSet({
        mutations: [insertUser(1, 'x'), insertUser(1, 'y')],
        events: [newEvent({ webhooks: ['lost'] })],
      })
      const first = writeSet({ events: [newEvent({ webhooks: ['lost', 'kept'] })] })
      await expect(store.commit(broken)).rejects.toThrow()
      await store.commit(first)
      expect((await store.laneSummaries()).map((lane) => lane.webhook).sort()).toEqual(['kept', 'lost'])
    })

    it('hands deliveries over before the commit resolves, in the order of their seqs', async () => {
      const { store, handed } = under()
      const handedWhenResolved = await Promise.all(
        Array.from({ length: 30 }, async (_, i) => {
          const id = `evt_${i}`
          await store.commit(writeSet({ events: [newEvent({ id, webhooks: ['billing', 'audit'] })] }))
          return handed.filter((delivery) => delivery.eventId === id).length
        }),
      )
      expect(handedWhenResolved).toEqual(Array.from({ length: 30 }, () => 2))
      expect(seqsOf(handed)).toEqual(seqsOf(handed).sort((a, b) => a - b))
      expect(new Set(seqsOf(handed)).size).toBe(60)
    })

    it('hands over what it stored, to the letter', async () => {
      const { store, handed } = under()
      await store.commit(
        writeSet({ events: [newEvent({ webhooks: ['billing', 'audit'] }), newEvent({ webhooks: [] })] }),
      )
      expect(handed).toHaveLength(2)
      for (const delivery of handed) expect(await store.delivery(delivery.seq)).toStrictEqual({ ...delivery, log: [] })
    })
  })

  describe('closing', () => {
    it('writes what was handed in, and refuses what comes after', async () => {
      const { store, reopen } = under()
      const writes = Array.from({ length: 20 }, (_, i) =>
        store.commit(writeSet({ mutations: [insertUser(i + 1, `u${i}`)] })),
      )
      const again = await reopen()
      expect(await Promise.all(writes)).toEqual(writes.map(() => ({ outcome: 'committed' })))
      expect((await again.list('users', { where: [], orderBy: [], limit: 1, offset: 0 })).total).toBe(20)
      await expect(store.commit(writeSet({}))).rejects.toThrow(StoreClosed)
      await expect(store.recordDispatch({ attempts: [], deliveries: [], endpoints: [] })).rejects.toThrow('closed')
    })

    it('refuses to read, by what was asked before too', async () => {
      const { store, reopen } = under()
      const query = { where: [{ column: 'id', comparison: '=', value: 1 }], orderBy: [], limit: 1, offset: 0 } as const
      const reads = [
        () => store.get('users', 1),
        () => store.find('users', 'login', 'ada'),
        () => store.list('users', query),
        () => store.search('users', query),
        () => store.sum('users', 'id', query.where),
        () => store.values('users', 'id', query.where),
        () => store.pick('users', ['id'], query),
        () => store.delivery(1),
        () => store.resources(),
      ]
      for (const read of reads) await read()
      await reopen()
      for (const read of reads) await expect(read(), String(read)).rejects.toThrow(StoreClosed)
    })
  })
}
