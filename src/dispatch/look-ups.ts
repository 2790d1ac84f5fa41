import dns from 'node:dns'
import type { Clock, Timer } from '../base/clock.ts'
import type { Resolve } from './guard.ts'

type Answer = Parameters<Parameters<Resolve>[1]>

/**
 * Look-ups under way. The program starts with 256 threads (`cli/main.ts`), of which libuv lets look-ups take half; the rest is for
 * reading files.
 */
const LOOK_UPS_MAX = 124
/** Of these, of names that are slow. */
const SLOW_MAX = 40
/** Of these, of names that are slow or not known: a hundred dead ones and, at once, some of which nothing is known yet. */
const OTHERS_MAX = 112
const PROMPT_MS = 1_000
/** Names that are remembered; the oldest is forgotten, and shows itself again. */
const KNOWN_MAX = 10_000

/**
 * prompt: answered within a second last time. slow: took longer, whatever the answer, or is being looked up for longer now. unknown:
 * everything else; a name that fails at once holds no thread, and is no better known for it.
 */
type Standing = 'prompt' | 'unknown' | 'slow'

interface LookUp {
  readonly standing: Standing
  readonly startedAt: number
}

export const systemResolve: Resolve = (hostname, callback) => {
  dns.lookup(hostname, { all: true, order: 'verbatim' }, (error, addresses) => callback(error, addresses))
}

export interface LookUps {
  readonly resolve: Resolve
  /** Begins nothing any more; who waits gets no answer. What is under way cannot be stopped. */
  close(): void
}

/**
 * Look-ups that do not get into each other's way. The system's resolver blocks a thread of a small pool for as long as a name server
 * keeps silent, ten seconds and more, so a handful of dead zones would stop every other webhook. Therefore: many threads, which cost
 * little while nobody needs them; one look-up of a name at a time, shared by whoever waits for it; and places by standing.
 *
 * Slow names get a third of the places at most, so that unknown ones need not wait for them. The two together get nine tenths: after a
 * start, when nothing is known, a hundred dead zones keep no other name waiting, and any number of them leave the rest to whatever
 * has been answered since. A look-up that takes more than a second counts as slow from then on: its thread stays taken, and the slow
 * and the unknown get the fewer for it.
 *
 * Prompt names may turn silent too, all at once, and nothing tells beforehand which will. Of the places that are left they are given
 * half at a time, and the next half once the first were answered or have turned slow: so a zone that goes down takes 62 places at
 * first, then 31, then 16, a second apart, and not all at once. Whose last answer is the youngest goes first, as the one most
 * likely to be there still. When hundreds go silent within a few seconds all places are taken in the end, until the first of
 * these look-ups ends; but each can do that once, being slow from then on.
 */
export function createLookUps(resolve: Resolve, clock: Clock): LookUps {
  const lookUps = new Pool(resolve, clock)
  return {
    resolve: (hostname, callback) => lookUps.want(hostname, callback),
    close: () => lookUps.close(),
  }
}

class Pool {
  readonly #resolve: Resolve
  readonly #clock: Clock
  /** Who waits for a name that is being looked up or queued. */
  readonly #waiting = new Map<string, ((...answer: Answer) => void)[]>()
  /** What names showed themselves to be, and which answer of all it was; in the order of these. */
  readonly #known = new Map<string, { readonly standing: 'prompt' | 'slow'; readonly answer: number }>()
  readonly #queued: Record<Standing, string[]> = { prompt: [], unknown: [], slow: [] }
  readonly #running = new Set<LookUp>()
  /** While names are queued: looks again when a look-up turns slow. */
  #timer: Timer | undefined
  #answers = 0
  #closed = false

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
    this.#queued[this.#known.get(hostname)?.standing ?? 'unknown'].push(hostname)
    this.#next()
  }

  close(): void {
    this.#closed = true
    this.#timer?.cancel()
  }

  #next(): void {
    if (this.#closed) return
    for (let standing = this.#turn(); standing; standing = this.#turn()) {
      const hostname = standing === 'prompt' ? this.#takeYoungest() : this.#queued[standing].shift()
      if (hostname !== undefined) this.#start(hostname, standing)
    }
    this.#lookAgain()
  }

  /** Of which standing a name may be looked up now. */
  #turn(): Standing | undefined {
    const { prompt, unknown, slow } = this.#queued
    if (this.#running.size >= LOOK_UPS_MAX) return undefined
    const slowNow = this.#count('slow')
    const others = slowNow + this.#count('unknown')
    if (prompt.length > 0 && this.#count('prompt') < (LOOK_UPS_MAX - others) / 2) return 'prompt'
    if (others >= OTHERS_MAX) return undefined
    if (unknown.length > 0) return 'unknown'
    return slow.length > 0 && slowNow < SLOW_MAX ? 'slow' : undefined
  }

  #count(standing: Standing): number {
    let count = 0
    for (const lookUp of this.#running) if (this.#standing(lookUp) === standing) count += 1
    return count
  }

  #standing({ standing, startedAt }: LookUp): Standing {
    return this.#clock.elapsed() - startedAt > PROMPT_MS ? 'slow' : standing
  }

  /** Those that wait are no more than the requests that may be in flight. */
  #takeYoungest(): string | undefined {
    const queue = this.#queued.prompt
    const answers = queue.map((hostname) => this.#known.get(hostname)?.answer ?? 0)
    return queue.splice(answers.indexOf(Math.max(...answers)), 1)[0]
  }

  #start(hostname: string, standing: Standing): void {
    const lookUp = { standing, startedAt: this.#clock.elapsed() }
    this.#running.add(lookUp)
    this.#resolve(hostname, (...answer) => {
      this.#running.delete(lookUp)
      this.#judge(hostname, this.#standing(lookUp), answer[0] === null)
      const callbacks = this.#waiting.get(hostname) ?? []
      this.#waiting.delete(hostname)
      if (this.#closed) return
      for (const waiter of callbacks) waiter(...answer)
      this.#next()
    })
  }

  #judge(hostname: string, standing: Standing, found: boolean): void {
    this.#known.delete(hostname)
    if (standing !== 'slow' && !found) return
    this.#answers += 1
    this.#known.set(hostname, { standing: standing === 'slow' ? 'slow' : 'prompt', answer: this.#answers })
    const [oldest] = this.#known.keys()
    if (this.#known.size > KNOWN_MAX && oldest !== undefined) this.#known.delete(oldest)
  }

  #lookAgain(): void {
    if (Object.values(this.#queued).every((queue) => queue.length === 0)) {
      this.#timer?.cancel()
      this.#timer = undefined
    } else this.#timer ??= this.#lookWhenSlow()
  }

  #lookWhenSlow(): Timer | undefined {
    const [next] = [...this.#running].filter((lookUp) => this.#standing(lookUp) !== 'slow')
    if (!next) return undefined
    const turnsAt = next.startedAt + PROMPT_MS + 1
    return this.#clock.after(turnsAt - this.#clock.elapsed(), () => {
      this.#timer = undefined
      this.#next()
    })
  }
}
