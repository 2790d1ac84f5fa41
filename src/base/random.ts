import { randomBytes, randomUUID } from 'node:crypto'

/** Randomness as a dependency: tests seed it, so that a failing run can be repeated from its seed. */
export interface Random {
  /** Uniform in [0, 1). */
  fraction(): number
  /** `size` random bytes; cryptographically strong in the system implementation. */
  bytes(size: number): Buffer
  /** A version 4 UUID. */
  uuid(): string
}

export const systemRandom: Random = {
  fraction: () => Math.random(),
  bytes: (size) => randomBytes(size),
  uuid: () => randomUUID(),
}
