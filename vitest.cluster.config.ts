import { defineConfig } from 'vitest/config'

/** What our fake API server has in common with a real one, held against a real one; CONTRIBUTING.md says how that is given. */
export default defineConfig({
  test: {
    include: ['test/kubernetes/*.test.ts'],
    globalSetup: ['test/kubernetes/real-server.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
