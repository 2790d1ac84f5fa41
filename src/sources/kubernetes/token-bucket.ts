import { sleep, type Clock } from '../../base/clock.ts'

/** Lets `perSecond` pass in the long run, and up to `burst` at once after a rest. */
export class TokenBucket {
  readonly #clock: Clock
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #countedAt: number

  constructor(clock: Clock, { perSecond, burst }: { perSecond: number; burst: number }) {
    this.#clock = clock
    this.#perSecond = perSecond
    this.#burst = burst
    this.#tokens = burst
    this.#countedAt = clock.elapsed()
  }

  /** How many could be taken now. */
  get left(): number {
    this.#fill()
    return Math.floor(this.#tokens)
  }

  /** Takes one if there is one, and that leaves as many as are to be left. */
  tryTake(left = 0): boolean {
    this.#fill()
    if (this.#tokens < 1 + left) return false
    this.#tokens -= 1
    return true
  }

  /** Takes one as soon as there is one, or nothing once `signal` aborts. */
  async take(signal: AbortSignal, left = 0): Promise<void> {
    while (!signal.aborted && !this.tryTake(left)) {
      await sleep(this.#clock, Math.ceil(((1 + left - this.#tokens) * 1000) / this.#perSecond), signal)
    }
  }

  #fill(): void {
    const now = this.#clock.elapsed()
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#countedAt) * this.#perSecond) / 1000)
    this.#countedAt = now
  }
}
