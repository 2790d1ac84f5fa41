import type { Clock, Timer } from '../base/clock.ts'
import { toError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { DeliveryStore } from '../storage/store.ts'
import { DAY_MS } from './schedule.ts'
import { createSteadyTime, type SteadyTime } from './steady-time.ts'

/** How much of the delivery log is kept. What has not ended is kept in any case. */
export interface LogBounds {
  readonly maxAgeDays: number
  /** Of the whole database: while it is larger, the oldest deliveries that have ended go. */
  readonly maxBytes: number
}

export interface RetentionOptions extends LogBounds {
  readonly store: Pick<DeliveryStore, 'prune'>
  readonly clock: Clock
  readonly log: Log
}

const LOOK_EVERY_MS = 60_000
/** Where much is pending there is much to look through: the writer is to be free for at least this many times as long afterwards. */
const REST_FACTOR = 100
const REST_MAX_MS = 3_600_000

/** Keeps the delivery log within its bounds: looks every minute, or less often where looking takes long. */
export class Retention {
  readonly #options: RetentionOptions
  /** A clock that was set ahead must not cost the log. */
  readonly #time: SteadyTime
  readonly #stopping = new AbortController()
  #timer: Timer | undefined
  #work: Promise<void> = Promise.resolve()

  constructor(options: RetentionOptions) {
    this.#options = options
    this.#time = createSteadyTime(options.clock)
  }

  start(): void {
    this.#lookIn(LOOK_EVERY_MS)
  }

  /** Resolves once nothing is being dropped any more. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    this.#timer?.cancel()
    await this.#work
  }

  #lookIn(ms: number): void {
    if (this.#stopping.signal.aborted) return
    this.#timer = this.#options.clock.after(ms, () => {
      this.#work = this.#look()
    })
  }

  async #look(): Promise<void> {
    const { store, clock, log, maxAgeDays, maxBytes } = this.#options
    const startedAt = clock.elapsed()
    const finishedBefore = this.#time.deadline() - maxAgeDays * DAY_MS
    try {
      const pruned = await store.prune({ finishedBefore, maxBytes, signal: this.#stopping.signal })
      const { deliveries, unavailable: reason } = pruned
      if (deliveries > 0) log.debug({ deliveries }, 'old deliveries were dropped from the log')
      if (reason !== undefined) log.warn({ reason }, 'old deliveries could not be dropped from the log, for now')
    } catch (thrown) {
      log.error({ err: toError(thrown) }, 'old deliveries could not be dropped from the log')
    }
    const rest = Math.min(REST_FACTOR * (clock.elapsed() - startedAt), REST_MAX_MS)
    this.#lookIn(Math.max(LOOK_EVERY_MS, rest))
  }
}
