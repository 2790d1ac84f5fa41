import { sleep, type Clock, type Timer } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import { isRecord } from '../../resources/finding.ts'
import { reasonOf, within, type Api, type ApiResponse } from './api.ts'
import { failureOfStatus, unavailable, type Failure } from './failure.ts'
import { START, step, type Outcome, type WatchState } from './watch-state.ts'
import { readEvents } from './watch-stream.ts'

export interface ListWatchOptions<T> {
  readonly api: Api
  /** `/apis/GROUP/VERSION/namespaces/NS/PLURAL` */
  readonly path: string
  readonly labelSelector?: string
  /** What is remembered of an object; `before` itself where nothing of interest changed. undefined: nothing, it is not ours. */
  readonly keep: (object: Readonly<Record<string, unknown>>, before: T | undefined) => T | undefined
  /** The names whose kept values changed, came or went; none: `synced` or `trouble` changed. */
  readonly onChange: (names: ReadonlySet<string>) => void
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

const PAGE = 500
/** Objects of one list: more than any namespace sensibly holds. */
const OBJECTS_MAX = 100_000
/** How long the server is asked to keep a watch open: at least this, and up to as much again. */
const WATCH_S = 300
/** A server answers a watch at once, whatever there is to tell. */
const OPEN_MS_MAX = 30_000
/** A watch is given up on if it has not ended this long after it should have. */
const OVERDUE_MS = 30_000
/** Servers send a bookmark about once a minute. Once there was one, this long without a byte means that the connection is dead. */
const SILENCE_MS = 180_000

/** The objects of one resource in one namespace, kept as they are in the cluster; see `WatchState` for what it goes through. */
export class ListWatch<T> {
  readonly #options: ListWatchOptions<T>
  readonly #stopping = new AbortController()
  #objects = new Map<string, T>()
  #synced = false
  #trouble: Failure | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(options: ListWatchOptions<T>) {
    this.#options = options
  }

  get objects(): ReadonlyMap<string, T> {
    return this.#objects
  }

  /** There has been a complete list. */
  get synced(): boolean {
    return this.#synced
  }

  /** Why the objects may not be as they are in the cluster. */
  get trouble(): Failure | undefined {
    return this.#trouble
  }

  /** Resolves when the first list is complete, or has failed and is tried again later. */
  start(): Promise<void> {
    return new Promise((resolve) => {
      this.#running = this.#run(resolve)
    })
  }

  /** Nothing runs, and `onChange` is not called, after this resolves. */
  async stop(): Promise<void> {
    this.#stopping.abort()
    await this.#running
  }

