import type { Clock } from '../base/clock.ts'
import type { ResourceKey } from '../resources/resource.ts'
import type { StatusListing } from '../status/listing.ts'
import { type Condition, CONDITION_TYPES, type ConditionType, type ResourceWithStatus } from '../status/status.ts'

/** A statement about a resource that someone waits for. */
export interface Goal {
  readonly type: ConditionType
  readonly status: Condition['status']
}

/** The condition type people mean, whatever the case. */
export function conditionType(text: string): ConditionType | undefined {
  return CONDITION_TYPES.find((type) => type.toLowerCase() === text.toLowerCase())
}

export function conditionStatus(text: string): Condition['status'] | undefined {
  return (['True', 'False', 'Unknown'] as const).find((status) => status.toLowerCase() === text.toLowerCase())
}

/** Whether the goal holds for the current generation; what was said of an earlier one does not count, as with `kubectl wait`. */
export function holds(resource: ResourceWithStatus | undefined, goal: Goal): boolean {
  if (!resource) return false
  const condition = resource.status.conditions.find((candidate) => candidate.type === goal.type)
  const { generation } = resource.metadata
  if (condition) return condition.status === goal.status && condition.observedGeneration >= generation
  // These two exist only while True (kstatus).
  const absentMeansFalse = goal.type === 'Reconciling' || goal.type === 'Stalled'
  return absentMeansFalse && goal.status === 'False' && resource.status.observedGeneration >= generation
}

/**
 * Resolves true as soon as the goal holds, false after `timeoutMs` or when `signal` aborts. Told by the listing, never asking it
 * in intervals; nothing is left behind once resolved.
 */
export function waitFor(
  dependencies: { listing: StatusListing; clock: Clock },
  key: ResourceKey,
  goal: Goal,
  { timeoutMs, signal }: { timeoutMs: number; signal: AbortSignal },
): Promise<boolean> {
  const { listing, clock } = dependencies
  return new Promise((resolve) => {
    const finish = (held: boolean) => {
      unsubscribe()
      timer.cancel()
      signal.removeEventListener('abort', giveUp)
      resolve(held)
    }
    const giveUp = () => finish(false)
    const look = () => {
      if (holds(listing.get(key), goal)) finish(true)
    }
    const unsubscribe = listing.subscribe((changed) => {
      if (changed.has(key)) look()
    })
    const timer = clock.after(timeoutMs, giveUp)
    signal.addEventListener('abort', giveUp, { once: true })
    if (signal.aborted) giveUp()
    else look()
  })
}
