import { assert } from '../base/assert.ts'
import { sleep, type Clock } from '../base/clock.ts'
import { toError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import { fail, type Result } from '../base/result.ts'
import type { ProgrammedWebhook, Snapshot, SnapshotReader } from '../routing/snapshot.ts'
import type { DeliveryHealth } from '../status/status.ts'
import type { DeliveryRecord, DispatchWrite, EndpointRecord, PendingDelivery } from '../storage/records.ts'
import type { DeliveryStore } from '../storage/store.ts'
import { parseNetwork } from './address.ts'
import { isDue } from './due-window.ts'
import { configured, freshEndpoint, parked, unparked } from './endpoint.ts'
import { Engine } from './engine.ts'
import { Expiry } from './expiry.ts'
import { createGuard, type Guard, type Listener, type Resolve } from './guard.ts'
import { laneHealth } from './health.ts'
import { createLane, equip, receiverChanged, type Lane } from './lane.ts'
import { createLookUps, systemResolve, type LookUps } from './look-ups.ts'
import { NOT_RUNNING, Pings, type PingLimits, type PingRefusal, type PingReport } from './ping.ts'
import { DAY_MS } from './schedule.ts'
import { createSender, type Sender } from './send.ts'
import { createSteadyTime, type SteadyTime } from './steady-time.ts'
import { WindowBudget } from './window.ts'

export interface DispatcherOptions {
  readonly store: DeliveryStore
  readonly snapshots: SnapshotReader
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Of the program, for `user-agent`. */
  readonly version: string
  /** `--allow-address`: networks in CIDR notation. */
  readonly allowAddresses: readonly string[]
  /** What this process listens on now; never dialled. */
  readonly ownListeners: () => readonly Listener[]
  /** `Delivering` of these webhooks says something else now, or a resume was acted on. Counters ride along with other writes. */
  readonly onHealth: (webhooks: readonly string[]) => void
  /** What has been recorded, once it is durable; for metrics. */
  readonly onRecorded?: (write: DispatchWrite) => void
  /** Look-up of host names; the system's by default. */
  readonly resolve?: Resolve
  /** What sends; by default over guarded connections. */
  readonly sender?: Sender
}

/** Delivers: takes what is pending in the store to where the configuration in force says. */
export interface Dispatcher {
  /** Reads what pends and begins. Call before the first commit. */
  start(): Promise<void>
  /**
   * Sends nothing more, waits up to `graceMs` for what is in flight, gives up the rest (it stays pending), records the outcomes.
   * Nothing runs once it resolves; calling it again waits for the same end.
   */
  stop(graceMs: number): Promise<void>
  /** undefined: nothing was ever to be delivered to it, as far as is known. */
  health(webhook: string): DeliveryHealth | undefined
  /** When a pending delivery is due, by the wall clock as it is now: the time stored may have been counted by one that was ahead. */
  dueAt(delivery: DeliveryRecord): number
  /** Sends the webhook's receiver one request that stands for no event, now, and tells what came of it. Nothing else learns of it. */
  ping(webhook: string, limits: PingLimits): Promise<Result<PingReport, PingRefusal>>
  /** Resolves when nothing is being read or waiting to be recorded; requests may be in flight. */
  settled(): Promise<void>
  readonly inFlight: number
  /** Deliveries that have not ended, those held included. */
  readonly pending: number
  /** Webhooks whose circuit is not closed. */
  readonly circuitsOpen: number
}

const PARKED_MS = DAY_MS
const RECORD_GRACE_MS = 5000

export function createDispatcher(options: DispatcherOptions): Dispatcher {
  return new DispatcherProgram(options)
}

function guardOf({ allowAddresses, ownListeners }: DispatcherOptions, resolve: Resolve): Guard {
  const allow = allowAddresses.map((text) => {
    const network = parseNetwork(text)
    assert(network, 'allowed addresses are CIDR networks')
    return network
  })
  return createGuard({ allow, ownListeners, resolve })
}

/** The latest time at which an attempt is noted to have ended. */
function latestNoted(records: Iterable<EndpointRecord>): number {
  let latest = 0
  for (const { lastSuccessAt, lastFailureAt } of records)
    latest = Math.max(latest, lastSuccessAt ?? 0, lastFailureAt ?? 0)
  return latest
}

class DispatcherProgram implements Dispatcher {
  readonly #options: DispatcherOptions
  readonly #time: SteadyTime
  readonly #lanes = new Map<string, Lane>()
  readonly #budget = new WindowBudget()
  readonly #lookUps: LookUps
  readonly #sender: Sender
  readonly #engine: Engine
  readonly #expiry: Expiry
  readonly #pings: Pings
  #state: 'new' | 'starting' | 'running' | 'stopping' | 'stopped' = 'new'
  /** Something arrived while the store was read at start. */
  #arrivedEarly = false
  #unsubscribe: (() => void) | undefined
  #stopping: Promise<void> | undefined

  constructor(options: DispatcherOptions) {
    const { store, clock, log } = options
    this.#options = options
    this.#time = createSteadyTime(clock)
    this.#lookUps = createLookUps(options.resolve ?? systemResolve, clock)
    this.#sender = options.sender ?? createSender(guardOf(options, this.#lookUps.resolve), clock)
    this.#engine = new Engine({
      ...options,
      time: this.#time,
      send: this.#sender.send,
      onRecorded: options.onRecorded ?? (() => undefined),
      onIdle: (lane) => this.#lookAfterParked(lane),
    })
    this.#expiry = new Expiry({
      store,
      clock,
      log,
      time: this.#time,
      expire: (delivery) => this.#expire(delivery),
      recorded: () => this.#engine.recorded(),
      track: (work) => this.#engine.track(work),
    })
    this.#pings = new Pings({ ...options, send: this.#sender.send })
  }

  get inFlight(): number {
    return this.#engine.inFlight
  }

  get pending(): number {
    return [...this.#lanes.values()].reduce((sum, lane) => sum + lane.pending, 0)
  }

  get circuitsOpen(): number {
    return [...this.#lanes.values()].reduce((sum, lane) => sum + (lane.record.circuit === 'closed' ? 0 : 1), 0)
  }

  async start(): Promise<void> {
    assert(this.#state === 'new', 'a dispatcher is started once')
    this.#state = 'starting'
    const { store, snapshots } = this.#options
    store.onDeliveries((deliveries) => this.#arrived(deliveries))
    const records = new Map((await store.endpoints()).map((record) => [record.webhook, record]))
    const summaries = await this.#readSummaries()
    this.#state = 'running'
    for (const { webhook } of summaries) if (!records.has(webhook)) records.set(webhook, freshEndpoint(webhook))
    this.#time.goOnFrom(latestNoted(records.values()))
    const now = this.#time.due()
    for (const record of records.values()) this.#lanes.set(record.webhook, createLane(record.webhook, record, now))
    for (const { webhook, pending } of summaries) this.#lane(webhook).pending = pending
    this.#unsubscribe = snapshots.subscribe((next) => this.#configured(next))
    this.#configured(snapshots.current)
    this.#expiry.start()
    this.#engine.start()
  }

  stop(graceMs: number): Promise<void> {
    return (this.#stopping ??= this.#stop(graceMs))
  }

  async #stop(graceMs: number): Promise<void> {
    assert(this.#state === 'running', 'only a running dispatcher is stopped')
    this.#state = 'stopping'
    this.#unsubscribe?.()
    this.#expiry.stop()
    this.#engine.halt()
    await this.#atMost(this.#engine.landed(), graceMs)
    this.#lookUps.close()
    await this.#sender.close()
    await this.#engine.landed()
    await this.#atMost(this.#engine.settled(), RECORD_GRACE_MS)
    assert(this.#engine.inFlight === 0, 'nothing is in flight once the dispatcher has stopped')
    this.#state = 'stopped'
  }

  settled(): Promise<void> {
    return this.#engine.settled()
  }

  health(webhook: string): DeliveryHealth | undefined {
    const lane = this.#lanes.get(webhook)
    return lane && laneHealth(lane, this.#time.due(), this.#time.lead())
  }

  dueAt(delivery: DeliveryRecord): number {
    const { attempts, nextAttemptAt } = delivery
    // That of a delivery that was never tried is its event's: noted by the wall clock.
    const at = attempts === 0 ? nextAttemptAt : nextAttemptAt - this.#time.lead()
    return isDue(delivery, this.#time.due()) ? Math.min(at, this.#options.clock.now()) : at
  }

  async ping(webhook: string, limits: PingLimits): Promise<Result<PingReport, PingRefusal>> {
    return this.#state === 'running' ? this.#pings.send(webhook, limits) : fail(NOT_RUNNING)
  }

  async #atMost(work: Promise<void>, limitMs: number): Promise<void> {
    if (limitMs <= 0) return
    const giveUp = new AbortController()
    await Promise.race([work, sleep(this.#options.clock, limitMs, giveUp.signal)])
    giveUp.abort()
  }

  /** Again if something arrived meanwhile: it may or may not be among what was read. */
  async #readSummaries() {
    for (;;) {
      this.#arrivedEarly = false
      const summaries = await this.#options.store.laneSummaries()
      if (!this.#arrivedEarly) return summaries
    }
  }

  #arrived(deliveries: readonly PendingDelivery[]): void {
    if (this.#state === 'starting') this.#arrivedEarly = true
    if (this.#state !== 'running') return
    const now = this.#time.due()
    for (const delivery of deliveries) {
      const lane = this.#lane(delivery.webhook)
      this.#engine.arrived(lane, delivery, now)
      if (this.#lanes.get(lane.name) !== lane) this.#adopt(lane)
      this.#expiry.note(delivery.occurredAt)
    }
    this.#engine.pump()
  }

  /** The webhook went while the write that matched it was on its way to the disk: its lane was let go as empty, and is not. */
  #adopt(lane: Lane): void {
    this.#lanes.set(lane.name, lane)
    this.#configure(lane, this.#options.snapshots.current)
  }

  #lane(name: string): Lane {
    const known = this.#lanes.get(name)
    if (known) return known
    const lane = createLane(name, freshEndpoint(name), this.#time.due())
    this.#lanes.set(name, lane)
    this.#configure(lane, this.#options.snapshots.current)
    return lane
  }

  #configured(snapshot: Snapshot): void {
    for (const lane of this.#lanes.values()) this.#configure(lane, snapshot)
    this.#engine.pump()
  }

  #configure(lane: Lane, snapshot: Snapshot): void {
    const webhook = snapshot.webhooks.get(lane.name)
    if (webhook) this.#equip(lane, webhook)
    else if (snapshot.complete) this.#park(lane)
  }

  #equip(lane: Lane, webhook: ProgrammedWebhook): void {
    if (webhook === lane.webhook) return
    const now = this.#time.due()
    const changed = receiverChanged(lane, webhook)
    const handledBefore = lane.record.handledResumeAt
    equip(lane, webhook, this.#budget)
    const back = lane.record.parkedAt === null ? lane.record : unparked(lane.record, now)
    this.#engine.change(lane, configured(back, webhook, changed, now))
    this.#engine.tellHealth(lane)
    if (lane.record.handledResumeAt !== handledBefore) this.#options.onHealth([lane.name])
    this.#engine.activate(lane)
  }

  /** The webhook is gone: nothing is sent any more; what pends waits for 24 hours for the name to come back. */
  #park(lane: Lane): void {
    equip(lane, undefined, this.#budget)
    this.#engine.change(lane, parked(lane.record, this.#time.due()))
    this.#lookAfterParked(lane)
  }

  #lookAfterParked(lane: Lane): void {
    if (lane.webhook || lane.record.parkedAt === null || lane.cancelling) return
    if (lane.pending === 0 && lane.inHand.size === 0) return this.#forget(lane)
    // A clock that was ahead when it was parked must not keep it for longer.
    const left = Math.min(lane.record.parkedAt + PARKED_MS - this.#time.deadline(), PARKED_MS)
    if (left > 0) this.#engine.wakeAt(lane, this.#time.due() + left)
    else if (lane.inHand.size === 0) this.#engine.track(this.#cancel(lane))
  }

  async #cancel(lane: Lane): Promise<void> {
    lane.cancelling = true
    const cancelled = await this.#cancelPending(lane)
    lane.cancelling = false
    // While the disk is full it takes longer than a stop waits.
    if (this.#state === 'stopped') return
    if (cancelled === undefined) this.#engine.wakeAt(lane, this.#time.due() + RECORD_GRACE_MS)
    else this.#cancelled(lane, cancelled)
    lane.window?.clear()
    this.#engine.activate(lane)
    this.#engine.pump()
  }

  /** How many there were; undefined if they could not be cancelled. */
  async #cancelPending(lane: Lane): Promise<number | undefined> {
    const { store, clock, log } = this.#options
    try {
      const reason = 'the webhook was deleted and did not come back within 24 hours'
      return await store.cancelPending(lane.name, reason, clock.now())
    } catch (thrown) {
      log.error({ err: toError(thrown), webhook: lane.name }, 'pending deliveries could not be cancelled')
      return undefined
    }
  }

  /** What has arrived meanwhile is none of what was cancelled, and has 24 hours of its own. */
  #cancelled(lane: Lane, count: number): void {
    lane.pending -= count
    if (lane.webhook) return
    if (lane.pending > 0) this.#engine.change(lane, { ...lane.record, parkedAt: this.#time.due() })
    this.#lookAfterParked(lane)
  }

  /** A webhook of the same name that comes later starts afresh. */
  #forget(lane: Lane): void {
    if (this.#lanes.get(lane.name) !== lane) return
    this.#lanes.delete(lane.name)
    this.#engine.forget(lane)
    lane.record = freshEndpoint(lane.name)
  }

  /** False while the delivery is in flight, is being cancelled, or its outcome is on its way to the disk. */
  #expire(delivery: DeliveryRecord): boolean {
    const lane = this.#lane(delivery.webhook)
    if (lane.cancelling || lane.inHand.has(delivery.seq)) return false
    lane.window?.drop(delivery, this.#time.due())
    this.#engine.expire(lane, delivery)
    return true
  }
}
