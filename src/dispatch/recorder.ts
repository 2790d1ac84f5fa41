import { toError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type {
  AttemptRecord,
  DeliveryRecord,
  DeliveryUpdate,
  DispatchWrite,
  PendingDelivery,
} from '../storage/records.ts'
import type { DeliveryStore } from '../storage/store.ts'
import type { Lane } from './lane.ts'

/** An outcome to be made durable. */
export interface Outcome {
  readonly lane: Lane
  /** With its body where it may be tried again. */
  readonly delivery: DeliveryRecord | PendingDelivery
  readonly update: DeliveryUpdate
  readonly attempt: AttemptRecord | undefined
}

export interface RecorderOptions {
  readonly store: Pick<DeliveryStore, 'recordDispatch'>
  readonly log: Log
  /** What became durable: for the deliveries themselves, and for whoever counts. */
  readonly settle: (outcomes: readonly Outcome[]) => void
  readonly onRecorded: (write: DispatchWrite) => void
}

const GROUP_MAX = 1000

/**
 * Writes outcomes in groups: one write at a time, everything that came meanwhile in the next. While the store cannot write, the
 * one write waits and `outstanding` grows up to what its owner allows.
 */
export class Recorder {
  readonly #options: RecorderOptions
  #waiting: Outcome[] = []
  readonly #lanes = new Set<Lane>()
  #writing = 0
  #running: Promise<void> | undefined
  #broken = false

  constructor(options: RecorderOptions) {
    this.#options = options
  }

  /** Outcomes that are not durable yet. */
  get outstanding(): number {
    return this.#waiting.length + this.#writing
  }

  add(outcome: Outcome): void {
    this.#waiting.push(outcome)
    this.#start()
  }

  /** The lane's endpoint record is to be written, with the next group. */
  endpointChanged(lane: Lane): void {
    this.#lanes.add(lane)
    this.#start()
  }

  /** Resolves when everything handed in is durable, or never will be because the store is closed. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running
  }

  #start(): void {
    if (this.#broken) return
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      if (this.#waiting.length > 0 || this.#lanes.size > 0) this.#start()
    })
  }

  async #run(): Promise<void> {
    // What one turn of the event loop brings goes together.
    await Promise.resolve()
    while (!this.#broken && (this.#waiting.length > 0 || this.#lanes.size > 0)) await this.#writeGroup()
  }

  async #writeGroup(): Promise<void> {
    const group = this.#waiting.splice(0, GROUP_MAX)
    const endpoints = [...this.#lanes].map((lane) => lane.record)
    this.#lanes.clear()
    this.#writing = group.length
    const attempts = group.flatMap((outcome) => outcome.attempt ?? [])
    const write = { attempts, deliveries: group.map((outcome) => outcome.update), endpoints }
    try {
      await this.#options.store.recordDispatch(write)
    } catch (thrown) {
      // Stays outstanding: nothing more is sent that could not be recorded.
      this.#broken = true
      this.#options.log.error(
        { err: toError(thrown), outcomes: group.length },
        'delivery outcomes could not be recorded',
      )
      return
    }
    this.#writing = 0
    this.#options.onRecorded(write)
    this.#options.settle(group)
  }
}
