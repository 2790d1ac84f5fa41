/**
 * A process whose system calls are looked at: commits events to the store in the directory it is given until it is killed, several
 * at a time, and prints a line for each that was acknowledged. Argument 2, if given, is how SQLite is told to write.
 */
import { writeSync } from 'node:fs'
import { systemClock } from '../../src/base/clock.ts'
import { createLog } from '../../src/base/log.ts'
import type { Synchronous } from '../../src/storage/sqlite/pragmas.ts'
import { openSqliteStore } from '../../src/storage/sqlite/sqlite-store.ts'
import { newEvent, writeSet } from '../storage/samples.ts'

const WRITERS = 3
const BODY = 'x'.repeat(50_000)
const [directory = '', synchronous] = process.argv.slice(2)
const log = createLog('silent', () => undefined)
const level = synchronous === undefined ? {} : { synchronous: synchronous as Synchronous }
const store = await openSqliteStore({ directory, clock: systemClock, log, ...level })

async function write(writer: number): Promise<never> {
  for (let i = 0; ; i++) {
    const { outcome } = await store.commit(writeSet({ events: [newEvent({ id: `evt_${writer}_${i}`, body: BODY })] }))
    // One system call, before anything else happens in this thread.
    if (outcome === 'committed') writeSync(1, `acknowledged evt_${writer}_${i}\n`)
  }
}

await Promise.all(Array.from({ length: WRITERS }, (_, writer) => write(writer)))
