import { rfc3339Seconds } from '../base/clock.ts'
import { CONDITION_TYPES, type Condition, type ConditionType } from './status.ts'

/** What is to be said of a resource now; when it became so is worked out from what was said before. */
export type Finding = Omit<Condition, 'lastTransitionTime'>

const MESSAGE_MAX = 1024

/** A condition that is True without a special reason bears its own type's name as the reason. */
export function holds(type: ConditionType, generation: number, message: string, reason: string = type): Finding {
  return { type, status: 'True', observedGeneration: generation, reason, message }
}

export function fails(type: ConditionType, generation: number, reason: string, message: string): Finding {
  return { type, status: 'False', observedGeneration: generation, reason, message }
}

export function unknown(type: ConditionType, generation: number, reason: string, message: string): Finding {
  return { type, status: 'Unknown', observedGeneration: generation, reason, message }
}

/** `Ready`: all of the given hold; else the reason of the first that does not. */
export function ready(findings: readonly Finding[], generation: number): Finding {
  const first =
    findings.find((finding) => finding.status === 'False') ?? findings.find((finding) => finding.status === 'Unknown')
  if (!first) return holds('Ready', generation, 'The resource is accepted and in force.')
  return fails('Ready', generation, first.reason, first.message)
}

/**
 * The conditions to show, in the order of `CONDITION_TYPES`. `lastTransitionTime` moves only when `status` changes
 * (metav1.Condition); conditions that are no longer found disappear, which is how `Reconciling` and `Stalled` end (kstatus).
 */
export function mergeConditions(
  previous: readonly Condition[],
  findings: readonly Finding[],
  nowMs: number,
): Condition[] {
  const before = new Map(previous.map((condition) => [condition.type, condition]))
  return CONDITION_TYPES.flatMap((type) => {
    const finding = findings.find((candidate) => candidate.type === type)
    if (!finding) return []
    const known = before.get(type)
    const unchanged = known !== undefined && known.status === finding.status
    const message = finding.message.slice(0, MESSAGE_MAX)
    return [{ ...finding, message, lastTransitionTime: unchanged ? known.lastTransitionTime : rfc3339Seconds(nowMs) }]
  })
}
