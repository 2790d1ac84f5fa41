import { backoffMs } from '../../base/backoff.ts'
import { sleep, type Clock } from '../../base/clock.ts'
import { KeyQueue } from '../../base/key-queue.ts'
import type { Log } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import { canonicalHash } from '../../resources/canonical.ts'
import { isRecord } from '../../resources/finding.ts'
import type { Kind, ResourceKey } from '../../resources/resource.ts'
import type { StatusListing } from '../../status/listing.ts'
import type { ResourceWithStatus } from '../../status/status.ts'
import type { Api } from './api.ts'
import type { Failure } from './failure.ts'
import { resourcePath } from './source.ts'
import type { TokenBucket } from './token-bucket.ts'

export interface StatusSinkOptions {
  readonly api: Api
  readonly namespace: string
  readonly listing: Pick<StatusListing, 'get' | 'subscribe'>
  /** Shared by everything the operator writes. */
  readonly writes: TokenBucket
  /** Whether this operator is the one to write just now. */
  readonly mayWrite: () => boolean
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** The fields of a status that are ours, by server-side apply: what we leave out of a later apply goes away. */
export const FIELD_MANAGER = 'nepenthes-operator'

/** Whoever judges touches each webhook every 15 minutes for the sake of its counters; a little less, to catch every such turn. */
const COUNTERS_MS = 14 * 60_000
const BACKOFF = { firstMs: 500, factor: 2, maxMs: 30_000 }
const NOT_OURS_TO_WRITE_MS = 1_000

/** What is known to be written on an object. */
interface Written {
  readonly uid: string
  readonly statement: string
  readonly counters: string
  readonly at: number
}

/**
 * Writes the status of each resource onto its object: when what it says has changed at once, counters every 15 minutes. What it writes
 * is never read back as anything but "this is written already", so that a restart does not write everything once more.
 */
export class StatusSink {
  readonly #options: StatusSinkOptions
  readonly #queue = new KeyQueue()
  readonly #stopping = new AbortController()
  readonly #written = new Map<ResourceKey, Written>()
  #failures = 0
  #running: Promise<void> = Promise.resolve()
  #unsubscribe: () => void = () => undefined

  constructor(options: StatusSinkOptions) {
    this.#options = options
  }

  /** An object as the server has it. */
  seen(key: ResourceKey, object: Readonly<Record<string, unknown>>): void {
    const { uid } = isRecord(object['metadata']) ? object['metadata'] : {}
    if (typeof uid !== 'string' || this.#written.get(key)?.uid === uid) return
    this.#written.set(key, this.#writtenOf(uid, isRecord(object['status']) ? object['status'] : {}))
  }

  start(): void {
    this.#unsubscribe = this.#options.listing.subscribe((keys) => this.#queue.add(keys))
    this.#running = this.#run()
  }

  async stop(): Promise<void> {
    this.#unsubscribe()
    this.#stopping.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { clock, mayWrite } = this.#options
    const { signal } = this.#stopping
    for (;;) {
      await this.#queue.nonEmpty(signal)
      while (!signal.aborted && !mayWrite()) await sleep(clock, NOT_OURS_TO_WRITE_MS, signal)
      if (signal.aborted) return
      await this.#writeAll(this.#queue.drain() as ResourceKey[])
    }
  }

  /** In turn; after a failure that may pass, the rest waits along, for the next one would fail the same way. */
  async #writeAll(keys: ResourceKey[]): Promise<void> {
    const { clock, random } = this.#options
    const { signal } = this.#stopping
    for (const [index, key] of keys.entries()) {
      const failure = await this.#write(key)
      if (signal.aborted) return
      if (!failure) continue
      this.#queue.add(keys.slice(index))
      this.#failures += 1
      const delayMs = Math.max(backoffMs(BACKOFF, this.#failures, random), failure.retryAfterMs ?? 0)
      return sleep(clock, delayMs, signal)
    }
  }

  /** Why it could not be written and is to be tried again. */
  async #write(key: ResourceKey): Promise<Failure | undefined> {
    const { listing, writes } = this.#options
    if (!this.#due(key, listing.get(key))) return undefined
    await writes.take(this.#stopping.signal)
    // Waiting may have taken long: what is true now is written.
    const resource = listing.get(key)
    const uid = resource?.metadata.uid
    if (!resource || uid === undefined || this.#stopping.signal.aborted) return undefined
    const failure = await this.#apply(resource, uid)
    if (!failure) {
      this.#failures = 0
      this.#written.set(key, this.#writtenOf(uid, resource.status as unknown as Record<string, unknown>))
      return undefined
    }
    return this.#judge(key, failure)
  }

  #due(key: ResourceKey, resource: ResourceWithStatus | undefined): boolean {
    const uid = resource?.metadata.uid
    if (!resource || uid === undefined) {
      this.#written.delete(key)
      return false
    }
    const before = this.#written.get(key)
    const now = this.#writtenOf(uid, resource.status as unknown as Record<string, unknown>)
    if (before?.uid !== uid || before.statement !== now.statement) return true
    return before.counters !== now.counters && now.at - before.at >= COUNTERS_MS
  }

  async #apply({ apiVersion, kind, metadata, status }: ResourceWithStatus, uid: string): Promise<Failure | undefined> {
    const { api, namespace } = this.#options
    const answer = await api.call({
      method: 'PATCH',
      path: `${resourcePath(kind as Kind, namespace)}/${metadata.name}/status`,
      query: { fieldManager: FIELD_MANAGER, force: 'true' },
      contentType: 'application/apply-patch+yaml',
      // With the uid, a status never lands on another object of the same name.
      body: { apiVersion, kind, metadata: { name: metadata.name, namespace, uid }, status },
      signal: this.#stopping.signal,
    })
    return answer.ok ? undefined : answer.error
  }

  #judge(key: ResourceKey, failure: Failure): Failure | undefined {
    const { log } = this.#options
    switch (failure.kind) {
      case 'missing':
      case 'conflict':
        // Deleted, or made anew meanwhile: the watch tells, and then its status is judged again.
        this.#written.delete(key)
        return undefined
      case 'refused':
      case 'expired':
        log.error({ resource: key, reason: failure.message }, 'the API server refuses the status')
        return undefined
      case 'forbidden':
        if (this.#failures === 0) {
          log.error(
            { resource: key, reason: failure.message },
            'the status may not be written; grant patch on apisettings/status and webhooks/status, see docs/kubernetes.md',
          )
        }
        return failure
      case 'unavailable':
        return failure
    }
  }

  #writtenOf(uid: string, status: Readonly<Record<string, unknown>>): Written {
    const { delivery = null, ...statement } = status
    return {
      uid,
      statement: canonicalHash(statement),
      counters: canonicalHash(delivery),
      at: this.#options.clock.elapsed(),
    }
  }
}
