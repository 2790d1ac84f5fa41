import type { Fields, KubeObject } from './object.ts'

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
