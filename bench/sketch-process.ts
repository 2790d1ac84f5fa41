import type { AddressInfo } from 'node:net'
import { fastify } from 'fastify'
import { systemClock } from '../src/base/clock.ts'
import { createLog } from '../src/base/log.ts'
import { systemRandom } from '../src/base/random.ts'
import { openSqliteStore } from '../src/storage/sqlite/sqlite-store.ts'
import type { WriteSet } from '../src/storage/store.ts'
import { cpuOfProcess } from './cpu.ts'
import { answer } from './scope.ts'

/**
 * Creating a time entry with all that makes it durable and nothing of the protocol: a bare Fastify route that stores a row, the event
 * with the representation it was given beforehand and a held delivery, and answers that representation.
 */
async function start({ directory, representation }: { directory: string; representation: string }): Promise<number> {
  const log = createLog('error', (line) => process.stderr.write(line))
  const store = await openSqliteStore({ directory, clock: systemClock, log, synchronous: 'FULL' })
  const app = fastify()
  app.post('/api/v3/time_entries', async (request, reply) => {
    const { comment } = request.body as { comment: { raw: string } }
    const { outcome } = await store.commit(sketch(store.allocateId('timeEntries'), comment.raw, representation))
    return reply
      .code(outcome === 'committed' ? 201 : 503)
      .type('application/hal+json')
      .send(representation)
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  return (app.server.address() as AddressInfo).port
}

function sketch(id: number, comment: string, representation: string): WriteSet {
  const now = systemClock.now()
  const row = {
    ...{ id, projectId: 1, workPackageId: 1, userId: 1, activityId: null, comment, spentOn: '2026-03-01' },
    ...{ minutes: 90, ongoing: false, revision: 0, createdAt: now, updatedAt: now },
  }
  const event = {
    ...({ id: `evt_${systemRandom.uuid()}`, name: 'time_entry:created', projectId: 1, occurredAt: now } as const),
    body: `{"action":"time_entry:created","time_entry":${representation}}`,
    webhooks: ['hook-0'],
  }
  return { expect: [], mutations: [{ op: 'insert', table: 'timeEntries', row }], events: [event] }
}

answer({ start, cpu: cpuOfProcess })
