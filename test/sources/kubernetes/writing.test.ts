import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { customResourceDefinition } from '../../../src/resources/crd.ts'
import type { ResourceKey } from '../../../src/resources/resource.ts'
import { StatusSink } from '../../../src/sources/kubernetes/status-sink.ts'
import { TokenBucket } from '../../../src/sources/kubernetes/token-bucket.ts'
import { holds } from '../../../src/status/conditions.ts'
import type { ResourceStatus, ResourceWithStatus } from '../../../src/status/status.ts'
import { webhook, withoutStatusField } from '../../support/cluster.ts'
import type { Manifest } from '../../support/fake-apiserver/index.ts'
import { createFakeClock } from '../../support/fake-clock.ts'
import { openBench, type Bench } from './following.ts'

let bench: Bench
beforeEach(async () => {
  bench = await openBench()
})
afterEach(() => bench.close())

describe('a token bucket', () => {
  it('lets a burst through at once, then so many a second, and does not save up more than a burst', () => {
    const clock = createFakeClock()
    const bucket = new TokenBucket(clock, { perSecond: 20, burst: 200 })
    const taken = () => {
      let count = 0
      while (bucket.tryTake()) count += 1
      return count
    }
    expect(taken()).toBe(200)
    clock.advance(1000)
    expect(taken()).toBe(20)
    clock.advance(60_000)
    expect(taken()).toBe(200)
  })

  it('hands out a place when its time has come', async () => {
    const clock = createFakeClock()
    const bucket = new TokenBucket(clock, { perSecond: 20, burst: 1 })
    const { signal } = new AbortController()
    await bucket.take(signal)
    let second = false
    const taking = bucket.take(signal).then(() => (second = true))
    clock.advance(49)
    await Promise.resolve()
    expect(second).toBe(false)
    clock.advance(1)
    await taking
  })
})

