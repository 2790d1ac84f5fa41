import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { customResourceDefinition } from '../../src/resources/crd.ts'
import { installDefinitions, secret, startCluster, webhook, withoutStatusField } from '../support/cluster.ts'
import { tries } from '../support/effort.ts'
import type { FakeApiServer, Fault, Manifest } from '../support/fake-apiserver/index.ts'
import type { Schema } from '../support/fake-apiserver/schema.ts'
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts'
import {
  createDataPlace,
  startInProcess,
  type DataPlace,
  type ProgramInProcess,
} from '../support/program-in-process.ts'
import { seededRandom } from '../support/seeded-random.ts'
import { createReceiver, type Answer, type Received, type Receiver } from '../support/receiver.ts'

const FIRST = 'the first secret, long enough'
const SECOND = 'the second secret, long enough'
const HOUR_MS = 3_600_000
/** After which of its requests the program is stopped: from the first to beyond the last of a start. */
const REQUESTS = tries(4, 40)

let clock: FakeClock
let server: FakeApiServer
let receiver: Receiver
let place: DataPlace
let program: ProgramInProcess
/** It has ended by itself. */
let hasFailed: boolean

const hook = (spec: Record<string, unknown> = {}) =>
  webhook('hook', { url: receiver.url, signature: { secretKeyRef: { name: 'hook', key: 'secret' } }, ...spec })

/** Looks until it holds, a second going by with each look. */
function until<T>(look: () => T | Promise<T>): Promise<T> {
  return vi.waitFor(
    async () => {
      clock.advance(1000)
      return await look()
    },
    { timeout: 15_000, interval: 10 },
  )
}

interface Status {
  readonly observedGeneration?: number
  readonly conditions?: readonly { type: string; status: string; reason: string }[]
}

/** What the server has of what is said of an object: its conditions, of its newest generation. */
function said(name: string): Record<string, string> {
  const object = server.objects.get('webhooks', name)
  const { observedGeneration, conditions = [] } = (object?.status ?? {}) as Status
  if (observedGeneration !== object?.metadata.generation) return {}
  return Object.fromEntries(conditions.map(({ type, status, reason }) => [type, `${status} ${reason}`]))
}

const untilSaid = (name: string, expected: Record<string, string>) =>
  until(() => expect(said(name)).toMatchObject(expected))

function expectSigned({ body, headers }: Received, secretText: string): void {
  const verify = () =>
    new Webhook(secretText, { format: 'raw' }).verify(String(body), headers as Record<string, string>)
  // It was sent on our clock.
  vi.useFakeTimers({ toFake: ['Date'], now: Number(headers['webhook-timestamp']) * 1000 })
  expect(verify).not.toThrow()
  vi.useRealTimers()
}

/** Whatever the program waits for in order to stop, time goes by. */
async function stopped(): Promise<void> {
  let isOver = false
  const stopping = program.app.stop().finally(() => (isOver = true))
  await until(() => expect(isOver).toBe(true))
  await stopping
}

async function nothingLeft(): Promise<void> {
  expect(clock.timers).toBe(0)
  await vi.waitFor(() => expect([server.sockets, receiver.connections]).toEqual([[], 0]), { timeout: 5_000 })
}

beforeEach(async () => {
  hasFailed = false
  clock = createFakeClock()
  server = await startCluster({ clock })
  receiver = await createReceiver()
  place = createDataPlace(server)
  server.objects.put(secret('hook', { secret: FIRST }))
  server.objects.put(hook())
  program = await startInProcess(place, clock)
  await untilSaid('hook', { Ready: 'True Ready' })
})
afterEach(async () => {
  if (!hasFailed) {
    expect(await program.metric('nepenthes_watch_drift_total')).toBe(0)
    await stopped()
  }
  await nothingLeft()
  await server.close()
  await receiver.close()
  place.dispose()
})

