import { resolve } from 'node:path'
import type { Clock, Timer } from '../../base/clock.ts'
import { toError } from '../../base/errors.ts'
import { KeyQueue } from '../../base/key-queue.ts'
import type { Log } from '../../base/log.ts'
import { Directories } from './directories.ts'
import { emptyBatch, FileTable, type TreeBatch } from './file-table.ts'
import { failureOf, type Failure } from './files.ts'
import { LinkTargets } from './link-targets.ts'
import { MOUNT_LINK } from './mount.ts'
import {
  answers,
  isBelow,
  isSameDirectory,
  isUnmounted,
  parentOf,
  scanTree,
  type DirectoryIdentity,
  type ScanOutcome,
  type TreeShape,
} from './scan.ts'

export interface FileTreeOptions<T> {
  readonly root: string
  readonly shape: TreeShape
  readonly clock: Clock
  readonly log: Log
  /** Makes of a file's bytes what is kept of them. Whatever it throws is taken for a bug, and the file for failing. */
  readonly interpret: (bytes: Buffer, path: string) => T
  /** Called once for what settled together; with nothing in it when only `synced` or `failures` changed. */
  readonly onBatch: (batch: TreeBatch<T>) => void
  /** Called when directories came or went: `hasDirectory` may answer otherwise now. */
  readonly onDirectories?: () => void
}

/** Entries of a tree that are looked at; beyond it the rest is ignored, with a failure, and nothing is deleted. */
export const TREE_ENTRIES_MAX = 100_000
/** The safety net below the watchers, which may miss events (a full queue, a network file system). */
const SCAN_EVERY_MS = 30_000
/** Scanning never takes more than about a twentieth of the time. */
const SCAN_PAUSE_FACTOR = 20
const SCAN_EVERY_UNWATCHED_MS = 2_000
const SCAN_SOON_MS = 1_000
/** So many events may have overflowed the system's queue, which it does not tell. */
const EVENTS_SUSPICIOUS = 4096
/** In the queue of scans: the whole tree, every directory listed. No path contains it. */
const EVERYTHING = '/'
const MISSING = failureOf({ code: 'ENOENT' })
const TOO_MANY: Failure = {
  code: 'Unreadable',
  reason: `it has more than ${TREE_ENTRIES_MAX} entries`,
  hint: 'Keep other things elsewhere. Nothing is deleted while this lasts.',
}

/**
 * Keeps what the files of a directory say, as of when each last held still. Watchers only wake: what is true is found by looking.
 * Two loops: this one scans directories to learn which files there are, the table's looks at files, waits until they are still, and
 * reads. Nothing is ever written, and nothing is believed gone unless the directory it was in still answers.
 */
export class FileTree<T> {
  readonly #options: FileTreeOptions<T>
  readonly #root: string
  readonly #files: FileTable<T>
  readonly #directories: Directories
  readonly #targets: LinkTargets
  readonly #failures = new Map<string, Failure>()
  readonly #scans = new KeyQueue()
  readonly #stopping = new AbortController()
  #loops: Promise<unknown> = Promise.resolve()
  #answer: () => void = () => undefined
  #rootDevice: number | undefined
  #directoriesChanged = false
  #complete = false
  #events = 0
  #timer: Timer | undefined

