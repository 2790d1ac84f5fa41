import { copyFile, mkdir, mkdtemp, rm, stat, truncate } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { createLog } from '../../src/base/log.ts'
import { openSqliteStore } from '../../src/storage/sqlite/sqlite-store.ts'
import { lostFrom, runAndKill } from './crash.ts'
import { insertUser, newEvent, writeSet } from './samples.ts'
import { tries } from '../support/effort.ts'

const DATABASE = 'nepenthes.db'
const ROUNDS = tries(5, 300)
/** Enough for all the processes on a machine that is busy with other tests. */
const STARTS_PROCESSES_MS = tries(60_000, 3_600_000)

/** Repeatable randomness (mulberry32): a failing round is run again from its seed. */
function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

describe('the SQLite store after a crash', () => {
  let directory: string
  const open = (at = directory) =>
    openSqliteStore({ directory: at, clock: systemClock, log: createLog('silent', () => undefined) })

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'nepenthes-crash-'))
  })
  afterEach(() => rm(directory, { recursive: true }))

  it('has everything it acknowledged, whenever the process was killed', { timeout: STARTS_PROCESSES_MS }, async () => {
    const random = seeded(20_260_301)
    const acknowledged = { events: [] as string[], delivered: [] as number[] }
    for (let round = 0; round < ROUNDS; round++) {
      const writers = 1 + Math.floor(random() * 40)
      const killAfter = 2 + Math.floor(random() * 300)
      const died = await runAndKill({ directory, writers, killAfter, prefix: `round${round}` })
      acknowledged.events.push(...died.events)
      acknowledged.delivered.push(...died.delivered)
      const store = await open()
      expect(await lostFrom(store, acknowledged), `round ${round}`).toEqual([])
      await store.close()
    }
    expect(acknowledged.events.length).toBeGreaterThan(100)
    expect(acknowledged.delivered.length).toBeGreaterThan(10)
  })

  it('has everything it acknowledged, wherever the log is cut after that', async () => {
    const store = await open()
    const wal = join(directory, `${DATABASE}-wal`)
    const commit = (i: number) =>
      store.commit(writeSet({ mutations: [insertUser(i, `user ${i}`)], events: [newEvent({ id: `evt_${i}` })] }))
    for (let i = 1; i <= 5; i++) await commit(i)
    const acknowledgedBytes = (await stat(wal)).size
    for (let i = 6; i <= 9; i++) await commit(i)
    const allBytes = (await stat(wal)).size
    expect(allBytes).toBeGreaterThan(acknowledgedBytes)

    const random = seeded(7)
    const cuts = Array.from(
      { length: 8 },
      () => acknowledgedBytes + Math.floor(random() * (allBytes - acknowledgedBytes)),
    )
    for (const [i, bytes] of [acknowledgedBytes, ...cuts].entries()) {
      const copy = join(directory, `copy ${i}`)
      const cut = await openCut(copy, bytes)
      const { total } = await cut.list('users', { where: [], orderBy: [], limit: 1, offset: 0 })
      const deliveries = await cut.deliveries({ limit: 100 })
      await cut.close()
      expect(total, `cut at ${bytes}`).toBeGreaterThanOrEqual(5)
      expect(total).toBeLessThan(9)
      expect(deliveries, 'a row and its event come together or not at all').toHaveLength(total)
    }
    await store.close()

    async function openCut(copy: string, bytes: number) {
      await mkdir(copy)
      for (const suffix of ['', '-wal'])
        await copyFile(join(directory, DATABASE + suffix), join(copy, DATABASE + suffix))
      await truncate(join(copy, `${DATABASE}-wal`), bytes)
      return open(copy)
    }
  })
})
