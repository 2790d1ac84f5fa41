import { Worker } from 'node:worker_threads'
import { assert } from '../../base/assert.ts'
import type { Clock } from '../../base/clock.ts'
import { toError } from '../../base/errors.ts'
import { fail, type Result } from '../../base/result.ts'
import { StoreClosed, type SearchRefusal } from '../store.ts'
import type { TableName } from '../tables.ts'
import type { AnySearch, FoundCells } from './search.ts'

export interface SearchThreadOptions {
  readonly file: string
  /** How long one search may take. */
  readonly budgetMs: number
  /** How many may wait for their turn. */
  readonly waitingMax: number
  readonly clock: Pick<Clock, 'after'>
  /** What must be done before the next search begins, if anything; none begins meanwhile. */
  readonly between?: () => Promise<void> | undefined
  /** Where the thread begins, unless a test brings one that misbehaves. */
  readonly entry?: URL
}

export interface SearchRequest {
  readonly table: TableName
  readonly search: AnySearch
}

/** What the thread answers to a request; a search that failed for another reason says which. */
export type SearchAnswer = { readonly found: Result<FoundCells, SearchRefusal> } | { readonly failed: string }

export interface SearchThreadData {
  readonly file: string
  readonly budgetMs: number
  /** One number, 1 once searches are to end at the next row. */
  readonly cancelled: Int32Array<SharedArrayBuffer>
}

interface Entry {
  readonly request: SearchRequest
  /** Whose it is, if anybody's. */
  readonly asker: string | undefined
  readonly resolve: (found: Result<FoundCells, SearchRefusal>) => void
  readonly reject: (error: Error) => void
}

/** A search that was cancelled looks up within milliseconds; a thread that does not end by itself is ended. */
const CLOSE_GRACE_MS = 1_000

/**
 * The thread on which searches run that may take long, one after the other: others wait for their turn, and are refused when too
 * many wait already, so that an answer takes at most (waitingMax + 1) times the budget. Of one asker one runs and one waits at most,
 * so that nobody takes all places. It is started by the first of them: small stores never need it. If it dies, the search it was at fails, and the next starts another.
 */
export class SearchThread {
  readonly #options: SearchThreadOptions
  readonly #cancelled = new Int32Array(new SharedArrayBuffer(4))
  #worker: Worker | undefined
  #exited: Promise<void> = Promise.resolve()
  #running: Entry | undefined
  #waiting: Entry[] = []
  #closed = false

  constructor(options: SearchThreadOptions) {
    this.#options = options
  }

  /** Rejects when the store is closed, or the thread broke down. */
  search(table: TableName, search: AnySearch, asker?: string): Promise<Result<FoundCells, SearchRefusal>> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new StoreClosed())
      if (this.#running !== undefined && !this.#hasPlaceFor(asker)) return resolve(fail('busy'))
      this.#waiting.push({ request: { table, search }, asker, resolve, reject })
      this.#next()
    })
  }

  #hasPlaceFor(asker: string | undefined): boolean {
    if (this.#waiting.length >= this.#options.waitingMax) return false
    return asker === undefined || this.#waiting.every((entry) => entry.asker !== asker)
  }

  /** Ends the search that runs at its next row, and the thread; what waits is rejected. */
  async close(): Promise<void> {
    this.#closed = true
    Atomics.store(this.#cancelled, 0, 1)
    for (const entry of this.#waiting.splice(0)) entry.reject(new StoreClosed())
    const worker = this.#worker
    if (!worker) {
      this.#running?.reject(new StoreClosed())
      return
    }
    worker.postMessage('close')
    const grace = Promise.withResolvers<void>()
    const timer = this.#options.clock.after(CLOSE_GRACE_MS, grace.resolve)
    await Promise.race([this.#exited, grace.promise])
    timer.cancel()
    this.#running?.reject(new StoreClosed())
    // Not waited for: a thread is ended between two steps of its program, and whoever stops is not to depend on when that is.
    void worker.terminate()
  }

  #next(): void {
    if (this.#running !== undefined || this.#closed) return
    const entry = this.#waiting.shift()
    if (entry === undefined) return
    this.#running = entry
    const pause = this.#options.between?.()
    if (pause) void pause.then(() => this.#post(entry))
    else this.#post(entry)
  }

  #post(entry: Entry): void {
    if (this.#running !== entry || this.#closed) return
    this.#worker ??= this.#start()
    this.#worker.postMessage(entry.request)
  }

  #start(): Worker {
    const { file, budgetMs, entry = workerEntry() } = this.#options
    const workerData: SearchThreadData = { file, budgetMs, cancelled: this.#cancelled }
    const worker = new Worker(entry, { workerData })
    const exited = Promise.withResolvers<void>()
    this.#exited = exited.promise
    worker.on('message', (answer: SearchAnswer) => this.#receive(answer))
    worker.on('error', (error) => this.#running?.reject(toError(error)))
    worker.on('exit', () => {
      this.#running?.reject(new StoreClosed())
      this.#running = undefined
      this.#worker = undefined
      exited.resolve()
      this.#next()
    })
    return worker
  }

  #receive(answer: SearchAnswer): void {
    const entry = this.#running
    assert(entry !== undefined, 'the thread answers a search that runs')
    this.#running = undefined
    if ('failed' in answer) entry.reject(new Error(answer.failed))
    else if (this.#closed) entry.reject(new StoreClosed())
    else entry.resolve(answer.found)
    this.#next()
  }
}

/** Published, this file and the worker's are compiled to .js: the extension follows this module's own. */
function workerEntry(): URL {
  return new URL(`./search-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`, import.meta.url)
}