  async #run(onFirst: () => void): Promise<void> {
    const { clock, random } = this.#options
    const { signal } = this.#stopping
    let state: WatchState = START
    while (!signal.aborted) {
      if (state.kind === 'waiting') {
        await sleep(clock, state.delayMs, signal)
        state = state.next
        continue
      }
      const outcome: Outcome =
        state.kind === 'listing' ? await this.#list(state.paged) : await this.#watch(state.resourceVersion)
      if (signal.aborted) break
      this.#note(outcome)
      state = step(state, outcome, { now: clock.elapsed(), random })
      onFirst()
    }
    onFirst()
  }

  #note(outcome: Outcome): void {
    const { log, path } = this.#options
    if (outcome.kind !== 'failed') return
    const { kind, message } = outcome.failure
    if (this.#trouble?.kind !== kind) log.debug({ path, kind, message }, 'list or watch failed')
    this.#setTrouble(outcome.failure)
  }

  #setTrouble(failure: Failure | undefined): void {
    if (this.#trouble?.kind === failure?.kind && this.#trouble?.message === failure?.message) return
    this.#trouble = failure
    this.#options.onChange(new Set())
  }

  async #list(paged: boolean): Promise<Outcome> {
    const next = new Map<string, T>()
    let position = ''
    for (;;) {
      const page = await this.#page(paged, position)
      if (!page.ok) return { kind: 'failed', failure: page.error, ranMs: 0 }
      const { items, metadata } = page.value
      for (const item of items) this.#put(next, item)
      if (next.size > OBJECTS_MAX) {
        return { kind: 'failed', failure: unavailable(`there are more than ${OBJECTS_MAX} objects`), ranMs: 0 }
      }
      position = textOf(metadata['continue'])
      if (position === '') return this.#replace(next, textOf(metadata['resourceVersion']))
    }
  }

  async #page(paged: boolean, position: string): Promise<Result<ListPage, Failure>> {
    const { api, path } = this.#options
    const query = {
      ...this.#selection(),
      ...(paged ? { limit: String(PAGE) } : {}),
      ...(position === '' ? {} : { continue: position }),
    }
    const answer = await api.call({ path, query, signal: this.#stopping.signal })
    return answer.ok ? listPage(answer.value) : answer
  }

  #replace(next: Map<string, T>, resourceVersion: string): Outcome {
    const before = this.#objects
    const changed = new Set<string>()
    for (const [name, kept] of next) if (before.get(name) !== kept) changed.add(name)
    for (const name of before.keys()) if (!next.has(name)) changed.add(name)
    const news = changed.size > 0 || !this.#synced || this.#trouble !== undefined
    this.#objects = next
    this.#synced = true
    this.#trouble = undefined
    if (news) this.#options.onChange(changed)
    return { kind: 'listed', resourceVersion }
  }

  #put(objects: Map<string, T>, object: unknown): string | undefined {
    const name = nameOf(object)
    if (name === undefined) return undefined
    const kept = this.#options.keep(object as Readonly<Record<string, unknown>>, this.#objects.get(name))
    if (kept === undefined) objects.delete(name)
    else objects.set(name, kept)
    return name
  }

  async #watch(from: string): Promise<Outcome> {
    const { api, path, clock, random } = this.#options
    const seconds = Math.round(WATCH_S * (1 + random.fraction()))
    const query = {
      ...this.#selection(),
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: from,
      timeoutSeconds: String(seconds),
    }
    const startedAt = clock.elapsed()
    const ran = () => clock.elapsed() - startedAt
    const life = new WatchLife(clock, seconds * 1000 + OVERDUE_MS)
    try {
      const both = AbortSignal.any([this.#stopping.signal, life.signal])
      const opened = await within(clock, OPEN_MS_MAX, both, (signal) => api.open({ path, query, signal }))
      if (!opened.ok) return { kind: 'failed', failure: opened.error, ranMs: 0 }
      this.#setTrouble(undefined)
      return await this.#follow(opened.value, { from, life, ran })
    } finally {
      life.end()
    }
  }

  async #follow(response: ApiResponse, { from, life, ran }: Watch): Promise<Outcome> {
    let resourceVersion = from
    try {
      for await (const events of readEvents(response.body ?? NO_BODY)) {
        life.sawBytes()
        const { failure, version, bookmarked } = this.#apply(events)
        resourceVersion = version ?? resourceVersion
        if (bookmarked) life.sawBookmark()
        if (failure) return { kind: 'failed', failure, resourceVersion, ranMs: ran() }
      }
      return { kind: 'ended', resourceVersion, ranMs: ran() }
    } catch (thrown) {
      if (life.signal.aborted) return { kind: 'ended', resourceVersion, ranMs: ran() }
      return { kind: 'failed', failure: unavailable(reasonOf(thrown)), resourceVersion, ranMs: ran() }
    }
  }

  /** What came in one piece is told of in one piece. The version moves only past what has been taken in. */
  #apply(events: readonly unknown[]): { failure?: Failure; version: string | undefined; bookmarked: boolean } {
    const changed = new Set<string>()
    let version: string | undefined
    let bookmarked = false
    let failure: Failure | undefined
    for (const event of events) {
      const { type, object } = isRecord(event) ? event : {}
      if (type === 'ERROR') {
        failure = failureOfStatus(object)
        break
      }
      bookmarked ||= type === 'BOOKMARK'
      if (type !== 'BOOKMARK') this.#take(type, object, changed)
      version = versionOf(object) ?? version
    }
    if (changed.size > 0 && !this.#stopping.signal.aborted) this.#options.onChange(changed)
    return { ...(failure && { failure }), version, bookmarked }
  }

  #take(type: unknown, object: unknown, changed: Set<string>): void {
    const name = nameOf(object)
    if (name === undefined) return
    const before = this.#objects.get(name)
    if (type === 'ADDED' || type === 'MODIFIED') this.#put(this.#objects, object)
    else if (type === 'DELETED') this.#objects.delete(name)
    if (this.#objects.get(name) !== before) changed.add(name)
  }

  #selection(): Record<string, string> {
    const { labelSelector } = this.#options
    return labelSelector === undefined ? {} : { labelSelector }
  }
}

interface Watch {
  readonly from: string
  readonly life: WatchLife
  readonly ran: () => number
}

/** Ends a watch that is overdue, or has fallen silent although its server sends bookmarks. */
class WatchLife {
  readonly #clock: Clock
  readonly #over = new AbortController()
  readonly #overdue: Timer
  #silence: Timer | undefined

  constructor(clock: Clock, maxMs: number) {
    this.#clock = clock
    this.#overdue = clock.after(maxMs, () => this.#over.abort())
  }

  get signal(): AbortSignal {
    return this.#over.signal
  }

  sawBookmark(): void {
    this.#silence?.cancel()
    this.#silence = this.#clock.after(SILENCE_MS, () => this.#over.abort())
  }

  sawBytes(): void {
    if (this.#silence) this.sawBookmark()
  }

  end(): void {
    this.#overdue.cancel()
    this.#silence?.cancel()
    this.#over.abort()
  }
}

interface ListPage {
  readonly items: readonly unknown[]
  readonly metadata: Readonly<Record<string, unknown>>
}

const NO_BODY: AsyncIterable<Uint8Array> = {
  [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }),
}

/** Anything else that answers in JSON must not pass for an empty list: it would delete everything. */
function listPage(value: unknown): Result<ListPage, Failure> {
  const items = isRecord(value) ? value['items'] : undefined
  const metadata = metadataOf(value)
  if (!Array.isArray(items) || versionOf(value) === undefined) return fail(unavailable('the answer is not a list'))
  return ok({ items, metadata })
}

function metadataOf(object: unknown): Readonly<Record<string, unknown>> {
  const metadata = isRecord(object) ? object['metadata'] : undefined
  return isRecord(metadata) ? metadata : {}
}

function nameOf(object: unknown): string | undefined {
  const { name } = metadataOf(object)
  return typeof name === 'string' ? name : undefined
}

function versionOf(object: unknown): string | undefined {
  const { resourceVersion } = metadataOf(object)
  return typeof resourceVersion === 'string' && resourceVersion !== '' ? resourceVersion : undefined
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
