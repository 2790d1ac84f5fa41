import { expect, it } from 'vitest'
import { LineWindow } from '../../src/dispatch/line-window.ts'
import { WindowBudget } from '../../src/dispatch/window.ts'
import type { PendingDelivery } from '../../src/storage/records.ts'
import { NOON, pendingOf } from '../storage/samples.ts'
import { seeds } from '../support/effort.ts'
import { seededRandom } from './harness.ts'

it('what was forgotten while a page was read is not overtaken by the page', () => {
  const window = new LineWindow(new WindowBudget(), 'PerProject')
  const rows = Array.from({ length: 128 }, (_, index) => pendingOf(index + 1))
  /** Reads the next page as the store would answer it. */
  const page = () => {
    const asked = window.page(NOON)
    return rows.filter((row) => row.seq > (asked?.afterSeq ?? Infinity)).slice(0, asked?.limit)
  }
  const none = () => false
  window.filled(page(), NOON, none)
  const second = page()
  window.clear()
  window.filled(second, NOON, none)
  expect(window.take(NOON)).toBeUndefined()
  window.filled(page(), NOON, none)
  expect(window.take(NOON)?.seq).toBe(1)
})

class CountedBudget extends WindowBudget {
  chars = 0
  most = 0
  override add(delivery: PendingDelivery): void {
    super.add(delivery)
    this.chars += delivery.body.length
    this.most = Math.max(this.most, this.chars)
  }
  override remove(delivery: PendingDelivery): void {
    super.remove(delivery)
    this.chars -= delivery.body.length
  }
}

it('heads that wait are not held beyond what all windows may hold, and come when they are due', () => {
  const MEBI = 1024 * 1024
  const budget = new CountedBudget()
  const window = new LineWindow(budget, 'PerProject')
  const body = 'x'.repeat(MEBI)
  const store = new Map(Array.from({ length: 200 }, (_, index) => [index + 1, pendingOf(index + 1, { body })]))
  for (const [seq, row] of store) store.set(seq, { ...row, projectId: seq % 100 })
  const inHand = new Set<number>()
  const take = (now: number) => {
    for (;;) {
      const taken = window.take(now)
      const asked = taken ? undefined : window.page(now)
      if (taken) inHand.add(taken.seq)
      if (!asked) return taken
      const rows = [...store.values()].filter((row) => row.seq > asked.afterSeq).slice(0, asked.limit)
      window.filled(rows, now, (seq) => inHand.has(seq))
    }
  }
  const settle = (delivery: PendingDelivery, again: PendingDelivery | undefined, now: number) => {
    inHand.delete(delivery.seq)
    if (again) store.set(delivery.seq, again)
    else store.delete(delivery.seq)
    window.settled(delivery, again, now)
  }
  for (let head = take(NOON); head; head = take(NOON))
    settle(head, { ...head, attempts: 1, nextAttemptAt: NOON + head.seq }, NOON)
  // Of each of a lane's lines that may be sent next one row, whether or not there is room.
  expect(budget.most).toBeLessThan((32 + 64) * MEBI)
  expect(budget.chars).toBeLessThanOrEqual(32 * MEBI)
  // No more when all is looked for anew, as after a start.
  window.clear()
  expect(take(NOON)).toBeUndefined()
  expect(budget.chars).toBeLessThanOrEqual(32 * MEBI)
  const later = NOON + 100
  const order: number[] = []
  for (let head = take(later); head; head = take(later)) {
    order.push(head.seq)
    settle(head, undefined, later)
  }
  expect(order.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 200 }, (_, index) => index + 1))
  for (const seq of order.filter((one) => one > 100)) expect(order.indexOf(seq - 100)).toBeLessThan(order.indexOf(seq))
  expect(budget.chars).toBe(0)
})

it('a line that has let go of a head that waits goes on once the time of that is up', () => {
  const budget = new WindowBudget()
  budget.hasRoom = () => false
  const window = new LineWindow(budget, 'Strict')
  const head = pendingOf(1, { attempts: 1, nextAttemptAt: NOON + 1000 })
  window.page(NOON)
  window.filled([head, pendingOf(2)], NOON, () => false)
  expect([window.take(NOON), window.page(NOON), window.nextDue()]).toEqual([undefined, undefined, NOON + 1000])
  window.drop(head, NOON)
  expect(window.page(NOON)?.afterSeq).toBe(0)
  window.filled([pendingOf(2)], NOON, () => false)
  expect(window.take(NOON)?.seq).toBe(2)
})

/** What pends, in a store of its own, beside the window and whoever drives it. */
class Model {
  readonly random
  readonly store = new Map<number, PendingDelivery>()
  readonly inHand = new Map<number, PendingDelivery>()
  readonly budget = new CountedBudget()
  readonly window: LineWindow
  readonly ordering: 'PerProject' | 'Strict'
  /** With some a backlog grows, without the window catches up time and again. */
  readonly bursts: number
  /** Durable, and not yet told of. */
  untold: PendingDelivery[] = []
  reading: { afterSeq: number; limit: number; rows?: PendingDelivery[]; left: Set<number> } | undefined
  now = NOON
  seq = 0
  taken = 0

