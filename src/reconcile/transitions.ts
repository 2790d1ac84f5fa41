import type { Log } from '../base/log.ts'
import type { Problem } from '../resources/problem.ts'
import type { Condition, ConditionType } from '../status/status.ts'
import type { Entry } from './entry.ts'

/** The conditions whose turns are worth a line each; `Ready` and the rest only sum them up. */
const TOLD: readonly ConditionType[] = ['Accepted', 'ResolvedRefs', 'Delivering']

/** Logs what took a turn between two looks at a resource. That something new is as it should be goes without saying. */
export function logTransitions(log: Log, before: Entry | undefined, after: Entry): void {
  for (const condition of after.status.conditions) {
    if (!TOLD.includes(condition.type)) continue
    const known = before?.status.conditions.find(({ type }) => type === condition.type)
    if (known ? sameStanding(known, condition) : condition.status !== 'False') continue
    const { type, status, reason, message } = condition
    const fields = { resource: after.key, condition: type, status, reason, message }
    if (status === 'False') log.warn(fields, 'condition changed')
    else log.info(fields, 'condition changed')
  }
}

function sameStanding(a: Condition, b: Condition): boolean {
  return a.status === b.status && a.reason === b.reason
}

/** Logs each problem of a source when it appears, and once more when it is gone. */
export function createProblemLog(log: Log): (problems: readonly Problem[]) => void {
  let known = new Map<string, Problem>()
  return (problems) => {
    const now = new Map(
      problems.map((problem) => [`${problem.file}:${problem.line}:${problem.code}:${problem.message}`, problem]),
    )
    for (const [id, problem] of now) if (!known.has(id)) log.warn({ problem }, 'problem in a file')
    for (const [id, { file, code }] of known) if (!now.has(id)) log.info({ file, code }, 'problem is gone')
    known = now
  }
}
