import { defineConfig } from 'vitest/config'

/** What takes longer than a quick run may: more kills, more seeds, more of everything random. */
export default defineConfig({
  test: {
    include: ['test/long/**/*.test.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 3_600_000,
    hookTimeout: 60_000,
  },
})
