import type { Cause } from './api-error.ts'
import { type Fields, type KubeObject, isFields, sameJson, valueAt } from './object.ts'
import { wrong } from './validate.ts'

/** Names of the fields in `events.k8s.io/v1`, and in `v1`, where they are stored. (pkg/apis/events/v1/conversion.go) */
const RENAMED: Readonly<Record<string, string>> = {
  reportingController: 'reportingComponent',
  regarding: 'involvedObject',
  note: 'message',
  deprecatedSource: 'source',
  deprecatedFirstTimestamp: 'firstTimestamp',
  deprecatedLastTimestamp: 'lastTimestamp',
  deprecatedCount: 'count',
}
const RENAMED_BACK = Object.fromEntries(Object.entries(RENAMED).map(([now, core]) => [core, now]))

/** Both versions of an event are one stored object. */
export const toCoreEvent = (event: KubeObject) => renamed(event, 'v1', RENAMED)
export const toEventsEvent = (event: KubeObject) => renamed(event, 'events.k8s.io/v1', RENAMED_BACK)

function renamed(event: KubeObject, apiVersion: string, names: Readonly<Record<string, string>>): KubeObject {
  const fields: Fields = Object.fromEntries(Object.entries(event).map(([name, value]) => [names[name] ?? name, value]))
  return { ...(fields as KubeObject), apiVersion }
}

const REPORTING = ['reportingController', 'reportingInstance'] as const
const LATER_FIXED = ['regarding', 'reason', 'note', 'type', 'eventTime', 'action', 'related', ...REPORTING] as const
const UNSET = ['deprecatedSource', 'deprecatedFirstTimestamp', 'deprecatedLastTimestamp', 'deprecatedCount'] as const

/** What the server demands of an event of `events.k8s.io/v1`, and not of one of `v1`. (pkg/apis/core/validation/events.go) */
export function eventProblems(event: KubeObject, before: KubeObject | undefined): Cause[] {
  const namespace = valueAt(event, ['regarding', 'namespace']) ?? ''
  const elsewhere = namespace === '' && !['default', 'kube-system'].includes(event.metadata.namespace ?? '')
  const problems = elsewhere ? [wrong('involvedObject.namespace', namespace, 'does not match event.namespace')] : []
  if (before) {
    for (const field of LATER_FIXED)
      if (!sameJson(event[field], before[field])) problems.push(wrong(field, event[field], 'field is immutable'))
  } else for (const field of UNSET) if (event[field]) problems.push(wrong(field, event[field], 'needs to be unset'))
  const { series } = event
  if (isFields(series) && !sameJson(series, before?.['series'])) problems.push(...seriesProblems(series))
  return problems
}

function seriesProblems({ count, lastObservedTime }: Fields): Cause[] {
  const problems: Cause[] = []
  if (!(Number(count) >= 2)) problems.push(wrong('series.count', '', 'should be at least 2'))
  if (!lastObservedTime)
    problems.push({ reason: 'FieldValueRequired', field: 'series.lastObservedTime', message: 'Required value' })
  return problems
}
