import type { Log } from '../base/log.ts'
import type { Notice, Problem } from '../resources/problem.ts'
import type { Source } from '../resources/source.ts'
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

/** Logs each problem and notice of a source when it appears; of a problem also that it is gone. */
export function createSourceLog(log: Log): (source: Pick<Source, 'problems' | 'notices' | 'place'>) => void {
  let problems = new Map<string, Problem>()
  let notices = new Map<string, Notice>()
  return (source) => {
    const found = byPlace(source.problems())
    for (const [id, problem] of found) if (!problems.has(id)) log.warn({ problem }, `problem in ${source.place}`)
    for (const [id, { file, code }] of problems) if (!found.has(id)) log.info({ file, code }, 'problem is gone')
    const said = byPlace(source.notices())
    for (const [id, notice] of said) {
      if (notices.has(id)) continue
      if (notice.severity === 'warning') log.warn({ notice }, `notice about ${source.place}`)
      else log.info({ notice }, `notice about ${source.place}`)
    }
    problems = found
    notices = said
  }
}

function byPlace<P extends Problem>(problems: readonly P[]): Map<string, P> {
  return new Map(
    problems.map((problem) => [`${problem.file}:${problem.line}:${problem.code}:${problem.message}`, problem]),
  )
}
