import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ResourceKey } from '../../../src/resources/resource.ts'
import { EventSink } from '../../../src/sources/kubernetes/event-sink.ts'
import { TokenBucket } from '../../../src/sources/kubernetes/token-bucket.ts'
import { fails, holds, mergeConditions, type Finding } from '../../../src/status/conditions.ts'
import type { ResourceWithStatus } from '../../../src/status/status.ts'
import { webhook } from '../../support/cluster.ts'
import type { KubeObject } from '../../support/fake-apiserver/index.ts'
import { openBench, type Bench } from './following.ts'

const PROGRAMMED = holds('Programmed', 1, 'This generation is in force.')
const MISSING = fails('ResolvedRefs', 1, 'SecretNotFound', 'Secret x does not exist.')
const FOUND = holds('ResolvedRefs', 1, 'Every Secret was found.')

let bench: Bench
let sink: EventSink
let writes: TokenBucket
let shown: Map<ResourceKey, ResourceWithStatus>
let notify: (keys: ReadonlySet<ResourceKey>) => void
let logged: string[]
let mayWrite: boolean

const events = () => bench.server.objects.list('events', 'default')
const about = (name: string) => events().filter((event) => (event['involvedObject'] as { name: string }).name === name)
const words = (event: KubeObject) => `${String(event['type'])} ${String(event['reason'])}: ${String(event['message'])}`
const counts = () => events().map((event) => (event['series'] as { count: number } | undefined)?.count ?? 1)
const told = (expected: unknown) => bench.until(() => expect(events().map(words).sort()).toEqual(expected))
/** Looks until it holds while time stands still: nothing of what may be told is saved up meanwhile. */
const soon = <T>(look: () => T) => vi.waitFor(look, { timeout: 10_000, interval: 5 })
/** Nothing is under way, and nothing waits. */
const idle = () => soon(() => expect(bench.clock.timers).toBe(0))
const seconds = async (count: number) => {
  for (let second = 0; second < count; second += 1) {
    bench.clock.advance(1000)
    await new Promise(setImmediate)
  }
}
const writesOf = (verb: string) => bench.server.requests.count(verb, 'events')

function open(): EventSink {
  const log = { ...bench.parts.log, error: (_: unknown, message?: string) => logged.push(String(message)) }
  const listing = {
    get: (key: ResourceKey) => shown.get(key),
    subscribe: (listener: typeof notify) => ((notify = listener), () => undefined),
  }
  const parts = { ...bench.parts, log: log as unknown as typeof bench.parts.log, identity: 'pod-1' }
  const opened = new EventSink({ ...parts, listing, writes, mayWrite: () => mayWrite })
  opened.start()
  return opened
}

function make(name: string): void {
  sink.seen(`Webhook/${name}`, bench.server.objects.put(webhook(name, {})))
}

/** The conditions of a webhook from now on. */
function say(name: string, ...findings: Finding[]): void {
  const key: ResourceKey = `Webhook/${name}`
  const conditions = mergeConditions(shown.get(key)?.status.conditions ?? [], findings, bench.clock.now())
  const uid = bench.server.objects.get('webhooks', name)?.metadata.uid ?? 'none'
  const metadata = { name, generation: 1, uid }
  const status = { observedGeneration: 1, conditions }
  shown.set(key, { apiVersion: 'nepenthes.dev/v1', kind: 'Webhook', metadata, spec: {}, status })
  notify(new Set([key]))
}

beforeEach(async () => {
  bench = await openBench()
  shown = new Map()
  logged = []
  mayWrite = true
  writes = new TokenBucket(bench.clock, { perSecond: 20, burst: 200 })
  sink = open()
  make('a')
})
afterEach(async () => {
  await sink.stop()
  expect(bench.clock.timers).toBe(0)
  await bench.close()
})

