import { isRecord } from '../../resources/finding.ts'
import type { Condition, ConditionType } from '../../status/status.ts'

/** How each condition stood when it was last looked at: its status and reason. */
export type Standing = ReadonlyMap<string, string>

/** A turn a condition has taken that is worth an event. */
export interface Turn {
  readonly type: 'Normal' | 'Warning'
  readonly condition: Condition
}

/**
 * Which turns people are told of. What the others would add is said by one of these already: `Accepted` becoming True by `Programmed`,
 * and `Programmed` becoming False by `Accepted`. That nothing can be said any more is no news.
 */
const TOLD: Partial<Record<ConditionType, (condition: Condition, before: string) => boolean>> = {
  Accepted: ({ status }) => status === 'False',
  ResolvedRefs: ({ status }, before) => status === 'False' || before.startsWith('False'),
  Programmed: ({ status }) => status === 'True',
  Delivering: ({ status }) => status !== 'Unknown',
}

/** How the conditions of an object in the cluster stand. */
export function standingOf(status: unknown): Standing {
  const conditions = isRecord(status) && Array.isArray(status['conditions']) ? status['conditions'] : []
  return new Map(
    conditions
      .filter(isRecord)
      .map(({ type, status, reason }) => [String(type), `${String(status)} ${String(reason)}`]),
  )
}

/** What has turned since, in the order of the conditions. */
export function turnsSince(before: Standing, conditions: readonly Condition[]): Turn[] {
  const now = standingOf({ conditions })
  return conditions.flatMap((condition) => {
    const { type, status } = condition
    const stood = before.get(type) ?? ''
    if (stood === now.get(type) || !TOLD[type]?.(condition, stood)) return []
    return [{ type: status === 'False' ? 'Warning' : 'Normal', condition }]
  })
}
