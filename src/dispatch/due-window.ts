import { assert } from '../base/assert.ts'
import type { DeliveryRecord, PendingDelivery } from '../storage/records.ts'
import { WAIT_MAX_MS } from './schedule.ts'
import type { InHand, PageQuery, Window, WindowBudget } from './window.ts'

const PAGE = 64
/** What a page may hold while there is no room: enough for the lane to go on, little enough for thousands of lanes. */
const PAGE_WITHOUT_ROOM = 1
const READY_MAX = 4096

/** Window of a webhook without ordering: whatever is due, oldest due first. */
export class DueWindow implements Window {
  readonly #budget: WindowBudget
  readonly #ready: PendingDelivery[] = []
  /** Index of the first not yet taken: shifting an array of hundreds for each would cost more than it holds. */
  #head = 0
  readonly #waiting = new Set<number>()
  /** The store may hold deliveries that are due and not in memory. */
  #behind = true
  /** Earliest due time of what waits in the store for its time. */
  #due = Infinity
  #reading: { arrived: boolean; due: number; limit: number } | undefined
  /** Set after a page that helped nobody: the next looks further. */
  #further: number | undefined

  constructor(budget: WindowBudget) {
    this.#budget = budget
  }

  arrive(delivery: PendingDelivery, _now: number): void {
    if (this.#waiting.has(delivery.seq)) return
    if (this.#behind || this.#waiting.size >= READY_MAX || !this.#budget.hasRoom()) this.#missed()
    else this.#push(delivery)
  }

  take(_now: number): PendingDelivery | undefined {
    const delivery = this.#ready[this.#head]
    if (!delivery) return undefined
    this.#head += 1
    if (this.#head === this.#ready.length) this.#reset()
    this.#waiting.delete(delivery.seq)
    this.#budget.remove(delivery)
    return delivery
  }

  settled(_delivery: PendingDelivery, again: PendingDelivery | undefined): void {
    if (!again) return
    this.#due = Math.min(this.#due, again.nextAttemptAt)
    if (this.#reading) this.#reading.due = Math.min(this.#reading.due, again.nextAttemptAt)
  }

  drop(delivery: DeliveryRecord): void {
    const index = this.#ready.findIndex((ready, at) => at >= this.#head && ready.seq === delivery.seq)
    if (index === -1) return
    this.#waiting.delete(delivery.seq)
    for (const dropped of this.#ready.splice(index, 1)) this.#budget.remove(dropped)
  }

  page(now: number): PageQuery | undefined {
    if (this.#reading || this.#waiting.size > 0) return undefined
    if (!this.#behind && this.#due > now) return undefined
    this.#behind = true
    const limit = this.#further ?? (this.#budget.hasRoom() ? PAGE : PAGE_WITHOUT_ROOM)
    this.#reading = { arrived: false, due: Infinity, limit }
    // Not only what is due: the first that is not tells when to look again.
    return { order: 'due', dueBy: Number.MAX_SAFE_INTEGER, afterSeq: -1, limit, unhurried: false }
  }

  filled(rows: readonly PendingDelivery[], now: number, inHand: InHand): void {
    assert(this.#reading, 'a page was asked for')
    const { arrived, due, limit } = this.#reading
    this.#reading = undefined
    const soon = rows.filter((row) => isDue(row, now))
    const fresh = soon.filter((row) => !inHand(row.seq))
    for (const row of fresh) this.#push(row)
    this.#behind = arrived || (soon.length === rows.length && rows.length === limit)
    this.#due = Math.min(due, rows.find((row) => !isDue(row, now))?.nextAttemptAt ?? Infinity)
    // A page of nothing but deliveries in hand helps nobody: look further next time.
    const useless = fresh.length === 0 && soon.length === limit
    this.#further = useless ? limit * 2 : undefined
  }

  failed(): void {
    this.#reading = undefined
  }

  nextDue(): number {
    return this.#due
  }

  rest(): void {
    this.clear()
  }

  clear(): void {
    for (let delivery = this.take(0); delivery; delivery = this.take(0));
    this.#missed()
  }

  #missed(): void {
    this.#behind = true
    if (this.#reading) this.#reading.arrived = true
  }

  #push(delivery: PendingDelivery): void {
    if (this.#waiting.has(delivery.seq)) return
    this.#waiting.add(delivery.seq)
    this.#ready.push(delivery)
    this.#budget.add(delivery)
  }

  #reset(): void {
    this.#ready.length = 0
    this.#head = 0
  }
}

/**
 * Due now, or at a time so far away that the clock must have been wrong when it was written. What was never tried is due since its
 * event, whatever time a clock that was ahead gave to that.
 */
export function isDue(delivery: DeliveryRecord, now: number): boolean {
  const { attempts, nextAttemptAt } = delivery
  return attempts === 0 || nextAttemptAt <= now || nextAttemptAt > now + WAIT_MAX_MS
}
