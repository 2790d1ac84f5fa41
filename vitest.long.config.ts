import { defineConfig } from 'vitest/config'

/** The tests whose strength is in numbers, with large numbers: kills, seeds, operations. Under an hour on two cores. */
export default defineConfig({
  test: {
    include: [
      'test/crash/kills.test.ts',
      'test/crash/cuts.test.ts',
      'test/crash/mutants.test.ts',
      'test/crash/cluster-kills.test.ts',
      'test/api/fuzz/fuzz.test.ts',
      'test/storage/sqlite-crash.test.ts',
      'test/storage/kept-reads.test.ts',
      'test/dispatch/simulation.test.ts',
      'test/sources/directory-life.test.ts',
      'test/sources/kubernetes/list-watch-property.test.ts',
      'test/reconcile/names.test.ts',
      'test/routing/route-table.test.ts',
      'test/api/deletions.test.ts',
      'test/api/markdown.test.ts',
      'test/browser/markdown.test.ts',
      'test/e2e/cluster-faults.test.ts',
      'test/e2e/package.test.ts',
      'test/resources/manifest.test.ts',
      'test/resources/hostile.test.ts',
    ],
    env: { NEPENTHES_TEST_EFFORT: 'long' },
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 3_600_000,
    hookTimeout: 60_000,
  },
})