describe('while a delivery is under way, its Secret', () => {
  let answer: (answer: Answer) => void

  /** A delivery that is answered when the test says so; those after it at once. */
  beforeEach(async () => {
    const { promise, resolve } = Promise.withResolvers<Answer>()
    answer = resolve
    receiver.answer = (_, index) => (index === 0 ? promise : 204)
    await program.createProject('one')
    await until(() => expect(receiver.requests).toHaveLength(1))
  })

  /** The second request is another try of the first, and nothing comes after it. */
  async function triedAgain(secretText: string): Promise<void> {
    await untilSaid('hook', { Ready: 'True Ready', Delivering: 'True Delivered' })
    const [first, second] = receiver.requests as [Received, Received]
    expectSigned(first, FIRST)
    expectSigned(second, secretText)
    expect([second.headers['webhook-id'], second.body]).toEqual([first.headers['webhook-id'], first.body])
    expect(receiver.requests).toHaveLength(2)
  }

  it('is rotated: the next try is signed anew', async () => {
    server.objects.put(
      webhook('after', { events: ['project:updated'], signature: { secretKeyRef: { name: 'after', key: 'secret' } } }),
    )
    await untilSaid('after', { ResolvedRefs: 'False SecretNotFound' })
    server.objects.put(secret('hook', { secret: SECOND }))
    // Told by the same watch: once this is known, so is that.
    server.objects.put(secret('after', { secret: FIRST }))
    await untilSaid('after', { Ready: 'True Ready' })
    answer(500)
    await triedAgain(SECOND)
  })

  it.each([
    ['deleted', () => server.objects.delete('secrets', 'hook'), 'SecretNotFound'],
    [
      'closed to webhooks',
      () => server.objects.put(secret('hook', { secret: FIRST }, { open: false })),
      'RefNotPermitted',
    ],
    ['spoilt', () => server.objects.put(secret('hook', { secret: 'short' })), 'InvalidSecret'],
  ])('is %s: the next try waits, for hours, until there is one again', async (_how, change, reason) => {
    change()
    await untilSaid('hook', { ResolvedRefs: `False ${reason}` })
    answer(500)
    for (let hours = 0; hours < 10; hours += 1) {
      clock.advance(HOUR_MS)
      await until(() => expect(receiver.requests).toHaveLength(1))
    }
    server.objects.put(secret('hook', { secret: SECOND }))
    await triedAgain(SECOND)
  })

  it('is deleted and made again at once, with another value: the next try is signed with that', async () => {
    server.objects.delete('secrets', 'hook')
    server.objects.put(secret('hook', { secret: SECOND }))
    answer(500)
    await triedAgain(SECOND)
  })
})

function arrange(): void {
  const signature = { secretKeyRef: { name: 'canary', key: 'secret' } }
  server.objects.put(secret('hook', { secret: FIRST }))
  server.objects.put(hook())
  server.objects.put(secret('canary', { secret: 'short' }))
  server.objects.put(webhook('canary', { events: ['project:updated'], signature }))
  server.objects.put(webhook('old', {}))
}

/** Whatever somebody may want of an operator in a minute, and what has to come of it. */
async function goOn(): Promise<void> {
  server.objects.put(hook({ description: 'edited' }))
  server.objects.put(secret('hook', { secret: SECOND }))
  // Told by the same watch: once this is known, so is that.
  server.objects.put(secret('canary', { secret: FIRST }))
  server.objects.put(webhook('new', { url: `${receiver.url}&new` }))
  server.objects.delete('webhooks', 'old')
}

async function expectAllDone(): Promise<void> {
  for (const name of ['hook', 'new', 'canary']) await untilSaid(name, { Ready: 'True Ready' })
  await until(async () => expect(await program.isKnown('Webhook/old')).toBe(false))
  await program.createProject('after')
  await until(() => expect(receiver.requests).toHaveLength(2))
  const [signed] = receiver.requests.filter(({ path }) => !path.endsWith('&new'))
  expectSigned(signed as Received, SECOND)
  for (const name of ['hook', 'new']) await untilSaid(name, { Delivering: 'True Delivered' })
  expect(server.objects.get('leases', 'nepenthes-operator')?.spec).toMatchObject({ leaseTransitions: 0 })
}

