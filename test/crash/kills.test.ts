import { afterAll, describe, expect, it } from 'vitest'
import { seeds, tries } from '../support/effort.ts'
import { brokenPromises, figuresOf, type Figures } from './judge.ts'
import { live } from './life.ts'

/** One data directory is killed this often: with twenty its log is copied back, and retries of failures come due. */
const KILLS = tries(6, 20)
const LIFE_MS = 300_000

describe('the whole program, killed at random', () => {
  const lived: Figures[] = []

  it.each(seeds([], 1, 50))(
    `loses nothing it acknowledged, ${KILLS} kills from seed %i`,
    { timeout: LIFE_MS },
    async (seed) => {
      const life = await live({ seed, kills: KILLS })
      lived.push(figuresOf(life))
      expect(brokenPromises(life)).toEqual([])
      expect(lived.at(-1)?.acknowledged, 'there was something to lose').toBeGreaterThan(KILLS)
    },
  )

  afterAll(() => {
    const sum = (name: keyof Figures) => lived.reduce((total, figures) => total + figures[name], 0)
    const perKill = (sum('duplicates') / sum('kills')).toFixed(2)
    console.log(
      `${sum('kills')} kills: ${sum('acknowledged')} writes acknowledged (${sum('unanswered')} cut off), ${sum('requests')} requests, ` +
        `${sum('repeated')} made again, ${sum('duplicates')} accepted twice: ${perKill} per kill`,
    )
  })
})
