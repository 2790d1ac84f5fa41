import type { Clock } from '../../../src/base/clock.ts'
import { rfc3339Seconds } from '../../../src/base/clock.ts'
import { CRD_KEY } from './built-ins.ts'
import { crdSpec } from './custom-resources.ts'
import { type KubeObject, sameJson } from './object.ts'
import type { ObjectStore } from './store.ts'

/** Says of each new or changed CustomResourceDefinition that its names are accepted and that it is served. */
export function establishDefinitions(store: ObjectStore, clock: Clock): void {
  for (const crd of store.list(CRD_KEY)) {
    const status = establishedStatus(crd, rfc3339Seconds(clock.now()))
    if (!sameJson(crd['status'], status)) store.put(CRD_KEY, { ...crd, status })
  }
}

function establishedStatus(crd: KubeObject, now: string) {
  const { names, versions } = crdSpec(crd)
  const since = (crd['status'] as { conditions?: { lastTransitionTime: string }[] } | undefined)?.conditions?.[0]
  const lastTransitionTime = since?.lastTransitionTime ?? now
  const condition = (type: string, reason: string, message: string) => ({
    type,
    status: 'True',
    lastTransitionTime,
    reason,
    message,
  })
  return {
    conditions: [
      condition('NamesAccepted', 'NoConflicts', 'no conflicts found'),
      condition('Established', 'InitialNamesAccepted', 'the initial names have been accepted'),
    ],
    acceptedNames: names,
    storedVersions: versions.filter(({ storage }) => storage).map(({ name }) => name),
  }
}
