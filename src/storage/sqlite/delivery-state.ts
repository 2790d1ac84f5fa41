import { assert } from '../../base/assert.ts'
import type { DeliveryState } from '../records.ts'

/**
 * States as the table holds them. A pending delivery is `fresh` until something is first recorded about it: fresh ones are due in
 * the order of their seq, so the common delivery, the one that succeeds at once, never enters the index by due time.
 */
export const FRESH = 0
export const RESCHEDULED = 1
export const FINAL_FROM = 2

const STATES: readonly DeliveryState[] = ['pending', 'pending', 'delivered', 'dead', 'cancelled']

export function stateOfCode(code: number): DeliveryState {
  const state = STATES[code]
  assert(state !== undefined, `delivery state ${code} is known`)
  return state
}

/** The code an update writes: `pending` is then no longer fresh. */
export function codeOfUpdate(state: DeliveryState): number {
  return STATES.lastIndexOf(state)
}

/** The codes a filter by state looks for; all of them without one. */
export function codesOf(state: DeliveryState | undefined): number[] {
  return STATES.flatMap((known, code) => (state === undefined || known === state ? [code] : []))
}
