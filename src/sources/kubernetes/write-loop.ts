import { backoffMs } from '../../base/backoff.ts'
import { sleep, type Clock } from '../../base/clock.ts'
import type { Random } from '../../base/random.ts'
import type { ResourceKey } from '../../resources/resource.ts'
import type { StatusListing } from '../../status/listing.ts'
import type { Failure } from './failure.ts'

export interface WriteLoopOptions {
  /** Names the resources of which something else is said now. */
  readonly listing: Pick<StatusListing, 'subscribe'>
  /** Writes what is to be written of one resource; a failure is one that may pass. Must not throw. */
  readonly write: (key: ResourceKey, signal: AbortSignal) => Promise<Written>
  /** Whether this operator is the one to write just now. */
  readonly mayWrite: () => boolean
  /** How many resources are written at a time; one resource never twice at once. */
  readonly parallel: number
  readonly clock: Clock
  readonly random: Random
}

/** `not ours to write`: found out after waiting for the turn. It stays to be written. */
export type Written = 'written' | 'nothing to write' | 'not ours to write' | Failure

const BACKOFF = { firstMs: 500, factor: 2, maxMs: 30_000 }
const NOT_OURS_TO_WRITE_MS = 1_000

/**
 * Writes resources to the API server as they are named, some at a time. A failure that may pass makes all the rest wait along, for the
 * next one would fail the same way.
 */
export class WriteLoop {
  readonly #options: WriteLoopOptions
  readonly #stopping = new AbortController()
  readonly #waiting = new Set<ResourceKey>()
  readonly #underWay = new Map<ResourceKey, Promise<void>>()
  #pausing: Promise<void> | undefined
  #failures = 0
  #unsubscribe: () => void = () => undefined

  constructor(options: WriteLoopOptions) {
    this.#options = options
  }

  /** From now on writes whatever the listing names. */
  start(): void {
    this.#unsubscribe = this.#options.listing.subscribe((keys) => this.add(keys))
  }

  add(keys: Iterable<ResourceKey>): void {
    for (const key of keys) this.#waiting.add(key)
    this.#fill()
  }

  /** Nothing runs after this resolves. */
  async stop(): Promise<void> {
    this.#unsubscribe()
    this.#stopping.abort()
    await Promise.all([...this.#underWay.values(), this.#pausing])
  }

  #fill(): void {
    for (const key of this.#waiting) {
      if (this.#pausing || this.#stopping.signal.aborted || this.#underWay.size >= this.#options.parallel) return
      if (this.#underWay.has(key)) continue
      if (!this.#options.mayWrite()) return this.#pause(NOT_OURS_TO_WRITE_MS)
      this.#waiting.delete(key)
      this.#underWay.set(key, this.#write(key))
    }
  }

  async #write(key: ResourceKey): Promise<void> {
    const written = await this.#options.write(key, this.#stopping.signal)
    this.#underWay.delete(key)
    if (written === 'written') this.#failures = 0
    else if (written === 'not ours to write') this.#waiting.add(key)
    else if (written !== 'nothing to write') this.#postpone(key, written)
    this.#fill()
  }

  /** What fails while the rest waits already failed for the same reason. */
  #postpone(key: ResourceKey, { retryAfterMs = 0 }: Failure): void {
    this.#waiting.add(key)
    if (this.#pausing) return
    this.#failures += 1
    this.#pause(Math.max(backoffMs(BACKOFF, this.#failures, this.#options.random), retryAfterMs))
  }

  #pause(delayMs: number): void {
    this.#pausing = sleep(this.#options.clock, delayMs, this.#stopping.signal).then(() => {
      this.#pausing = undefined
      this.#fill()
    })
  }
}
