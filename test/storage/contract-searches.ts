import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { StoreClosed, type Mutation, type SearchQuery, type Store } from '../../src/storage/store.ts'
import type { TableName } from '../../src/storage/tables.ts'
import type { StoreUnderTest } from './contract.ts'
import { answerOf, type Tables } from './oracle.ts'
import { insertUser, newStatus, newTimeEntry, newWorkPackage, writeSet } from './samples.ts'
import { seededRandom } from '../support/seeded-random.ts'

const BY_ID = [{ column: 'id', descending: false }] as const
const NEWEST = [{ column: 'id', descending: true }] as const
const page = (parts: Partial<SearchQuery<'workPackages'>>): SearchQuery<'workPackages'> => ({
  ...{ where: [], orderBy: BY_ID, limit: 20, offset: 0 },
  ...parts,
})

async function expectAnswer<T extends TableName>(store: Store, tables: Tables, table: T, query: SearchQuery<T>) {
  const found = await store.search(table, query)
  if (!found.ok) throw new Error(`refused: ${found.error}`)
  const { rows, ...rest } = found.value
  const byValue = (groups: readonly object[]) => [...groups].map((group) => JSON.stringify(group)).sort()
  const { groups, ...wanted } = answerOf(tables, table, query)
  const shown = { ids: rows.map((row) => row.id), ...rest }
  expect({ ...shown, ...(shown.groups && { groups: byValue(shown.groups) }) }).toEqual({
    ...wanted,
    ...(groups && { groups: byValue(groups) }),
  })
}

const SUBJECTS = ['', 'Alpha', 'alpha', 'BETA 100%', "o'Neil; --", 'Ärger', 'ärger', '日本', '10', 'a"b']
const DATES = [null, '2026-02-27', '2026-03-01', '2026-03-02']

/** Rows of every shape, parents that form a loop included; `count` of them. */
function randomRows(seed: number, count: number) {
  const random = seededRandom(seed)
  const idOrNull = (most: number) => (random.fraction() < 0.3 ? null : random.integer(1, most))
  return Array.from({ length: count }, (_, i) =>
    newWorkPackage(i + 1, {
      projectId: random.integer(1, 4),
      statusId: random.integer(1, 5),
      assigneeId: idOrNull(4),
      parentId: idOrNull(count),
      subject: random.pick(SUBJECTS),
      startDate: random.pick(DATES),
      estimatedMinutes: idOrNull(90),
      scheduleManually: random.fraction() < 0.5,
      spentMinutes: random.integer(0, 3),
    }),
  )
}

/** Time on some of so many work packages, more than once on some. */
function randomTimes(seed: number, count: number) {
  const random = seededRandom(seed)
  return Array.from({ length: count }, (_, i) =>
    newTimeEntry(i + 1, { workPackageId: random.integer(1, count), revision: random.integer(0, 5) }),
  )
}

