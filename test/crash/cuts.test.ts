import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { toError } from '../../src/base/errors.ts'
import type { Synchronous } from '../../src/storage/sqlite/pragmas.ts'
import { openSqliteStore } from '../../src/storage/sqlite/sqlite-store.ts'
import { quiet } from '../reconcile/environment.ts'
import { newEvent, writeSet } from '../storage/samples.ts'
import { seeds, tries } from '../support/effort.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { history, wrongIn, type Step } from './history.ts'
import { afterPowerLoss, writeImage, type Image } from './power.ts'

const STEPS = tries(35, 80)
/** It takes few to see that much is lost. */
const STEPS_TO_LOSE = 20
/** Seldom anywhere, several times around each copying back of the log. */
const CUT_SHARE = 0.35
const CUTS_AROUND_CHECKPOINT = 4
const ONE_HISTORY_MS = 180_000

describe('the store after a power loss', () => {
  const tally = { cuts: 0, checkpoints: 0 }
  let directory: string
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'nepenthes-power-'))
  })
  afterEach(() => rm(directory, { recursive: true }))
  afterAll(() => console.log(`${tally.cuts} power losses, the log copied back ${tally.checkpoints} times meanwhile`))

  it.each(seeds([], 1, 40))('has all it acknowledged, seed %i', { timeout: ONE_HISTORY_MS }, async (seed) => {
    const { cuts, checkpoints, damage } = await cutOften(seed, 'FULL', STEPS)
    tally.cuts += cuts
    tally.checkpoints += checkpoints
    expect(damage).toEqual([])
    expect(cuts).toBeGreaterThan(10)
    expect(checkpoints, 'the log was copied back now and then').toBeGreaterThan(0)
  })

  it.each([...seeds([], 1, 3)].flatMap((seed) => [['NORMAL', seed] as const, ['OFF', seed] as const]))(
    'would lose much with synchronous=%s, seed %i: these cuts find what is not on disk',
    { timeout: ONE_HISTORY_MS },
    async (synchronous, seed) => {
      const { cuts, damage } = await cutOften(seed, synchronous, STEPS_TO_LOSE)
      const harmful = new Set(damage.map((one) => one.cut))
      expect(harmful.size).toBeGreaterThan(cuts / 4)
    },
  )

  async function cutOften(seed: number, synchronous: Synchronous, steps: number) {
    const random = seededRandom(seed)
    const found = { cuts: 0, checkpoints: 0, damage: [] as { cut: string; wrong: string }[] }
    let aroundCheckpoint = false
    const options = { directory: join(directory, 'data'), steps, random: seededRandom(seed + 1), synchronous }
    for await (const step of history(options)) {
      const copiesBack = !step.acknowledged.db.equals(step.next.db)
      if (copiesBack) found.checkpoints += 1
      // The step after it begins the log anew, over what the old one left.
      const cuts = copiesBack || aroundCheckpoint ? CUTS_AROUND_CHECKPOINT : Number(random.fraction() < CUT_SHARE)
      aroundCheckpoint = copiesBack
      for (let i = 0; i < cuts; i++) {
        const cut = `cut ${found.cuts++}`
        const wrong = await reopened(join(directory, cut), afterPowerLoss(synchronous, step, random), step)
        found.damage.push(...wrong.map((one) => ({ cut, wrong: one })))
      }
    }
    return found
  }
})

/** What is wrong with a store opened on these files; nothing if all is there and it can go on. */
async function reopened(directory: string, image: Image, step: Step): Promise<string[]> {
  writeImage(directory, image)
  try {
    const store = await openSqliteStore({ directory, clock: systemClock, log: quiet })
    const wrong = await wrongIn(store, step)
    const { outcome } = await store.commit(writeSet({ events: [newEvent({ id: 'evt_after' })] }))
    if (outcome !== 'committed') wrong.push(`cannot go on: ${outcome}`)
    await store.close()
    return [...wrong, ...unsound(join(directory, 'nepenthes.db'))]
  } catch (thrown) {
    return [toError(thrown).message]
  } finally {
    await rm(directory, { recursive: true })
  }
}

function unsound(file: string): string[] {
  const db = new DatabaseSync(file)
  const rows = db.prepare('PRAGMA integrity_check').all()
  db.close()
  return rows.map((row) => String(row['integrity_check'])).filter((line) => line !== 'ok')
}
