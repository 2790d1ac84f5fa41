import { createHash } from 'node:crypto'
import { microTime } from '../../base/clock.ts'
import { isRecord } from '../../resources/finding.ts'
import type { ResourceKey } from '../../resources/resource.ts'
import type { ConditionType, ResourceWithStatus } from '../../status/status.ts'
import { remedyOf, type Failure } from './failure.ts'
import type { StatusSinkOptions } from './status-sink.ts'
import { TokenBucket } from './token-bucket.ts'
import { standingOf, turnsSince, type Standing, type Turn } from './turns.ts'
import { WriteLoop, type Written } from './write-loop.ts'

export interface EventSinkOptions extends StatusSinkOptions {
  /** Who we are, different for each process. */
  readonly identity: string
}

const REPORTER = 'nepenthes.dev/operator'
/** What was being done when the condition turned. */
const ACTIONS: Partial<Record<ConditionType, string>> = {
  Accepted: 'Validate',
  ResolvedRefs: 'ResolveSecrets',
  Programmed: 'Program',
  Delivering: 'Deliver',
}
/** The same said again within this time of the last is one event with a count. */
const SERIES_MS = 10 * 60_000
/** What one object may have told of it: some at once, then one every five minutes. */
const PER_OBJECT = { burst: 25, perSecond: 1 / 300 }
/** Statuses come first: events leave them this much of what may be written at once. */
const LEFT_TO_STATUSES = 100
const NOTE_BYTES_MAX = 1024
const NAME_MAX = 253
const GRANT = 'grant create and patch on events (events.k8s.io), see docs/kubernetes.md'

/** What is known of an object's events. */
interface Told {
  readonly uid: string
  /** What people know: what its status said when it was first seen, and whatever was told since. */
  standing: Standing
  /** Something has been said of this very object. */
  judged: boolean
  readonly allowance: TokenBucket
  /** Events of late, by what they say. */
  readonly recent: Map<string, Series>
}

interface Series {
  readonly name: string
  readonly count: number
  readonly at: number
}

/**
 * Tells of each turn a condition takes in an event about the object. An event is history, the condition is the state: an event that cannot
 * be written is put off, what turns back meanwhile is not told, and nothing else ever waits for it.
 */
export class EventSink {
  readonly #options: EventSinkOptions
  readonly #loop: WriteLoop
  readonly #told = new Map<ResourceKey, Told>()
  /** It has been said that events may not be written. */
  #refused = false

  constructor(options: EventSinkOptions) {
    this.#options = options
    this.#loop = new WriteLoop({ ...options, parallel: 1, write: (key, signal) => this.#write(key, signal) })
  }

  /** An object as the server has it: what its status says already was told by an earlier run. */
  seen(key: ResourceKey, object: Readonly<Record<string, unknown>>): void {
    const { uid } = isRecord(object['metadata']) ? object['metadata'] : {}
    if (typeof uid !== 'string' || this.#told.get(key)?.uid === uid) return
    const allowance = new TokenBucket(this.#options.clock, PER_OBJECT)
    this.#told.set(key, { uid, standing: standingOf(object['status']), judged: false, allowance, recent: new Map() })
  }

  start(): void {
    this.#loop.start()
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  /** One turn at a time: what is true once it may be written is what is told. */
  async #write(key: ResourceKey, signal: AbortSignal): Promise<Written> {
    let written: Written = 'nothing to write'
    while (this.#next(key)) {
      await this.#options.writes.take(signal, LEFT_TO_STATUSES)
      const next = this.#next(key)
      if (!next || signal.aborted) break
      if (!this.#options.mayWrite()) return 'not ours to write'
      const failure = await this.#record(next, signal)
      if (failure === 'forgotten') continue
      if (failure && this.#passes(failure, key)) return failure
      if (!failure) this.#refused = false
      this.#settle(next)
      written = 'written'
    }
    return written
  }

  /** The first turn that is not told yet. What may not be told of it any more passes silently. */
  #next(key: ResourceKey): Next | undefined {
    const resource = this.#options.listing.get(key)
    const told = this.#told.get(key)
    // Gone; unless another object of that name is known already, which nothing is said of yet.
    if (!resource && told?.judged) this.#told.delete(key)
    if (!resource || !told || told.uid !== resource.metadata.uid) return undefined
    told.judged = true
    const [turn] = turnsSince(told.standing, resource.status.conditions)
    if (turn) return { told, resource, turn }
    told.standing = standingOf(resource.status)
    return undefined
  }

  #settle({ told, turn }: Next): void {
    told.standing = new Map([...told.standing, ...standingOf({ conditions: [turn.condition] })])
  }

  /** What an object may tell of it is used up by what was told, not by trying to. */
  async #record(next: Next, signal: AbortSignal): Promise<Failure | 'forgotten' | undefined> {
    if (next.told.allowance.left < 1) return undefined
    const failure = await this.#countOrCreate(next, signal)
    if (!failure) next.told.allowance.tryTake()
    return failure
  }

  /** One write. `forgotten`: the event to be counted is no longer there; the next write makes it anew. */
  async #countOrCreate(
    { told, resource, turn }: Next,
    signal: AbortSignal,
  ): Promise<Failure | 'forgotten' | undefined> {
    this.#forgetOld(told)
    const said = [turn.type, turn.condition.reason, noteOf(turn)].join('\n')
    const at = this.#options.clock.elapsed()
    const earlier = told.recent.get(said)
    if (earlier) {
      const failure = await this.#count(earlier, signal)
      if (failure?.kind === 'missing') told.recent.delete(said)
      else if (!failure) told.recent.set(said, { ...earlier, count: earlier.count + 1, at })
      return failure?.kind === 'missing' ? 'forgotten' : failure
    }
    const name = nameOf(resource, turn, said)
    const failure = await this.#create(name, { resource, turn }, signal)
    // There already: the answer to an earlier try was lost.
    if (failure && failure.kind !== 'conflict') return failure
    told.recent.set(said, { name, count: 1, at })
    return undefined
  }

