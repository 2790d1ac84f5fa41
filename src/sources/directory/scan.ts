import { readdir, stat, type Dirent } from 'node:fs'
import { opendir } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { promisify } from 'node:util'
import { fail, ok, type Result } from '../../base/result.ts'
import { DANGLING, failureOf, isAbsence, lookAt, type Failure, type FoundFile } from './files.ts'
import { listMount, MOUNT_LINK } from './mount.ts'

const readdirAt = promisify(readdir) as (path: string, options: { withFileTypes: true }) => Promise<Dirent[]>
const statAt = promisify(stat)

/** Which names in a tree matter. Paths are relative to the root, with slashes; '' is the root. */
export interface TreeShape {
  /** Names never looked at, nor anything below them. */
  readonly skips: (name: string) => boolean
  /** Paths that should be files; everything else that is a directory is descended into. */
  readonly isFile: (path: string) => boolean
}

/** What a scan tells while it goes. */
export interface ScanEvents {
  /** A directory is about to be listed; false: not to be entered (seen under another path, or known well enough). */
  readonly enter: (path: string, identity: DirectoryIdentity) => Promise<boolean>
  readonly onFile: (file: FoundFile) => void
  /** All the files of a `..data` mount, as one consistent listing. */
  readonly onMount: (path: string, files: readonly FoundFile[]) => void
  readonly stopped: () => boolean
}

export interface DirectoryIdentity {
  /** Tells one directory from another, whatever path leads to it. */
  readonly inode: string
  /** The same, and different also when the directory was removed and created again under the same inode number. */
  readonly instance: string
  readonly device: number
}

export interface ScanOutcome {
  /** Directories listed whole. */
  readonly listed: ReadonlySet<string>
  /** Directories met, entered or not. */
  readonly directories: ReadonlySet<string>
  readonly files: ReadonlySet<string>
  /** Of the files those that are links, the ones of `..data` mounts left out. */
  readonly links: ReadonlySet<string>
  /** Directories that are there but cannot be listed, and links that lead nowhere just now. */
  readonly failures: ReadonlyMap<string, Failure>
  /** The device the root is on, if it was listed. */
  readonly rootDevice: number | undefined
  /** The directory the scan was to start from, not the root, is not there. */
  readonly missing: boolean
  /** More entries than the bound: the rest was not looked at. */
  readonly truncated: boolean
}

export interface ScanOptions {
  readonly shape: TreeShape
  readonly entriesMax: number
  readonly events: ScanEvents
  /** The device that what is known of the tree came from; undefined while nothing is known. */
  readonly knownDevice: number | undefined
}

const UNMOUNTED: Failure = {
  code: 'Unreadable',
  reason: 'it is empty, and on another device than before',
  hint: 'Mount it again. Nothing is deleted while this lasts. If it is meant to be empty, restart.',
}
const SLICE = 64
const MOUNT_TRIES = 5

export async function scanTree(root: string, from: string, options: ScanOptions): Promise<ScanOutcome> {
  const scan = new Scan(root, options)
  await scan.run(from)
  return scan
}

/** One walk through the tree, or a part of it: real directories first, linked ones after, each real directory once. */
class Scan implements ScanOutcome {
  readonly listed = new Set<string>()
  readonly directories = new Set<string>()
  readonly files = new Set<string>()
  readonly links = new Set<string>()
  readonly failures = new Map<string, Failure>()
  rootDevice: number | undefined
  missing = false
  truncated = false
  readonly #root: string
  readonly #shape: TreeShape
  readonly #events: ScanEvents
  readonly #knownDevice: number | undefined
  #entriesLeft: number
  #queue: string[] = []
  #linkedDirectories: string[] = []

  constructor(root: string, { shape, entriesMax, events, knownDevice }: ScanOptions) {
    this.#root = root
    this.#shape = shape
    this.#entriesLeft = entriesMax
    this.#events = events
    this.#knownDevice = knownDevice
  }

