import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import type { Access } from '../../src/admin/access.ts'
import { createMetrics } from '../../src/admin/metrics.ts'
import { type AdminDependencies, createAdminServer } from '../../src/admin/server.ts'
import type { ApplicationAdmin, ApplicationSummary } from '../../src/admin/applications.ts'
import type { TokenAdmin, TokenSummary } from '../../src/admin/tokens.ts'
import { type Clock, systemClock } from '../../src/base/clock.ts'
import { createLog } from '../../src/base/log.ts'
import { fail, ok } from '../../src/base/result.ts'
import type { Problem } from '../../src/resources/problem.ts'
import type { Store } from '../../src/storage/store.ts'
import { openSqliteStore } from '../../src/storage/sqlite/sqlite-store.ts'
import { createHandListing, type HandListing } from './listing.ts'

/** 2026-03-01T12:00:00Z */
export const NOON = 1_772_366_400_000

export interface AdminUnderTest extends AsyncDisposable {
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  readonly port: number
  readonly listing: HandListing
  readonly store: Store
  readonly logged: readonly string[]
  /** Ends the listener, and only it. */
  close(): Promise<void>
}

export interface AdminOptions {
  readonly access?: Access
  readonly clock?: Clock
  readonly problems?: readonly Problem[]
  readonly readiness?: AdminDependencies['readiness']
  readonly ping?: AdminDependencies['ping']
  readonly dueAt?: AdminDependencies['dueAt']
}

/** A real admin listener on a free loopback port, over a real store in a directory of its own. */
export async function startAdmin(options: AdminOptions = {}): Promise<AdminUnderTest> {
  const directory = await mkdtemp(join(tmpdir(), 'nepenthes-admin-'))
  const logged: string[] = []
  const log = createLog('info', (line) => logged.push(line))
  const clock = options.clock ?? systemClock
  const store = await openSqliteStore({ directory, clock: systemClock, log })
  store.onDeliveries(() => undefined)
  const listing = createHandListing(options.problems)
  const server = createAdminServer({
    listing,
    deliveries: store,
    dueAt: options.dueAt ?? (({ nextAttemptAt }) => nextAttemptAt),
    tokens: createHandTokens(),
    applications: createHandApplications(),
    ping: options.ping ?? (async () => fail({ reason: 'not-running', message: 'nothing sends here' })),
    readiness: options.readiness ?? (() => ({ ready: true, reasons: [] })),
    metrics: createMetrics({ version: '0', listing, pending: () => 0, circuitsOpen: () => 0, configVersion: () => 1 })
      .registry,
    access: options.access ?? { loopback: true },
    clock,
    log,
  })
  const url = await server.listen({ host: '127.0.0.1', port: 0 })
  return {
    url,
    port: Number(new URL(url).port),
    listing,
    store,
    logged,
    close: () => server.close(),
    async [Symbol.asyncDispose]() {
      await server.close()
      await store.close()
      await rm(directory, { recursive: true })
    },
  }
}

/** Two events: evt_1 to `billing` and `audit`, of which billing has failed once; evt_2 to `billing`, not tried yet. */
export async function seedDeliveries(store: Store): Promise<void> {
  const event = { name: 'time_entry:created', projectId: 7 } as const
  await commit(store, {
    ...event,
    id: 'evt_1',
    occurredAt: NOON,
    body: '{"action":"time_entry:created"}',
    webhooks: ['billing', 'audit'],
  })
  await commit(store, { ...event, id: 'evt_2', occurredAt: NOON + 1000, body: '{"n":2}', webhooks: ['billing'] })
  const failed = (await store.deliveries({ limit: 10 })).find(
    (row) => row.eventId === 'evt_1' && row.webhook === 'billing',
  )
  if (!failed) throw new Error('the first delivery is not there')
  await store.recordDispatch({
    attempts: [
      {
        deliverySeq: failed.seq,
        attempt: 1,
        startedAt: NOON + 5,
        durationMs: 12,
        outcome: 'http',
        statusCode: 500,
        message: 'the receiver answered 500',
        responseBody: 'no\u001b[31m way',
      },
    ],
    deliveries: [
      {
        seq: failed.seq,
        state: 'dead',
        attempts: 1,
        nextAttemptAt: NOON,
        lastFailure: 'the receiver answered 500',
        finishedAt: NOON + 17,
      },
    ],
    endpoints: [],
  })
}

async function commit(store: Store, event: Parameters<Store['commit']>[0]['events'][number]): Promise<void> {
  const { outcome } = await store.commit({ expect: [], mutations: [], events: [event] })
  if (outcome !== 'committed') throw new Error(`the event was not stored: ${outcome}`)
}

/** Tokens in memory, for the user `admin` only. */
function createHandTokens(): TokenAdmin {
  const tokens: TokenSummary[] = []
  return {
    async create(user, name) {
      if (user !== 'admin') return fail(`there is no user "${user}"`)
      const summary = { id: tokens.length + 1, user, name, createdAt: NOON }
      tokens.push(summary)
      return ok({ ...summary, text: `text-of-${name}` })
    },
    list: async () => tokens,
    async revoke(id) {
      const index = tokens.findIndex((token) => token.id === id)
      if (index < 0) return fail(undefined)
      tokens.splice(index, 1)
      return ok(undefined)
    },
  }
}

/** Applications in memory; a name that is taken is all they refuse. */
function createHandApplications(): ApplicationAdmin {
  const applications: ApplicationSummary[] = []
  return {
    async create(request) {
      if (applications.some(({ name }) => name === request.name)) return fail(['the name is taken', 'choose another'])
      const summary = { ...request, clientId: String(applications.length + 1).padStart(32, '0'), createdAt: NOON }
      applications.push(summary)
      return ok({ ...summary, secret: request.public ? undefined : `secret-of-${request.name}` })
    },
    list: async () => applications,
    async delete(clientId) {
      const index = applications.findIndex((application) => application.clientId === clientId)
      if (index < 0) return fail(undefined)
      applications.splice(index, 1)
      return ok(undefined)
    },
  }
}
