import type { Clock, Timer } from '../base/clock.ts'
import type { Lane } from './lane.ts'
import type { SteadyTime } from './steady-time.ts'
import { Timetable } from './timetable.ts'

/** Wakes lanes: one timer for all of them, so that what waits costs nothing until its time. */
export class Alarm {
  readonly #clock: Clock
  readonly #time: SteadyTime
  readonly #ring: (lanes: readonly Lane[]) => void
  #timetable = new Timetable<Lane>()
  /** Lanes that are to be woken, each at its `wakeAt`. */
  readonly #lanes = new Set<Lane>()
  #timer: Timer | undefined
  #timerAt = Infinity

  constructor(clock: Clock, time: SteadyTime, ring: (lanes: readonly Lane[]) => void) {
    this.#clock = clock
    this.#time = time
    this.#ring = ring
  }

  /** Entries, those included that earlier ones have overtaken. */
  get size(): number {
    return this.#timetable.size
  }

  /** Wakes the lane at `at` (of `due`) or earlier; what it wanted to be woken for is looked at anew each time. */
  set(lane: Lane, at: number): void {
    if (at >= lane.wakeAt || at === Infinity) return
    lane.wakeAt = at
    this.#lanes.add(lane)
    this.#timetable.add(at, lane)
    // One that was overtaken stays until its time, which may be a day away, and each wake may leave another.
    if (this.#timetable.size > 2 * this.#lanes.size) this.#rebuild()
    this.#arm()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timerAt = -Infinity
  }

  #rebuild(): void {
    this.#timetable = new Timetable()
    for (const lane of this.#lanes) this.#timetable.add(lane.wakeAt, lane)
  }

  #arm(): void {
    const next = this.#timetable.next
    if (next >= this.#timerAt) return
    this.#timer?.cancel()
    this.#timerAt = next
    // Not less than a millisecond: timers may fire a little early.
    this.#timer = this.#clock.after(Math.max(1, next - this.#time.due()), () => this.#expired())
  }

  #expired(): void {
    this.#timerAt = Infinity
    const now = this.#time.due()
    const lanes: Lane[] = []
    for (let lane = this.#timetable.takeDue(now); lane; lane = this.#timetable.takeDue(now)) {
      // An entry that an earlier one has overtaken.
      if (lane.wakeAt > now) continue
      lane.wakeAt = Infinity
      this.#lanes.delete(lane)
      lanes.push(lane)
    }
    this.#ring(lanes)
    this.#arm()
  }
}
