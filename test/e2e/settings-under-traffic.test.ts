import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { apiSettingsYaml } from '../reconcile/environment.ts'
import { createPlace, startProgram, type Place, type Program } from '../support/program.ts'

/** The settings through time; each has a page size of its own, by which an answer tells which of them it was made under. */
interface Settings {
  readonly enabled: boolean
  readonly docs: boolean
  readonly origins: readonly string[]
  readonly pageSize: number
}

const HERE = 'https://here.example'
const THERE = 'https://there.example'
const FIRST: Settings = { enabled: true, docs: false, origins: [], pageSize: 20 }
const CHANGES: readonly Partial<Settings>[] = [
  { docs: true },
  { origins: [HERE] },
  { origins: [HERE, THERE], docs: false },
  { enabled: false },
  { enabled: true },
  { origins: [THERE], docs: true },
  { enabled: false, origins: [] },
  { enabled: true },
  { origins: [HERE] },
  { docs: false },
]
const HISTORY = CHANGES.reduce<Settings[]>(
  (past, change, index) => [...past, { ...FIRST, ...past.at(-1), ...change, pageSize: FIRST.pageSize + index + 1 }],
  [FIRST],
)
const CLIENTS_EACH = 3
/** A client that is never told to stop ends all the same. */
const REQUESTS_MAX = 20_000

const documentOf = ({ enabled, docs, origins, pageSize }: Settings) =>
  apiSettingsYaml(
    `enabled: ${enabled}`,
    `maxPageSize: ${pageSize}`,
    `docs: {enabled: ${docs}}`,
    `cors: {enabled: ${origins.length > 0}, allowedOrigins: [${origins.join(', ')}]}`,
  )

interface Ask {
  readonly method?: string
  readonly path: string
  readonly headers?: Record<string, string>
  /** Whether the answer is the right one under these settings. */
  readonly fits: (settings: Settings, response: Response, text: string) => boolean
}

let place: Place
let program: Program

const allows = ({ origins }: Settings, response: Response) =>
  response.headers.get('access-control-allow-origin') === (origins.includes(HERE) ? HERE : null)
const pageSizeOf = (text: string, name: string) => (JSON.parse(text) as Record<string, number>)[name]

const ASKS: Record<string, Ask> = {
  configuration: {
    path: '/api/v3/configuration',
    headers: { origin: HERE },
    fits: (settings, response, text) =>
      allows(settings, response) &&
      (settings.enabled
        ? response.status === 200 && pageSizeOf(text, 'maximumAPIV3PageSize') === settings.pageSize
        : response.status === 403),
  },
  'a page': {
    path: '/api/v3/users?pageSize=-1',
    fits: ({ enabled, pageSize }, { status }, text) =>
      enabled ? status === 200 && pageSizeOf(text, 'pageSize') === pageSize : status === 403,
  },
  'the docs': {
    path: '/api/docs',
    fits: ({ enabled, docs }, { status }) => status === (enabled && docs ? 200 : 404),
  },
  'a style sheet': {
    path: '/api/docs/static/swagger-ui.css',
    fits: ({ enabled, docs }, { status }) => status === (enabled && docs ? 200 : 404),
  },
  'a preflight': {
    method: 'OPTIONS',
    path: '/api/v3/projects',
    headers: { origin: HERE, 'access-control-request-method': 'POST' },
    fits: (settings, response) => response.status === 200 && allows(settings, response),
  },
  'the token endpoint': {
    path: '/oauth/nowhere',
    headers: { origin: HERE },
    fits: (settings, response) => response.status === (settings.enabled ? 404 : 403) && allows(settings, response),
  },
}

beforeAll(async () => {
  place = createPlace()
  place.write('api.yaml', documentOf(FIRST))
  program = await startProgram(place)
  await program.until('ApiSettings/default', 'Ready', 'True')
})
afterAll(async () => {
  await program.kill('SIGKILL')
  place.dispose()
})

/** What the clients are measured by: the settings known to be live, and the newest that may be. */
const live = { oldest: 0, newest: 0, over: false }

/** Asks over and over, one request after another; everything that was not as it had to be. */
async function client(ask: Ask): Promise<{ count: number; faults: string[] }> {
  const faults: string[] = []
  let [count, oldest] = [0, 0]
  while (!live.over && count < REQUESTS_MAX) {
    oldest = Math.max(oldest, live.oldest)
    try {
      const headers = { authorization: `Bearer ${program.token}`, ...ask.headers }
      const response = await fetch(`${program.api}${ask.path}`, { method: ask.method ?? 'GET', headers })
      const text = await response.text()
      const fitting = HISTORY.findIndex(
        (settings, index) => index >= oldest && index <= live.newest && ask.fits(settings, response, text),
      )
      if (fitting < 0) faults.push(`${response.status} between ${oldest} and ${live.newest}: ${text.slice(0, 200)}`)
      // What one client has seen is not taken back.
      else oldest = fitting
    } catch (thrown) {
      faults.push(`no answer: ${String((thrown as Error).cause ?? thrown)}`)
    }
    count += 1
  }
  return { count, faults }
}

/** A web service that is off says nothing of its page size; the settings before it were on, so being off is enough. */
async function untilLive(settings: Settings): Promise<void> {
  await vi.waitFor(
    async () => {
      const { status, json } = await program.call('GET', '/api/v3/configuration')
      const seen = status === 200 ? json['maximumAPIV3PageSize'] === settings.pageSize : !settings.enabled
      expect(seen).toBe(true)
    },
    { timeout: 10_000, interval: 5 },
  )
}

describe('settings that change under traffic', () => {
  it('drop no request, and every answer is right by the settings before or after', async () => {
    const clients = Object.entries(ASKS).flatMap(([name, ask]) =>
      Array.from({ length: CLIENTS_EACH }, async () => ({ name, ...(await client(ask)) })),
    )
    for (const [index, settings] of HISTORY.entries()) {
      if (index > 0) {
        live.newest = index
        place.write('api.yaml', documentOf(settings))
      }
      await untilLive(settings)
      live.oldest = index
    }
    live.over = true
    const results = await Promise.all(clients)
    expect(results.flatMap(({ name, faults }) => faults.map((fault) => `${name}: ${fault}`))).toEqual([])
    for (const { name, count } of results) expect(count, name).toBeGreaterThan(CHANGES.length)
    expect(program.log.filter((line) => line.includes('"level":"error"'))).toEqual([])
  })
})
