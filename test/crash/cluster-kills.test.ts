import { once } from 'node:events'
import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { apiSettings, secret, startCluster, webhook } from '../support/cluster.ts'
import { seeds } from '../support/effort.ts'
import type { FakeApiServer } from '../support/fake-apiserver/index.ts'
import { createPlace, launchProgram, type Place, type Program } from '../support/program.ts'
import { createReceiver, type Receiver } from '../support/receiver.ts'
import { seededRandom, type SeededRandom } from '../support/seeded-random.ts'

const KILLS = 8
const NAMES = ['a', 'b', 'c', 'd']
const SECRETS = ['the first secret, long enough', 'the second secret, long enough']

let receiver: Receiver
let server: FakeApiServer
let place: Place

beforeAll(async () => void (receiver = await createReceiver()))
afterAll(() => receiver.close())
beforeEach(async () => {
  server = await startCluster()
  place = createPlace()
})
afterEach(async () => {
  await server.close()
  place.dispose()
})

const launch = () =>
  launchProgram(place, ['--kubernetes'], { KUBECONFIG: server.kubeconfig(join(place.root, 'kubeconfig')) })

function remove(resource: string, name: string): void {
  if (server.objects.get(resource, name)) server.objects.delete(resource, name)
}

/** Whatever somebody may do to the objects of a namespace. */
function happen(random: SeededRandom): void {
  const name = random.pick(NAMES)
  const signed = { url: receiver.url, signature: { secretKeyRef: { name: 'hook', key: 'secret' } } }
  const act = random.pick([
    () => server.objects.put(webhook(name, signed)),
    () => server.objects.put(webhook(name, { ...signed, description: `edit ${random.integer(1, 1e6)}` })),
    () => server.objects.put(webhook(name, { ...signed, events: ['attachment:created'] })),
    () => remove('webhooks', name),
    () => server.objects.put(secret('hook', { secret: random.pick(SECRETS) })),
    () => server.objects.put(apiSettings({ maxPageSize: random.integer(1, 99) })),
  ])
  act()
}

/** Ends the operator, properly or not, at a random turn of whatever it is at, with objects changing all the while. */
async function runAndKill(random: SeededRandom): Promise<void> {
  // Nobody waits here for the lease of who was killed to run out.
  remove('leases', 'nepenthes-operator')
  const { child, ready } = launch()
  const exit = once(child, 'exit')
  ready.catch(() => undefined)
  const happenings = random.integer(1, 30)
  const settled = random.fraction() < 0.7 ? ready.catch(() => undefined) : Promise.resolve()
  await settled
  for (let n = 0; n < happenings; n += 1) {
    happen(random)
    for (let turn = random.integer(0, 400); turn > 0; turn -= 1) await new Promise((resolve) => setImmediate(resolve))
  }
  const signal = random.pick(['SIGKILL', 'SIGTERM'] as const)
  child.kill(signal)
  // While it starts nothing minds the signal yet, and nothing has to be wound up.
  const [code, by] = (await exit) as [number | null, string | null]
  expect(signal === 'SIGTERM' && code !== null ? code : by).toBe(signal === 'SIGTERM' && code !== null ? 0 : signal)
}

interface Said {
  readonly observedGeneration?: number
  readonly conditions?: readonly { readonly type: string; readonly status: string; readonly reason: string }[]
}

/** What the status has to say of the newest generation, by the spec alone. */
function expected(spec: Record<string, unknown>): string {
  return JSON.stringify(spec['events']).includes('attachment') ? 'False UnsupportedValue' : 'True Ready'
}

async function createProject(program: Program, identifier: string): Promise<void> {
  const made = await program.call('POST', '/api/v3/projects', { name: identifier, identifier })
  expect(made.status).toBe(201)
}

describe('an operator that is killed while a namespace changes', () => {
  it.each(seeds([], 1, 12))(`ends where one would that never was, ${KILLS} kills from seed %i`, async (seed) => {
    const random = seededRandom(seed)
    server.objects.put(secret('hook', { secret: SECRETS[0] ?? '' }))
    for (let kill = 0; kill < KILLS; kill += 1) await runAndKill(random)
    server.objects.put(secret('hook', { secret: SECRETS[1] ?? '' }))
    server.objects.put(
      webhook('a', { url: receiver.url, signature: { secretKeyRef: { name: 'hook', key: 'secret' } } }),
    )
    remove('leases', 'nepenthes-operator')
    const { child, ready } = launch()
    const program = await ready
    await vi.waitFor(() => {
      for (const name of NAMES) {
        const object = server.objects.get('webhooks', name)
        if (!object) continue
        const status = object.status as Said
        const said = status.conditions?.find(({ type }) => type === 'Ready')
        expect([name, status.observedGeneration, `${said?.status} ${said?.reason}`]).toEqual([
          ...[name, object.metadata.generation],
          expected(object.spec as Record<string, unknown>),
        ])
      }
    }, 20_000)
    const count = receiver.requests.length
    await createProject(program, `p${seed}`)
    const request = (await receiver.received(count + 1))[count]
    const verify = () =>
      new Webhook(SECRETS[1] ?? '', { format: 'raw' }).verify(
        String(request?.body),
        request?.headers as Record<string, string>,
      )
    expect(verify).not.toThrow()
    child.kill('SIGKILL')
    await once(child, 'exit')
  })
})
