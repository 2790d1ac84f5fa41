import { assert } from '../base/assert.ts'
import type { DeliveryRecord, PendingDelivery } from '../storage/records.ts'
import { isDue } from './due-window.ts'
import { Timetable } from './timetable.ts'
import type { InHand, PageQuery, Window, WindowBudget } from './window.ts'

const PAGE = 64
const LINE_MAX = 16
const SENDABLE_ENOUGH = 32
/** Lines that are remembered, without their rows, while nothing may be sent. */
const REMEMBERED_MAX = 256

/** Deliveries that must be settled one after the other. */
interface Line {
  readonly key: number
  /** The first pending deliveries of the line by seq, without the one in hand. */
  queue: PendingDelivery[]
  /** Seq of the head while it is in hand: the line waits. */
  inHand: number | undefined
  /** From this seq on the line goes on in the store only. */
  cutAt: number | undefined
  /** It has nothing to wait for but the page that begins no later than `cutAt`. */
  hungry: boolean
}

/** A page being read. */
interface Reading {
  readonly after: number
  arrived: boolean
  /** What waited was forgotten since: what the page holds would come before what has to come first. */
  stale: boolean
  /** Have run dry since: the page may be older than what was last known of their rows. */
  readonly wanting: Line[]
}

/**
 * Window of a webhook with ordering: one line for all deliveries (Strict) or one a project. Only heads are taken, by seq; a head
 * that is due again stays at the front. Pages walk the backlog by seq, once: a line takes rows up to a bound, then is cut, and once
 * it has run dry is fed by a page that begins where it was cut. A line that waits therefore costs a few rows however long it is,
 * and none where there is no room: then it is cut before its head, and fed when that is due.
 */
export class LineWindow implements Window {
  readonly #budget: WindowBudget
  readonly #ordering: 'PerProject' | 'Strict'
  readonly #lines = new Map<number, Line>()
  /** Lines whose head is due and not in hand, in the order they became so. */
  readonly #sendable = new Set<Line>()
  /** Lines with rows in memory, and some that had. */
  readonly #holding = new Set<Line>()
  #delayed = new Timetable<Line>()
  /** Hungry lines by where they are cut. */
  #hungry = new Timetable<Line>()
  /** What the store has up to this seq is in a line or behind its cut; Infinity: so is all there is. */
  #seen = -1
  #reading: Reading | undefined
  #inVain = false

  constructor(budget: WindowBudget, ordering: 'PerProject' | 'Strict') {
    this.#budget = budget
    this.#ordering = ordering
  }

