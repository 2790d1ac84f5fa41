/**
 * Lets those who write one thing go one after the other. Commits are safe without it, by what they expect; but of many who come at
 * once each commit would send all the others back to plan again, until they have no tries left.
 */
export interface Turns {
  take<T>(key: string, work: () => Promise<T>): Promise<T>
}

export function createTurns(): Turns {
  const last = new Map<string, Promise<unknown>>()
  return {
    take(key, work) {
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
    },
  }
}