  constructor(options: FileTreeOptions<T>) {
    this.#options = options
    this.#root = resolve(options.root)
    this.#files = new FileTable({
      root: this.#root,
      clock: options.clock,
      signal: this.#stopping.signal,
      interpret: options.interpret,
      onBug: (err, path) => options.log.error({ err, file: path }, 'a bug kept a file from being understood'),
      onBatch: (batch) => this.#emit(batch),
      answers: (directory) => this.#answers(directory),
      onDoubt: (directories) => this.#scans.add([...directories].map((path) => path || EVERYTHING)),
    })
    this.#directories = new Directories(this.#root, options.log, {
      onEvent: (directory, name) => this.#onEvent(directory, name),
      onReady: (directory) => this.#scans.add([directory]),
      onRoot: () => this.#scans.add([EVERYTHING]),
    })
    this.#targets = new LinkTargets(this.#root, options.log, (paths) => this.#files.touch(paths))
  }

  /** False until all that the first complete scan met has been read. */
  get synced(): boolean {
    return this.#files.synced
  }

  /** Directories that cannot be read and links that lead nowhere, by path; '' is the root. */
  get failures(): ReadonlyMap<string, Failure> {
    return this.#failures
  }

  get isRootMissing(): boolean {
    return this.#failures.get('') === MISSING
  }

  hasDirectory(path: string): boolean {
    return this.#directories.has(path)
  }

  /** On its way out: what it says is in force, but yields to whoever says the same. */
  isVanishing(path: string): boolean {
    return this.#files.record(path)?.phase === 'vanishing'
  }

  /** True while it cannot be known what the file says, or whether there is one. */
  isUnknown(path: string): boolean {
    if (!this.#complete || this.#failures.has('')) return true
    const record = this.#files.record(path)
    if (record) return record.phase === 'failing' || record.digest === undefined
    return [...this.#failures.keys()].some((directory) => isBelow(directory, path))
  }

  /** Resolves when everything has been read once, or the root was found missing. */
  async start(): Promise<void> {
    const answered = new Promise<void>((resolve) => (this.#answer = resolve))
    this.#scans.add([EVERYTHING])
    this.#loops = Promise.all([this.#run(), this.#files.run((turn) => this.#guarded(turn))])
    await answered
  }

  /** Nothing runs after this resolves. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#loops
    this.#timer?.cancel()
    await Promise.all([this.#directories.close(), this.#targets.close()])
    this.#answer()
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted
  }

  #emit(batch: TreeBatch<T>): void {
    this.#options.onBatch(batch)
    if (this.synced || this.#failures.has('')) this.#answer()
  }

  #onEvent(directory: string, name: string | undefined): void {
    if (++this.#events === EVENTS_SUSPICIOUS) this.#scanAfter(SCAN_SOON_MS)
    const { shape } = this.#options
    if (name === undefined || name === MOUNT_LINK || this.#files.isMount(directory)) return this.#scans.add([directory])
    if (shape.skips(name)) return
    const path = directory === '' ? name : `${directory}/${name}`
    if (shape.isFile(path)) this.#files.touch([path])
    else this.#scans.add([path])
  }

  async #run(): Promise<void> {
    for (;;) {
      await this.#scans.nonEmpty(this.#stopping.signal)
      if (this.#stopped) return
      const wanted = this.#scans.drain()
      const paths = wanted.includes(EVERYTHING) ? [EVERYTHING] : wanted
      for (const path of paths) await this.#guarded(() => (path === EVERYTHING ? this.#scanAll() : this.#scan(path)))
    }
  }

  /** A bug in one round must not end a loop: the next scan mends what it left. */
  async #guarded(round: () => Promise<void>): Promise<void> {
    try {
      await round()
    } catch (thrown) {
      if (this.#stopped) return
      this.#options.log.error({ err: toError(thrown), directory: this.#root }, 'a bug upset the watching of files')
      this.#scanAfter(SCAN_SOON_MS)
    }
  }

  async #scanAll(): Promise<void> {
    const startedAt = this.#options.clock.elapsed()
    this.#events = 0
    await this.#directories.watchRoot()
    await this.#scan('', true)
    const tookMs = this.#options.clock.elapsed() - startedAt
    if (!this.#stopped) this.#scanAfter(Math.max(this.#scanEveryMs(), tookMs * SCAN_PAUSE_FACTOR))
  }

  #scanEveryMs(): number {
    if (!this.#directories.has('')) return SCAN_SOON_MS
    // Nothing may tell when a failing directory is mended, or something is behind a link again.
    return this.#directories.allWatched && this.#failures.size === 0 ? SCAN_EVERY_MS : SCAN_EVERY_UNWATCHED_MS
  }

  #scanAfter(delayMs: number): void {
    this.#timer?.cancel()
    this.#timer = this.#options.clock.after(delayMs, () => this.#scans.add([EVERYTHING]))
  }

  /** Lists a directory, and those below it that are new; with `deep` those already known as well. */
  async #scan(from: string, deep = false): Promise<void> {
    const mounts = new Set<string>()
    const outcome = await scanTree(this.#root, from, {
      shape: this.#options.shape,
      entriesMax: TREE_ENTRIES_MAX,
      knownDevice: this.#knownDevice,
      events: {
        enter: (path, identity) => this.#enter(path, identity, deep || path === from),
        onFile: (file) => this.#files.met(file),
        onMount: (path, files) => {
          mounts.add(path)
          this.#files.metMount(path, files)
        },
        stopped: () => this.#stopped,
      },
    })
    const nothingOfOurs = outcome.missing && !this.#directories.has(from) && !this.#failures.has(from)
    if (this.#stopped || nothingOfOurs) return
    this.#rootDevice = outcome.rootDevice ?? this.#rootDevice
    for (const path of outcome.listed) if (!mounts.has(path)) this.#files.unmount(path)
    this.#conclude(from, outcome, deep)
    await this.#targets.scanned(outcome, deep)
  }

  get #knownDevice(): number | undefined {
    return this.#files.isEmpty ? undefined : this.#rootDevice
  }

  async #answers(directory: string): Promise<boolean> {
    if (!(await answers(this.#root, directory))) return false
    return !(await isUnmounted(this.#root, this.#knownDevice, this.#options.shape))
  }

  async #enter(path: string, identity: DirectoryIdentity, listAnyway: boolean): Promise<boolean> {
    const other = this.#directories.otherPath(path, identity)
    if (other !== undefined) {
      if (await isSameDirectory(this.#root, other, identity)) return false
      this.#touchBelow(this.#directories.drop(other))
    }
    const isNew = this.#directories.add(path, identity)
    this.#directoriesChanged ||= isNew
    return isNew || listAnyway
  }

  #conclude(from: string, outcome: ScanOutcome, deep: boolean): void {
    const failuresChanged = this.#noteFailures(from, outcome, deep)
    const rootLost = from === '' && !outcome.listed.has('')
    if (rootLost) {
      // Its watchers follow the directory that moved away, not the path.
      this.#directories.drop('')
      this.#scanAfter(SCAN_SOON_MS)
    } else if (!outcome.truncated) {
      this.#lookForUnmet(outcome)
      this.#touchBelow(this.#dropGone(from, outcome))
    }
    if (failuresChanged) this.#emit(emptyBatch())
    if (this.#directoriesChanged) this.#options.onDirectories?.()
    this.#directoriesChanged = false
    if (from !== '' && this.#failures.size > 0) this.#scanAfter(SCAN_EVERY_UNWATCHED_MS)
    if (from !== '' || rootLost) return
    this.#complete = true
    this.#files.completed()
  }

  #noteFailures(from: string, outcome: ScanOutcome, deep: boolean): boolean {
    const before = JSON.stringify([...this.#failures])
    for (const [path, failure] of this.#failures) {
      const met = outcome.directories.has(path)
      const left = outcome.missing && (path === from || isBelow(from, path))
      const gone = path !== '' && ((outcome.listed.has(parentOf(path)) && !met) || left)
      const mended = outcome.listed.has(path) && (deep || failure !== TOO_MANY)
      if (gone || mended) this.#failures.delete(path)
    }
    for (const [path, failure] of outcome.failures) this.#failures.set(path, failure)
    if (deep && outcome.truncated) this.#failures.set('', TOO_MANY)
    return before !== JSON.stringify([...this.#failures])
  }

  #dropGone(from: string, outcome: ScanOutcome): string[] {
    const gone = this.#directories.paths().filter((path) => {
      const looked = path !== '' && outcome.listed.has(parentOf(path))
      return looked && !outcome.directories.has(path) && !outcome.failures.has(path)
    })
    if (outcome.missing) gone.push(from)
    const dropped = gone.flatMap((path) => this.#directories.drop(path))
    this.#directoriesChanged ||= dropped.length > 0
    return dropped
  }

  /** A listing is not believed when it lacks a file, or the directory the file was in: the file is looked for first. */
  #lookForUnmet(outcome: ScanOutcome): void {
    const unmet = [...this.#files.entries()].filter(([path, { phase, mount }]) => {
      return phase !== 'vanishing' && !outcome.files.has(path) && isLackedBy(outcome, mount ?? parentOf(path))
    })
    this.#files.touch(unmet.map(([path]) => path))
  }

  #touchBelow(directories: readonly string[]): void {
    const dropped = new Set(directories)
    if (dropped.size === 0) return
    for (const path of dropped) this.#files.unmount(path)
    const orphans = [...this.#files.entries()].filter(([path, { mount }]) => dropped.has(mount ?? parentOf(path)))
    this.#files.touch(orphans.map(([path]) => path))
  }
}

/** True if the scan listed the directory, or one above it in which it should have met the next on the way. */
function isLackedBy(outcome: ScanOutcome, directory: string): boolean {
  const { listed, directories, failures } = outcome
  if (listed.has(directory)) return true
  if (directory === '' || directories.has(directory) || failures.has(directory)) return false
  return isLackedBy(outcome, parentOf(directory))
}
