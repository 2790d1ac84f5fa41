import { spawn } from 'node:child_process'
import { pbkdf2Sync } from 'node:crypto'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { UserError } from '../../src/base/errors.ts'
import { createLog } from '../../src/base/log.ts'
import { openWriter } from '../../src/storage/sqlite/pragmas.ts'
import { openSqliteStore, type SqliteStoreOptions } from '../../src/storage/sqlite/sqlite-store.ts'
import type { Store } from '../../src/storage/store.ts'
import { createFakeClock } from '../support/fake-clock.ts'
import { needRoomToDrop } from './full.ts'
import { attemptOf, delivered, newEvent, newStatus, NOON, writeSet } from './samples.ts'

describe('the SQLite store', () => {
  let parent: string
  let directory: string
  const logged: string[] = []
  const clock = createFakeClock()
  const open = (options: Partial<SqliteStoreOptions> = {}) =>
    openSqliteStore({ directory, clock, log: createLog('info', (line) => logged.push(line)), ...options })

  beforeEach(async () => {
    parent = await mkdtemp(join(tmpdir(), 'nepenthes-sqlite-'))
    directory = join(parent, 'data')
  })
  afterEach(() => rm(parent, { recursive: true }))

  it('keeps its files to itself', async () => {
    const store = await open()
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
    for (const file of await readdir(directory)) {
      expect((await stat(join(directory, file))).mode & 0o077, file).toBe(0)
    }
    await store.close()
  })

  it('refuses a directory that is in use, and says by whom', async () => {
    const store = await open()
    const second = open()
    await expect(second).rejects.toThrow(UserError)
    await expect(second).rejects.toThrow(
      new RegExp(`in use by process ${process.pid} on .*, started 2026-03-01T12:00:00Z`),
    )
    await store.close()
    await (await open()).close()
  })

  it('refuses a directory that another process holds, and takes it over once that is killed', async () => {
    const script = new URL('./child.ts', import.meta.url).pathname
    const child = spawn(process.execPath, [script, directory, '1'], { stdio: ['ignore', 'pipe', 'inherit'] })
    const exit = once(child, 'exit')
    await once(createInterface({ input: child.stdout }), 'line')
    await expect(open()).rejects.toThrow(`in use by process ${child.pid}`)
    child.kill('SIGKILL')
    await exit
    await (await open()).close()
  })

  it('refuses a database of a newer version and leaves it as it is', async () => {
    await (await open()).close()
    const file = join(directory, 'nepenthes.db')
    const db = new DatabaseSync(file)
    db.exec('PRAGMA user_version = 99')
    db.close()
    await expect(open()).rejects.toThrow(/newer version of nepenthes \(schema 99, this program knows \d+\)/)
    const again = new DatabaseSync(file)
    expect(again.prepare('PRAGMA user_version').get()).toEqual({ user_version: 99 })
    again.close()
  })

  it('says so when its file is damaged', async () => {
    await (await open()).close()
    await writeFile(
      join(directory, 'nepenthes.db'),
      'not a database, though long enough to be read as one. '.repeat(40),
    )
    const opening = open()
    await expect(opening).rejects.toThrow(UserError)
    await expect(opening).rejects.toThrow(/nepenthes\.db is damaged, or not a database at all/)
  })

  describe('breaks down for good, so that whoever runs it can end, when', () => {
    it('its file turns out to be damaged', async () => {
      const store = await open()
      await store.commit(writeSet({ events: [newEvent()] }))
      await store.close()
      await destroyTable('attempts')
      const damaged = await open()
      await expect(damaged.recordDispatch(outcomeOf(1))).rejects.toThrow('the store refused a write')
      expect((await damaged.failed).message).toContain('nepenthes.db is damaged')
      expect(damaged.healthy).toBe(false)
      await expect(damaged.commit(writeSet({}))).rejects.toThrow()
      await damaged.close()
    })

    it('damage shows while more is on its way: all of it is refused, and nothing else happens', async () => {
      const store = await open()
      for (let i = 0; i < 96; i++) await store.commit(writeSet({ events: [newEvent()] }))
      await store.close()
      await destroyTable('attempts')
      const damaged = await open()
      const outcomes: Promise<unknown>[] = []
      for (let seq = 1; seq <= 96; seq++) {
        outcomes.push(damaged.recordDispatch(outcomeOf(seq)))
        if (seq % 16 === 0) pbkdf2Sync('', '', 20_000, 8, 'sha256') // the writer begins with these before the next come
      }
      const results = await Promise.allSettled(outcomes)
      expect(new Set(results.map(({ status }) => status))).toEqual(new Set(['rejected']))
      expect((await damaged.failed).message).toContain('nepenthes.db is damaged')
      await damaged.close()
    })

    it('damage shows in what is read', async () => {
      const store = await open()
      await store.commit(writeSet({ events: [newEvent()] }))
      await store.close()
      await destroyTable('attempts')
      const damaged = await open()
      await expect(damaged.delivery(1)).rejects.toThrow('nepenthes.db is damaged')
      expect(await damaged.failed).toBeInstanceOf(UserError)
      expect(damaged.healthy).toBe(false)
      await expect(damaged.commit(writeSet({}))).rejects.toThrow('nepenthes.db is damaged')
      await damaged.close()
      await destroyTable('statuses')
      for (let time = 0; time < 2; time += 1) await expect(open()).rejects.toThrow('nepenthes.db is damaged')
    })

    it('the outcome of an attempt is refused for good, and no other write', async () => {
      const store = await open()
      await store.commit(writeSet({ events: [newEvent()] }))
      const twice = { op: 'insert', table: 'statuses', row: newStatus(1) } as const
      await expect(store.commit(writeSet({ mutations: [twice, twice] }))).rejects.toThrow('the store refused a write')
      expect((await store.commit(writeSet({ events: [newEvent()] }))).outcome).toBe('committed')
      await store.recordDispatch(outcomeOf(1))
      // The same attempt once more: whatever has led to it, what happened cannot be told from what is remembered any more.
      await expect(store.recordDispatch(outcomeOf(1))).rejects.toThrow('the store refused a write')
      expect((await store.failed).message).toContain('UNIQUE')
      await store.close()
      await (await open()).close()
    })

    const outcomeOf = (seq: number) => ({ attempts: [attemptOf(seq)], deliveries: [delivered(seq)], endpoints: [] })

    async function destroyTable(name: string): Promise<void> {
      const file = join(directory, 'nepenthes.db')
      const db = new DatabaseSync(file)
      const page = Number(db.prepare('SELECT rootpage FROM sqlite_schema WHERE name = ?').get(name)?.['rootpage'])
      const size = Number(db.prepare('PRAGMA page_size').get()?.['page_size'])
      db.close()
      const bytes = await readFile(file)
      bytes.fill(0xff, (page - 1) * size, page * size)
      await writeFile(file, bytes)
    }
  })

  it('writes a log that is on disk before a commit returns, unless told otherwise', () => {
    const pragmaOf = (synchronous: 'FULL' | 'OFF', name: string) => {
      const db = openWriter(join(parent, 'pragmas.db'), { synchronous, maxPages: undefined })
      const value = db.prepare(`PRAGMA ${name}`).get()?.[name]
      db.close()
      return value
    }
    expect(pragmaOf('FULL', 'journal_mode')).toBe('wal')
    expect(pragmaOf('FULL', 'synchronous')).toBe(2)
    expect(pragmaOf('OFF', 'synchronous')).toBe(0)
  })

  it('copies its log back as it grows, so that it stays small', async () => {
    const store = await open()
    const body = JSON.stringify({ text: 'x'.repeat(1_000_000) })
    for (let i = 0; i < 30; i++) await store.commit(writeSet({ events: [newEvent({ id: `evt_${i}`, body })] }))
    const bytes = async (suffix: string) => (await stat(join(directory, `nepenthes.db${suffix}`))).size
    expect(await bytes('')).toBeGreaterThan(20_000_000)
    expect(await bytes('-wal')).toBeLessThan(8_000_000)
    await store.close()
  })

  it('begins its log anew as soon as nobody reads what is in it any more', async () => {
    const store = await open()
    const bodyOf = (pages: number) => 'x'.repeat(pages * 4_000)
    const commit = (pages: number) => store.commit(writeSet({ events: [newEvent({ body: bodyOf(pages) })] }))
    await commit(700)
    const reader = new DatabaseSync(join(directory, 'nepenthes.db'), { readOnly: true })
    reader.exec('BEGIN')
    reader.prepare('SELECT count(*) FROM events').get()
    await commit(400) // long enough to be copied back, as far as the reader lets it
    reader.exec('COMMIT')
    reader.close()
    for (const pages of [1, 600]) await commit(pages)
    expect((await stat(join(directory, 'nepenthes.db-wal'))).size).toBeLessThan(1_300 * 4_120)
    await store.close()
  })

  describe('when the disk is full', () => {
    const body = JSON.stringify({ text: 'x'.repeat(60_000) })

    async function fill(store: Store): Promise<number> {
      for (let written = 0; ; written++) {
        const result = await store.commit(writeSet({ events: [newEvent({ id: `evt_${written}`, body })] }))
        if (result.outcome === 'committed') continue
        expect(result).toMatchObject({ outcome: 'unavailable', reason: expect.stringContaining('full') as string })
        return written
      }
    }

    it('says so, keeps reading, holds outcomes back, and goes on once there is room', async () => {
      const store = await open({ maxPages: 200 })
      const written = await fill(store)
      expect(store.healthy).toBe(false)
      const deliveries = await store.deliveries({ limit: 100 })
      expect(deliveries).toHaveLength(written)

      const [newest] = deliveries
      const seq = newest?.seq ?? 0
      const outcome = {
        attempts: [attemptOf(seq, { responseBody: body })],
        deliveries: [delivered(seq)],
        endpoints: [],
      }
      let recorded = false
      const recording = store.recordDispatch(outcome).then(() => (recorded = true))
      // Answered after the outcome above, so that one has been tried, and has failed, by now.
      await expect(store.saveResources([resourceOf(body)], [])).rejects.toThrow('cannot be written just now')
      expect(recorded).toBe(false)
      await expect(store.redeliver(seq, NOON)).rejects.toThrow('cannot be written just now')

      await store.cancelPending('billing', 'webhook deleted', NOON)
      await store.prune({ finishedBefore: NOON + 1, maxBytes: Number.MAX_SAFE_INTEGER })
      clock.advance(60_000)
      await recording
      expect(store.healthy).toBe(true)
      expect((await store.commit(writeSet({ events: [newEvent({ body })] }))).outcome).toBe('committed')
      await store.close()
    })

    it('gives up on dropping old deliveries until it is asked again, and calls itself no worse for it', async () => {
      const store = await open({ maxPages: 200 })
      await store.commit(writeSet({ events: [newEvent()] }))
      await store.recordDispatch({ attempts: [], deliveries: [delivered(1)], endpoints: [] })
      const before = logged.length
      const dropping = needRoomToDrop(directory)
      const bounds = { finishedBefore: NOON + 60_000, maxBytes: Number.MAX_SAFE_INTEGER }
      const full = expect.stringContaining('full') as string
      expect(await store.prune(bounds)).toEqual({ deliveries: 0, unavailable: full })
      expect([store.healthy, logged.length - before]).toEqual([true, 0])
      dropping.needsNone()
      expect(await store.prune(bounds)).toEqual({ deliveries: 1 })
      await fill(store)
      expect(await store.prune(bounds)).toEqual({ deliveries: 0 })
      expect(store.healthy, 'dropping nothing needs no room').toBe(false)
      await store.close()
    })

    it('notices by itself that there is room again', async () => {
      const store = await open({ maxPages: 200 })
      await fill(store)
      const before = logged.length
      clock.advance(1_000) // the probe is one small row, for which there is room
      const conflict = [{ kind: 'row', table: 'users', id: 1, values: {} }] as const
      await store.commit(writeSet({ expect: conflict })) // writes nothing itself, and is answered after the probe
      expect(store.healthy).toBe(true)
      expect(logged.slice(before).join()).toContain('the store can be written again')
      await store.close()
    })

    it('gives an outcome a last try when it is closed meanwhile, and says that it was not kept', async () => {
      const store = await open({ maxPages: 200 })
      await fill(store)
      const outcome = { attempts: [attemptOf(1, { responseBody: body })], deliveries: [], endpoints: [] }
      const recording = store.recordDispatch(outcome)
      const closing = store.close()
      await expect(recording).rejects.toThrow('cannot be written just now')
      await closing
    })
  })
})

function resourceOf(text: string) {
  const rest = { programmedGeneration: null, switchedOff: false, status: null, createdAt: NOON, origin: 'hooks.yaml' }
  return { key: 'Webhook/billing', generation: 1, specHash: '', programmedSpec: text, ...rest } as const
}
