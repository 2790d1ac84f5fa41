import { sleep, type Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import type { Result } from '../../base/result.ts'
import { isRecord } from '../../resources/finding.ts'
import { reasonOf, within, type Api, type ApiResponse } from './api.ts'
import { failureOfStatus, unavailable, type Failure } from './failure.ts'
import { isOlder, listPage, nameOf, textOf, versionOf, type ListPage } from './list-page.ts'
import { WatchLife } from './watch-life.ts'
import { START, step, type Outcome, type Reading, type WatchState } from './watch-state.ts'
import { readEvents } from './watch-stream.ts'

/** How one came to know of an object: what is listed is how it is, whatever was known; what a watch tells may come late. */
export type Learnt = 'listed' | 'told'

export interface ListWatchOptions<T> {
  readonly api: Api
  /** `/apis/GROUP/VERSION/namespaces/NS/PLURAL` */
  readonly path: string
  readonly labelSelector?: string
  /** What is remembered of an object; `before` itself where nothing of interest changed. undefined: nothing, it is not ours. */
  readonly keep: (object: Readonly<Record<string, unknown>>, before: T | undefined, how: Learnt) => T | undefined
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

/** The objects of one resource in one namespace, kept as they are in the cluster; see `WatchState` for what it goes through. */
export class ListWatch<T> {
  readonly #options: ListWatchOptions<T>
  readonly #stopping = new AbortController()
  #known = emptyTable<T>()
  #drift = 0
  #synced = false
  #trouble: Failure | undefined
  #running: Promise<void> = Promise.resolve()

  constructor(options: ListWatchOptions<T>) {
    this.#options = options
  }

  get objects(): ReadonlyMap<string, T> {
    return this.#known.objects
  }

  /** How many objects were found to have changed without the watch having told. */
  get drift(): number {
    return this.#drift
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
      const outcome = await this.#read(state)
      if (signal.aborted) break
      this.#note(outcome)
      state = step(state, outcome, { now: clock.elapsed(), random })
      onFirst()
    }
    onFirst()
  }

  #read(state: Reading): Promise<Outcome> {
    switch (state.kind) {
      case 'listing':
        return this.#list(state.paged)
      case 'watching':
        return this.#watch(state.resourceVersion, state.doubted)
      case 'checking':
        return this.#list(true, state.resourceVersion)
    }
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

  /** `at`: as everything was at this version; how it is now, else. */
  async #list(paged: boolean, at?: string): Promise<Outcome> {
    const next = emptyTable<T>()
    let position = ''
    for (;;) {
      const page = await this.#page(paged, position, at)
      if (!page.ok) return { kind: 'failed', failure: page.error, ranMs: 0 }
      const { items, metadata } = page.value
      for (const item of items) this.#put(next, item, 'listed')
      if (next.objects.size > OBJECTS_MAX) {
        return { kind: 'failed', failure: unavailable(`there are more than ${OBJECTS_MAX} objects`), ranMs: 0 }
      }
      position = textOf(metadata['continue'])
      if (position !== '') continue
      if (at !== undefined) this.#countDrift(next)
      return this.#replace(next, textOf(metadata['resourceVersion']))
    }
  }

  /** Where a page begins says what it is a page of, too. */
  async #page(paged: boolean, position: string, at: string | undefined): Promise<Result<ListPage, Failure>> {
    const { api, path } = this.#options
    const begin = at === undefined ? {} : { resourceVersion: at, resourceVersionMatch: 'Exact' }
    const query = {
      ...this.#selection(),
      ...(paged ? { limit: String(PAGE) } : {}),
      ...(position === '' ? begin : { continue: position }),
    }
    const answer = await api.call({ path, query, signal: this.#stopping.signal })
    return answer.ok ? listPage(answer.value) : answer
  }

  #countDrift({ versions }: Table<T>): void {
    const { log, path } = this.#options
    const before = this.#known.versions
    const names = new Set([...before.keys(), ...versions.keys()])
    const missed = [...names].filter((name) => before.get(name) !== versions.get(name)).length
    this.#drift += missed
    if (missed > 0) log.warn({ path, objects: missed }, 'the watch had missed changes; they are made up for')
  }

  #replace(next: Table<T>, resourceVersion: string): Outcome {
    const before = this.#known.objects
    const changed = new Set<string>()
    for (const [name, kept] of next.objects) if (before.get(name) !== kept) changed.add(name)
    for (const name of before.keys()) if (!next.objects.has(name)) changed.add(name)
    const news = changed.size > 0 || !this.#synced || this.#trouble !== undefined
    this.#known = next
    this.#synced = true
    this.#trouble = undefined
    if (news) this.#options.onChange(changed)
    return { kind: 'listed', resourceVersion }
  }

  #put(table: Table<T>, object: unknown, how: Learnt): string | undefined {
    const name = nameOf(object)
    if (name === undefined) return undefined
    const kept = this.#options.keep(object as Readonly<Record<string, unknown>>, this.#known.objects.get(name), how)
    if (kept === undefined) return remove(table, name)
    table.objects.set(name, kept)
    table.versions.set(name, versionOf(object) ?? '')
    return name
  }

  /** Whether the server has come to this version: for a list it says so if it has not, for a watch it does not. */
  #reached(version: string): Promise<Result<unknown, Failure>> {
    const { api, path } = this.#options
    const query = { ...this.#selection(), limit: '1', resourceVersion: version, resourceVersionMatch: 'NotOlderThan' }
    return api.call({ path, query, signal: this.#stopping.signal })
  }

  async #watch(from: string, doubted: boolean): Promise<Outcome> {
    const { api, path, clock, random } = this.#options
    const reached = doubted ? await this.#reached(from) : undefined
    if (reached && !reached.ok) return { kind: 'failed', failure: reached.error, ranMs: 0 }
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
      return await this.#follow(opened.value, { from, life, ran, plannedMs: seconds * 1000 })
    } finally {
      life.end()
    }
  }

  async #follow(response: ApiResponse, { from, life, ran, plannedMs }: Watch): Promise<Outcome> {
    let resourceVersion = from
    try {
      for await (const events of readEvents(response.body ?? NO_BODY)) {
        life.sawBytes()
        const { failure, version, bookmarked } = this.#apply(events, resourceVersion)
        resourceVersion = version
        if (bookmarked) life.sawBookmark()
        if (failure) return { kind: 'failed', failure, resourceVersion, ranMs: ran() }
      }
      return { kind: 'ended', resourceVersion, ranMs: ran(), early: ran() < plannedMs }
    } catch (thrown) {
      if (life.signal.aborted) return { kind: 'ended', resourceVersion, ranMs: ran(), early: true }
      return { kind: 'failed', failure: unavailable(reasonOf(thrown)), resourceVersion, ranMs: ran() }
    }
  }

  /** What came in one piece is told of in one piece. The version moves only past what has been taken in, and never back. */
  #apply(events: readonly unknown[], from: string): { failure?: Failure; version: string; bookmarked: boolean } {
    const changed = new Set<string>()
    let version = from
    let bookmarked = false
    let failure: Failure | undefined
    for (const event of events) {
      const { type, object } = isRecord(event) ? event : {}
      if (type === 'ERROR') {
        failure = failureOfStatus(object)
        break
      }
      const at = versionOf(object)
      // Said once more: what came after it is known already.
      if (at !== undefined && isOlder(at, version)) continue
      bookmarked ||= type === 'BOOKMARK'
      if (type !== 'BOOKMARK') this.#take(type, object, changed)
      version = at ?? version
    }
    if (changed.size > 0 && !this.#stopping.signal.aborted) this.#options.onChange(changed)
    return { ...(failure && { failure }), version, bookmarked }
  }

  #take(type: unknown, object: unknown, changed: Set<string>): void {
    const name = nameOf(object)
    if (name === undefined) return
    const before = this.#known.objects.get(name)
    if (type === 'ADDED' || type === 'MODIFIED') this.#put(this.#known, object, 'told')
    else if (type === 'DELETED') remove(this.#known, name)
    if (this.#known.objects.get(name) !== before) changed.add(name)
  }

  #selection(): Record<string, string> {
    const { labelSelector } = this.#options
    return labelSelector === undefined ? {} : { labelSelector }
  }
}

/** What is remembered of each object, and the version that is of. */
interface Table<T> {
  readonly objects: Map<string, T>
  readonly versions: Map<string, string>
}

function emptyTable<T>(): Table<T> {
  return { objects: new Map(), versions: new Map() }
}

function remove<T>({ objects, versions }: Table<T>, name: string): string {
  objects.delete(name)
  versions.delete(name)
  return name
}

interface Watch {
  readonly from: string
  readonly life: WatchLife
  readonly ran: () => number
  /** How long the server was asked to keep it open. */
  readonly plannedMs: number
}

const NO_BODY: AsyncIterable<Uint8Array> = {
  [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: undefined }) }),
}
