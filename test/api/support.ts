import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { createLog } from '../../src/base/log.ts'
import { systemRandom } from '../../src/base/random.ts'
import { seed } from '../../src/api/seed.ts'
import { createToken } from '../../src/api/tokens.ts'
import { createApi } from '../../src/api/server.ts'
import type { ApiStore } from '../../src/api/context.ts'
import type { ServerLimits } from '../../src/api/limits.ts'
import { effectiveApiSettings, type ApiSettingsSpec } from '../../src/resources/api-settings.ts'
import type { EventName } from '../../src/resources/vocabulary.ts'
import { effectiveWebhook } from '../../src/resources/webhook.ts'
import { compileRoutes } from '../../src/routing/route-table.ts'
import type { ProgrammedWebhook, Snapshot } from '../../src/routing/snapshot.ts'
import { keepReads } from '../../src/storage/kept-reads.ts'
import { openSqliteStore } from '../../src/storage/sqlite/sqlite-store.ts'
import type { Store } from '../../src/storage/store.ts'
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts'

export const ADMIN_TOKEN = `opapi-${'ab'.repeat(32)}`
export const PUBLIC_URL = 'https://projects.example.com'

export interface HookSpec {
  readonly name: string
  readonly events: EventName[]
  readonly projects?: string[]
  readonly enabled?: boolean
}

export interface TestSettings {
  readonly api?: ApiSettingsSpec
  readonly webhooks?: readonly HookSpec[]
  readonly complete?: boolean
}

export interface CallOptions {
  readonly headers?: Record<string, string>
  /** null: without credentials. */
  readonly token?: string | null
}

export interface TestApi {
  readonly app: FastifyInstance
  readonly store: Store
  readonly clock: FakeClock
  /** Ids and identifiers of projects that were said to have changed. */
  readonly projectChanges: (readonly string[])[]
  /** Log lines of level warn and above. */
  readonly logged: string[]
  /** Replaces the snapshot, as the reconciler does. */
  configure(settings: TestSettings): void
  call(method: string, path: string, body?: unknown, options?: CallOptions): Promise<LightMyRequestResponse>
  /** Creates and returns the representation; throws unless 201. */
  create(path: string, body: unknown): Promise<Json>
  close(): Promise<void>
}

export interface Json {
  [key: string]: unknown
  id: number
  lockVersion: number
  _links: Record<string, { href: string | null; title?: string }>
  _embedded: Record<string, Json> & { elements: Json[] }
}

/** A snapshot made by hand, with real settings and a real route table. */
export function snapshotOf({ api = {}, webhooks = [], complete = true }: TestSettings, version: number): Snapshot {
  const programmed = webhooks.map(programmedWebhook)
  return {
    version,
    complete,
    api: effectiveApiSettings(api),
    webhooks: new Map(programmed.map((webhook) => [webhook.name, webhook])),
    routes: compileRoutes(programmed),
  }
}

function programmedWebhook({ name, ...spec }: HookSpec): ProgrammedWebhook {
  return {
    name,
    generation: 1,
    spec: effectiveWebhook(name, { url: 'https://receiver.example.com/hook', ...spec }),
    credentials: {
      url: 'https://receiver.example.com/hook',
      urlIsSecret: false,
      signing: [],
      headers: [],
      ca: undefined,
      secrets: [],
    },
    hold: undefined,
    resumeAt: undefined,
  }
}

/** The API over a real store in a directory of its own, with a clock that stands still. `wrap` may put itself before the store. */
export async function openTestApi(
  settings: TestSettings = {},
  {
    wrap = (store) => store,
    limits = {},
  }: { wrap?: (store: ApiStore) => ApiStore; limits?: Partial<ServerLimits> } = {},
): Promise<TestApi> {
  const directory = mkdtempSync(join(tmpdir(), 'nepenthes-api-'))
  const clock = createFakeClock()
  const logged: string[] = []
  const log = createLog('warn', (line) => logged.push(line))
  const store = keepReads(await openSqliteStore({ directory, clock, log, synchronous: 'OFF' }))
  const seeded = await seed(store, clock, { adminToken: ADMIN_TOKEN })
  if (!seeded.ok) throw new Error(seeded.error.reason)
  const held = { current: snapshotOf(settings, 1) }
  const projectChanges: (readonly string[])[] = []
  const app = createApi({
    store: wrap(store),
    snapshots: {
      get current() {
        return held.current
      },
      subscribe: () => () => undefined,
    },
    clock,
    random: systemRandom,
    log,
    publicUrl: PUBLIC_URL,
    version: '1.2.3',
    limits,
    onProjectsChanged: (projects) => void projectChanges.push(projects),
  })
  const call: TestApi['call'] = (method, path, body, { headers = {}, token = ADMIN_TOKEN } = {}) =>
    app.inject({
      method: method as 'GET',
      url: path,
      headers: {
        ...(token !== null && { authorization: `Bearer ${token}` }),
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && { payload: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
  return {
    app,
    store,
    clock,
    logged,
    projectChanges,
    configure: (next) => (held.current = snapshotOf(next, held.current.version + 1)),
    call,
    async create(path, body) {
      const response = await call('POST', path, body)
      if (response.statusCode !== 201) throw new Error(`POST ${path}: ${response.statusCode} ${response.body}`)
      return response.json()
    },
    async close() {
      await app.close()
      await store.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

export const href = (path: string) => ({ href: `/api/v3/${path}` })

/** Runs once, ahead of the next commit, what `state.before` then is. */
export function beforeCommit(state: { before?: (() => Promise<unknown>) | undefined }) {
  return (store: ApiStore): ApiStore =>
    overriding(store, {
      async commit(write) {
        const { before } = state
        delete state.before
        await before?.()
        return store.commit(write)
      },
    })
}

/** The same store with some of its functions replaced; the others are inherited, as the store's own layers are. */
export function overriding(store: ApiStore, parts: Partial<ApiStore>): ApiStore {
  return Object.assign(Object.create(store) as ApiStore, parts)
}

/** A work package as events have it: without the viewer's own links for watching. */
export function withoutWatching<T extends Pick<Json, '_links'>>(shown: T): T {
  const names = /^(watch|unwatch|watchers|availableWatchers|addWatcher|removeWatcher)$/
  return { ...shown, _links: Object.fromEntries(Object.entries(shown._links).filter(([name]) => !names.test(name))) }
}

export const MEMBER = href('roles/1')
export const PROJECT_ADMIN = href('roles/2')

/** A user with a token of its own. */
export interface TestUser {
  readonly id: number
  readonly token: string
}

export async function createTestUser(api: TestApi, login: string, parts: object = {}): Promise<TestUser> {
  const person = { login, firstName: login, lastName: 'Doe', email: `${login}@example.net` }
  const { id } = await api.create('/api/v3/users', { ...person, ...parts })
  const created = await createToken(api.store, api.clock, systemRandom, { login, name: 'test' })
  if (!created.ok) throw new Error(created.error.reason)
  return { id, token: created.value.token }
}

/** Makes the user a member of the project; the membership. */
export function addMember(api: TestApi, project: string, userId: number, ...roles: object[]): Promise<Json> {
  const links = { project: href(`projects/${project}`), principal: href(`users/${userId}`) }
  return api.create('/api/v3/memberships', { _links: { ...links, roles: roles.length > 0 ? roles : [MEMBER] } })
}
