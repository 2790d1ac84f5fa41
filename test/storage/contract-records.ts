import { describe, expect, it } from 'vitest'
import type { Condition, Mutation } from '../../src/storage/store.ts'
import type { StoreUnderTest } from './contract.ts'
import { insertUser, newStatus, newWorkPackage, writeSet } from './samples.ts'

type WorkPackageCondition = Condition<'workPackages'>

export function recordContract(under: () => StoreUnderTest): void {
  describe('records', () => {
    it('returns a row as it was written, booleans and nulls included', async () => {
      const { store } = under()
      const status = newStatus(store.allocateId('statuses'), { isClosed: true })
      const work = newWorkPackage(store.allocateId('workPackages'), { subject: "'; DROP TABLE users; -- Ärger 🐛" })
      const mutations = [
        { op: 'insert', table: 'statuses', row: status },
        { op: 'insert', table: 'workPackages', row: work },
      ] as const
      expect(await store.commit(writeSet({ mutations }))).toEqual({ outcome: 'committed' })
      expect(await store.get('statuses', status.id)).toStrictEqual(status)
      expect(await store.get('workPackages', work.id)).toStrictEqual(work)
      expect(await store.get('workPackages', work.id + 1)).toBeUndefined()
    })

    it('updates the named columns only, and deletes', async () => {
      const { store } = under()
      const status = newStatus(store.allocateId('statuses'))
      await store.commit(writeSet({ mutations: [{ op: 'insert', table: 'statuses', row: status }] }))
      const changes = { isDefault: true, name: 'Closed' }
      await store.commit(writeSet({ mutations: [{ op: 'update', table: 'statuses', id: status.id, changes }] }))
      expect(await store.get('statuses', status.id)).toStrictEqual({ ...status, ...changes })
      await store.commit(writeSet({ mutations: [{ op: 'delete', table: 'statuses', id: status.id }] }))
      expect(await store.get('statuses', status.id)).toBeUndefined()
    })

    it('finds by a unique text without regard to case', async () => {
      const { store } = under()
      await store.commit(writeSet({ mutations: [insertUser(store.allocateId('users'), 'Ada.Byron')] }))
      expect(await store.find('users', 'login', 'ada.BYRON')).toMatchObject({ login: 'Ada.Byron', admin: true })
      expect(await store.find('users', 'login', 'ada')).toBeUndefined()
    })

    it('never gives an id twice, not after a deletion and a restart either', async () => {
      const { store, reopen } = under()
      const ids = [store.allocateId('users'), store.allocateId('users'), store.allocateId('users')]
      expect(new Set(ids).size).toBe(3)
      const last = Math.max(...ids)
      await store.commit(writeSet({ mutations: [insertUser(last, 'last')] }))
      await store.commit(writeSet({ mutations: [{ op: 'delete', table: 'users', id: last }] }))
      expect((await reopen()).allocateId('users')).toBeGreaterThan(last)
    })

    it('refuses names that are no columns before they reach the database', async () => {
      const { store } = under()
      const column = 'id" = 1; --' as 'id'
      const where = [{ column, comparison: '=', value: 1 }] as const
      await expect(store.list('users', { where, orderBy: [], limit: 1, offset: 0 })).rejects.toThrow('invariant broken')
      await expect(store.find('users', column, 1)).rejects.toThrow('invariant broken')
      await expect(store.sum('users', column, [])).rejects.toThrow('invariant broken')
    })
  })

  describe('lists', () => {
    const rows = [
      newWorkPackage(1, { subject: 'Äpfel holen', startDate: '2026-01-05', estimatedMinutes: 30 }),
      newWorkPackage(2, { subject: 'banana', startDate: '2026-01-01', estimatedMinutes: 60, assigneeId: 4 }),
      newWorkPackage(3, { subject: 'Cherry 100%', projectId: 2, scheduleManually: true, assigneeId: 5 }),
      newWorkPackage(4, { subject: 'BANANA_split', projectId: 2, description: 'with äpfel' }),
    ]
    const seed = () =>
      under().store.commit(
        writeSet({ mutations: rows.map((row) => ({ op: 'insert', table: 'workPackages', row }) as const) }),
      )
    const idsWhere = async (...where: WorkPackageCondition[]) => {
      const found = await under().store.list('workPackages', { where, orderBy: [], limit: 100, offset: 0 })
      expect(found.total).toBe(found.rows.length)
      return found.rows.map((row) => row.id)
    }

    it.each<[string, WorkPackageCondition, number[]]>([
      ['=', { column: 'projectId', comparison: '=', value: 2 }, [3, 4]],
      ['= of a boolean', { column: 'scheduleManually', comparison: '=', value: true }, [3]],
      ['!=, null included', { column: 'assigneeId', comparison: '!=', value: 4 }, [1, 3, 4]],
      ['<', { column: 'startDate', comparison: '<', value: '2026-01-05' }, [2]],
      ['<=', { column: 'startDate', comparison: '<=', value: '2026-01-05' }, [1, 2]],
      ['>', { column: 'id', comparison: '>', value: 3 }, [4]],
      ['>=', { column: 'id', comparison: '>=', value: 3 }, [3, 4]],
      ['in', { column: 'assigneeId', comparison: 'in', value: [4, 5, 6] }, [2, 3]],
      ['in of texts', { column: 'subject', comparison: 'in', value: ['banana', "x','y"] }, [2]],
      ['in of nothing', { column: 'id', comparison: 'in', value: [] }, []],
      ['not in, null included', { column: 'assigneeId', comparison: 'not in', value: [4] }, [1, 3, 4]],
      ['not in of nothing', { column: 'id', comparison: 'not in', value: [] }, [1, 2, 3, 4]],
      ['contains, without case', { column: 'subject', comparison: 'contains', value: 'BANANA' }, [2, 4]],
      ['contains beyond ASCII', { column: 'subject', comparison: 'contains', value: 'äpf' }, [1]],
      ['contains takes % and _ literally', { column: 'subject', comparison: 'contains', value: '%' }, [3]],
      ['not contains', { column: 'subject', comparison: 'not contains', value: 'banana' }, [1, 3]],
      ['not contains, null included', { column: 'startDate', comparison: 'not contains', value: '05' }, [2, 3, 4]],
      [
        'any of several columns',
        { column: ['subject', 'description'], comparison: 'contains', value: 'ÄPFEL' },
        [1, 4],
      ],
      ['is null', { column: 'startDate', comparison: 'is null' }, [3, 4]],
      ['is not null', { column: 'startDate', comparison: 'is not null' }, [1, 2]],
    ])('%s', async (_, condition, ids) => {
      await seed()
      expect(await idsWhere(condition)).toEqual(ids)
    })

    it('joins conditions by and', async () => {
      await seed()
      const banana = { column: 'subject', comparison: 'contains', value: 'banana' } as const
      expect(await idsWhere(banana, { column: 'projectId', comparison: '=', value: 2 })).toEqual([4])
    })

    it('orders text without case and nulls last, and settles ties by id', async () => {
      await seed()
      const order = async (column: keyof (typeof rows)[number], descending: boolean) => {
        const query = { where: [], orderBy: [{ column, descending }], limit: 100, offset: 0 }
        return (await under().store.list('workPackages', query)).rows.map((row) => row.id)
      }
      expect((await order('subject', false)).filter((id) => id !== 1)).toEqual([2, 4, 3])
      expect(await order('startDate', false)).toEqual([2, 1, 3, 4])
      expect(await order('startDate', true)).toEqual([1, 2, 3, 4])
      expect(await order('projectId', true)).toEqual([3, 4, 1, 2])
    })

    it('cuts a page out and counts the whole', async () => {
      await seed()
      const query = { where: [], orderBy: [{ column: 'id', descending: true }], limit: 2, offset: 1 } as const
      const page = await under().store.list('workPackages', query)
      expect(page.rows.map((row) => row.id)).toEqual([3, 2])
      expect(page.total).toBe(4)
      expect((await under().store.list('workPackages', { ...query, limit: 0 })).rows).toEqual([])
    })

    it('picks columns of the rows of a list, as they stand in records', async () => {
      const { store } = under()
      const mutations = [1, 2, 3].map((id): Mutation => {
        return { op: 'insert', table: 'workPackages', row: newWorkPackage(id, { scheduleManually: id === 2 }) }
      })
      await store.commit(writeSet({ mutations }))
      const where = [{ column: 'id', comparison: '>', value: 1 }] as const
      const query = { where, orderBy: [{ column: 'id', descending: true }], limit: 2, offset: 0 } as const
      expect(await store.pick('workPackages', ['scheduleManually', 'parentId', 'id'], query)).toEqual([
        { scheduleManually: false, parentId: null, id: 3 },
        { scheduleManually: true, parentId: null, id: 2 },
      ])
      expect(await store.pick('workPackages', ['id'], { ...query, limit: 1, offset: 1 })).toEqual([{ id: 2 }])
      expect(await store.pick('workPackages', ['id'], { ...query, limit: 0 })).toEqual([])
      await expect(store.pick('workPackages', ['absent' as 'id'], query)).rejects.toThrow('invariant broken')
    })

    it('gives the different values of a column, without null', async () => {
      await seed()
      expect(await under().store.values('workPackages', 'projectId', [])).toEqual(new Set([1, 2]))
      expect(await under().store.values('workPackages', 'assigneeId', [])).toEqual(new Set([4, 5]))
      const inTwo = [{ column: 'projectId', comparison: '=', value: 2 }] as const
      expect(await under().store.values('workPackages', 'assigneeId', inTwo)).toEqual(new Set([5]))
      const none = [{ column: 'id', comparison: '>', value: 99 }] as const
      expect(await under().store.values('workPackages', 'projectId', none)).toEqual(new Set())
    })

    it('sums a column, nulls as 0', async () => {
      await seed()
      expect(await under().store.sum('workPackages', 'estimatedMinutes', [])).toBe(90)
      const none = [{ column: 'id', comparison: '>', value: 99 }] as const
      expect(await under().store.sum('workPackages', 'estimatedMinutes', none)).toBe(0)
    })
  })
}
