import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

// For the processes of the tests, and those they start: most of what they load is the same each time.
process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, 'node_modules', '.cache', 'compiled')

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A minute of whole programs that break a promise on purpose or are killed in a cluster, and an installation: part of the long suite.
    exclude: ['test/crash/{mutants,cluster-kills}.test.ts', 'test/e2e/package.test.ts', 'node_modules/**'],
    pool: 'forks',
    // One more than the cores of a small machine: many tests wait for processes to end.
    maxWorkers: 3,
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
})
