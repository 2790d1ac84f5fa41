import { setImmediate as nextTurn } from 'node:timers/promises'
import { assert } from '../base/assert.ts'
import type { Clock } from '../base/clock.ts'
import { toError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import type { ProgrammedWebhook } from '../routing/snapshot.ts'
import { flipDue } from '../status/delivery-health.ts'
import type { DeliveryRecord, DispatchWrite, EndpointRecord, PendingDelivery } from '../storage/records.ts'
import type { DeliveryStore } from '../storage/store.ts'
import { Alarm } from './alarm.ts'
import { attemptRequest, expiredUpdate, judgeReply } from './attempt.ts'
import { attemptStarts, configured, madeUnder, nextAllowance, observe, type Verdict } from './endpoint.ts'
import { FlightLimits, isSuspect } from './flight-limits.ts'
import { concurrency, laneGate, receiverOf, sameReceiver, rejudge, whyHeld, type Lane } from './lane.ts'
import { Recorder, type Outcome } from './recorder.ts'
import { DEADLINE_MS } from './schedule.ts'
import type { Reply, Send } from './send.ts'
import type { SteadyTime } from './steady-time.ts'
import type { PageQuery, Window } from './window.ts'

export interface EngineOptions {
  readonly store: DeliveryStore
  readonly clock: Clock
  readonly time: SteadyTime
  readonly random: Random
  readonly log: Log
  readonly version: string
  readonly send: Send
  readonly onHealth: (webhooks: readonly string[]) => void
  readonly onRecorded: (write: DispatchWrite) => void
  /** A lane's time has come, or it has nothing in hand any more: whoever parks lanes looks at it. */
  readonly onIdle: (lane: Lane) => void
}

const READ_AGAIN_MS = 5000
/** Pages read at once: thousands of lanes that wake together must not all have theirs in memory before the first is judged. */
const READS_MAX = 8
const SAVE_SUCCESS_MS = 60_000

/**
 * Moves deliveries: from windows into requests, from replies into outcomes, from recorded outcomes back into windows or out of the
 * world. Lanes that may have something to send take turns, one delivery each. A lane is looked at only when something about it
 * has happened; one that waits costs nothing, and what thousands wait for together is handed from one to the next.
 */
export class Engine {
  readonly #options: EngineOptions
  readonly #active = new Set<Lane>()
  /** Lanes that wait for one of the `READS_MAX`. */
  readonly #waitingToRead = new Set<Lane>()
  /** Lanes of endpoints that hang, with nothing in flight, that wait for one of the places such lanes have together. */
  readonly #waitingForPlace = new Set<Lane>()
  readonly #limits = new FlightLimits()
  readonly #recorder: Recorder
  readonly #alarm: Alarm
  /** Reads and other work under way, to be awaited by whoever stops. */
  readonly #work = new Set<Promise<void>>()
  #reads = 0
  #running = false
  #pumping = false
  #onLanded: (() => void) | undefined

  constructor(options: EngineOptions) {
    this.#options = options
    this.#recorder = new Recorder({
      store: options.store,
      log: options.log,
      onRecorded: options.onRecorded,
      settle: (o) => this.#recorded(o),
    })
    this.#alarm = new Alarm(options.clock, options.time, (lanes) => this.#woken(lanes))
  }

  get inFlight(): number {
    return this.#limits.inFlight
  }

  start(): void {
    this.#running = true
    this.pump()
  }

  /** Sends nothing more. */
  halt(): void {
    this.#running = false
    this.#alarm.stop()
  }

  /** Resolves when no request is in flight. */
  async landed(): Promise<void> {
    while (this.#limits.inFlight > 0) await new Promise<void>((resolve) => (this.#onLanded = resolve))
  }

  /** Resolves when nothing is being read or waiting to be recorded. */
  async settled(): Promise<void> {
    do {
      await Promise.all(this.#work)
      await this.#recorder.idle()
    } while (this.#work.size > 0)
  }

  recorded(): Promise<void> {
    return this.#recorder.idle()
  }

  /** Lets `stop` wait for work under way. */
  track(work: Promise<void>): void {
    this.#work.add(work)
    void work.finally(() => this.#work.delete(work))
  }

  arrived(lane: Lane, delivery: PendingDelivery, now: number): void {
    lane.pending += 1
    if (lane.inHand.has(delivery.seq)) return
    lane.window?.arrive(delivery, now)
    this.activate(lane)
  }

  /** Something about the lane has changed: it is looked at with the next pump. */
  activate(lane: Lane): void {
    this.#active.add(lane)
  }

  /** The lane is no more. */
  forget(lane: Lane): void {
    lane.window?.clear()
    for (const lanes of [this.#active, this.#waitingToRead, this.#waitingForPlace]) lanes.delete(lane)
    this.#recorder.forget(lane)
  }

  wakeAt(lane: Lane, at: number | null): void {
    if (at !== null) this.#alarm.set(lane, at)
  }

  /** Puts a record in force and has it stored. */
  change(lane: Lane, record: EndpointRecord): void {
    if (record === lane.record) return
    lane.record = record
    this.#recorder.endpointChanged(lane)
    this.tellHealth(lane)
  }

  /** Judges `Delivering` anew and tells of a transition. */
  tellHealth(lane: Lane, now = this.#options.time.due()): void {
    if (rejudge(lane, now)) this.#options.onHealth([lane.name])
    const due = lane.delivering && flipDue(lane.delivering, lane.webhook?.spec.enabled ?? true, lane.record)
    if (due !== undefined) this.#alarm.set(lane, due)
  }

  /** Dead-letters a delivery whose time is up. */
  expire(lane: Lane, delivery: DeliveryRecord): void {
    lane.inHand.add(delivery.seq)
    const update = expiredUpdate(delivery, whyHeld(lane), this.#options.clock.now())
    this.#recorder.add({ lane, delivery, update, attempt: undefined })
  }

  pump(): void {
    if (this.#pumping || !this.#running || this.#active.size === 0) return
    this.#pumping = true
    try {
      this.#takeTurns(this.#options.time.due())
    } finally {
      this.#pumping = false
    }
  }

  #takeTurns(now: number): void {
    // A set yields what is added while it is walked: a lane that has sent goes to the end and comes round again.
    for (const lane of this.#active) {
      if (this.#limits.full(this.#recorder.outstanding)) return
      this.#active.delete(lane)
      if (this.#step(lane, now)) this.#active.add(lane)
      // Whoever was handed a turn may have had no use for it.
      if (this.#active.size === 0) this.#handOn()
    }
  }

  /** Gives who has waited longest a turn, where there is room. */
  #handOn(): void {
    if (this.#reads < READS_MAX) this.#activateFirst(this.#waitingToRead)
    if (this.#limits.hasPlaceForSuspect) this.#activateFirst(this.#waitingForPlace)
  }

  #activateFirst(waiting: Set<Lane>): void {
    const [first] = waiting
    if (!first) return
    waiting.delete(first)
    this.activate(first)
  }

  /** One delivery of one lane, or whatever it takes to have one later; answers whether it has sent. */
  #step(lane: Lane, now: number): boolean {
    const gate = laneGate(lane, now)
    if (!gate.open) {
      // Nothing needs to be in memory for as long as it lasts.
      lane.window?.rest()
      this.wakeAt(lane, gate.until)
      return false
    }
    if (lane.inFlight >= concurrency(lane, gate)) return false
    if (!this.#limits.admits(lane)) {
      // With something in flight it has another turn when that comes back.
      if (lane.inFlight === 0) this.#waitingForPlace.add(lane)
      return false
    }
    const window = lane.window
    assert(window, 'a lane that may send has a window')
    const delivery = window.take(now)
    if (!delivery) {
      this.#readOrWait(lane, window, now)
      return false
    }
    if (this.#isLate(delivery, now)) this.expire(lane, delivery)
    else this.#launch(lane, delivery)
    return true
  }

  /** `due` is never behind `deadline`: the cheaper question first. */
  #isLate({ occurredAt }: PendingDelivery, now: number): boolean {
    return now > occurredAt + DEADLINE_MS && this.#options.time.deadline() > occurredAt + DEADLINE_MS
  }

  #readOrWait(lane: Lane, window: Window, now: number): void {
    if (this.#reads >= READS_MAX) {
      this.#waitingToRead.add(lane)
      return
    }
    const page = window.page(now)
    if (page) this.track(this.#read(lane, window, page))
    else this.#alarm.set(lane, window.nextDue())
  }

  #launch(lane: Lane, delivery: PendingDelivery): void {
    const { webhook } = lane
    assert(webhook && !lane.inHand.has(delivery.seq), 'a delivery is sent once at a time')
    const startedAt = this.#options.clock.now()
    const receiver = receiverOf(lane, this.#options.version)
    const request = attemptRequest(delivery, receiver, webhook.spec.timeoutMs, startedAt)
    lane.inHand.add(delivery.seq)
    lane.record = attemptStarts(lane.record)
    const release = this.#limits.enter(lane)
    this.#options.send(request, (reply) => {
      release()
      if (this.#limits.hasPlaceForSuspect) this.#activateFirst(this.#waitingForPlace)
      if (reply) this.#answered({ lane, delivery, webhook, startedAt }, reply)
      // Given up while stopping: the delivery is pending in the store, as it was.
      else lane.inHand.delete(delivery.seq)
      if (this.#limits.inFlight === 0) this.#onLanded?.()
      this.pump()
    })
  }

  #answered(flight: Flight, reply: Reply): void {
    const { lane, delivery, webhook, startedAt } = flight
    const { clock, time, random } = this.#options
    const times = { startedAt, now: clock.now(), due: time.due() }
    const { attempt, update, verdict } = judgeReply(delivery, webhook, reply, times, random)
    this.#recorder.add({ lane, delivery, update, attempt })
    // What a receiver answers that is no longer called says nothing of the one that is.
    if (!lane.webhook || sameReceiver(webhook, lane.webhook)) {
      lane.suspect = isSuspect(reply)
      this.#observe(lane, verdict, times.due)
    }
    this.activate(lane)
  }

  #observe(lane: Lane, verdict: Verdict, now: number): void {
    const before = lane.record
    const observed = observe(before, verdict, this.#options.random)
    // Whoever changed the annotation meanwhile wants a 410 looked at again.
    const judged = lane.webhook ? configured(observed, lane.webhook, false, now) : observed
    lane.record = lane.webhook ? madeUnder(judged, lane.webhook.generation) : judged
    const max = lane.webhook?.spec.maxConcurrency ?? 1
    lane.allowance = nextAllowance(Math.min(lane.allowance, max), verdict, lane.record, max)
    if (worthSaving(lane, before, verdict)) {
      lane.savedSuccessAt = lane.record.lastSuccessAt ?? 0
      this.#recorder.endpointChanged(lane)
    }
    this.tellHealth(lane, now)
  }

  #recorded(outcomes: readonly Outcome[]): void {
    const now = this.#options.time.due()
    for (const { lane, delivery, update } of outcomes) {
      lane.inHand.delete(delivery.seq)
      for (const left of lane.leftWhileReading) left.add(delivery.seq)
      const again = update.state === 'pending' && 'body' in delivery ? { ...delivery, ...update } : undefined
      if (!again) lane.pending -= 1
      lane.window?.settled(delivery as PendingDelivery, again, now)
      if (lane.inHand.size === 0) {
        lane.draining = false
        if (!lane.webhook) this.#options.onIdle(lane)
      }
      this.activate(lane)
    }
    this.pump()
  }

  async #read(lane: Lane, window: Window, page: PageQuery): Promise<void> {
    const left = new Set<number>()
    lane.leftWhileReading.add(left)
    this.#reads += 1
    let failed = false
    try {
      // Reads of the store and all that follows from them are promises, and before a promise nothing else has its turn.
      if (page.unhurried) await nextTurn()
      const rows = await this.#options.store.pendingDeliveries(lane.name, page)
      // The ordering may have changed, or the webhook gone: what was read for a window of before is of no use.
      if (lane.window === window)
        window.filled(rows, this.#options.time.due(), (seq) => lane.inHand.has(seq) || left.has(seq))
    } catch (thrown) {
      this.#options.log.error({ err: toError(thrown), webhook: lane.name }, 'pending deliveries could not be read')
      failed = true
      window.failed()
      this.#alarm.set(lane, this.#options.time.due() + READ_AGAIN_MS)
    }
    lane.leftWhileReading.delete(left)
    this.#reads -= 1
    this.#activateFirst(this.#waitingToRead)
    // Looked at now, it would read again at once and for ever: nothing else has its turn before a promise's.
    if (!failed) this.activate(lane)
    this.pump()
  }

  #woken(lanes: readonly Lane[]): void {
    for (const lane of lanes) {
      this.tellHealth(lane)
      this.activate(lane)
      if (!lane.webhook) this.#options.onIdle(lane)
    }
    this.pump()
  }
}

interface Flight {
  readonly lane: Lane
  readonly delivery: PendingDelivery
  /** As it was when the request was sent. */
  readonly webhook: ProgrammedWebhook
  readonly startedAt: number
}

/** A success after successes changes nothing but its own time, which is written once a minute. */
function worthSaving(lane: Lane, before: EndpointRecord, verdict: Verdict): boolean {
  if (verdict.kind !== 'delivered') return true
  const steady = before.consecutiveFailures === 0 && before.circuit === 'closed' && before.blocked === null
  return !steady || verdict.at - lane.savedSuccessAt >= SAVE_SUCCESS_MS
}
