import type { Random } from './random.ts'

/** Shape of an exponential backoff, in milliseconds. */
export interface BackoffOptions {
  readonly firstMs: number
  readonly factor: number
  readonly maxMs: number
}

/** Wait before try `attempt` (1 is the first retry), with full jitter over its upper half: [delay/2, delay). */
export function backoffMs(options: BackoffOptions, attempt: number, random: Pick<Random, 'fraction'>): number {
  const full = Math.min(options.firstMs * options.factor ** (attempt - 1), options.maxMs)
  return full / 2 + (full / 2) * random.fraction()
}