  async run(from: string): Promise<void> {
    this.#queue.push(from)
    for (;;) {
      const path = this.#queue.shift() ?? this.#linkedDirectories.shift()
      if (path === undefined || this.#events.stopped()) return
      await this.#visit(path, path === from)
    }
  }

  async #visit(path: string, isStart: boolean): Promise<void> {
    const identity = await identify(join(this.#root, path))
    if (!identity.ok) return this.#noteUnmet(path, isStart, identity.error)
    if (path === '' && (await isUnmounted(this.#root, this.#knownDevice, this.#shape))) {
      this.failures.set('', UNMOUNTED)
      return
    }
    this.directories.add(path)
    if (!(await this.#events.enter(path, identity.value))) return
    const entries = await list(join(this.#root, path))
    if (!entries.ok) return this.#noteUnmet(path, isStart, entries.error)
    const mounted = entries.value.some((entry) => entry.name === MOUNT_LINK && entry.isSymbolicLink())
    const covered = mounted ? await this.#visitMount(path) : new Set<string>()
    if (covered === undefined) return
    await this.#visitEntries(path, entries.value, mounted, covered)
    this.listed.add(path)
    if (path === '') this.rootDevice = identity.value.device
  }

  async #noteUnmet(path: string, isStart: boolean, { absent, failure }: DirectoryError): Promise<void> {
    const link = absent ? await danglingLink(this.#root, path) : undefined
    if (link !== undefined) this.failures.set(link, DANGLING)
    else if (!absent || path === '') this.failures.set(path, failure)
    else if (isStart) this.missing = true
  }

  async #visitEntries(
    path: string,
    entries: readonly Dirent[],
    mounted: boolean,
    covered: ReadonlySet<string>,
  ): Promise<void> {
    const looks: string[] = []
    for (const entry of this.#wanted(entries)) {
      const child = path === '' ? entry.name : `${path}/${entry.name}`
      // In a mount the links are the mount's: a link it does not cover is a leftover about to be removed.
      if (covered.has(entry.name) || (mounted && entry.isSymbolicLink())) continue
      if (this.#shape.isFile(child) && entry.isSymbolicLink()) this.links.add(child)
      if (this.#shape.isFile(child)) looks.push(child)
      else if (entry.isDirectory()) this.#queue.push(child)
      else if (entry.isSymbolicLink()) await this.#followLink(child)
    }
    await inSlices(looks, async (child) => {
      if (this.#events.stopped()) return
      const actual = join(this.#root, child)
      this.#found({ path: child, look: await lookAt(actual, 'direct'), actual })
    })
  }

  /** A link with no name of a file may lead to a directory. While it leads nowhere, what was behind it is not believed gone. */
  async #followLink(path: string): Promise<void> {
    const identity = await identify(join(this.#root, path))
    if (identity.ok) this.#linkedDirectories.push(path)
    else await this.#noteUnmet(path, false, identity.error)
  }

  #found(file: FoundFile): void {
    if (file.look.kind === 'missing') return
    this.files.add(file.path)
    this.#events.onFile(file)
  }

  #wanted(entries: readonly Dirent[]): Dirent[] {
    const wanted = entries.filter((entry) => !this.#shape.skips(entry.name))
    if (wanted.length > this.#entriesLeft) this.truncated = true
    const taken = wanted.slice(0, this.#entriesLeft)
    this.#entriesLeft -= taken.length
    return taken.sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** The names at the top of the mount, or undefined if it could not be listed whole. */
  async #visitMount(path: string): Promise<ReadonlySet<string> | undefined> {
    let failure: Failure | undefined
    for (let attempt = 1; attempt <= MOUNT_TRIES; attempt++) {
      // Swapped while we looked: the directory behind the old link is gone, the next try sees the new one.
      const mount = await listMount(this.#root, path, {
        wanted: (entries) => this.#wanted(entries),
        isFile: this.#shape.isFile,
      })
      if (mount.ok) {
        for (const file of mount.value.files) this.files.add(file.path)
        this.#events.onMount(path, mount.value.files)
        return mount.value.names
      }
      failure = mount.error
    }
    if (failure) this.failures.set(path, failure)
    return undefined
  }
}

/** The link on the way to `path` (or there itself) that leads nowhere; undefined if there is none. The way to the root is not looked at. */
async function danglingLink(root: string, path: string): Promise<string | undefined> {
  if (path === '') return undefined
  const look = await lookAt(join(root, path))
  if (look.kind === 'missing') return danglingLink(root, parentOf(path))
  return look.kind === 'failed' && look.failure === DANGLING ? path : undefined
}

interface DirectoryError {
  readonly absent: boolean
  readonly failure: Failure
}

function directoryError(thrown: unknown): { ok: false; error: DirectoryError } {
  return fail({ absent: isAbsence(thrown), failure: failureOf(thrown) })
}

async function identify(path: string): Promise<Result<DirectoryIdentity, DirectoryError>> {
  try {
    const stats = await statAt(path)
    if (!stats.isDirectory()) throw Object.assign(new Error('not a directory'), { code: 'ENOTDIR' })
    const inode = `${stats.dev}:${stats.ino}`
    return ok({ inode, instance: `${inode}:${stats.birthtimeMs}`, device: stats.dev })
  } catch (thrown) {
    return directoryError(thrown)
  }
}

async function list(path: string): Promise<Result<Dirent[], DirectoryError>> {
  try {
    return ok(await readdirAt(path, { withFileTypes: true }))
  } catch (thrown) {
    return directoryError(thrown)
  }
}

/** Runs `work` over all items one after the other, letting others run in between. Rejects only if `work` does. */
export async function inSlices<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (const [index, item] of items.entries()) {
    if (index % SLICE === SLICE - 1) await nextTurn()
    await work(item)
  }
}

/** Runs `work` over all items, at most `width` at a time. Rejects only if `work` does. */
export async function inParallel<T>(width: number, items: readonly T[], work: (item: T) => Promise<void>) {
  let next = 0
  const lane = async () => {
    for (let item = items[next++]; item !== undefined; item = items[next++]) await work(item)
  }
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, lane))
}

/** True if the root is an empty directory on another device than what is known came from: an unmounted disk leaves its mount point. */
export async function isUnmounted(
  root: string,
  knownDevice: number | undefined,
  { skips }: TreeShape,
): Promise<boolean> {
  if (knownDevice === undefined) return false
  const identity = await identify(root)
  if (!identity.ok || identity.value.device === knownDevice) return false
  const entries = await list(root)
  return entries.ok && entries.value.every(({ name }) => skips(name))
}

/** True if `path` still leads to the directory of this identity. */
export async function isSameDirectory(root: string, path: string, identity: DirectoryIdentity): Promise<boolean> {
  const now = await identify(join(root, path))
  return now.ok && now.value.inode === identity.inode
}

/**
 * True if the directory can be read now, or is itself known to be gone from one that can: then what is not in it is not there. A link
 * that leads nowhere does not answer.
 */
export async function answers(root: string, path: string): Promise<boolean> {
  try {
    const directory = await opendir(join(root, path))
    await directory.close()
    return true
  } catch (thrown) {
    if (!isAbsence(thrown) || path === '') return false
    if ((await danglingLink(root, path)) !== undefined) return false
    return answers(root, parentOf(path))
  }
}

/** The directory a path is in; '' is the root. */
export function parentOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0))
}

export function isBelow(directory: string, path: string): boolean {
  return directory === '' || path.startsWith(`${directory}/`)
}