const ids = fc.array(fc.integer({ min: 0, max: 6 }), { maxLength: 4 })
const counted = fc.oneof(
  fc.record({
    column: fc.constantFrom('projectId', 'statusId'),
    comparison: fc.constantFrom('in', 'not in'),
    value: ids,
  }),
  fc.record({
    column: fc.constantFrom('projectId', 'statusId'),
    comparison: fc.constantFrom('=', '!='),
    value: fc.integer({ min: 0, max: 5 }),
  }),
)
const anyCondition = fc.oneof(
  counted,
  fc.record({
    column: fc.constantFrom('assigneeId', 'parentId', 'id', 'estimatedMinutes'),
    comparison: fc.constantFrom('in', 'not in'),
    value: ids,
  }),
  fc.record({
    column: fc.constantFrom('id', 'estimatedMinutes', 'assigneeId'),
    comparison: fc.constantFrom('=', '!=', '<', '<=', '>', '>='),
    value: fc.integer({ min: -1, max: 60 }),
  }),
  fc.record({
    column: fc.constant('startDate'),
    comparison: fc.constantFrom('=', '!=', '<', '<=', '>', '>='),
    value: fc.constantFrom('2026-02-27', '2026-03-01', '2026-12-31'),
  }),
  fc.record({
    column: fc.constantFrom('subject', ['subject', 'id']),
    comparison: fc.constantFrom('contains', 'starts with'),
    value: fc.constantFrom('A', 'ä', '1', '%', "'", '', '本', 'bet'),
  }),
  fc
    .record({
      column: fc.constant('subject'),
      comparison: fc.constantFrom('not contains', 'in', 'not in', '='),
      value: fc.constantFrom('a', 'Ä', '1', ''),
    })
    .map(({ comparison, value, ...rest }) => ({
      ...rest,
      comparison,
      value: comparison.endsWith('in') ? [value] : value,
    })),
  fc.record({
    column: fc.constantFrom('assigneeId', 'startDate'),
    comparison: fc.constantFrom('is null', 'is not null'),
  }),
  fc.record({ column: fc.constant('parentId'), comparison: fc.constantFrom('below', 'not below'), value: ids }),
  fc.record({ column: fc.constant('scheduleManually'), comparison: fc.constantFrom('=', '!='), value: fc.boolean() }),
)
const anyTest = fc.oneof(
  { weight: 4, arbitrary: anyCondition },
  { weight: 1, arbitrary: fc.record({ anyOf: fc.array(anyCondition, { minLength: 1, maxLength: 3 }) }) },
)
const anyOrder = fc.oneof(
  fc.record({
    column: fc.constantFrom('id', 'subject', 'startDate', 'estimatedMinutes', 'projectId', 'scheduleManually'),
    descending: fc.boolean(),
  }),
  fc.record({
    column: fc.constant('assigneeId'),
    descending: fc.boolean(),
    by: fc.constant({ table: 'users', columns: ['firstName', 'login'] }),
  }),
  fc.record({
    column: fc.constant('statusId'),
    descending: fc.boolean(),
    by: fc.constant({ table: 'statuses', columns: ['position'] }),
  }),
  fc.record({
    column: fc.constant('parentId'),
    descending: fc.boolean(),
    by: fc.constant({ table: 'workPackages', columns: ['id'], among: { column: 'projectId', values: [1, 3] } }),
  }),
  fc.record({
    column: fc.constant('spentMinutes'),
    descending: fc.boolean(),
    orLater: fc.constant([
      { table: 'timeEntries', refersBy: 'workPackageId', column: 'revision' },
      { table: 'watchers', refersBy: 'workPackageId', column: 'userId' },
    ]),
  }),
)
const plainQuery = {
  where: fc.oneof(fc.array(counted, { maxLength: 3 }), fc.array(anyTest, { maxLength: 3 })),
  orderBy: fc.oneof(fc.constantFrom(BY_ID, NEWEST), fc.array(anyOrder, { maxLength: 2 })),
  limit: fc.constantFrom(0, 1, 3, 20, 100),
  offset: fc.constantFrom(0, 0, 1, 5, 40, 1_000_000),
}
const groupBy = fc.constantFrom('statusId', 'assigneeId', 'scheduleManually')
const sums = fc.constantFrom(['estimatedMinutes'], ['estimatedMinutes', 'spentMinutes'])
const anyQuery = fc.oneof(
  { weight: 3, arbitrary: fc.record(plainQuery) },
  { weight: 1, arbitrary: fc.record({ ...plainQuery, groupBy }) },
  { weight: 1, arbitrary: fc.record({ ...plainQuery, sums }) },
  { weight: 1, arbitrary: fc.record({ ...plainQuery, groupBy, sums }) },
) as fc.Arbitrary<unknown> as fc.Arbitrary<SearchQuery<'workPackages'>>

