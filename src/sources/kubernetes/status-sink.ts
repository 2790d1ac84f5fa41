import type { Clock, Timer } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import type { Result } from '../../base/result.ts'
import { canonicalHash } from '../../resources/canonical.ts'
import { isRecord } from '../../resources/finding.ts'
import type { Kind, ResourceKey } from '../../resources/resource.ts'
import type { StatusListing } from '../../status/listing.ts'
import { CONDITION_TYPES, type ResourceWithStatus } from '../../status/status.ts'
import type { Api } from './api.ts'
import { remedyOf, type Failure } from './failure.ts'
import { isOlder, versionOf } from './list-page.ts'
import type { Learnt } from './list-watch.ts'
import { resourcePath } from './source.ts'
import type { TokenBucket } from './token-bucket.ts'
import { WriteLoop, type Written } from './write-loop.ts'

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
/** Somebody who keeps changing what we say does not get all the writes there are. */
const MEND_MS = 60_000
/** Enough for a server that takes its time to be kept up with; what is allowed in a second limits it before. */
const PARALLEL = 8
/** What the server refuses it may take one day, when its definitions are newer: it is tried again now and then. */
const REFUSED_MS = 5 * 60_000
const REFUSED =
  'the API server refuses the status; if its definitions are older than this program, apply the ones in crds/'
const GRANT = 'grant patch on apisettings/status and webhooks/status, see docs/kubernetes.md'

/** What is known to be written on an object. */
interface OnObject {
  readonly uid: string
  /** The object's, when that was so. */
  readonly version: string
  readonly statement: string
  readonly counters: string
  readonly at: number
  /** When somebody else's change was last undone. */
  readonly mendedAt: number
}

/**
 * Writes the status of each resource onto its object: when what it says has changed at once, counters every 15 minutes. What it writes
 * is never read back as anything but "this is written already", so that a restart does not write everything once more, and what
 * somebody else has changed of it is put right.
 */
export class StatusSink {
  readonly #options: StatusSinkOptions
  readonly #loop: WriteLoop
  readonly #onObject = new Map<ResourceKey, OnObject>()
  /** Their last write came too late: the object had changed. Once it is known how, they are written whatever its version. */
  readonly #overtaken = new Set<ResourceKey>()
  /** To be tried again after a while. */
  readonly #later = new Map<ResourceKey, Timer>()
  /** It has been said that statuses may not be written. */
  #toldForbidden = false

  constructor(options: StatusSinkOptions) {
    this.#options = options
    this.#loop = new WriteLoop({ ...options, parallel: PARALLEL, write: (key, signal) => this.#write(key, signal) })
  }

  /** An object as the server has it; told by a watch, it may be older than what our own write was answered. */
  seen(key: ResourceKey, object: Readonly<Record<string, unknown>>, how: Learnt = 'told'): void {
    const { uid } = isRecord(object['metadata']) ? object['metadata'] : {}
    const version = versionOf(object) ?? ''
    const known = this.#onObject.get(key)
    if (typeof uid !== 'string') return
    if (how === 'told' && known?.uid === uid && isNoNews(version, known.version)) return
    const found = this.#writtenOf({ uid, version }, isRecord(object['status']) ? object['status'] : {})
    if (known?.uid !== uid) {
      this.#overtaken.delete(key)
      return void this.#onObject.set(key, found)
    }
    if (this.#overtaken.has(key)) this.#loop.add([key])
    if (found.statement === known.statement) return void this.#onObject.set(key, { ...known, version })
    // Ours, of which the answer is still on its way; or somebody else's.
    if (this.#isSaidNow(key, found)) return void this.#onObject.set(key, { ...found, mendedAt: known.mendedAt })
    const waitMs = known.mendedAt + MEND_MS - found.at
    this.#onObject.set(key, { ...found, mendedAt: waitMs > 0 ? known.mendedAt : found.at })
    if (waitMs > 0) this.#tryLater(key, waitMs)
    else this.#loop.add([key])
  }

  start(): void {
    this.#loop.start()
  }

  async stop(): Promise<void> {
    await this.#loop.stop()
    for (const timer of this.#later.values()) timer.cancel()
  }

  async #write(key: ResourceKey, signal: AbortSignal): Promise<Written> {
    const { listing, writes, mayWrite } = this.#options
    if (!this.#due(key, listing.get(key))) return 'nothing to write'
    await writes.take(signal)
    // Waiting may have taken long: what is true now is written.
    const resource = listing.get(key)
    const uid = resource?.metadata.uid
    if (!resource || uid === undefined || signal.aborted) return 'nothing to write'
    if (!mayWrite()) return 'not ours to write'
    const known = this.#onObject.get(key)
    // Made anew meanwhile, and not judged yet.
    if (known && known.uid !== uid) return 'nothing to write'
    const version = this.#overtaken.delete(key) ? '' : (known?.version ?? '')
    const applied = await this.#apply(resource, { uid, version }, signal)
    if (!applied.ok) return this.#judge(key, { uid, version }, applied.error)
    this.#toldForbidden = false
    this.#keep(key, this.#writtenOf({ uid, version: versionOf(applied.value) ?? '' }, fieldsOf(resource)))
    return 'written'
  }

  #keep(key: ResourceKey, written: OnObject): void {
    const known = this.#onObject.get(key)
    const isOvertaken = known?.uid === written.uid && isOlder(written.version, known.version)
    // Changed since by somebody else, which the watch was faster to tell than the server to answer.
    if (isOvertaken) this.#loop.add([key])
    else this.#onObject.set(key, { ...written, mendedAt: known?.mendedAt ?? -Infinity })
  }

  #due(key: ResourceKey, resource: ResourceWithStatus | undefined): boolean {
    const uid = resource?.metadata.uid
    if (!resource || uid === undefined) {
      this.#onObject.delete(key)
      this.#overtaken.delete(key)
      return false
    }
    const before = this.#onObject.get(key)
    const now = this.#writtenOf({ uid, version: '' }, fieldsOf(resource))
    if (before?.uid !== uid || before.statement !== now.statement) return true
    return before.counters !== now.counters && now.at - before.at >= COUNTERS_MS
  }

  /** With its version, a status never lands on another object of the same name: for a status the server does not look at the uid. */
  #apply(
    { apiVersion, kind, metadata, status }: ResourceWithStatus,
    { uid, version }: Pick<OnObject, 'uid' | 'version'>,
    signal: AbortSignal,
  ): Promise<Result<unknown, Failure>> {
    const { api, namespace } = this.#options
    return api.call({
      method: 'PATCH',
      path: `${resourcePath(kind as Kind, namespace)}/${metadata.name}/status`,
      query: { fieldManager: FIELD_MANAGER, force: 'true' },
      contentType: 'application/apply-patch+yaml',
      body: {
        apiVersion,
        kind,
        metadata: { name: metadata.name, namespace, uid, ...(version !== '' && { resourceVersion: version }) },
        status,
      },
      signal,
    })
  }

