import { assert } from '../base/assert.ts'
import type { Lane } from './lane.ts'
import type { Reply } from './send.ts'

const FLIGHTS_MAX = 512
/** Beyond `FLIGHTS_MAX` only who has nothing in flight gets a place: a hundred endpoints that hang do not keep another waiting. */
const FLIGHTS_HARD_MAX = 1024
const FLIGHTS_OF_SUSPECTS_MAX = FLIGHTS_MAX / 2

/** Outcomes that are not durable yet; beyond this many nothing is sent, so that a full disk stops the sending, not the process. */
const UNRECORDED_MAX = 2048

/** An attempt that took this long held a place that a hundred others could have used. */
const LONG_MS = 1_000

/**
 * Bounds the requests in flight, so that no lane can take the places of all. From half of the bound on a lane gets no more than
 * its share of it, and lanes that are suspected of holding their places until the time limit never get more than half of it
 * together. Suspected is who failed last and took a second or more to do so, as every timeout does. Who fails at once gives its
 * place back at once and need not queue behind those who hang; nor need who is slow but answers, as its concurrency bounds it.
 */
export class FlightLimits {
  #inFlight = 0
  #ofSuspects = 0
  #lanes = 0

  get inFlight(): number {
    return this.#inFlight
  }

  full(unrecorded: number): boolean {
    return this.#inFlight >= FLIGHTS_HARD_MAX || this.#inFlight + unrecorded >= UNRECORDED_MAX
  }

  /** Whether a suspect would find a place, as far as the likes of it are concerned. */
  get hasPlaceForSuspect(): boolean {
    return this.#ofSuspects < FLIGHTS_OF_SUSPECTS_MAX
  }

  admits(lane: Lane): boolean {
    if (lane.suspect && !this.hasPlaceForSuspect) return false
    if (this.#inFlight >= FLIGHTS_MAX) return lane.inFlight === 0
    if (this.#inFlight < FLIGHTS_MAX / 2) return true
    return lane.inFlight < Math.max(1, Math.floor(FLIGHTS_MAX / (this.#lanes + 1)))
  }

  /** Takes a place; call what it returns once to give it back. */
  enter(lane: Lane): () => void {
    const ofSuspect = lane.suspect ? 1 : 0
    if (lane.inFlight === 0) this.#lanes += 1
    lane.inFlight += 1
    this.#inFlight += 1
    this.#ofSuspects += ofSuspect
    return () => {
      lane.inFlight -= 1
      this.#inFlight -= 1
      this.#ofSuspects -= ofSuspect
      if (lane.inFlight === 0) this.#lanes -= 1
      assert(lane.inFlight >= 0 && this.#inFlight >= 0, 'every place is given back once')
    }
  }
}

/** Whether the lane this reply came for is a suspect from now on. */
export function isSuspect(reply: Reply): boolean {
  return reply.outcome !== 'success' && (reply.outcome === 'timeout' || reply.durationMs >= LONG_MS)
}
