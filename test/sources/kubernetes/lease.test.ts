import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { EnvironmentLease } from '../../../src/sources/kubernetes/lease.ts'
import type { LoggedRequest } from '../../support/fake-apiserver/index.ts'
import { openBench, type Bench } from './following.ts'

let bench: Bench
beforeEach(async () => {
  bench = await openBench()
})
afterEach(() => bench.close())

describe('the lease of an environment', () => {
  const create = (identity: string) => new EnvironmentLease({ ...bench.parts, identity })
  /** Asked a moment ago and not answered yet; what was asked before that never will be. */
  const isUnderWay = ({ status, atMs }: LoggedRequest) => status === undefined && Date.now() - atMs < 250
  /** Looks until it holds; time goes on only once all that was asked is answered: a slow machine must not make a lease end. */
  const until = <T>(look: () => T | Promise<T>) =>
    vi.waitFor(
      async () => {
        await new Promise(setImmediate)
        if (!bench.server.requests.all.some(isUnderWay)) bench.clock.advance(1000)
        return await look()
      },
      { timeout: 15_000, interval: 10 },
    )
  const spec = () => bench.server.objects.get('leases', 'nepenthes-operator')?.spec

  it('is held by one; given back, the next has it at once', async () => {
    const [first, second] = [create('first'), create('second')]
    expect(await first.acquire()).toBe(true)
    let taken = false
    const waiting = second.acquire().then(() => (taken = true))
    await until(() => expect(bench.server.requests.count('update', 'leases')).toBeGreaterThan(3))
    expect([taken, spec()]).toEqual([false, expect.objectContaining({ holderIdentity: 'first', leaseTransitions: 0 })])
    await first.release()
    await until(() => expect(taken).toBe(true))
    await waiting
    expect(spec()).toMatchObject({ holderIdentity: 'second', leaseTransitions: 1 })
    await second.release()
    expect(bench.clock.timers).toBe(0)
  })

  it('is taken over from one that no longer renews it, which then knows', async () => {
    const first = create('first')
    await first.acquire()
    const restore = bench.server.faults.inject({ resource: 'leases' }, { kind: 'status', code: 503 })
    await until(() => expect(first.certain).toBe(false))
    restore()
    const current = bench.server.objects.get('leases', 'nepenthes-operator')
    bench.server.objects.put({
      ...(current as NonNullable<typeof current>),
      spec: { ...(current?.spec as object), holderIdentity: 'second' },
    })
    const lost = await until(async () => Promise.race([first.lost, Promise.reject(new Error('not yet'))]))
    expect(lost.message).toContain('second')
    await first.release()
    expect(spec()).toMatchObject({ holderIdentity: 'second' })
  })

  it('is nothing to rely on from when another holder is seen, however lately it was renewed', async () => {
    const first = create('first')
    await first.acquire()
    const current = bench.server.objects.get('leases', 'nepenthes-operator')
    bench.server.objects.put({
      ...(current as NonNullable<typeof current>),
      spec: { ...(current?.spec as object), holderIdentity: 'second' },
    })
    const certain = first.lost.then(() => first.certain)
    expect(await until(() => Promise.race([certain, Promise.reject(new Error('not yet'))]))).toBe(false)
    await first.release()
  })

  it('is kept while the server is away: nobody else can take it', async () => {
    const first = create('first')
    await first.acquire()
    let lost = false
    void first.lost.then(() => (lost = true))
    await bench.server.stop()
    await until(() => expect(first.certain).toBe(false))
    await bench.server.restart()
    await until(() => expect(first.certain).toBe(true))
    expect(lost).toBe(false)
    await first.release()
  })

  it.each([3_600_000, -3_600_000])('is neither lost nor taken by a wall clock that steps by %i ms', async (ms) => {
    const [first, second] = [create('first'), create('second')]
    await first.acquire()
    const renewals = () => bench.server.requests.count('update', 'leases')
    let taken = false
    const waiting = second.acquire().then((held) => (taken = held))
    bench.clock.step(ms)
    await until(() => expect(renewals()).toBeGreaterThan(10))
    expect([taken, first.certain, spec()]).toEqual([false, true, expect.objectContaining({ leaseTransitions: 0 })])
    await second.release()
    await waiting
    await first.release()
  })

  it('is kept with a server that takes 9 s for each answer, and good for writing about half of the time', async () => {
    const slow = await openBench({ clock: bench.clock })
    const [first, second] = ['first', 'second'].map((identity) => new EnvironmentLease({ ...slow.parts, identity }))
    await first?.acquire()
    let taken = false
    const waiting = second?.acquire().then((held) => (taken = held))
    slow.server.faults.inject({ resource: 'leases' }, { kind: 'slow', delayMs: 9_000 })
    const certain: (boolean | undefined)[] = []
    // Small steps: what takes the real server no time must not take seconds of ours.
    const passed = () =>
      vi.waitFor(
        () => {
          bench.clock.advance(200)
          certain.push(first?.certain)
          expect(certain.length).toBe(400)
        },
        { timeout: 15_000, interval: 4 },
      )
    await passed()
    expect(taken).toBe(false)
    // Of the last minute.
    expect(certain.slice(-300).filter(Boolean).length).toBeGreaterThan(120)
    slow.server.faults.clear()
    await Promise.all([second?.release(), waiting])
    await first?.release()
    await slow.close()
  })

  it('is not relied on after a standstill, until it has been renewed', async () => {
    const first = create('first')
    await first.acquire()
    bench.clock.advance(20_000)
    expect(first.certain).toBe(false)
    await until(() => expect(first.certain).toBe(true))
    await first.release()
  })

  it.each([
    ['409 again and again', { kind: 'status', code: 409 }],
    ['429', { kind: 'status', code: 429, retryAfterSeconds: 1 }],
    ['403', { kind: 'status', code: 403 }],
    ['an answer lost on the way', { kind: 'lost' }],
  ] as const)('is kept through %s', async (_name, fault) => {
    const first = create('first')
    await first.acquire()
    bench.server.faults.inject({ verb: 'update', resource: 'leases' }, fault, 3)
    await until(() => expect(bench.server.requests.count('update', 'leases')).toBeGreaterThan(4))
    await until(() => expect(first.certain).toBe(true))
    expect(spec()).toMatchObject({ holderIdentity: 'first', leaseTransitions: 0 })
    await first.release()
  })

  it('whoever waits for it can stop', async () => {
    const [first, second] = [create('first'), create('second')]
    await first.acquire()
    const waiting = second.acquire()
    await second.release()
    expect(await waiting).toBe(false)
    await first.release()
  })
})