describe('writing statuses', () => {
  let sink: StatusSink
  let mayWrite: boolean
  let writes: TokenBucket
  let logged: string[]
  const shown = new Map<ResourceKey, ResourceWithStatus>()
  let told: (keys: ReadonlySet<ResourceKey>) => void = () => undefined
  const patches = () => bench.server.requests.count('patch', 'webhooks/status')
  const stored = (name: string) => bench.server.objects.get('webhooks', name)?.status

  function say(name: string, message: string, more: Partial<ResourceStatus> = {}): void {
    const uid = bench.server.objects.get('webhooks', name)?.metadata.uid ?? 'none'
    const condition = { ...holds('Ready', 1, message), lastTransitionTime: '2026-05-01T00:00:00Z' }
    const status = { observedGeneration: 1, conditions: [condition], ...more }
    const metadata = { name, generation: 1, uid }
    shown.set(`Webhook/${name}`, { apiVersion: 'nepenthes.dev/v1', kind: 'Webhook', metadata, spec: {}, status })
    told(new Set<ResourceKey>([`Webhook/${name}`]))
  }

  beforeEach(() => {
    mayWrite = true
    logged = []
    shown.clear()
    writes = new TokenBucket(bench.clock, { perSecond: 20, burst: 200 })
    sink = new StatusSink({
      ...bench.parts,
      log: { ...bench.parts.log, error: (_: unknown, message?: string) => logged.push(String(message)) },
      listing: { get: (key) => shown.get(key), subscribe: (listener) => ((told = listener), () => undefined) },
      writes,
      mayWrite: () => mayWrite,
    })
    sink.start()
    bench.server.objects.put(webhook('a', {}))
  })
  afterEach(async () => {
    await sink.stop()
    expect(bench.clock.timers).toBe(0)
  })

  const see = (name: string) => {
    const object = bench.server.objects.get('webhooks', name)
    if (object) sink.seen(`Webhook/${name}`, object)
  }

  const seconds = async (count: number) => {
    for (let second = 0; second < count; second += 1) {
      bench.clock.advance(1000)
      await new Promise(setImmediate)
    }
  }

  const written = (name: string, message: string) =>
    bench.until(() => expect(JSON.stringify(stored(name))).toContain(`"${message}"`))

  /** The same while time stands still, and the answer has come. */
  const writtenNow = (name: string, message: string) =>
    vi.waitFor(
      () =>
        expect([JSON.stringify(stored(name)), bench.clock.timers]).toEqual([
          expect.stringContaining(`"${message}"`),
          0,
        ]),
      { timeout: 10_000, interval: 5 },
    )

  it('writes what is said once, and again when it says something else', async () => {
    say('a', 'one')
    await written('a', 'one')
    say('a', 'one')
    say('a', 'two')
    await written('a', 'two')
    expect(patches()).toBe(2)
  })

  it('counters ride along, or are written every 15 minutes', async () => {
    say('a', 'one', { delivery: { consecutiveFailures: 0, pending: 1 } })
    await writtenNow('a', 'one')
    say('a', 'one', { delivery: { consecutiveFailures: 0, pending: 2 } })
    say('a', 'two', { delivery: { consecutiveFailures: 0, pending: 3 } })
    await writtenNow('a', 'two')
    expect(patches()).toBe(2)
    expect(stored('a')).toMatchObject({ delivery: { pending: 3 } })
    bench.clock.advance(15 * 60_000)
    say('a', 'two', { delivery: { consecutiveFailures: 0, pending: 4 } })
    await bench.until(() => expect(stored('a')).toMatchObject({ delivery: { pending: 4 } }))
  })

  it('what is on the object already is not written again, after a restart say', async () => {
    say('a', 'one')
    const { status } = shown.get('Webhook/a') as ResourceWithStatus
    await written('a', 'one')
    await sink.stop()
    bench.server.requests.clear()
    const next = new StatusSink({
      ...bench.parts,
      listing: { get: (key) => shown.get(key), subscribe: (listener) => ((told = listener), () => undefined) },
      writes: new TokenBucket(bench.clock, { perSecond: 20, burst: 200 }),
      mayWrite: () => true,
    })
    next.start()
    next.seen('Webhook/a', bench.server.objects.get('webhooks', 'a') as unknown as Record<string, unknown>)
    say('a', 'one', status)
    bench.server.objects.put(webhook('b', {}))
    say('b', 'one')
    await written('b', 'one')
    expect(patches()).toBe(1)
    await next.stop()
  })

  it('leaves what others wrote into the status', async () => {
    const foreign = {
      type: 'example.com/Seen',
      status: 'True',
      reason: 'Seen',
      message: '',
      lastTransitionTime: '2026-01-01T00:00:00Z',
    }
    bench.server.objects.putStatus({ ...webhook('a', {}), status: { conditions: [foreign] } }, 'somebody')
    say('a', 'one')
    await written('a', 'one')
    expect(JSON.stringify(stored('a'))).toContain('example.com/Seen')
  })

  it('what somebody else has changed of it is put right; whoever keeps at it gets one write a minute', async () => {
    say('a', 'one')
    await writtenNow('a', 'one')
    const meddle = (message: string) => {
      const conditions = [{ ...holds('Ready', 1, message), lastTransitionTime: '2026-05-01T00:00:00Z' }]
      const status = { observedGeneration: 1, conditions }
      const object = bench.server.objects.putStatus({ ...webhook('a', {}), status }, 'somebody')
      sink.seen('Webhook/a', object)
    }
    bench.clock.advance(60_000)
    meddle('not true')
    await writtenNow('a', 'one')
    expect(patches()).toBe(2)
    meddle('not true')
    await seconds(50)
    expect([patches(), JSON.stringify(stored('a'))]).toEqual([2, expect.stringContaining('not true')])
    await written('a', 'one')
    expect(patches()).toBe(3)
  })

  it('and at once if the write before was our own, however fast the watch told of that', async () => {
    const one = holds('Ready', 1, 'one')
    const status = { observedGeneration: 1, conditions: [{ ...one, lastTransitionTime: '2026-05-01T00:00:00Z' }] }
    see('a')
    bench.server.faults.inject({ subresource: 'status' }, { kind: 'slow', delayMs: 20 }, 1)
    say('a', 'one')
    // As the watch would tell it, with the answer still on its way.
    sink.seen('Webhook/a', bench.server.objects.putStatus({ ...webhook('a', {}), status }, 'nepenthes-operator'))
    await vi.waitFor(() => expect(bench.server.requests.all.at(-1)?.status).toBeDefined())
    sink.seen('Webhook/a', bench.server.objects.putStatus({ ...webhook('a', {}), status: { observedGeneration: 7 } }))
    await writtenNow('a', 'one')
  })

  it('what is listed counts however old its version: the server was restored from a backup', async () => {
    see('a')
    say('a', 'one')
    await writtenNow('a', 'one')
    bench.server.jump(3)
    const older = bench.server.objects.putStatus({ ...webhook('a', {}), status: { observedGeneration: 0 } })
    sink.seen('Webhook/a', older)
    await seconds(20)
    expect(patches()).toBe(1)
    sink.seen('Webhook/a', older, 'listed')
    await writtenNow('a', 'one')
  })

  it('its own writes coming back are no reason to write, whatever order they come in', async () => {
    const seen = () => bench.server.objects.get('webhooks', 'a') as unknown as Record<string, unknown>
    say('a', 'one')
    await written('a', 'one')
    const first = seen()
    say('a', 'two')
    await written('a', 'two')
    bench.clock.advance(60_000)
    for (const object of [first, seen(), first]) sink.seen('Webhook/a', object)
    bench.server.objects.put(webhook('b', {}))
    say('b', 'one')
    await written('b', 'one')
    expect(patches()).toBe(3)
  })

  it.each([
    ['503', { kind: 'status', code: 503 }, []],
    ['429', { kind: 'status', code: 429, retryAfterSeconds: 1 }, []],
    ['a reset', { kind: 'reset' }, []],
    ['an answer lost on the way', { kind: 'lost' }, []],
    [
      '403 until it is granted',
      { kind: 'status', code: 403 },
      ['grant patch on apisettings/status and webhooks/status, see docs/kubernetes.md'],
    ],
    [
      '401 until the token is renewed',
      { kind: 'status', code: 401 },
      ['renew the token or certificate, which is not accepted'],
    ],
  ] as const)('tries again after %s', async (_name, fault, remedies) => {
    bench.server.faults.inject({ subresource: 'status' }, fault, 3)
    say('a', 'one')
    await written('a', 'one')
    expect(logged.map((line) => line.split('; ')[1])).toEqual(remedies)
  })

  it('what a server with older definitions refuses is given up until it turns again; the others are written', async () => {
    bench.server.faults.inject({ name: 'a', subresource: 'status' }, { kind: 'status', code: 422 }, 1)
    bench.server.objects.put(webhook('b', {}))
    say('a', 'one')
    say('b', 'one')
    await written('b', 'one')
    expect(patches()).toBe(2)
    say('a', 'two')
    await written('a', 'two')
  })

  it('what an older definition has no field for holds up nothing else, and is written once there is a newer one', async () => {
    const definition = customResourceDefinition('Webhook') as unknown as Manifest
    bench.server.objects.put(withoutStatusField(definition, 'unmatchedProjects'))
    bench.server.objects.put(webhook('b', {}))
    say('a', 'one', { unmatchedProjects: ['nowhere'] })
    say('b', 'one')
    await written('b', 'one')
    expect([patches(), stored('a')]).toEqual([2, { observedGeneration: -1 }])
    bench.server.objects.put(definition)
    bench.clock.advance(5 * 60_000)
    await written('a', 'one')
    expect(stored('a')).toMatchObject({ unmatchedProjects: ['nowhere'] })
  })

  it('goes on with the others when an object is gone, or is another one by now', async () => {
    bench.server.objects.put(webhook('b', {}))
    say('b', 'one')
    bench.server.objects.delete('webhooks', 'b')
    say('a', 'one')
    await written('a', 'one')
    bench.server.objects.put(webhook('b', {}))
    say('b', 'two')
    await written('b', 'two')
  })

  it('never lands on an object that was made anew in its place, however little is known of it', async () => {
    see('a')
    say('a', 'of the first')
    await written('a', 'of the first')
    const first = shown.get('Webhook/a') as ResourceWithStatus
    bench.server.objects.delete('webhooks', 'a')
    bench.server.objects.put(webhook('a', {}))
    shown.set('Webhook/a', { ...first, status: { observedGeneration: 1, conditions: [] } })
    told(new Set<ResourceKey>(['Webhook/a']))
    await vi.waitFor(() => expect(patches()).toBe(2))
    see('a')
    await seconds(20)
    expect([patches(), stored('a')]).toEqual([2, { observedGeneration: -1 }])
    say('a', 'of the second')
    await written('a', 'of the second')
  })

  it('is written again when the object was changed under its hands, once it is known how', async () => {
    see('a')
    const changed = (team: string) => bench.server.objects.put(webhook('a', {}, { labels: { team } }))
    changed('one')
    say('a', 'one')
    await vi.waitFor(() => expect(patches()).toBe(1))
    await seconds(20)
    expect(stored('a')).toEqual({ observedGeneration: -1 })
    see('a')
    // Not even somebody who never stops changing it keeps it from being written.
    changed('two')
    await written('a', 'one')
    expect(patches()).toBe(2)
  })

  it('a thousand turns at once all arrive, and never more of them than the budget allows', async () => {
    const names = Array.from({ length: 1000 }, (_, index) => `w${index}`)
    for (const name of names) bench.server.objects.put(webhook(name, {}))
    for (const name of names) say(name, 'one')
    const counts = [0]
    await bench.until(() => {
      counts.push(patches())
      expect(patches()).toBe(1000)
    })
    // With each look a second has gone by, before which what was allowed may have been on its way.
    for (const [seconds, count] of counts.entries()) expect(count).toBeLessThanOrEqual(200 + 20 * seconds)
    expect(counts.length).toBeGreaterThan(40)
    await bench.until(() => {
      for (const name of names) expect(stored(name)).toMatchObject({ observedGeneration: 1 })
    })
  })

  it('one that hangs holds up none of the others, and is not overtaken by a later one of its own', async () => {
    bench.server.faults.inject({ name: 'a', subresource: 'status' }, { kind: 'hang' }, 1)
    say('a', 'one')
    await vi.waitFor(() => expect(patches()).toBe(1))
    for (const name of ['b', 'c', 'd']) {
      bench.server.objects.put(webhook(name, {}))
      say(name, 'one')
    }
    say('a', 'two')
    const others = () => ['b', 'c', 'd'].every((name) => JSON.stringify(stored(name)).includes('"one"'))
    await vi.waitFor(() => expect(others()).toBe(true))
    expect(patches()).toBe(4)
    await written('a', 'two')
    expect(patches()).toBe(5)
  })

  it('waits while another operator may have taken over', async () => {
    mayWrite = false
    say('a', 'one')
    await seconds(20)
    expect(patches()).toBe(0)
    mayWrite = true
    await written('a', 'one')
  })

  it('waits too if that happened while it waited for its turn', async () => {
    while (writes.tryTake());
    say('a', 'one')
    mayWrite = false
    await seconds(20)
    expect(patches()).toBe(0)
    mayWrite = true
    await written('a', 'one')
  })
})
