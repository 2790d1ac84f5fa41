import { describe, expect, it } from 'vitest'
import { seeds } from '../support/effort.ts'
import { brokenPromises } from './judge.ts'
import { live } from './life.ts'
import { MUTANTS, type MutantName } from './mutants.ts'

const MUTANT = new URL('./mutant.ts', import.meta.url).href

/** Tests that cannot fail prove nothing: these programs break a promise, and must be caught at it. A kill may happen to miss it. */
describe('the kills', () => {
  it.each(Object.keys(MUTANTS) as MutantName[])('show when %s', { timeout: 120_000, retry: 9 }, async (name) => {
    const env = { NODE_OPTIONS: `--import ${MUTANT}`, NEPENTHES_MUTANT: name }
    const [seed = 0] = seeds([], 1, 1)
    const broken = brokenPromises(await live({ seed, kills: 3, happenings: ['acknowledged'], env }))
    expect(broken.filter((promise) => MUTANTS[name].shows.test(promise))).not.toEqual([])
  })
})
