/** Entry of the thread for searches that may take long: one at a time, each for as long as it may, until told to close. */
import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../../base/assert.ts'
import { systemClock } from '../../base/clock.ts'
import { toError } from '../../base/errors.ts'
import { installDeadline } from './deadline.ts'
import { openReader } from './pragmas.ts'
import { inOneView, runSearch } from './search.ts'
import type { SearchAnswer, SearchRequest, SearchThreadData } from './search-thread.ts'
import { rowReader } from './statements.ts'

assert(parentPort !== null, 'searches run in a worker thread')
const port = parentPort
const { file, budgetMs, cancelled } = workerData as SearchThreadData
const db = openReader(file)
const setDeadline = installDeadline(db, systemClock, () => Atomics.load(cancelled, 0) === 1)
const connection = { db, rows: rowReader(db), setDeadline }

function answer({ table, search }: SearchRequest): SearchAnswer {
  try {
    return { found: inOneView(db, () => runSearch(connection, table, search, { budgetMs })) }
  } catch (thrown) {
    const error = toError(thrown)
    return { failed: error.stack ?? error.message }
  }
}

port.on('message', (message: SearchRequest | 'close') => {
  if (message !== 'close') return port.postMessage(answer(message))
  db.close()
  port.close()
})
