import { join } from 'node:path'
import type { Log } from '../../base/log.ts'
import { NamedEntries } from './named-entries.ts'
import { parentOf, type ScanOutcome } from './scan.ts'
import { targetEntries } from './watch.ts'

/** More linked files, or more directories that they lead to, are left to the scan: each directory takes a watcher of the system's. */
export const LINKS_MAX = 500
export const TARGET_DIRECTORIES_MAX = 128

/** Linked files by what they depend on: a directory, and a name in it. */
type Dependents = ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>

/**
 * Follows the files of a tree that are links to where they lead: what is written there makes no event in the tree. Which files are
 * links is found by scans, so one that is new, or was itself pointed elsewhere, is followed from the next full scan on.
 */
export class LinkTargets {
  readonly #root: string
  readonly #onChange: (paths: Iterable<string>) => void
  readonly #entries: NamedEntries
  /** Of each linked file what decides what it is: see `targetEntries`. */
  readonly #ways = new Map<string, ReadonlyMap<string, ReadonlySet<string>>>()
  #dependents: Dependents = new Map()
  #work: Promise<void> = Promise.resolve()
  #closed = false

  constructor(root: string, log: Log, onChange: (paths: Iterable<string>) => void) {
    this.#root = root
    this.#onChange = onChange
    this.#entries = new NamedEntries(log, {
      onEvent: (directory, name) => this.#changed(directory, name),
      // Whatever happened before it was watched was missed.
      onReady: (directory) => this.#changed(directory, undefined),
    })
  }

  /** Directories that are watched. */
  get size(): number {
    return this.#entries.size
  }

  /** Takes over the links a scan has met; `deep`: of the whole tree. Everything is followed once it resolves. */
  async scanned({ links, listed }: Pick<ScanOutcome, 'links' | 'listed'>, deep: boolean): Promise<void> {
    for (const path of this.#ways.keys()) {
      const looked = deep || listed.has(parentOf(path))
      if (looked && !links.has(path)) this.#ways.delete(path)
    }
    await this.#follow([...links].filter((path) => deep || !this.#ways.has(path)))
  }

  /** Nothing is watched, and nothing runs, once it resolves. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#work
    await this.#entries.close()
  }

  /** A link on the way may have been pointed elsewhere. */
  #changed(directory: string, name: string | undefined): void {
    const paths = this.#dependentsOn(directory, name)
    this.#onChange(paths)
    void this.#follow(paths)
  }

  #dependentsOn(directory: string, name: string | undefined): string[] {
    const names = this.#dependents.get(directory)
    if (name !== undefined) return [...(names?.get(name) ?? [])]
    return [...(names?.values() ?? [])].flatMap((paths) => [...paths])
  }

  #follow(paths: readonly string[]): Promise<void> {
    return (this.#work = this.#work.then(() => this.#findWays(paths)))
  }

  async #findWays(paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      if (this.#closed) return
      const followed = this.#ways.has(path) || this.#ways.size < LINKS_MAX
      if (followed) this.#ways.set(path, await targetEntries(join(this.#root, path)))
    }
    this.#dependents = dependentsOf(this.#ways)
    if (!this.#closed) this.#entries.watch(this.#dependents)
  }
}

function dependentsOf(ways: ReadonlyMap<string, ReadonlyMap<string, ReadonlySet<string>>>): Dependents {
  const dependents = new Map<string, Map<string, Set<string>>>()
  for (const [path, way] of ways) {
    for (const [directory, names] of way) {
      if (!dependents.has(directory) && dependents.size >= TARGET_DIRECTORIES_MAX) continue
      const byName = dependents.get(directory) ?? new Map<string, Set<string>>()
      dependents.set(directory, byName)
      names.forEach((name) => byName.set(name, (byName.get(name) ?? new Set()).add(path)))
    }
  }
  return dependents
}