  constructor(seed: number) {
    this.random = seededRandom(seed)
    this.ordering = this.chance(0.3) ? 'Strict' : 'PerProject'
    this.bursts = this.chance(0.5) ? 0.1 : 0
    const tight = this.chance(0.5)
    this.budget.hasRoom = () => !tight || this.chance(0.5)
    this.window = new LineWindow(this.budget, this.ordering)
  }

  chance = (of: number) => this.random.fraction() < of
  below = (limit: number) => Math.floor(this.random.fraction() * limit)
  lineOf = (delivery: PendingDelivery) => (this.ordering === 'Strict' ? 0 : delivery.projectId)

  commit(count: number): void {
    const projects = 1 + this.below(8)
    for (let index = 0; index < count; index += 1) {
      const delivery = pendingOf((this.seq += 1), { projectId: this.below(projects), nextAttemptAt: this.now })
      this.store.set(delivery.seq, delivery)
      this.untold.push(delivery)
    }
  }

  tell(): void {
    for (const delivery of this.untold) if (!this.inHand.has(delivery.seq)) this.window.arrive(delivery, this.now)
    this.untold = []
  }

  take(): boolean {
    const taken = this.window.take(this.now)
    if (!taken) return false
    const line = [...this.store.values()].filter((row) => this.lineOf(row) === this.lineOf(taken))
    const first = line.toSorted((a, b) => a.seq - b.seq).find((row) => !this.expiring.has(row.seq))
    expect(taken, 'only the first of a line is taken, as it is now').toEqual(first)
    expect(this.inHand.has(taken.seq), 'and once at a time').toBe(false)
    expect(taken.attempts === 0 || taken.nextAttemptAt <= this.now, 'when it is due').toBe(true)
    this.inHand.set(taken.seq, taken)
    this.taken += 1
    return true
  }

  /** In hand because their time was up, not to be sent. */
  readonly expiring = new Set<number>()

  expire(): void {
    const delivery = [...this.store.values()][this.below(this.store.size)]
    if (!delivery || this.inHand.has(delivery.seq)) return
    this.tell()
    this.window.drop(delivery, this.now)
    this.inHand.set(delivery.seq, delivery)
    this.expiring.add(delivery.seq)
  }

  settle(again: boolean): void {
    const delivery = [...this.inHand.values()][this.below(this.inHand.size)]
    if (!delivery) return
    this.tell()
    this.inHand.delete(delivery.seq)
    this.reading?.left.add(delivery.seq)
    const ends = !again || this.expiring.delete(delivery.seq)
    const nextAttemptAt = this.now + this.below(2) * this.below(1000)
    const next = ends ? undefined : { ...delivery, attempts: delivery.attempts + 1, nextAttemptAt }
    if (next) this.store.set(next.seq, next)
    else this.store.delete(delivery.seq)
    this.window.settled(delivery, next, this.now)
  }

  /** A page is asked for, read, and handed over at three times. */
  read(): boolean {
    const { reading } = this
    if (!reading) {
      const asked = this.window.page(this.now)
      this.reading = asked && { ...asked, left: new Set() }
      return asked !== undefined
    }
    if (!reading.rows) {
      const rows = [...this.store.values()].toSorted((a, b) => a.seq - b.seq)
      reading.rows = rows.filter((row) => row.seq > reading.afterSeq).slice(0, reading.limit)
      return true
    }
    this.reading = undefined
    if (this.chance(0.1)) this.window.failed()
    else this.window.filled(reading.rows, this.now, (seq) => this.inHand.has(seq) || reading.left.has(seq))
    return true
  }

  step(): void {
    const moves = [
      () => this.commit(this.below(this.chance(this.bursts) ? 200 : 4)),
      () => this.tell(),
      ...Array.from({ length: 4 }, () => () => this.take()),
      ...Array.from({ length: 3 }, () => () => this.settle(this.chance(0.4))),
      ...Array.from({ length: 6 }, () => () => this.read()),
      () => this.chance(0.3) && this.expire(),
      () => this.chance(0.5) && this.window.rest(),
      () => this.chance(0.2) && this.window.clear(),
      () => (this.now += this.below(300)),
    ]
    moves[this.below(moves.length)]?.()
  }

  /** All goes well from now on. */
  drain(): void {
    for (let idle = false; !idle;) {
      this.tell()
      idle = !this.take() && !this.read() && this.inHand.size === 0
      this.settle(false)
      const next = this.window.nextDue()
      if (idle && next > this.now && next < Infinity) [this.now, idle] = [next, false]
    }
    expect([...this.store.keys()], 'nothing is forgotten').toEqual([])
    expect(this.budget.chars).toBe(0)
  }
}

it.each(seeds([], 20, 500))('lines keep their order and forget nothing, whatever happens when: %i', (seed) => {
  const model = new Model(seed)
  for (let step = 0; step < 1500; step += 1) model.step()
  expect(model.taken).toBeGreaterThan(10)
  model.drain()
})
