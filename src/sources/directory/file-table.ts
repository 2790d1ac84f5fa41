import { hash } from 'node:crypto'
import { join } from 'node:path'
import type { Clock, Timer } from '../../base/clock.ts'
import { toError } from '../../base/errors.ts'
import { KeyQueue } from '../../base/key-queue.ts'
import { assert } from '../../base/assert.ts'
import { planBatch } from './batch.ts'
import { asFailing, asFailingRead, asRead, observe, SETTLE_MS, type FileRecord } from './file-state.ts'
import { lookAt, readUnchanged, type Asking, type Failure, type FoundFile, type Look } from './files.ts'
import { inParallel, inSlices, parentOf } from './scan.ts'

/** What settled together. Paths are relative to the root, with slashes. */
export interface TreeBatch<T> {
  readonly read: ReadonlyMap<string, T>
  /** Read again and found to say what they said before; no longer failing if they were. */
  readonly unchanged: readonly string[]
  /** There, but cannot be read: what they said before stays. undefined: no failure of its own, its directory has one. */
  readonly failing: ReadonlyMap<string, Failure | undefined>
  readonly gone: readonly string[]
}

export interface FileTableOptions<T> {
  /** Absolute. */
  readonly root: string
  readonly clock: Clock
  readonly signal: AbortSignal
  readonly interpret: (bytes: Buffer, path: string) => T
  readonly onBug: (error: Error, path: string) => void
  readonly onBatch: (batch: TreeBatch<T>) => void
  /** Whether this directory can say what is not in it. */
  readonly answers: (directory: string) => Promise<boolean>
  /** These directories do not say the same as what was read from them: they want to be listed again; '' is the root. */
  readonly onDoubt: (directories: Iterable<string>) => void
}

/** How long the first batch waits for files that are being written just then. */
const FIRST_PATIENCE_MS = 1_000
const READS_AT_ONCE = 16
/** More files than this in one batch are asked for directly. */
const MANY = 64
/** In the queue of touched files: none, only look at what is due. */
const NOTHING = ''
const SILENT_DIRECTORY: Failure = { code: 'Unreadable', reason: 'its directory does not answer', hint: '' }

const UPSETTING: Failure = {
  code: 'Unparsable',
  reason: 'it upsets the parser, which is a bug',
  hint: 'Please report it, with the file.',
}

interface Draft<T> {
  readonly planned: FileRecord
  /** undefined: gone. */
  readonly next: FileRecord | undefined
  /** Set when the bytes were new. */
  readonly value?: { readonly of: T }
}

/** Every file that is or was there, in its state (file-state.ts): looks, waits until it is still, reads, and hands on what settled. */
export class FileTable<T> {
  readonly #options: FileTableOptions<T>
  readonly #records = new Map<string, FileRecord>()
  readonly #pending = new Map<string, FileRecord>()
  readonly #mounts = new Set<string>()
  readonly #touched = new KeyQueue()
  #complete = false
  #synced = false
  #timer: Timer | undefined

  constructor(options: FileTableOptions<T>) {
    this.#options = options
  }

  get synced(): boolean {
    return this.#synced
  }

  get isEmpty(): boolean {
    return this.#records.size === 0
  }

  record(path: string): FileRecord | undefined {
    return this.#records.get(path)
  }

  entries(): Iterable<[string, FileRecord]> {
    return this.#records
  }

  isMount(directory: string): boolean {
    return this.#mounts.has(directory)
  }

  /** The directory was listed and is no `..data` mount. */
  unmount(directory: string): void {
    this.#mounts.delete(directory)
  }

  /** Something happened to these files, or may have. */
  touch(paths: Iterable<string>): void {
    this.#touched.add(paths)
  }

  /** A first scan has met every file: what it met is read now. */
  completed(): void {
    this.#complete = true
    this.#touched.add([NOTHING])
  }

  met({ path, look, actual }: FoundFile): void {
    this.#observe(path, { look, actual, mount: undefined, woken: false, now: this.#now() })
  }

