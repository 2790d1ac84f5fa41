import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createLog } from '../../src/base/log.ts'
import { systemClock } from '../../src/base/clock.ts'
import { installDeadline } from '../../src/storage/sqlite/deadline.ts'
import { isNarrow } from '../../src/storage/sqlite/narrow.ts'
import { openReader } from '../../src/storage/sqlite/pragmas.ts'
import { runSearch } from '../../src/storage/sqlite/search.ts'
import { openSqliteStore } from '../../src/storage/sqlite/sqlite-store.ts'
import { rowReader } from '../../src/storage/sqlite/statements.ts'
import type { Mutation, SearchQuery, Store } from '../../src/storage/store.ts'
import { newTimeEntry, newWorkPackage, writeSet } from './samples.ts'

type Where = SearchQuery<'workPackages'>['where']

let directory: string
let store: Store
let db: DatabaseSync
let looks: number

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), 'nepenthes-bounds-'))
  const log = createLog('silent', () => undefined)
  store = await openSqliteStore({ directory, clock: systemClock, log, synchronous: 'OFF' })
  db = openReader(join(directory, 'nepenthes.db'))
  looks = 0
})
afterEach(async () => {
  db.close()
  await store.close()
  rmSync(directory, { recursive: true })
})

const insert = (rows: readonly Parameters<typeof newWorkPackage>[1][]) =>
  store.commit(
    writeSet({
      mutations: rows.map((parts, i): Mutation => {
        return { op: 'insert', table: 'workPackages', row: newWorkPackage(i + 1, parts) }
      }),
    }),
  )
/** On a clock that moves on by one whenever it is looked at. */
const run = (where: Where, budgetMs: number, orderBy: SearchQuery<'workPackages'>['orderBy'] = []) => {
  const setDeadline = installDeadline(db, { elapsed: () => (looks += 1) })
  const search = { where, orderBy, limit: 20, offset: 0 }
  return runSearch({ db, rows: rowReader(db), setDeadline }, 'workPackages', search, { budgetMs })
}
const tooSlow = { ok: false, error: 'too slow' }
const contains = (value: string) => ({ column: 'description', comparison: 'contains', value }) as const
const below = { column: 'parentId', comparison: 'below', value: [1] } as const

describe('a search through long texts', () => {
  it('hands no text to a function of ours, which would keep it in memory until the end', () => {
    installDeadline(db, systemClock)
    const plain = new DatabaseSync(':memory:')
    const [all, known] = [db, plain].map((one) =>
      one
        .prepare('SELECT name FROM pragma_function_list')
        .all()
        .map(({ name }) => String(name)),
    )
    plain.close()
    expect(all?.filter((name) => !known?.includes(name)).sort()).toEqual(['in_time', 'text_in_time'])
  })

  it('looks at the clock for what it goes through, not only for its rows', async () => {
    await insert(Array.from({ length: 20 }, () => ({ description: 'lorem ipsum '.repeat(20_000) })))
    for (const needle of ['zz', 'zü']) {
      expect(run([contains(needle)], 15)).toEqual(tooSlow)
      expect(run([contains(needle)], 1_000)).toMatchObject({ ok: true, value: { total: 0 } })
    }
    expect(run([], 15)).toMatchObject({ ok: true, value: { total: 20 } })
  })

  it('is not one of little to look at, however few its rows', async () => {
    await insert(Array.from({ length: 20 }, () => ({ description: 'lorem ipsum '.repeat(20_000) })))
    const narrow = (where: Where) => isNarrow(rowReader(db), 'workPackages', where)
    const ids = (value: number[]) => ({ column: 'id', comparison: 'in', value }) as const
    expect(narrow([])).toBe(true)
    expect(narrow([{ ...contains('a'), column: 'subject' }])).toBe(true)
    expect(narrow([contains('a')])).toBe(false)
    expect(narrow([{ anyOf: [ids([1]), { ...contains('a'), column: ['subject', 'description'] }] }])).toBe(false)
    expect(narrow([contains('a'), ids([1, 2])])).toBe(true)
    expect(narrow([...Array<ReturnType<typeof contains>>(3).fill(contains('a')), ids([1, 2])])).toBe(false)
    expect(narrow([contains('äöü'), ids([1, 2])])).toBe(false)
  })

  it('finds letters whatever their case, beyond ASCII too', async () => {
    const letters = Array.from({ length: 255 }, (_, i) => String.fromCodePoint(0x400 + i)).join('')
    const texts = ['Zürich', 'ΟΔΟΣ', 'Straße STRAẞE', 'İstanbul', 'Ångström', '\u212b', 'K', 'ǅ', '日本', letters]
    await insert(texts.map((description) => ({ description })))
    const found = async (value: string) => {
      const result = await store.search('workPackages', { where: [contains(value)], orderBy: [], limit: 20, offset: 0 })
      return result.ok && result.value.rows.map((row) => texts[row.id - 1])
    }
    for (const text of texts) expect(await found(text)).toContain(text)
    expect(await found('zÜRICH')).toEqual(['Zürich'])
    expect(await found('οδος')).toEqual(['ΟΔΟΣ'])
    expect(await found('straẞe straße')).toEqual(['Straße STRAẞE'])
    expect(await found('å')).toEqual(['Ångström', '\u212b'])
    expect(await found(letters.toLowerCase())).toEqual([letters])
    expect(await found('ö_')).toEqual([])
  })
})

