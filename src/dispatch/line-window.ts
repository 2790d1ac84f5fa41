import { assert } from '../base/assert.ts'
import type { DeliveryRecord, PendingDelivery } from '../storage/records.ts'
import { isDue } from './due-window.ts'
import { Timetable } from './timetable.ts'
import type { InHand, PageQuery, Window, WindowBudget } from './window.ts'

const PAGE = 64
const LINE_MAX = 16
const SENDABLE_ENOUGH = 32

/** Deliveries that must be settled one after the other. */
interface Line {
  readonly key: number
  /** The first pending deliveries of the line by seq, without the one in hand. */
  queue: PendingDelivery[]
  /** Seq of the head while it is in hand: the line waits. */
  inHand: number | undefined
  /** From this seq on the line goes on in the store only. */
  cutAt: number | undefined
  /** Once the line has run dry: the round of the walk that starts no later than `cutAt`, and so may feed it again. */
  fedFrom: number | undefined
}

/**
 * Window of a webhook with ordering: one line for all deliveries (Strict) or one a project. Only heads are taken, by seq; a head
 * that is due again stays at the front. Pages walk the backlog by seq: a line takes rows up to a bound, then is cut and goes on
 * from there by another walk once it has run dry. A line that waits therefore costs a few rows however long it is.
 */
export class LineWindow implements Window {
  readonly #budget: WindowBudget
  readonly #lineOf: (delivery: DeliveryRecord) => number
  readonly #lines = new Map<number, Line>()
  /** Lines whose head is due and not in hand, in the order they became so. */
  readonly #sendable = new Set<Line>()
  readonly #delayed = new Timetable<Line>()
  /** Where the walk is; undefined when there is nothing in the store that a line lacks. */
  #walk: { after: number } | undefined = { after: -1 }
  /** Rises whenever the walk is set back. */
  #round = 0
  /** `stale`: what waited was forgotten since the page was asked for; what it holds would come before what has to come first. */
  #reading: { arrived: boolean; restart: number; stale: boolean } | undefined

  constructor(budget: WindowBudget, ordering: 'PerProject' | 'Strict') {
    this.#budget = budget
    this.#lineOf = ordering === 'Strict' ? () => 0 : (delivery) => delivery.projectId
  }

  arrive(delivery: PendingDelivery, now: number): void {
    if (this.#reading) this.#reading.arrived = true
    // The walk will come by; in front of what it has not seen yet nothing may be queued.
    if (this.#walk) return
    this.#append(delivery, now)
  }

  take(now: number): PendingDelivery | undefined {
    for (let line = this.#delayed.takeDue(now); line; line = this.#delayed.takeDue(now)) this.#arrange(line, now)
    for (const line of this.#sendable) {
      this.#sendable.delete(line)
      const head = line.queue.shift()
      assert(head, 'a sendable line has a head')
      this.#budget.remove(head)
      line.inHand = head.seq
      return head
    }
    return undefined
  }

  settled(delivery: PendingDelivery, again: PendingDelivery | undefined, now: number): void {
    const line = this.#lines.get(this.#lineOf(delivery))
    if (!line || line.inHand !== delivery.seq) return
    line.inHand = undefined
    if (again) {
      line.queue.unshift(again)
      this.#budget.add(again)
    }
    this.#arrange(line, now)
  }

  drop(delivery: DeliveryRecord, now: number): void {
    const line = this.#lines.get(this.#lineOf(delivery))
    const index = line?.queue.findIndex((queued) => queued.seq === delivery.seq) ?? -1
    if (!line || index === -1) return
    for (const dropped of line.queue.splice(index, 1)) this.#budget.remove(dropped)
    if (line.queue.length === 0) this.#sendable.delete(line)
    this.#arrange(line, now)
  }

  page(_now: number): PageQuery | undefined {
    if (this.#reading || !this.#walk || this.#sendable.size >= SENDABLE_ENOUGH) return undefined
    this.#reading = { arrived: false, restart: Infinity, stale: false }
    return { order: 'seq', dueBy: Number.MAX_SAFE_INTEGER, afterSeq: this.#walk.after, limit: PAGE }
  }

  filled(rows: readonly PendingDelivery[], now: number, inHand: InHand): void {
    assert(this.#reading && this.#walk, 'a page was asked for')
    const { arrived, restart, stale } = this.#reading
    this.#reading = undefined
    for (const row of rows) if (!stale && !inHand(row.seq)) this.#admit(row, now)
    const atEnd = rows.length < PAGE && !arrived
    this.#walk = atEnd ? undefined : { after: rows.at(-1)?.seq ?? this.#walk.after }
    if (restart !== Infinity) this.#walkFrom(restart)
  }

  failed(): void {
    const restart = this.#reading?.restart ?? Infinity
    this.#reading = undefined
    if (restart !== Infinity) this.#walkFrom(restart)
  }

  nextDue(): number {
    return this.#delayed.next
  }

  clear(): void {
    const round = this.#walkFrom(0)
    if (this.#reading) this.#reading.stale = true
    for (const line of this.#lines.values()) {
      for (const delivery of line.queue) this.#budget.remove(delivery)
      line.queue = []
      line.cutAt = 0
      line.fedFrom = round
      if (line.inHand === undefined) this.#lines.delete(line.key)
    }
    this.#sendable.clear()
    while (this.#delayed.takeDue(Infinity));
  }

  #admit(row: PendingDelivery, now: number): void {
    const line = this.#lines.get(this.#lineOf(row))
    if (line?.cutAt !== undefined) {
      // Only a round that began before the cut has seen every row since; another would let later rows overtake.
      const fed = line.fedFrom !== undefined && line.fedFrom <= this.#round && row.seq >= line.cutAt
      if (!fed) return
      line.cutAt = undefined
      line.fedFrom = undefined
    }
    this.#append(row, now)
  }

  #append(delivery: PendingDelivery, now: number): void {
    const line = this.#line(this.#lineOf(delivery))
    if (line.cutAt !== undefined || line.inHand === delivery.seq) return
    const last = line.queue.at(-1)
    if (last && last.seq >= delivery.seq) return
    const dry = line.queue.length === 0
    if (!dry && (line.queue.length >= LINE_MAX || !this.#budget.hasRoom())) {
      line.cutAt = delivery.seq
      return
    }
    line.queue.push(delivery)
    this.#budget.add(delivery)
    if (dry) this.#arrange(line, now)
  }

  /** Puts a line where it belongs: among the sendable, the delayed, the ones to go on in the store, or nowhere. */
  #arrange(line: Line, now: number): void {
    if (this.#lines.get(line.key) !== line || line.inHand !== undefined || this.#sendable.has(line)) return
    const head = line.queue[0]
    if (head) {
      if (isDue(head, now)) this.#sendable.add(line)
      else this.#delayed.add(head.nextAttemptAt, line)
    } else if (line.cutAt === undefined) this.#lines.delete(line.key)
    else line.fedFrom ??= this.#walkFrom(line.cutAt)
  }

  /** Lets the walk go on from `seq` at the latest; answers the round that does. A page being read belongs to the round before. */
  #walkFrom(seq: number): number {
    if (this.#reading) {
      this.#reading.restart = Math.min(this.#reading.restart, seq)
      return this.#round + 1
    }
    this.#round += 1
    this.#walk = { after: Math.min(this.#walk?.after ?? Infinity, seq - 1) }
    return this.#round
  }

  #line(key: number): Line {
    const known = this.#lines.get(key)
    if (known) return known
    const line: Line = { key, queue: [], inHand: undefined, cutAt: undefined, fedFrom: undefined }
    this.#lines.set(key, line)
    return line
  }
}
