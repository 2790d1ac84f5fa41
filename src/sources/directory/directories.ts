import { basename, join } from 'node:path'
import type { Log } from '../../base/log.ts'
import { NamedEntries } from './named-entries.ts'
import { isBelow, type DirectoryIdentity } from './scan.ts'
import { rootEntries, watchDirectory, type Waker } from './watch.ts'

export interface DirectoriesEvents {
  /** Something happened to `name` in a directory of the tree; undefined: to the directory itself. */
  readonly onEvent: (directory: string, name: string | undefined) => void
  /** The directory is watched from now on: what happened since it was listed was missed. */
  readonly onReady: (directory: string) => void
  /** The root may be another directory now, or be there again. */
  readonly onRoot: () => void
}

interface Known {
  readonly identity: DirectoryIdentity
  readonly waker: Waker
  watched: boolean
}

/** The directories of a tree, each with its watcher, and the watchers of what leads to the root. */
export class Directories {
  readonly #root: string
  readonly #log: Log
  readonly #events: DirectoriesEvents
  readonly #known = new Map<string, Known>()
  readonly #byInode = new Map<string, string>()
  readonly #leading: NamedEntries
  readonly #closing = new Set<Promise<void>>()
  #unwatched = 0
  #warned = false

  constructor(root: string, log: Log, events: DirectoriesEvents) {
    this.#root = root
    this.#log = log
    this.#events = events
    this.#leading = new NamedEntries(log, { onEvent: () => events.onRoot(), onReady: () => undefined })
  }

  /** False while some directory cannot be watched (the system's limit, mostly): changes there show only to a scan. */
  get allWatched(): boolean {
    return this.#unwatched === 0
  }

  has(path: string): boolean {
    return this.#known.has(path)
  }

  paths(): string[] {
    return [...this.#known.keys()]
  }

  /** The path the same directory is already known by, if that is another one: links may lead to a directory twice, or round. */
  otherPath(path: string, identity: DirectoryIdentity): string | undefined {
    const holder = this.#byInode.get(identity.inode)
    return holder === path ? undefined : holder
  }

  /** Sees to it that the directory is watched; true if it was not known, or has been replaced since. */
  add(path: string, identity: DirectoryIdentity): boolean {
    const known = this.#known.get(path)
    const replaced = known !== undefined && known.identity.instance !== identity.instance
    if (known && !replaced && known.watched) return false
    if (known) this.#forget(path, known)
    this.#known.set(path, this.#watch(path, identity))
    this.#byInode.set(identity.inode, path)
    return known === undefined || replaced
  }

  /** Forgets a directory and all below it; their paths. */
  drop(path: string): string[] {
    const gone = this.paths().filter((known) => known === path || isBelow(path, known))
    for (const each of gone) {
      const known = this.#known.get(each)
      if (known) this.#forget(each, known)
    }
    return gone
  }

  /** Watches the names that decide which directory the root is. */
  async watchRoot(): Promise<void> {
    this.#leading.watch(await rootEntries(this.#root))
  }

  async close(): Promise<void> {
    this.drop('')
    await Promise.all([this.#leading.close(), ...this.#closing])
  }

  #watch(path: string, identity: DirectoryIdentity): Known {
    const absolute = join(this.#root, path)
    const waker = watchDirectory(absolute, {
      onEvent: (name) => {
        // A directory that is itself moved or removed reports its own name, as if something of that name were in it.
        if (name === undefined || name === basename(absolute)) this.#events.onEvent(path, undefined)
        if (name !== undefined) this.#events.onEvent(path, name)
      },
      onReady: () => this.#events.onReady(path),
      onError: (error) => this.#failed(known, error, absolute),
    })
    const known: Known = { identity, waker, watched: true }
    return known
  }

  #failed(known: Known, err: Error, directory: string): void {
    if (known.watched) this.#unwatched += 1
    known.watched = false
    if (this.#warned) return
    this.#warned = true
    this.#log.warn({ err, directory }, 'directory cannot be watched; it is scanned more often instead')
  }

  #forget(path: string, known: Known): void {
    this.#known.delete(path)
    if (this.#byInode.get(known.identity.inode) === path) this.#byInode.delete(known.identity.inode)
    if (!known.watched) this.#unwatched -= 1
    this.#close(known.waker)
  }

  #close(waker: Waker): void {
    const closed = waker.close().catch((err: unknown) => this.#log.debug({ err }, 'closing a watcher failed'))
    this.#closing.add(closed)
    void closed.then(() => this.#closing.delete(closed))
  }
}
