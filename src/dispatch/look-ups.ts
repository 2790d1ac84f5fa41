import dns from 'node:dns'
import type { Clock } from '../base/clock.ts'
import type { Resolve } from './guard.ts'

type Answer = Parameters<Parameters<Resolve>[1]>

/** Look-ups under way. The program starts with 16 threads for them (`cli/main.ts`); the rest is for reading files. */
const LOOK_UPS_MAX = 12
/** Of these, of names that are not proven. */
const UNPROVEN_MAX = 8
/** A name is proven while its last look-up was answered, and within this time. */
const PROMPT_MS = 1_000
/** Proven names that are remembered; the oldest is forgotten, and proves itself again. */
const PROVEN_MAX = 10_000

export const systemResolve: Resolve = (hostname, callback) => {
  dns.lookup(hostname, { all: true, order: 'verbatim' }, (error, addresses) => callback(error, addresses))
}

/**
 * Look-ups that do not get into each other's way. The system's resolver blocks a thread of a small pool for as long as a name server
 * keeps silent, ten seconds and more, so a handful of dead zones would stop every other webhook. Therefore: one look-up of a name at
 * a time, shared by whoever waits for it; and names that have not proven to be answered promptly never get all places, so that
 * one that has finds a thread free.
 */
export function createLookUps(resolve: Resolve, clock: Clock): Resolve {
  const lookUps = new LookUps(resolve, clock)
  return (hostname, callback) => lookUps.want(hostname, callback)
}

class LookUps {
  readonly #resolve: Resolve
  readonly #clock: Clock
  /** Who waits for a name that is being looked up or queued. */
  readonly #waiting = new Map<string, ((...answer: Answer) => void)[]>()
  readonly #proven = new Set<string>()
  readonly #queuedProven: string[] = []
  readonly #queuedUnproven: string[] = []
  #running = 0
  #runningUnproven = 0

  constructor(resolve: Resolve, clock: Clock) {
    this.#resolve = resolve
    this.#clock = clock
  }

  want(hostname: string, callback: (...answer: Answer) => void): void {
    const others = this.#waiting.get(hostname)
    if (others) {
      others.push(callback)
      return
    }
    this.#waiting.set(hostname, [callback])
    const queue = this.#proven.has(hostname) ? this.#queuedProven : this.#queuedUnproven
    queue.push(hostname)
    this.#next()
  }

  #next(): void {
    while (this.#running < LOOK_UPS_MAX) {
      const mayTryUnproven = this.#runningUnproven < UNPROVEN_MAX
      const proven = this.#queuedProven.shift()
      const hostname = proven ?? (mayTryUnproven ? this.#queuedUnproven.shift() : undefined)
      if (hostname === undefined) return
      this.#start(hostname, proven === undefined ? 1 : 0)
    }
  }

  #start(hostname: string, unproven: number): void {
    const startedAt = this.#clock.elapsed()
    this.#running += 1
    this.#runningUnproven += unproven
    this.#resolve(hostname, (...answer) => {
      this.#running -= 1
      this.#runningUnproven -= unproven
      this.#judge(hostname, answer[0] === null && this.#clock.elapsed() - startedAt <= PROMPT_MS)
      const callbacks = this.#waiting.get(hostname) ?? []
      this.#waiting.delete(hostname)
      for (const waiter of callbacks) waiter(...answer)
      this.#next()
    })
  }

  #judge(hostname: string, prompt: boolean): void {
    this.#proven.delete(hostname)
    if (!prompt) return
    this.#proven.add(hostname)
    const [oldest] = this.#proven
    if (this.#proven.size > PROVEN_MAX && oldest !== undefined) this.#proven.delete(oldest)
  }
}
