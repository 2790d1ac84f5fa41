import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock } from '../../src/base/clock.ts'
import { createLog } from '../../src/base/log.ts'
import { openSqliteStore } from '../../src/storage/sqlite/sqlite-store.ts'
import { storeContract } from './contract.ts'

storeContract('SQLite', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'nepenthes-store-'))
  const log = createLog('silent', () => undefined)
  return {
    open: () => openSqliteStore({ directory, clock: systemClock, log }),
    remove: () => rm(directory, { recursive: true }),
  }
})
