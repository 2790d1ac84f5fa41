/**
 * Loaded into the program before itself (`node --import`): breaks one promise in its source as it is read, the one that
 * NEPENTHES_MUTANT names. So that the tests of those promises can be seen to fail.
 */
import { registerHooks } from 'node:module'
import { MUTANTS, type MutantName } from './mutants.ts'

const mutant = MUTANTS[process.env['NEPENTHES_MUTANT'] as MutantName]

registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context)
    if (!url.endsWith(mutant.file)) return loaded
    const source = Buffer.from(loaded.source as Uint8Array).toString()
    if (!source.includes(mutant.replace))
      throw new Error(`${mutant.file} does not hold what the mutant replaces any more`)
    return { ...loaded, source: source.replace(mutant.replace, () => mutant.by) }
  },
})
