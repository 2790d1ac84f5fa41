/** A broken invariant: always a bug in this program, never the fault of its input. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

/** Throws unless `condition` holds. The message names the invariant, in the present tense. */
export function assert(condition: unknown, invariant: string): asserts condition {
  if (!condition) throw new AssertionError(`invariant broken: ${invariant}`)
}

/** Marks a branch the types rule out; throws if it is reached all the same. */
export function unreachable(value: never): never {
  throw new AssertionError(`invariant broken: unexpected value ${JSON.stringify(value)}`)
}
