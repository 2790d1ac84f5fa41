import type { Clock } from '../../../src/base/clock.ts'
import { rfc3339Seconds } from '../../../src/base/clock.ts'
import { conflict, notFound } from './api-error.ts'
import { CRD_KEY, NAMESPACES } from './built-ins.ts'
import { crdSpec, instancesOf } from './custom-resources.ts'
import type { KubeObject } from './object.ts'
import type { Registry } from './registry.ts'
import type { ResourceType } from './resource-type.ts'
import type { ObjectStore } from './store.ts'

export interface DeleteOptions {
  readonly preconditions?: { readonly uid?: string; readonly resourceVersion?: string }
  readonly propagationPolicy?: 'Orphan' | 'Background' | 'Foreground'
  readonly gracePeriodSeconds?: number
}

/** Deleting, with what the garbage collector and the controllers of namespaces and CRDs do in a real cluster. */
export interface Deletions {
  /** The object as it is left: gone, or marked and waiting for its finalizers. */
  remove(type: ResourceType, object: KubeObject, options: DeleteOptions): { object: KubeObject; gone: boolean }
  /** Ends what waited for its content to go: namespaces and CRDs. Call it after anything went. */
  settle(): void
}

export function createDeletions(store: ObjectStore, registry: Registry, clock: Clock): Deletions {
  const mark = (storageKey: string, object: KubeObject): { object: KubeObject; gone: boolean } => {
    const { metadata } = object
    if (!metadata.finalizers?.length && !holdsContent(storageKey, object))
      return { object: store.remove(storageKey, object), gone: true }
    if (metadata.deletionTimestamp) return { object, gone: false }
    const marked = { deletionTimestamp: rfc3339Seconds(clock.now()), deletionGracePeriodSeconds: 0 }
    const generation = metadata.generation === undefined ? {} : { generation: metadata.generation + 1 }
    const phase = storageKey === NAMESPACES.storageKey ? { status: { phase: 'Terminating' } } : {}
    const left = { ...object, ...phase, metadata: { ...metadata, ...marked, ...generation } }
    return { object: store.put(storageKey, left), gone: false }
  }
  const content = (storageKey: string, object: KubeObject): { key: string; object: KubeObject }[] => {
    if (storageKey === CRD_KEY) {
      const key = instancesOf(crdSpec(object))
      return store.list(key).map((one) => ({ key, object: one }))
    }
    if (storageKey !== NAMESPACES.storageKey) return []
    const keys = new Set(registry.types.filter(({ namespaced }) => namespaced).map((type) => type.storageKey))
    return [...keys].flatMap((key) => store.list(key, object.metadata.name).map((one) => ({ key, object: one })))
  }
  const holdsContent = (storageKey: string, object: KubeObject) => content(storageKey, object).length > 0
  const dependents = (uid: string | undefined) => {
    const keys = new Set(registry.types.map((type) => type.storageKey))
    return [...keys].flatMap((key) =>
      store
        .list(key)
        .filter(({ metadata }) => metadata.ownerReferences?.some((owner) => owner.uid === uid))
        .map((object) => ({ key, object })),
    )
  }
  const orphan = (key: string, object: KubeObject, uid: string | undefined) => {
    const ownerReferences = object.metadata.ownerReferences?.filter((owner) => owner.uid !== uid) ?? []
    store.put(key, { ...object, metadata: { ...object.metadata, ownerReferences } })
  }
  const settleOne = (storageKey: string, object: KubeObject) => {
    for (const inner of content(storageKey, object)) mark(inner.key, inner.object)
    if (!holdsContent(storageKey, object) && !object.metadata.finalizers?.length) store.remove(storageKey, object)
  }
  const settle = () => {
    for (const key of [CRD_KEY, NAMESPACES.storageKey])
      for (const object of store.list(key)) if (object.metadata.deletionTimestamp) settleOne(key, object)
  }
  return {
    settle,
    remove({ storageKey }, object, { propagationPolicy = 'Background' }) {
      const result = mark(storageKey, object)
      if (result.gone)
        for (const dependent of dependents(object.metadata.uid)) {
          if (propagationPolicy === 'Orphan') orphan(dependent.key, dependent.object, object.metadata.uid)
          else mark(dependent.key, dependent.object)
        }
      settle()
      const left = store.get(storageKey, object.metadata.namespace, object.metadata.name)
      return left ? { object: left, gone: false } : { object: result.object, gone: true }
    },
  }
}

/** Throws 404 where there is nothing, 409 where it is another than was meant. */
export function demandDeletable(
  type: ResourceType,
  name: string,
  object: KubeObject | undefined,
  { preconditions = {} }: DeleteOptions,
): KubeObject {
  if (!object) throw notFound(type, name)
  const { uid, resourceVersion } = object.metadata
  if (preconditions.uid && preconditions.uid !== uid)
    throw conflict(
      type,
      name,
      `Precondition failed: UID in precondition: ${preconditions.uid}, UID in object meta: ${uid}`,
    )
  if (preconditions.resourceVersion && preconditions.resourceVersion !== resourceVersion)
    throw conflict(
      type,
      name,
      `Precondition failed: ResourceVersion in precondition: ${preconditions.resourceVersion}, ResourceVersion in object meta: ${resourceVersion}`,
    )
  return object
}