/** Time goes by, a second at a turn. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 1000) {
    clock.advance(1000)
    await new Promise(setImmediate)
  }
}

/** Nothing gets through, and nobody says so. */
async function blackhole(ms: number): Promise<void> {
  const lift = server.faults.inject({}, { kind: 'hang' })
  for (const watch of server.watches) watch.freeze()
  await goOn()
  await pass(ms)
  lift()
}

/** Two minutes in which all that is asked is answered like this, and all is asked. */
const slowly = (fault: Fault) => async () => {
  const lift = server.faults.inject({}, fault)
  for (const watch of server.watches) watch.reset()
  server.compact()
  await goOn()
  await pass(120_000)
  lift()
}

/** What was there stays, but the server counts its versions from before. */
async function restore(): Promise<void> {
  const before = server.revision
  server.jump(before + 10_000)
  server.objects.put(hook({ description: 'lost' }))
  for (const watch of server.watches) watch.bookmark()
  await untilSaid('hook', { Ready: 'True Ready' })
  server.jump(before)
  for (const watch of server.watches) watch.reset()
  await goOn()
}

async function compactFor(seconds: number): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    server.compact()
    server.watches[second % 3]?.reset()
    await pass(1000)
  }
}

async function loseNamespace(): Promise<void> {
  server.objects.delete('namespaces', 'default')
  await pass(60_000)
  server.objects.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } })
}

async function loseDefinitions(): Promise<void> {
  for (const plural of ['webhooks', 'apisettings'])
    server.objects.delete('customresourcedefinitions', `${plural}.nepenthes.dev`)
  await pass(60_000)
  installDefinitions(server)
}

const definition = () => customResourceDefinition('Webhook') as unknown as Manifest

/** A deletion that waits for somebody else, until a person has enough of it. */
async function holdBack(): Promise<void> {
  server.objects.put(webhook('old', {}, { finalizers: ['example.com/hold'] }))
  await goOn()
  await pass(60_000)
  const { metadata, spec } = server.objects.get('webhooks', 'old') as Manifest & { spec: Record<string, unknown> }
  server.objects.put(webhook('old', spec, { ...metadata, finalizers: [] }))
}

/** Those of an earlier version of the program, which one applies before its own. */
async function olderDefinitions(): Promise<void> {
  server.objects.put(withoutStatusField(definition(), 'endpoint'))
  await goOn()
  await pass(60_000)
  installDefinitions(server)
}

/** Those of the version that comes next, while this one still runs. */
async function newerDefinitions(): Promise<void> {
  const newer = definition() as Manifest & { spec: { versions: { schema: { openAPIV3Schema: Schema } }[] } }
  for (const { schema } of newer.spec.versions) schema.openAPIV3Schema = withField(schema.openAPIV3Schema)
  server.objects.put(newer)
  await goOn()
}

function withField(schema: Schema): Schema {
  const { spec = {}, status = {}, ...rest } = schema.properties ?? {}
  const grown = (one: Schema) => ({ ...one, properties: { ...one.properties, novel: { type: 'string' } } })
  return { ...schema, properties: { ...rest, spec: grown(spec), status: grown(status) } }
}

