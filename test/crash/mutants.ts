export interface Mutant {
  readonly file: string
  /** Text of the file, and what stands there instead. */
  readonly replace: string
  readonly by: string
  /** What is said of it when it is caught. */
  readonly shows: RegExp
}

/** Programs that break a promise, each in one place. */
export const MUTANTS = {
  'a write is acknowledged before it is stored': {
    file: 'src/storage/sqlite/group-queue.ts',
    replace: 'this.#waiting.push({ set, chars, deliveries, resolve, reject })',
    // Time entries only: a project that is not there yet when its work package comes would be noticed without a kill.
    by: `this.#waiting.push({ set, chars, deliveries, resolve, reject })
      if (deliveries[0]?.eventName === 'time_entry:created') resolve({ kind: 'done' })`,
    shows: /was acknowledged, and its event is for nobody/,
  },
  'an event is stored after its write, not with it': {
    file: 'src/storage/sqlite/writes.ts',
    replace: 'const result = await submit(encodeCommit(write, firstSeqs), chars, deliveries)',
    by: `const first = await submit(encodeCommit({ ...write, events: [] }, []), 0)
      const second = { expect: [], mutations: [], events: write.events }
      const result = first.kind !== 'done' ? first : await submit(encodeCommit(second, firstSeqs), chars, deliveries)`,
    shows: /is there without its event/,
  },
  'a delivery is recorded when it is sent, not when it is answered': {
    file: 'src/dispatch/engine.ts',
    replace: 'const release = this.#limits.enter(lane)',
    by: `const release = this.#limits.enter(lane)
      const end = { state: 'delivered', nextAttemptAt: startedAt, lastFailure: '', finishedAt: startedAt } as const
      const sent = { ...end, seq: delivery.seq, attempts: delivery.attempts + 1 }
      void this.#options.store.recordDispatch({ attempts: [], deliveries: [sent], endpoints: [] })`,
    shows: /to slow: the log says \[\], the receiver \[1: undefined\]/,
  },
  'outcomes are recorded late': {
    file: 'src/dispatch/recorder.ts',
    replace: 'await Promise.resolve()',
    by: 'await new Promise((resolve) => setTimeout(resolve, 100))',
    shows: /made again though its outcome was recorded/,
  },
} as const satisfies Record<string, Mutant>

export type MutantName = keyof typeof MUTANTS
