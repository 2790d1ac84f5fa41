import type { DeliveryRecord, PendingDelivery } from '../storage/records.ts'

/** What the next page of pending deliveries is to be; see `DeliveryStore.pendingDeliveries`. */
export interface PageQuery {
  readonly order: 'due' | 'seq'
  readonly dueBy: number
  readonly afterSeq: number
  readonly limit: number
  /** The page before made nothing sendable, nor may this one: whatever else there is to do has its turn first. */
  readonly unhurried: boolean
}

/** Deliveries that are in hand elsewhere (in flight, or their outcome not yet recorded): a page may still show them as pending. */
export type InHand = (seq: number) => boolean

/**
 * The part of a lane's backlog that is in memory, bounded; the rest is in the store and comes back by pages. A delivery that was
 * taken is the caller's until it is `settled`.
 */
export interface Window {
  /** A new delivery, seconds old. Kept if there is room and nothing older is only in the store, else left to a page. */
  arrive(delivery: PendingDelivery, now: number): void
  /** The next delivery that may be sent now. */
  take(now: number): PendingDelivery | undefined
  /** A delivery taken earlier has come to its end (undefined) or is due again; recorded either way. */
  settled(delivery: PendingDelivery, again: PendingDelivery | undefined, now: number): void
  /** A delivery ended without having been taken. */
  drop(delivery: DeliveryRecord, now: number): void
  /** The page to read before `take` can give more; undefined if none would help. Call `filled` with it, or `failed`. */
  page(now: number): PageQuery | undefined
  filled(rows: readonly PendingDelivery[], now: number, inHand: InHand): void
  failed(): void
  /** When something becomes due that is not now, or Infinity. */
  nextDue(): number
  /** Nothing may be sent for a while: lets go of what waits. */
  rest(): void
  /** Forgets what waits, and where, to be looked for again when it is wanted. */
  clear(): void
}

const BODY_CHARS_MAX = 32 * 1024 * 1024
const WAITING_MAX = 64 * 1024

/** Bounds what all windows of a dispatcher hold together. */
export class WindowBudget {
  #waiting = 0
  #bodyChars = 0

  hasRoom(): boolean {
    return this.#bodyChars < BODY_CHARS_MAX && this.#waiting < WAITING_MAX
  }

  add(delivery: PendingDelivery): void {
    this.#waiting += 1
    this.#bodyChars += delivery.body.length
  }

  remove(delivery: PendingDelivery): void {
    this.#waiting -= 1
    this.#bodyChars -= delivery.body.length
  }
}