/** What goes wrong, and when what people do meanwhile is done. */
const TROUBLES: [string, () => Promise<void>][] = [
  ['nothing', goOn],
  ['a wall clock that steps an hour forward', async () => (clock.step(HOUR_MS), goOn())],
  ['a standstill of 20 s', async () => (await goOn(), clock.stall(20_000))],
  ['a server that goes and comes back as it was', async () => (await server.stop(), await goOn(), server.restart())],
  ['no sign of the server for 10 min', () => blackhole(600_000)],
  ['a namespace that went and came back', async () => (await loseNamespace(), arrange(), goOn())],
  ['definitions that went and came back', async () => (await loseDefinitions(), arrange(), goOn())],
  ['a finalizer that a person takes off', holdBack],
  ['a server restored from an older backup', restore],
  ['a compaction each second', async () => (await goOn(), compactFor(60))],
  ['definitions of the version after', newerDefinitions],
  ['a server that takes 9 s for each answer', slowly({ kind: 'slow', delayMs: 9_000 })],
]

/** They take seconds each. */
const LONGER: typeof TROUBLES = [
  ['a wall clock that steps an hour back', async () => (clock.step(-HOUR_MS), goOn())],
  ['a standstill of 20 s before', async () => (clock.stall(20_000), goOn())],
  ['a server whose answers come in dribs and drabs', slowly({ kind: 'trickle', bytes: 20 })],
  ['no sign of the server for 10 s', () => blackhole(10_000)],
  ['definitions of the version before, for a while', olderDefinitions],
]

describe('in the end all is as it would have been', () => {
  beforeEach(async () => {
    arrange()
    await untilSaid('canary', { ResolvedRefs: 'False InvalidSecret' })
    await untilSaid('old', { Ready: 'True Ready' })
  })

  it.each([...TROUBLES, ...LONGER.slice(0, tries(0, LONGER.length))])('without %s', async (_what, trouble) => {
    await trouble()
    await expectAllDone()
  })
})

describe('a standstill in which another operator has taken over', () => {
  it('ends the program, which writes nothing more before', async () => {
    await until(() => expect(server.objects.list('events', 'default')).toHaveLength(1))
    const lease = server.objects.get('leases', 'nepenthes-operator') as Manifest
    server.objects.put({ ...lease, spec: { ...(lease['spec'] as object), holderIdentity: 'another' } })
    server.objects.put(hook({ description: 'edited' }))
    server.requests.clear()
    clock.stall(20_000)
    const ended = program.app.closed.then(
      () => 'stopped',
      (error: Error) => error.message,
    )
    hasFailed = true
    const first = await until(() => Promise.race([ended, Promise.reject(new Error('not yet'))]))
    expect(first).toContain('taken over by another')
    expect(server.requests.all.filter(({ verb }) => ['patch', 'create'].includes(verb))).toEqual([])
    expect(server.objects.get('leases', 'nepenthes-operator')?.spec).toMatchObject({ holderIdentity: 'another' })
  })
})

describe('stopped at any moment', () => {
  /** Stops the program when it has asked the server so many things, and a few turns later. */
  async function runUntil(requests: number, turns: number): Promise<void> {
    const { promise: reached, resolve } = Promise.withResolvers<void>()
    let count = 0
    const countUp = () => (++count >= requests && resolve(), false)
    const uncount = server.faults.inject({ when: countUp }, { kind: 'hang' })
    program = await startInProcess(place, clock)
    let isReached = false
    void reached.then(() => (isReached = true))
    await until(() => expect(isReached).toBe(true))
    for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate)
    await stopped()
    uncount()
    await nothingLeft()
  }

  it(`it leaves nothing behind, and who comes next goes on (${REQUESTS} moments)`, async () => {
    const random = seededRandom(REQUESTS)
    await stopped()
    arrange()
    for (let requests = 1; requests <= REQUESTS; requests += 1) {
      server.objects.put(hook({ description: `edit ${requests}` }))
      await runUntil(requests, random.integer(0, 20))
    }
    program = await startInProcess(place, clock)
    await goOn()
    for (const name of ['hook', 'new', 'canary']) await untilSaid(name, { Ready: 'True Ready' })
    await program.createProject('after')
    await until(() => expect(receiver.requests).toHaveLength(2))
  })
})