  #forgetOld({ recent }: Told): void {
    const { clock } = this.#options
    for (const [said, { at }] of recent) if (clock.elapsed() - at >= SERIES_MS) recent.delete(said)
  }

  async #create(
    name: string,
    { resource, turn }: Pick<Next, 'resource' | 'turn'>,
    signal: AbortSignal,
  ): Promise<Failure | undefined> {
    const { api, namespace, identity, clock } = this.#options
    const { apiVersion, kind, metadata } = resource
    const { type, reason } = turn.condition
    const answer = await api.call({
      method: 'POST',
      path: this.#path(),
      body: {
        apiVersion: 'events.k8s.io/v1',
        kind: 'Event',
        metadata: { name, namespace },
        eventTime: microTime(clock.now()),
        reportingController: REPORTER,
        reportingInstance: identity.slice(0, 128),
        action: ACTIONS[type],
        reason,
        regarding: { apiVersion, kind, namespace, name: metadata.name, uid: metadata.uid },
        note: noteOf(turn),
        type: turn.type,
      },
      signal,
    })
    return answer.ok ? undefined : answer.error
  }

  async #count({ name, count }: Series, signal: AbortSignal): Promise<Failure | undefined> {
    const { api, clock } = this.#options
    const answer = await api.call({
      method: 'PATCH',
      path: `${this.#path()}/${name}`,
      contentType: 'application/merge-patch+json',
      body: { series: { count: count + 1, lastObservedTime: microTime(clock.now()) } },
      signal,
    })
    return answer.ok ? undefined : answer.error
  }

  #path(): string {
    return `/apis/events.k8s.io/v1/namespaces/${this.#options.namespace}/events`
  }

  /** Whether a failure may pass. One that will not is said once, and the event is given up. */
  #passes(failure: Failure, key: ResourceKey): boolean {
    const { log } = this.#options
    const fields = { resource: key, reason: failure.message }
    if (failure.kind === 'unavailable') return true
    if (failure.kind !== 'forbidden') {
      log.error(fields, 'the API server refuses the event')
      return false
    }
    if (!this.#refused) log.error(fields, `events may not be written; ${remedyOf(failure, GRANT)}`)
    this.#refused = true
    return true
  }
}

interface Next {
  readonly told: Told
  readonly resource: ResourceWithStatus
  readonly turn: Turn
}

function noteOf({ condition }: Turn): string {
  const bytes = Buffer.from(condition.message)
  if (bytes.length <= NOTE_BYTES_MAX) return condition.message
  // A character cut in half is left out.
  return new TextDecoder().decode(bytes.subarray(0, NOTE_BYTES_MAX - 3)).replace(/\ufffd$/, '') + '…'
}

/** The same for each try to tell of one turn, so that it is told once even if an answer is lost. */
function nameOf({ metadata }: ResourceWithStatus, { condition }: Turn, said: string): string {
  const turn = createHash('sha256').update(`${metadata.uid}\n${said}\n${condition.lastTransitionTime}`).digest('hex')
  const suffix = `.${turn.slice(0, 16)}`
  return metadata.name.slice(0, NAME_MAX - suffix.length).replace(/[-.]+$/, '') + suffix
}
