import type { Clock, Timer } from '../../base/clock.ts'

/** Servers send a bookmark about once a minute. Once there was one, this long without a byte means that the connection is dead. */
const SILENCE_MS = 180_000

/** Ends a watch that is overdue, or has fallen silent although its server sends bookmarks. */
export class WatchLife {
  readonly #clock: Clock
  readonly #over = new AbortController()
  readonly #overdue: Timer
  #silence: Timer | undefined

  constructor(clock: Clock, maxMs: number) {
    this.#clock = clock
    this.#overdue = clock.after(maxMs, () => this.#over.abort())
  }

  get signal(): AbortSignal {
    return this.#over.signal
  }

  sawBookmark(): void {
    this.#silence?.cancel()
    this.#silence = this.#clock.after(SILENCE_MS, () => this.#over.abort())
  }

  sawBytes(): void {
    if (this.#silence) this.sawBookmark()
  }

  end(): void {
    this.#overdue.cancel()
    this.#silence?.cancel()
    this.#over.abort()
  }
}
