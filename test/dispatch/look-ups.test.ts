import { beforeEach, describe, expect, it } from 'vitest'
import { createLookUps, type LookUps } from '../../src/dispatch/look-ups.ts'
import type { Resolve } from '../../src/dispatch/guard.ts'
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts'

const ADDRESSES = [{ address: '8.8.8.8', family: 4 }]
const SILENT = Object.assign(new Error('no answer'), { code: 'EAI_AGAIN' })

let clock: FakeClock
let asked: string[]
let pending: Map<string, Parameters<Resolve>[1]>
let lookUps: LookUps
let answered: string[]

/** A resolver that answers when it is told to. */
beforeEach(() => {
  clock = createFakeClock()
  asked = []
  answered = []
  pending = new Map()
  lookUps = createLookUps((hostname, callback) => {
    asked.push(hostname)
    pending.set(hostname, callback)
  }, clock)
})

const want = (hostname: string) =>
  lookUps.resolve(hostname, (error) => answered.push(`${hostname} ${error ? 'fails' : 'is'}`))
const names = (kind: string, count: number) => Array.from({ length: count }, (_, index) => `${kind}-${index}.example`)

function settle(hostname: string, error: NodeJS.ErrnoException | null): void {
  const callback = pending.get(hostname)
  pending.delete(hostname)
  callback?.(error, error ? [] : ADDRESSES)
}

function settleSlowly(hostname: string): void {
  clock.advance(2_000)
  settle(hostname, null)
}

/** Looks the name up to a prompt answer. */
function prove(hostname: string): void {
  want(hostname)
  settle(hostname, null)
}

describe('look-ups', () => {
  it('ask once for a name that several connections wait for, and anew for the next', () => {
    for (let index = 0; index < 3; index += 1) want('a.example')
    expect(asked).toEqual(['a.example'])
    settle('a.example', null)
    expect(answered).toEqual(['a.example is', 'a.example is', 'a.example is'])
    want('a.example')
    expect(asked).toEqual(['a.example', 'a.example'])
  })

  it('of any number of dead zones leave places for the names that are answered', () => {
    prove('good.example')
    for (const name of names('dead', 1000)) want(name)
    expect(asked.length).toBeLessThan(124)
    want('good.example')
    expect(pending.has('good.example')).toBe(true)
    settle('good.example', null)
    expect(answered).toEqual(['good.example is', 'good.example is'])
  })

  it('of a hundred dead zones keep no name waiting of which nothing is known yet', () => {
    const dead = names('dead', 100)
    for (const name of dead) want(name)
    want('new.example')
    expect(pending.has('new.example')).toBe(true)
    clock.advance(10_000)
    want('newer.example')
    expect(pending.has('newer.example')).toBe(true)
    for (const name of dead) {
      settle(name, SILENT)
      want(name)
    }
    want('newest.example')
    expect(pending.has('newest.example')).toBe(true)
  })

  it('that wait have their turn', () => {
    const dead = names('dead', 1000)
    for (const name of dead) want(name)
    while (pending.size > 0) settle([...pending.keys()][0] ?? '', SILENT)
    expect(answered).toEqual(dead.map((name) => `${name} fails`))
    expect(clock.timers).toBe(0)
  })

  it.each([
    ['failed', (name: string) => settle(name, SILENT)],
    ['took long', (name: string) => settleSlowly(name)],
  ])('of a name that %s last time have no place of their own any more', (_, turn) => {
    prove('turned.example')
    want('turned.example')
    turn('turned.example')
    for (const name of names('dead', 1000)) want(name)
    want('turned.example')
    expect(pending.has('turned.example')).toBe(false)
  })

  it('of slow names keep no unknown one waiting, whatever they answer', () => {
    const slow = names('slow', 50)
    for (const name of slow) {
      want(name)
      settleSlowly(name)
    }
    for (const name of slow) want(name)
    expect(pending.size).toBe(40)
    want('new.example')
    expect(pending.has('new.example')).toBe(true)
  })

  it('of names that turn silent all at once leave a place for one that did not', () => {
    const turned = names('turned', 1000)
    for (const name of [...turned, 'good.example']) prove(name)
    for (const name of turned) want(name)
    want('good.example')
    clock.advance(1_100)
    expect(pending.has('good.example')).toBe(true)
    settle('good.example', null)
    clock.advance(1_100)
    want('good.example')
    clock.advance(1_100)
    expect(pending.has('good.example')).toBe(true)
  })

  it('of names that turn silent hold no places but those of slow ones from then on', () => {
    const turned = names('turned', 60)
    for (const name of turned) prove(name)
    for (const name of turned) want(name)
    clock.advance(1_100)
    for (const name of names('new', 200)) want(name)
    expect(pending.size).toBe(112)
    for (const name of turned) settle(name, SILENT)
    expect(pending.size).toBe(112)
    for (const name of turned) want(name)
    for (const name of names('new', 200)) if (pending.has(name)) settleSlowly(name)
    expect([...pending.keys()].filter((name) => name.startsWith('turned'))).toHaveLength(40)
  })

  it('end with a close: what waits is not looked up any more, and no timer is left', () => {
    const dead = names('dead', 1000)
    for (const name of dead) want(name)
    lookUps.close()
    expect(clock.timers).toBe(0)
    const before = asked.length
    for (const name of dead) settle(name, SILENT)
    expect([asked.length, answered, clock.timers]).toEqual([before, [], 0])
  })
})
