/**
 * Lets those who write one thing go one after the other. Commits are safe without it, by what they expect; but of many who come at
 * once each commit would send all the others back to plan again, until they have no tries left.
 */
export interface Turns {
  take<T>(key: string, work: () => Promise<T>): Promise<T>
  /** For what cannot be done while others go on: whoever is about to plan a write waits meanwhile. It takes no turns, and not long. */
  alone<T>(work: () => Promise<T>): Promise<T>
  /** Resolves when nobody works alone any more; undefined while nobody does. */
  readonly pause: Promise<unknown> | undefined
}

/** No row has this key. */
const ALONE = ''

export function createTurns(): Turns {
  const last = new Map<string, Promise<unknown>>()
  const take: Turns['take'] = (key, work) => {
    const before = last.get(key)
    const turn = before ? before.then(work) : work()
    // Whoever comes next waits for the end, good or bad.
    const ended = turn.then(
      () => undefined,
      () => undefined,
    )
    last.set(key, ended)
    void ended.then(() => last.get(key) === ended && last.delete(key))
    return turn
  }
  return {
    take,
    alone: (work) => take(ALONE, work),
    get pause() {
      return last.get(ALONE)
    },
  }
}
