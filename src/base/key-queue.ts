/** A set of keys waiting to be worked on, in the order they were first added. Adding a waiting key again merges with it. */
export class KeyQueue {
  readonly #waiting = new Set<string>()
  #wake: (() => void) | undefined

  get size(): number {
    return this.#waiting.size
  }

  add(keys: Iterable<string>): void {
    for (const key of keys) this.#waiting.add(key)
    if (this.#waiting.size > 0) this.#wake?.()
  }

  /** Takes everything that waits: what arrived together is worked on together. Keys added from now on wait for the next call. */
  drain(): string[] {
    const keys = [...this.#waiting]
    this.#waiting.clear()
    return keys
  }

  /** Resolves once a key waits, or once `signal` aborts. One waiter at a time. */
  async nonEmpty(signal: AbortSignal): Promise<void> {
    if (this.#waiting.size > 0 || signal.aborted) return
    await new Promise<void>((resolve) => {
      const wake = () => {
        this.#wake = undefined
        signal.removeEventListener('abort', wake)
        resolve()
      }
      this.#wake = wake
      signal.addEventListener('abort', wake, { once: true })
    })
  }
}