  arrive(delivery: PendingDelivery, now: number): void {
    if (this.#reading) this.#reading.arrived = true
    // The walk will come by; in front of what it has not seen yet nothing may be queued.
    if (this.#seen === Infinity) this.#append(delivery, now)
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
      this.#holding.add(line)
    }
    this.#arrange(line, now)
    if (again && !this.#budget.hasRoom() && !this.#sendable.has(line)) this.#cutBeforeHead(line)
  }

  drop(delivery: DeliveryRecord, now: number): void {
    const line = this.#lines.get(this.#lineOf(delivery))
    if (!line) return
    const index = line.queue.findIndex((queued) => queued.seq === delivery.seq)
    for (const dropped of index === -1 ? [] : line.queue.splice(index, 1)) this.#budget.remove(dropped)
    if (line.queue.length === 0) this.#sendable.delete(line)
    // A line cut before this head waits for it no longer.
    if (index !== -1 || line.cutAt === delivery.seq) this.#arrange(line, now)
  }

  page(_now: number): PageQuery | undefined {
    if (this.#reading || this.#sendable.size >= SENDABLE_ENOUGH) return undefined
    const after = Math.min(this.#seen, this.#hungry.next - 1)
    if (after === Infinity) return undefined
    this.#reading = { after, arrived: false, stale: false, wanting: [] }
    return { order: 'seq', dueBy: Number.MAX_SAFE_INTEGER, afterSeq: after, limit: PAGE, unhurried: this.#inVain }
  }

  filled(rows: readonly PendingDelivery[], now: number, inHand: InHand): void {
    assert(this.#reading, 'a page was asked for')
    const { after, arrived, stale } = this.#reading
    if (!stale) {
      const end = rows.length < PAGE && !arrived ? Infinity : (rows.at(-1)?.seq ?? after)
      const fresh = rows.filter((row) => !inHand(row.seq))
      this.#deal(fresh, end, now)
    }
    this.#ended()
    this.#inVain = this.#sendable.size === 0
  }

  failed(): void {
    this.#ended()
  }

  nextDue(): number {
    return this.#delayed.next
  }

  rest(): void {
    if (this.#lines.size > REMEMBERED_MAX) return this.clear()
    for (const line of this.#holding) {
      this.#cutBeforeHead(line)
      if (this.#sendable.delete(line)) this.#feed(line)
    }
    this.#holding.clear()
  }

  clear(): void {
    for (const line of this.#lines.values()) {
      this.#cutBeforeHead(line)
      line.cutAt = undefined
      if (line.inHand === undefined) this.#lines.delete(line.key)
    }
    this.#sendable.clear()
    this.#holding.clear()
    this.#delayed = new Timetable()
    this.#hungry = new Timetable()
    this.#seen = -1
    if (!this.#reading) return
    this.#reading.stale = true
    this.#reading.wanting.length = 0
  }

  /** The page is whole from where it began to `end`: whoever goes on in between finds there all it lacks. */
  #deal(rows: readonly PendingDelivery[], end: number, now: number): void {
    const fed = new Map<Line, number>()
    for (let line = this.#hungry.takeDue(end); line; line = this.#hungry.takeDue(end)) {
      assert(line.cutAt !== undefined, 'a hungry line goes on somewhere')
      fed.set(line, line.cutAt)
      line.cutAt = undefined
      line.hungry = false
    }
    for (const row of rows) {
      const line = this.#lines.get(this.#lineOf(row))
      if (row.seq >= ((line && fed.get(line)) ?? this.#seen + 1)) this.#append(row, now)
    }
    for (const line of fed.keys()) {
      if (line.cutAt !== undefined) continue
      if (end < this.#seen) line.cutAt = end + 1
      if (line.queue.length === 0) this.#arrange(line, now)
    }
    // The only line there is: whatever is not in it is behind its cut.
    const onlyIsCut = this.#ordering === 'Strict' && this.#lines.get(0)?.cutAt !== undefined
    this.#seen = onlyIsCut ? Infinity : Math.max(this.#seen, end)
  }

  #ended(): void {
    const wanting = this.#reading?.wanting ?? []
    this.#reading = undefined
    for (const line of wanting) this.#hungry.add(line.cutAt ?? 0, line)
  }

  #append(delivery: PendingDelivery, now: number): void {
    const line = this.#line(this.#lineOf(delivery))
    if (line.cutAt !== undefined || line.inHand === delivery.seq) return
    const last = line.queue.at(-1)
    if (last && last.seq >= delivery.seq) return
    const isHead = !last && line.inHand === undefined
    const wanted = isHead && isDue(delivery, now) && this.#sendable.size < SENDABLE_ENOUGH
    if (line.queue.length < LINE_MAX && (wanted || this.#budget.hasRoom())) {
      line.queue.push(delivery)
      this.#budget.add(delivery)
      this.#holding.add(line)
      if (isHead) this.#arrange(line, now)
      return
    }
    line.cutAt = delivery.seq
    if (!isHead) return
    if (isDue(delivery, now)) this.#feed(line)
    else this.#delayed.add(delivery.nextAttemptAt, line)
  }

  /** Puts a line where it belongs: among the sendable, the delayed, the hungry, or nowhere. */
  #arrange(line: Line, now: number): void {
    if (this.#lines.get(line.key) !== line || line.inHand !== undefined || this.#sendable.has(line)) return
    const head = line.queue[0]
    if (head) {
      if (isDue(head, now)) this.#sendable.add(line)
      else this.#delayed.add(head.nextAttemptAt, line)
      return
    }
    if (line.cutAt !== undefined) return this.#feed(line)
    this.#lines.delete(line.key)
    this.#holding.delete(line)
  }

  #feed(line: Line): void {
    assert(line.cutAt !== undefined, 'only what goes on in the store can be fed')
    if (line.hungry) return
    line.hungry = true
    if (this.#reading) this.#reading.wanting.push(line)
    else this.#hungry.add(line.cutAt, line)
  }

  /** Lets go of what a line has in memory. */
  #cutBeforeHead(line: Line): void {
    const [head] = line.queue
    if (!head) return
    for (const delivery of line.queue) this.#budget.remove(delivery)
    line.queue = []
    line.cutAt = head.seq
  }

  #lineOf(delivery: DeliveryRecord): number {
    return this.#ordering === 'Strict' ? 0 : delivery.projectId
  }

  #line(key: number): Line {
    const known = this.#lines.get(key)
    if (known) return known
    const line: Line = { key, queue: [], inHand: undefined, cutAt: undefined, hungry: false }
    this.#lines.set(key, line)
    return line
  }
}
