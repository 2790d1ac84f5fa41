import { Worker } from 'node:worker_threads'
import { assert } from '../../base/assert.ts'
import { toError } from '../../base/errors.ts'
import { fail, type Result } from '../../base/result.ts'
import type { SearchRefusal } from '../store.ts'
import type { TableName } from '../tables.ts'
import type { AnySearch, FoundCells } from './search.ts'

export interface SearchThreadOptions {
  readonly file: string
  /** How long one search may take. */
  readonly budgetMs: number
  /** How many may wait for their turn. */
  readonly waitingMax: number
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
  readonly resolve: (found: Result<FoundCells, SearchRefusal>) => void
  readonly reject: (error: Error) => void
}

/**
 * The thread on which searches run that may take long, one after the other: others wait for their turn, and are refused when too
 * many wait already, so that an answer takes at most (waitingMax + 1) times the budget. It is started by the first of them: small
 * stores never need it. If it dies, the search it was at fails, and the next starts another.
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
  search(table: TableName, search: AnySearch): Promise<Result<FoundCells, SearchRefusal>> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new Error('the store is closed'))
      const waits = this.#running !== undefined
      if (waits && this.#waiting.length >= this.#options.waitingMax) return resolve(fail('busy'))
      this.#waiting.push({ request: { table, search }, resolve, reject })
      this.#next()
    })
  }

  /** Ends the search that runs at its next row, and the thread; what waits is rejected. */
  async close(): Promise<void> {
    this.#closed = true
    Atomics.store(this.#cancelled, 0, 1)
    for (const entry of this.#waiting.splice(0)) entry.reject(new Error('the store is closed'))
    this.#worker?.postMessage('close')
    await this.#exited
  }

  #next(): void {
    if (this.#running !== undefined || this.#closed) return
    this.#running = this.#waiting.shift()
    if (this.#running === undefined) return
    this.#worker ??= this.#start()
    this.#worker.postMessage(this.#running.request)
  }

  #start(): Worker {
    const { file, budgetMs } = this.#options
    // Published, this file and the worker's are compiled to .js: the extension follows this module's own.
    const entry = `./search-worker${import.meta.url.endsWith('.ts') ? '.ts' : '.js'}`
    const workerData: SearchThreadData = { file, budgetMs, cancelled: this.#cancelled }
    const worker = new Worker(new URL(entry, import.meta.url), { workerData })
    const exited = Promise.withResolvers<void>()
    this.#exited = exited.promise
    worker.on('message', (answer: SearchAnswer) => this.#receive(answer))
    worker.on('error', (error) => this.#running?.reject(toError(error)))
    worker.on('exit', () => {
      this.#running?.reject(new Error('the store is closed'))
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
    else if (this.#closed) entry.reject(new Error('the store is closed'))
    else entry.resolve(answer.found)
    this.#next()
  }
}
