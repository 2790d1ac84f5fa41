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
  readonly #forgotten = new Set<string>()
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
    this.#forgotten.delete(lane.name)
    this.#lanes.add(lane)
    this.#start()
  }

  /** The lane is no more, and its endpoint record goes with the next group. */
  forget(lane: Lane): void {
    this.#lanes.delete(lane)
    this.#forgotten.add(lane.name)
    this.#start()
  }

  /** Resolves when everything handed in is durable, or never will be because the store is closed. */
  async idle(): Promise<void> {
    while (this.#running) await this.#running
  }

  get #hasWork(): boolean {
    return this.#waiting.length > 0 || this.#lanes.size > 0 || this.#forgotten.size > 0
  }

  #start(): void {
    if (this.#broken) return
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
      if (this.#hasWork) this.#start()
    })
  }

  async #run(): Promise<void> {
    // What one turn of the event loop brings goes together.
    await Promise.resolve()
    while (!this.#broken && this.#hasWork) await this.#writeGroup()
  }

  async #writeGroup(): Promise<void> {
    const group = this.#waiting.splice(0, GROUP_MAX)
    const endpoints = [...this.#lanes].map((lane) => lane.record)
    const forgotten = [...this.#forgotten]
    this.#lanes.clear()
    this.#forgotten.clear()
    this.#writing = group.length
    const attempts = group.flatMap((outcome) => outcome.attempt ?? [])
    const write = { attempts, deliveries: group.map((outcome) => outcome.update), endpoints, forgotten }
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
