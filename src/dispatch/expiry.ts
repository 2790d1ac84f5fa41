import type { Clock, Timer } from '../base/clock.ts'
import { toError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { DeliveryRecord } from '../storage/records.ts'
import type { DeliveryStore } from '../storage/store.ts'
import { DEADLINE_MS } from './schedule.ts'
import type { SteadyTime } from './steady-time.ts'

export interface ExpiryOptions {
  readonly store: Pick<DeliveryStore, 'pendingOlderThan'>
  readonly clock: Clock
  readonly time: SteadyTime
  readonly log: Log
  /** Ends a delivery; false if it is in hand just now. */
  readonly expire: (delivery: DeliveryRecord) => boolean
  /** Resolves when what was expired so far is durable. */
  readonly recorded: () => Promise<void>
  readonly track: (work: Promise<void>) => void
}

const PIECE = 200
const LOOK_AT_MOST_MS = 3_600_000
/** What is overdue still is in flight, and has an outcome within its time limit. */
const LOOK_AGAIN_MS = 60_000

/** Dead-letters what is past its deadline, whatever held it: sleeps until the oldest pending delivery's, an hour at the most. */
export class Expiry {
  readonly #options: ExpiryOptions
  #timer: Timer | undefined
  #at = Infinity
  #stopped = true

  constructor(options: ExpiryOptions) {
    this.#options = options
  }

  start(): void {
    this.#stopped = false
    this.#sweep()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  /** A delivery of this event time is pending now. */
  note(occurredAt: number): void {
    if (occurredAt + DEADLINE_MS < this.#at || this.#at === Infinity) this.#arm(occurredAt)
  }

  #arm(occurredAt: number): void {
    if (this.#stopped) return
    this.#timer?.cancel()
    this.#at = occurredAt + DEADLINE_MS
    const wait = this.#at - this.#options.time.deadline()
    const bounded = wait < 0 ? LOOK_AGAIN_MS : Math.min(wait + 1, LOOK_AT_MOST_MS)
    this.#timer = this.#options.clock.after(bounded, () => this.#sweep())
  }

  #sweep(): void {
    this.#at = Infinity
    const work = this.#expireDue().catch((thrown: unknown) => {
      this.#options.log.error({ err: toError(thrown) }, 'overdue deliveries could not be read')
      this.#arm(this.#options.time.deadline())
    })
    this.#options.track(work)
  }

  async #expireDue(): Promise<void> {
    const { store, time, expire, recorded } = this.#options
    for (;;) {
      const occurredBy = time.deadline() - DEADLINE_MS - 1
      const overdue = await store.pendingOlderThan(occurredBy, PIECE)
      const [oldest] = await store.pendingOlderThan(Number.MAX_SAFE_INTEGER, 1)
      // Where the clock was once set back the store's order of time has a fold, and the search by time may miss one in it.
      const missed = oldest && oldest.occurredAt <= occurredBy && !overdue.some(({ seq }) => seq === oldest.seq)
      const ended = [...overdue, ...(missed ? [oldest] : [])].filter((delivery) => expire(delivery)).length
      if (ended === 0 || this.#stopped) {
        if (oldest) this.note(oldest.occurredAt)
        return
      }
      await recorded()
    }
  }
}
