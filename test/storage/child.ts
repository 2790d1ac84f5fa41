/**
 * A process to be killed. Commits events under load to the store in the directory it is given, records outcomes as it goes, and
 * prints a line for each thing that was acknowledged: `event ID` or `delivered SEQ`. Runs until killed; argument 2 is how many
 * writers commit at once, argument 3 prefixes the events' ids.
 */
import { systemClock } from '../../src/base/clock.ts'
import { createLog } from '../../src/base/log.ts'
import { openSqliteStore } from '../../src/storage/sqlite/sqlite-store.ts'
import type { PendingDelivery } from '../../src/storage/records.ts'
import { attemptOf, delivered, newEvent, writeSet } from './samples.ts'

const [directory = '', writers = '1', prefix = 'evt'] = process.argv.slice(2)
const log = createLog('silent', () => undefined)
const store = await openSqliteStore({ directory, clock: systemClock, log })
// Synchronous on a pipe, and waits while the reader is slow: what was acknowledged is in the pipe before anything else happens.
const say = (line: string) => process.stdout.write(`${line}\n`)

store.onDeliveries((deliveries) => {
  for (const delivery of deliveries) if (delivery.seq % 3 === 0) void record(delivery)
})

async function record({ seq }: PendingDelivery): Promise<void> {
  await store.recordDispatch({ attempts: [attemptOf(seq)], deliveries: [delivered(seq)], endpoints: [] })
  say(`delivered ${seq}`)
}

async function writer(name: number): Promise<never> {
  for (let i = 0; ; i++) {
    const event = newEvent({ id: `${prefix}_${name}_${i}`, webhooks: ['billing', 'audit'] })
    const { outcome } = await store.commit(writeSet({ events: [event] }))
    if (outcome === 'committed') say(`event ${event.id}`)
  }
}

say('ready')
await Promise.all(Array.from({ length: Number(writers) }, (_, i) => writer(i)))