  /** Everything of a mount in one step: the files it has, and those it no longer has. */
  metMount(mount: string, files: readonly FoundFile[]): void {
    this.#mounts.add(mount)
    const now = this.#now()
    const met = new Set(files.map(({ path }) => path))
    for (const { path, look, actual } of files) this.#observe(path, { look, actual, mount, woken: false, now })
    for (const [path, { actual, mount: through }] of this.#records) {
      if (through !== mount || met.has(path)) continue
      this.#observe(path, { look: { kind: 'missing' }, actual, mount, woken: false, now })
    }
  }

  /** Goes on until the signal aborts. `round` wraps each turn, to catch what no turn should throw. */
  async run(round: (turn: () => Promise<void>) => Promise<void>): Promise<void> {
    for (;;) {
      await this.#touched.nonEmpty(this.#options.signal)
      if (this.#stopped) break
      await round(async () => {
        await this.#lookAtTouched(this.#touched.drain().filter((path) => path !== NOTHING))
        await this.#settle()
      })
    }
    this.#timer?.cancel()
  }

  get #stopped(): boolean {
    return this.#options.signal.aborted
  }

  #now(): number {
    return this.#options.clock.elapsed()
  }

  async #lookAtTouched(paths: readonly string[]): Promise<void> {
    // A single file of a mount is never looked at: the mount is listed anew, whole.
    const [mounted, plain] = partition(paths, (path) => this.#mounts.has(parentOf(path)))
    if (mounted.length > 0) this.#options.onDoubt(mounted.map(parentOf))
    await inParallel(READS_AT_ONCE, plain, async (path) => {
      const actual = join(this.#options.root, path)
      const look = await lookAt(actual)
      this.#observe(path, { look, actual, mount: undefined, woken: true, now: this.#now() })
    })
  }

  #observe(path: string, sighting: Parameters<typeof observe>[1]): void {
    this.#set(path, observe(this.#records.get(path), sighting))
  }

  #set(path: string, record: FileRecord | undefined): void {
    if (record) this.#records.set(path, record)
    else this.#records.delete(path)
    const wasPending = this.#pending.has(path)
    const pending = record?.phase === 'settling' || record?.phase === 'vanishing'
    if (pending) this.#pending.set(path, record)
    else this.#pending.delete(path)
    if (pending && !wasPending) this.#touched.add([NOTHING])
  }

  /** Applies what is due, until nothing is; then sets the timer for what will be. */
  async #settle(): Promise<void> {
    this.#timer?.cancel()
    while (this.#complete && !this.#stopped) {
      const patienceMs = this.#synced ? SETTLE_MS : FIRST_PATIENCE_MS
      const { ready, wakeAt } = planBatch(this.#pending, this.#now(), patienceMs)
      if (ready.length > 0) await this.#apply(ready)
      else if (!this.#synced && this.#pending.size === 0) this.#emit(emptyBatch())
      else return this.#wakeAt(wakeAt)
    }
  }

  #wakeAt(time: number): void {
    if (!Number.isFinite(time)) return
    this.#timer = this.#options.clock.after(Math.max(1, time - this.#now()), () => this.#touched.add([NOTHING]))
  }

  async #apply(paths: readonly string[]): Promise<void> {
    const drafts = new Map<string, Draft<T>>()
    const memo = new Map<string, Promise<boolean>>()
    const asking = paths.length > MANY ? 'direct' : 'pooled'
    const work = async (path: string) => {
      const planned = this.#records.get(path)
      if (!planned || this.#stopped) return
      const leaving = planned.look.kind === 'missing'
      drafts.set(path, leaving ? await this.#confirmGone(path, planned, memo) : await this.#read(path, planned, asking))
    }
    await (asking === 'direct' ? inSlices(paths, work) : inParallel(READS_AT_ONCE, paths, work))
    if (!this.#stopped) this.#commit(drafts)
  }

  async #read(path: string, planned: FileRecord, asking: Asking): Promise<Draft<T>> {
    const { look } = planned
    if (look.kind === 'failed') return { planned, next: asFailing(planned, look.failure) }
    assert(look.kind === 'file', 'only what is there is read')
    const outcome = await readUnchanged(planned.actual, look.identity, asking)
    if (outcome.kind === 'failed') return { planned, next: asFailingRead(planned, outcome.failure) }
    if (outcome.kind === 'changed') return { planned, next: this.#again(planned, outcome.look) }
    const digest = hash('sha256', outcome.bytes, 'base64')
    const next = asRead(planned, digest)
    if (digest === planned.digest) return { planned, next }
    try {
      return { planned, next, value: { of: this.#options.interpret(outcome.bytes, path) } }
    } catch (thrown) {
      // A bug, but of this file only: the others must not wait for it.
      this.#options.onBug(toError(thrown), path)
      return { planned, next: asFailing(planned, UPSETTING) }
    }
  }

  async #confirmGone(path: string, planned: FileRecord, memo: Map<string, Promise<boolean>>): Promise<Draft<T>> {
    if (planned.mount !== undefined) return { planned, next: undefined }
    const directory = parentOf(path)
    const answer = memo.get(directory) ?? this.#options.answers(directory)
    memo.set(directory, answer)
    if (!(await answer)) {
      this.#options.onDoubt([''])
      return { planned, next: asFailingRead(planned, SILENT_DIRECTORY) }
    }
    const look = await lookAt(planned.actual)
    return { planned, next: look.kind === 'missing' ? undefined : this.#again(planned, look) }
  }

  #again(planned: FileRecord, look: Look): FileRecord | undefined {
    const { actual, mount } = planned
    return observe(planned, { look, now: this.#now(), actual, mount, woken: true })
  }

  /** Takes over what was read, except where the file, or another one of its mount, changed while it was being read. */
  #commit(drafts: ReadonlyMap<string, Draft<T>>): void {
    const torn = this.#tornMounts(drafts)
    const batch = emptyBatch<T>()
    for (const [path, draft] of drafts) {
      const { planned, next } = draft
      if (this.#records.get(path) !== planned) continue
      if (planned.mount !== undefined && torn.has(planned.mount)) {
        this.#set(path, this.#again(planned, planned.look))
        continue
      }
      this.#set(path, next)
      addToBatch(batch, path, draft)
    }
    if (torn.size > 0) this.#options.onDoubt(torn)
    if (!this.#synced || !isEmpty(batch)) this.#emit(batch)
  }

  #tornMounts(drafts: ReadonlyMap<string, Draft<T>>): Set<string> {
    const torn = new Set<string>()
    for (const [path, { planned, next }] of drafts) {
      const changed = next?.phase === 'settling' || next?.phase === 'vanishing' || this.#records.get(path) !== planned
      if (planned.mount !== undefined && changed) torn.add(planned.mount)
    }
    return torn
  }

  #emit(batch: TreeBatch<T>): void {
    this.#synced = true
    this.#options.onBatch(batch)
  }
}

interface GrowingBatch<T> extends TreeBatch<T> {
  readonly read: Map<string, T>
  readonly unchanged: string[]
  readonly failing: Map<string, Failure | undefined>
  readonly gone: string[]
}

export function emptyBatch<T>(): GrowingBatch<T> {
  return { read: new Map(), unchanged: [], failing: new Map(), gone: [] }
}

function isEmpty({ read, unchanged, failing, gone }: TreeBatch<unknown>): boolean {
  return read.size + unchanged.length + failing.size + gone.length === 0
}

function addToBatch<T>(batch: GrowingBatch<T>, path: string, { next, value }: Draft<T>): void {
  if (!next) batch.gone.push(path)
  else if (value) batch.read.set(path, value.of)
  else if (next.phase === 'read') batch.unchanged.push(path)
  else if (next.failure) batch.failing.set(path, next.failure === SILENT_DIRECTORY ? undefined : next.failure)
}

function partition<T>(items: readonly T[], test: (item: T) => boolean): [T[], T[]] {
  return [items.filter(test), items.filter((item) => !test(item))]
}
