import { microTime, sleep, type Clock } from '../../base/clock.ts'
import { UserError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import { isRecord } from '../../resources/finding.ts'
import { within, type Api } from './api.ts'
import { remedyOf, type Failure } from './failure.ts'

export interface LeaseOptions {
  readonly api: Api
  readonly namespace: string
  /** Who we are, different for each process. */
  readonly identity: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

export const LEASE_NAME = 'nepenthes-operator'

/** A lease that has not changed for this long may be taken over. */
const DURATION_MS = 15_000
const RETRY_MS = 2_000
/** Stopping does not wait longer than this for a server that is away: the lease then ends by itself. */
const RELEASE_MS_MAX = 2_000

interface Spec {
  readonly holderIdentity?: string
  readonly leaseTransitions?: number
  readonly acquireTime?: string
  readonly leaseDurationSeconds?: number
}

/** The lease as the server had it when it was last looked at. */
interface Held {
  readonly resourceVersion: string
  readonly spec: Spec
  /** When its version was first seen, on our own clock: the times in it are another machine's. */
  readonly seenAt: number
}

type Attempt = 'held' | { readonly heldBy: string } | Failure

/**
 * The right to be the one operator of an environment, as a Lease. While the API server is away nobody else can take it, so we go on; only
 * seeing another holder ends it.
 */
export class EnvironmentLease {
  readonly #options: LeaseOptions
  readonly #path: string
  readonly #stopping = new AbortController()
  readonly #lost = Promise.withResolvers<Error>()
  #known: Held | undefined
  /** The last attempt was ours and succeeded, so `#known` is most likely what the server still has. */
  #isCurrent = false
  #renewedAt = -Infinity
  #renewing: Promise<void> = Promise.resolve()
  #told: string | undefined

  constructor(options: LeaseOptions) {
    this.#options = options
    this.#path = `/apis/coordination.k8s.io/v1/namespaces/${options.namespace}/leases`
  }

  /** True while nobody else can have taken it over. */
  get certain(): boolean {
    return this.#options.clock.elapsed() - this.#renewedAt < DURATION_MS
  }

  /** Resolves if another operator has taken it over. */
  get lost(): Promise<Error> {
    return this.#lost.promise
  }

  /** Resolves to true once it is held, from then on renewing it; to false if released before. */
  async acquire(): Promise<boolean> {
    const { signal } = this.#stopping
    for (let attempt = await this.#attempt(); attempt !== 'held'; attempt = await this.#attempt()) {
      if (!signal.aborted) this.#tell(attempt)
      await this.#pause()
      if (signal.aborted) return false
    }
    if (signal.aborted) return false
    this.#options.log.info({ lease: LEASE_NAME, identity: this.#options.identity }, 'this operator holds the lease')
    this.#renewing = this.#renew()
    return true
  }

  /** Stops waiting for it. */
  abandon(): void {
    this.#stopping.abort()
  }

  /** Lets go of it, so that the next operator need not wait. */
  async release(): Promise<void> {
    this.abandon()
    await this.#renewing
    if (this.#known?.spec.holderIdentity !== this.#options.identity) return
    const spec = { ...this.#known.spec, holderIdentity: '', leaseDurationSeconds: 1 }
    const { resourceVersion } = this.#known
    const never = new AbortController().signal
    await within(this.#options.clock, RELEASE_MS_MAX, never, (signal) => this.#put(resourceVersion, spec, signal))
  }

  async #renew(): Promise<void> {
    const { signal } = this.#stopping
    for (;;) {
      await this.#pause()
      if (signal.aborted) return
      const attempt = await this.#attempt()
      if (signal.aborted) return
      if (attempt !== 'held' && 'heldBy' in attempt) {
        this.#renewedAt = -Infinity
        this.#lost.resolve(takenOver(this.#options.namespace, attempt.heldBy))
        return
      }
      if (attempt === 'held') this.#told = undefined
      else this.#tell(attempt)
    }
  }

  #pause(): Promise<void> {
    const { clock, random } = this.#options
    return sleep(clock, RETRY_MS * (1 + 0.2 * random.fraction()), this.#stopping.signal)
  }

  /** Each holder, and each kind of trouble, once. */
  #tell(attempt: Exclude<Attempt, 'held'>): void {
    const { log, namespace } = this.#options
    const topic = 'heldBy' in attempt ? attempt.heldBy : attempt.kind
    if (this.#told === topic) return
    this.#told = topic
    if ('heldBy' in attempt) {
      log.warn(
        { namespace, holder: attempt.heldBy },
        'another operator serves this namespace; waiting until it is gone',
      )
    } else if (attempt.kind === 'forbidden') {
      log.error(
        { namespace, reason: attempt.message },
        `the lease may not be used; ${remedyOf(attempt, 'grant get, create and update on leases, see docs/kubernetes.md')}`,
      )
    } else log.warn({ namespace, reason: attempt.message }, 'the lease cannot be reached; trying again')
  }

  /**
   * One try to take or renew it. What is ours is renewed without a look at it first: with a server that takes 9 s to answer, both
   * together would take longer than the lease lasts.
   */
  async #attempt(): Promise<Attempt> {
    const { signal } = this.#stopping
    const known = this.#isCurrent ? this.#known : undefined
    this.#isCurrent = false
    const renewed = known && (await this.#put(known.resourceVersion, this.#spec(known.spec), signal))
    const attempt = renewed && isSettled(renewed) ? renewed : await this.#lookAndTake()
    this.#isCurrent = attempt === 'held'
    return attempt
  }

  async #lookAndTake(): Promise<Attempt> {
    const { api, identity, clock } = this.#options
    const { signal } = this.#stopping
    const found = await api.call({ path: `${this.#path}/${LEASE_NAME}`, signal })
    if (!found.ok) return found.error.kind === 'missing' ? this.#create() : found.error
    const held = this.#look(found.value)
    const { holderIdentity = '' } = held.spec
    const free = holderIdentity === '' || holderIdentity === identity
    if (!free && clock.elapsed() - held.seenAt < this.#durationOf(held)) return { heldBy: holderIdentity }
    return this.#put(held.resourceVersion, this.#spec(held.spec), signal)
  }

  #look(object: unknown): Held {
    const { metadata, spec } = isRecord(object) ? object : {}
    const resourceVersion = String(isRecord(metadata) ? metadata['resourceVersion'] : '')
    const seenAt = this.#known?.resourceVersion === resourceVersion ? this.#known.seenAt : this.#options.clock.elapsed()
    this.#known = { resourceVersion, spec: isRecord(spec) ? spec : {}, seenAt }
    return this.#known
  }

  #durationOf({ spec }: Held): number {
    return typeof spec.leaseDurationSeconds === 'number' ? spec.leaseDurationSeconds * 1000 : DURATION_MS
  }

  #spec(before: Spec): Spec & { readonly renewTime: string } {
    const { identity, clock } = this.#options
    const now = microTime(clock.now())
    const ours = before.holderIdentity === identity
    return {
      holderIdentity: identity,
      leaseDurationSeconds: DURATION_MS / 1000,
      acquireTime: ours ? (before.acquireTime ?? now) : now,
      renewTime: now,
      leaseTransitions: (before.leaseTransitions ?? 0) + (ours ? 0 : 1),
    }
  }

  #create(): Promise<Attempt> {
    return this.#write(
      { method: 'POST', path: this.#path },
      this.#spec({ leaseTransitions: -1 }),
      {},
      this.#stopping.signal,
    )
  }

  #put(resourceVersion: string, spec: Spec, signal: AbortSignal): Promise<Attempt> {
    return this.#write({ method: 'PUT', path: `${this.#path}/${LEASE_NAME}` }, spec, { resourceVersion }, signal)
  }

  /** A conflict means that somebody else was faster; the next look tells who. */
  async #write(
    target: { method: 'POST' | 'PUT'; path: string },
    spec: Spec,
    metadata: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<Attempt> {
    const { api, namespace, clock } = this.#options
    const startedAt = clock.elapsed()
    const answer = await api.call({
      ...target,
      body: {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: { name: LEASE_NAME, namespace, ...metadata },
        spec,
      },
      signal,
    })
    if (!answer.ok) return answer.error
    this.#look(answer.value)
    this.#renewedAt = startedAt
    return 'held'
  }
}

function takenOver(namespace: string, holder: string): UserError {
  return new UserError(
    `the lease ${LEASE_NAME} of the namespace ${namespace} was taken over by ${holder}: ` +
      'one operator serves a namespace, and this one, started anew, waits until that one is gone',
  )
}

/** Unless it is that the lease is another one by now, or gone, there is no use in looking. */
function isSettled(attempt: Attempt): boolean {
  return attempt === 'held' || ('kind' in attempt && attempt.kind === 'unavailable')
}