describe('a search for what stands below a row', () => {
  it('looks at the clock while it works that out', async () => {
    await insert(Array.from({ length: 2_100 }, (_, i) => ({ parentId: i === 0 ? null : 1 })))
    const one = { column: 'id', comparison: '=', value: 2_000 } as const
    expect(run([one, below], 10)).toEqual(tooSlow)
    expect(run([one, { ...below, comparison: 'not below' }], 10)).toEqual(tooSlow)
    expect(run([one, below], 1_000)).toMatchObject({ ok: true, value: { total: 1 } })
    expect(run([one], 10)).toMatchObject({ ok: true, value: { total: 1 } })
  })

  it('is one of little to look at in a small table only, whatever else it asks', async () => {
    const narrow = () => {
      const one = { column: 'id', comparison: '=', value: 1 } as const
      return isNarrow(rowReader(db), 'workPackages', [one, { anyOf: [below] }])
    }
    await insert([{}])
    expect(narrow()).toBe(true)
    const row = (id: number): Mutation => ({ op: 'insert', table: 'workPackages', row: newWorkPackage(id) })
    await store.commit(writeSet({ mutations: Array.from({ length: 2_100 }, (_, i) => row(i + 2)) }))
    expect(narrow()).toBe(false)
  })
})

describe('a search in the order of the latest of other rows', () => {
  const orLater = [{ table: 'timeEntries', refersBy: 'workPackageId', column: 'updatedAt' }] as const
  const byLatest = [{ column: 'updatedAt', descending: true, orLater }] as const
  const log = (ids: number[]) =>
    store.commit(
      writeSet({
        mutations: ids.map((id): Mutation => ({ op: 'insert', table: 'timeEntries', row: newTimeEntry(id) })),
      }),
    )

  it('looks at the clock while it works that out, on another thread when there may be many', async () => {
    await insert([{}, {}])
    await log([1])
    const narrow = () => isNarrow(rowReader(db), 'workPackages', [], byLatest)
    expect(narrow()).toBe(true)
    await log(Array.from({ length: 2_100 }, (_, i) => i + 2))
    expect(narrow()).toBe(false)
    expect(run([], 10, byLatest)).toEqual(tooSlow)
    expect(run([], 1_000, byLatest)).toMatchObject({ ok: true, value: { total: 2 } })
    expect(run([], 10)).toMatchObject({ ok: true, value: { total: 2 } })
  })
})