describe('events', () => {
  it('tell of a turn, about its object, in the form of events.k8s.io/v1', async () => {
    say('a', PROGRAMMED, MISSING)
    await told(['Normal Programmed: This generation is in force.', 'Warning SecretNotFound: Secret x does not exist.'])
    const uid = bench.server.objects.get('webhooks', 'a')?.metadata.uid
    expect(events().find(({ type }) => type === 'Warning')).toMatchObject({
      reportingComponent: 'nepenthes.dev/operator',
      reportingInstance: 'pod-1',
      action: 'ResolveSecrets',
      involvedObject: { apiVersion: 'nepenthes.dev/v1', kind: 'Webhook', name: 'a', namespace: 'default', uid },
    })
  })

  it('are made of turns only: saying the same again is none', async () => {
    say('a', PROGRAMMED)
    await told(['Normal Programmed: This generation is in force.'])
    say('a', { ...PROGRAMMED, observedGeneration: 2, message: 'other words' })
    make('b')
    say('b', MISSING)
    await bench.until(() => expect(about('b')).toHaveLength(1))
    expect([about('a').length, writesOf('create'), writesOf('patch')]).toEqual([1, 2, 0])
  })

  it('are not made again by a new run of what the status on the object says already', async () => {
    await sink.stop()
    const condition = { ...PROGRAMMED, lastTransitionTime: '2026-05-01T00:00:00Z' }
    const status = { observedGeneration: 1, conditions: [condition] }
    const object = bench.server.objects.putStatus({ ...webhook('a', {}), status })
    sink = open()
    sink.seen('Webhook/a', object)
    say('a', PROGRAMMED)
    say('a', PROGRAMMED, MISSING)
    await told(['Warning SecretNotFound: Secret x does not exist.'])
  })

  it('the same within ten minutes is counted on the first; later it is another', async () => {
    const turn = async (finding: Finding, expected: number[]) => {
      say('a', finding)
      await soon(() => expect(counts().sort()).toEqual(expected))
      await idle()
      bench.clock.advance(1000)
    }
    await turn(MISSING, [1])
    await turn(FOUND, [1, 1])
    await turn(MISSING, [1, 2])
    await turn(FOUND, [2, 2])
    expect([writesOf('create'), writesOf('patch')]).toEqual([2, 2])
    bench.clock.advance(11 * 60_000)
    await turn(MISSING, [1, 2, 2])
  })

  it('one that the server has forgotten meanwhile is made anew', async () => {
    say('a', MISSING)
    await soon(() => expect(events()).toHaveLength(1))
    bench.server.objects.delete('events', events()[0]?.metadata.name ?? '')
    say('a', FOUND)
    await soon(() => expect(events()).toHaveLength(1))
    say('a', MISSING)
    await soon(() => expect(counts()).toEqual([1, 1]))
    expect(writesOf('patch')).toBe(1)
    // Each write, the one in vain too, is one of those that are allowed.
    expect(writes.left).toBe(200 - writesOf('patch') - writesOf('create'))
  })

  it('wait if another operator has taken over while they waited for their turn', async () => {
    for (let taken = 0; taken < 150; taken += 1) writes.tryTake()
    say('a', MISSING)
    mayWrite = false
    await seconds(20)
    expect(writesOf('create')).toBe(0)
    mayWrite = true
    await told(['Warning SecretNotFound: Secret x does not exist.'])
  })

  it('what turns back before it could be told is not told', async () => {
    mayWrite = false
    say('a', MISSING)
    bench.clock.advance(5_000)
    say('a', FOUND)
    make('b')
    say('b', PROGRAMMED)
    mayWrite = true
    await told(['Normal Programmed: This generation is in force.'])
    expect(about('b')).toHaveLength(1)
  })

  it('leave half of the burst to statuses', async () => {
    for (let taken = 0; taken < 150; taken += 1) writes.tryTake()
    say('a', MISSING)
    for (let round = 0; round < 20; round += 1) {
      bench.clock.advance(100)
      await new Promise(setImmediate)
    }
    expect(writesOf('create')).toBe(0)
    await bench.until(() => expect(events()).toHaveLength(1))
    expect(bench.clock.elapsed()).toBeGreaterThanOrEqual(2_550)
  })

  it('of one object are limited, however often it turns', async () => {
    for (let turn = 0; turn < 30; turn += 1) {
      say('a', fails('ResolvedRefs', 1, `Reason${turn}`, ''))
      await soon(() => expect(writesOf('create')).toBe(Math.min(turn + 1, 25)))
    }
    make('b')
    say('b', PROGRAMMED)
    await soon(() => expect(about('b')).toHaveLength(1))
    expect(about('a')).toHaveLength(25)
  })

  it('are told after however long an outage', async () => {
    const restore = bench.server.faults.inject({ resource: 'events' }, { kind: 'status', code: 503 })
    say('a', MISSING)
    while (writesOf('create') < 50) {
      bench.clock.advance(10_000)
      await new Promise(setImmediate)
    }
    restore()
    await told(['Warning SecretNotFound: Secret x does not exist.'])
  })

  it.each([
    ['503', { kind: 'status', code: 503, retryAfterSeconds: 1 }, []],
    ['a reset', { kind: 'reset' }, []],
    ['an answer lost on the way', { kind: 'lost' }, []],
    [
      '403 until it is granted',
      { kind: 'status', code: 403 },
      ['grant create and patch on events (events.k8s.io), see docs/kubernetes.md'],
    ],
    [
      '401 until the token is renewed',
      { kind: 'status', code: 401 },
      ['renew the token or certificate, which is not accepted'],
    ],
  ] as const)('are told once after %s', async (_name, fault, remedies) => {
    bench.server.faults.inject({ resource: 'events' }, fault, 3)
    say('a', MISSING)
    await bench.until(() =>
      expect([events().map(words), writesOf('create')]).toEqual([
        ['Warning SecretNotFound: Secret x does not exist.'],
        4,
      ]),
    )
    expect(counts()).toEqual([1])
    expect(logged.map((line) => line.split('; ')[1])).toEqual(remedies)
  })

  it('that are refused are given up, and the next is told', async () => {
    bench.server.faults.inject({ resource: 'events' }, { kind: 'status', code: 422 }, 1)
    say('a', MISSING, PROGRAMMED)
    await told(['Normal Programmed: This generation is in force.'])
    expect(logged).toEqual(['the API server refuses the event'])
  })

  it('fit what the server takes: long names, long messages', async () => {
    const name = `${'n'.repeat(230)}.${'m'.repeat(22)}`
    make(name)
    say(name, fails('ResolvedRefs', 1, 'SecretNotFound', 'ü'.repeat(1024)))
    await bench.until(() => expect(about(name)).toHaveLength(1))
    expect(Buffer.byteLength(String(about(name)[0]?.['message']))).toBeLessThanOrEqual(1024)
    expect(logged).toEqual([])
  })

  it('never speak of another object of the same name', async () => {
    say('a', MISSING)
    await bench.until(() => expect(events()).toHaveLength(1))
    bench.server.objects.delete('webhooks', 'a')
    make('a')
    // Nothing is judged of the new one yet: what is known is of the old; then only that the old is gone.
    notify(new Set<ResourceKey>(['Webhook/a']))
    shown.delete('Webhook/a')
    notify(new Set<ResourceKey>(['Webhook/a']))
    say('a', PROGRAMMED)
    await bench.until(() => expect(events()).toHaveLength(2))
    const uid = bench.server.objects.get('webhooks', 'a')?.metadata.uid
    expect(
      events()
        .filter((event) => (event['involvedObject'] as { uid: string }).uid === uid)
        .map(words),
    ).toEqual(['Normal Programmed: This generation is in force.'])
  })
})