  #judge(key: ResourceKey, { uid, version }: Pick<OnObject, 'uid' | 'version'>, failure: Failure): Written {
    const { log } = this.#options
    const fields = { resource: key, reason: failure.message }
    const known = this.#onObject.get(key)
    switch (failure.kind) {
      case 'missing':
        // If it is made anew, its status is judged anew.
        if (known?.uid === uid) this.#onObject.delete(key)
        return 'nothing to write'
      case 'conflict':
        this.#overtaken.add(key)
        // Else the watch is still to tell what has changed.
        if (known?.uid === uid && known.version !== version) this.#loop.add([key])
        return 'nothing to write'
      case 'refused':
      case 'expired':
        log.error(fields, REFUSED)
        this.#tryLater(key, REFUSED_MS)
        return 'nothing to write'
      case 'forbidden':
        if (!this.#toldForbidden) log.error(fields, `the status may not be written; ${remedyOf(failure, GRANT)}`)
        this.#toldForbidden = true
        return failure
      case 'unavailable':
        return failure
    }
  }

  #tryLater(key: ResourceKey, delayMs: number): void {
    if (this.#later.has(key)) return
    const again = () => {
      this.#later.delete(key)
      this.#loop.add([key])
    }
    this.#later.set(key, this.#options.clock.after(delayMs, again))
  }

  #isSaidNow(key: ResourceKey, { uid, version, statement }: OnObject): boolean {
    const resource = this.#options.listing.get(key)
    return resource !== undefined && this.#writtenOf({ uid, version }, fieldsOf(resource)).statement === statement
  }

  #writtenOf(object: Pick<OnObject, 'uid' | 'version'>, status: Readonly<Record<string, unknown>>): OnObject {
    const { delivery = null, conditions, ...rest } = status
    return {
      ...object,
      statement: canonicalHash([rest, ourConditions(conditions)]),
      counters: canonicalHash(delivery),
      at: this.#options.clock.elapsed(),
      mendedAt: -Infinity,
    }
  }
}

/** What is older than, or the same as, what is known already; with versions that cannot be compared, nothing is. */
function isNoNews(version: string, known: string): boolean {
  return version === known || isOlder(version, known)
}

function fieldsOf({ status }: ResourceWithStatus): Readonly<Record<string, unknown>> {
  return status as unknown as Readonly<Record<string, unknown>>
}

/** Others may have conditions of their own on the object, and the server its own order. */
function ourConditions(conditions: unknown): unknown[] {
  const all = Array.isArray(conditions) ? conditions.filter(isRecord) : []
  return CONDITION_TYPES.flatMap((type) => all.filter((condition) => condition['type'] === type))
}