export function searchContract(under: () => StoreUnderTest): void {
  /** Users 1 to 3, so that one who is gone is referred to; statuses 1 to 4 with positions against their ids. */
  const fill = async (count: number): Promise<Tables> => {
    const { store } = under()
    const users = [insertUser(1, 'zoe'), insertUser(2, 'Bea'), insertUser(3, 'abe')]
    const statuses = [1, 2, 3, 4].map((id) => newStatus(id, { position: 9 - id }))
    const workPackages = randomRows(count, count)
    const timeEntries = randomTimes(count, count)
    const watchers = [{ id: 1, workPackageId: 1, userId: 4, pair: '1/4' }]
    const insert = (table: TableName) => (row: object) => ({ op: 'insert', table, row }) as Mutation
    const mutations = [...users, ...statuses.map(insert('statuses')), ...workPackages.map(insert('workPackages'))]
    mutations.push(...timeEntries.map(insert('timeEntries')), ...watchers.map(insert('watchers')))
    await store.commit(writeSet({ mutations }))
    const userRows = users.map((mutation) => (mutation.op === 'insert' ? mutation.row : {})) as never[]
    return { users: userRows, statuses, workPackages, timeEntries, watchers }
  }

  describe('searches', () => {
    // More rows than a search looks at where it is asked, so that the other way is taken too.
    it.each([60, 2_300])(
      'over %i rows find what is there, whatever is asked',
      async (count) => {
        const tables = await fill(count)
        await fc.assert(
          fc.asyncProperty(anyQuery, (query) => expectAnswer(under().store, tables, 'workPackages', query)),
          { numRuns: count > 1_000 ? 50 : 200 },
        )
      },
      60_000,
    )

    it('see what was committed before, wherever they are carried out', async () => {
      const { store } = under()
      await fill(2_300)
      const elsewhere = page({ where: [{ column: 'subject', comparison: 'contains', value: 'just now' }] })
      for (let n = 0; n < 5; n += 1) {
        const row = newWorkPackage(3_000 + n, { subject: `Written just now ${n}` })
        await store.commit(writeSet({ mutations: [{ op: 'insert', table: 'workPackages', row }] }))
        expect(await store.search('workPackages', elsewhere)).toMatchObject({ ok: true, value: { total: n + 1 } })
      }
    })

    it('refuse to name more groups than anybody can look at', async () => {
      const { store } = under()
      const mutations = Array.from({ length: 1_001 }, (_, i): Mutation => ({
        ...{ op: 'insert', table: 'workPackages' },
        row: newWorkPackage(i + 1, { assigneeId: i + 1 }),
      }))
      await store.commit(writeSet({ mutations }))
      const grouped = page({ groupBy: 'assigneeId' })
      expect(await store.search('workPackages', grouped)).toEqual({ ok: false, error: 'too many groups' })
      await store.commit(writeSet({ mutations: [{ op: 'delete', table: 'workPackages', id: 1 }] }))
      expect(await store.search('workPackages', grouped)).toMatchObject({ ok: true, value: { total: 1_000 } })
    })

    it('refuse names that are no columns before they reach the database', async () => {
      const { store } = under()
      const column = 'id" = 1; --' as 'id'
      const bad: Partial<SearchQuery<'workPackages'>>[] = [
        { where: [{ column, comparison: '=', value: 1 }] },
        { where: [{ anyOf: [{ column, comparison: 'is null' }] }] },
        { orderBy: [{ column, descending: false }] },
        { orderBy: [{ column: 'statusId', descending: false, by: { table: 'statuses', columns: [column] } }] },
        { orderBy: [{ column: 'statusId', descending: false, by: { table: 'x"; --' as 'users', columns: ['id'] } }] },
        {
          orderBy: [{ column: 'id', descending: false, orLater: [{ table: 'users', refersBy: column, column: 'id' }] }],
        },
        { orderBy: [{ column: 'id', descending: false, orLater: [{ table: 'users', refersBy: 'id', column }] }] },
        { groupBy: column },
        { sums: [column] },
      ]
      for (const parts of bad)
        await expect(store.search('workPackages', page(parts)), JSON.stringify(parts)).rejects.toThrow(
          'invariant broken',
        )
    })

    it('are rejected once the store is closed, running and waiting ones too', async () => {
      const { store } = under()
      await fill(2_300)
      const slow = page({ where: [{ column: 'subject', comparison: 'contains', value: 'nowhere ö' }] })
      const running = [1, 2, 3].map(() => store.search('workPackages', slow))
      const settled = Promise.allSettled(running)
      await store.close()
      for (const result of await settled)
        if (result.status === 'rejected') expect(String(result.reason)).toContain('the store is closed')
      await expect(store.search('workPackages', slow)).rejects.toThrow(StoreClosed)
    })
  })

  describe('what is counted', () => {
    const totalWhere = async (table: 'workPackages' | 'timeEntries', where: SearchQuery<never>['where']) => {
      const found = await under().store.search(table, { where, orderBy: [], limit: 0, offset: 0 } as never)
      return found.ok ? found.value.total : found.error
    }

    it('is what counting finds after any writes, and after a restart', async () => {
      const random = seededRandom(5)
      const work = new Map<number, ReturnType<typeof newWorkPackage>>()
      const time = new Map<number, ReturnType<typeof newTimeEntry>>()
      const write = (): Mutation => {
        const kind = random.pick(['insert', 'insert', 'update', 'delete', 'increment'] as const)
        const id = random.pick([...work.keys(), 0])
        const place = { projectId: random.integer(1, 3), statusId: random.integer(1, 3) }
        if (kind === 'insert' || !work.has(id)) {
          const row = newWorkPackage(Math.max(0, ...work.keys()) + 1, place)
          work.set(row.id, row)
          return { op: 'insert', table: 'workPackages', row }
        }
        const row = work.get(id) ?? newWorkPackage(id)
        if (kind === 'increment') return { op: 'increment', table: 'workPackages', id, column: 'spentMinutes', by: 1 }
        if (kind === 'delete') return (work.delete(id), { op: 'delete', table: 'workPackages', id })
        const changes = random.pick([
          { subject: 'Renamed' },
          place,
          { projectId: place.projectId },
          { statusId: place.statusId },
        ])
        work.set(id, { ...row, ...changes })
        return { op: 'update', table: 'workPackages', id, changes }
      }
      const log = (): Mutation => {
        const id = time.size + 1
        const row = newTimeEntry(id, { projectId: random.integer(1, 3), ongoing: random.fraction() < 0.3 })
        const old = random.integer(1, id)
        if (old === id || random.fraction() < 0.5)
          return (time.set(id, row), { op: 'insert', table: 'timeEntries', row })
        const changes = random.pick([{ projectId: row.projectId }, { ongoing: row.ongoing }])
        time.set(old, { ...(time.get(old) ?? row), ...changes })
        return { op: 'update', table: 'timeEntries', id: old, changes }
      }
      const check = async () => {
        const tables = { workPackages: [...work.values()], timeEntries: [...time.values()] } as unknown as Tables
        for (const value of [1, 2, 3]) {
          for (const where of [[], [{ column: 'projectId', comparison: '=', value }]] as never[]) {
            const query = { where, orderBy: BY_ID, limit: 5, offset: 1 } as never
            await expectAnswer(under().store, tables, 'workPackages', query)
            await expectAnswer(under().store, tables, 'timeEntries', query)
          }
          const status = { column: 'statusId', comparison: 'not in', value: [value] } as const
          await expectAnswer(under().store, tables, 'workPackages', page({ where: [status] }))
          const some = { column: 'projectId', comparison: 'in', value: [value, 3] } as const
          await expectAnswer(under().store, tables, 'workPackages', page({ where: [some, status] }))
        }
        const running = [{ column: 'ongoing', comparison: '=', value: true }] as const
        const stopped = [{ column: 'ongoing', comparison: '=', value: false }] as const
        const of = (ongoing: boolean) => [...time.values()].filter((row) => row.ongoing === ongoing).length
        expect(await totalWhere('timeEntries', running as never)).toBe(of(true))
        expect(await totalWhere('timeEntries', stopped as never)).toBe(of(false))
      }
      for (let n = 0; n < 40; n += 1) {
        await under().store.commit(
          writeSet({ mutations: Array.from({ length: 5 }, random.fraction() < 0.6 ? write : log) }),
        )
        if (n % 8 === 0) await check()
      }
      await under().reopen()
      await check()
    }, 30_000)

    it('is not what a refused write would have made of it', async () => {
      const { store } = under()
      const expectation = [{ kind: 'row', table: 'users', id: 99, values: {} }] as const
      const mutations: Mutation[] = [{ op: 'insert', table: 'workPackages', row: newWorkPackage(1) }]
      expect((await store.commit(writeSet({ expect: expectation, mutations }))).outcome).toBe('conflict')
      expect(await totalWhere('workPackages', [])).toBe(0)
    })
  })
}
