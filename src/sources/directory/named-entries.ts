import type { Log } from '../../base/log.ts'
import { watchDirectory, type Waker } from './watch.ts'

/** The names that matter, by the directory they are in. */
export type NamesByDirectory = ReadonlyMap<string, { has(name: string): boolean }>

export interface NamedEntriesEvents {
  /** Something happened to one of the names; undefined: to their directory as a whole. */
  readonly onEvent: (directory: string, name: string | undefined) => void
  /** The directory is watched from now on: what happened since its names were named was missed. */
  readonly onReady: (directory: string) => void
}

/** Watches names wherever they are, because what a tree holds depends on what they are. What cannot be watched is left to a scan. */
export class NamedEntries {
  readonly #log: Log
  readonly #events: NamedEntriesEvents
  readonly #watched = new Map<string, Waker>()
  readonly #closing = new Set<Promise<void>>()
  #names: NamesByDirectory = new Map()

  constructor(log: Log, events: NamedEntriesEvents) {
    this.#log = log
    this.#events = events
  }

  /** Directories with a watcher. */
  get size(): number {
    return this.#watched.size
  }

  /** From now on these, and no others. */
  watch(names: NamesByDirectory): void {
    this.#names = names
    for (const [directory, waker] of this.#watched) {
      if (names.has(directory)) continue
      this.#watched.delete(directory)
      this.#close(waker)
    }
    for (const directory of names.keys())
      if (!this.#watched.has(directory)) this.#watched.set(directory, this.#waker(directory))
  }

  /** Nothing is watched once it resolves. */
  async close(): Promise<void> {
    this.watch(new Map())
    await Promise.all(this.#closing)
  }

  #waker(directory: string): Waker {
    return watchDirectory(directory, {
      onEvent: (name) => {
        if (name === undefined || this.#names.get(directory)?.has(name)) this.#events.onEvent(directory, name)
      },
      onReady: () => this.#events.onReady(directory),
      onError: (err) => this.#log.debug({ err, directory }, 'what leads to a directory or file cannot be watched'),
    })
  }

  #close(waker: Waker): void {
    const closed = waker.close().catch((err: unknown) => this.#log.debug({ err }, 'closing a watcher failed'))
    this.#closing.add(closed)
    void closed.then(() => this.#closing.delete(closed))
  }
}
