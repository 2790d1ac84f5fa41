import { expired } from './api-error.ts'
import type { KubeObject } from './object.ts'

export type ChangeType = 'ADDED' | 'MODIFIED' | 'DELETED'

/** One write: what became of an object, and what it was before. Objects are never changed once stored. */
export interface Change {
  readonly revision: number
  readonly type: ChangeType
  readonly storageKey: string
  readonly object: KubeObject
  readonly before: KubeObject | undefined
}

/** Everything stored, with a bounded journal of the writes; one counter numbers all of them, as etcd does. */
export interface ObjectStore {
  readonly revision: number
  /** The oldest revision of which the journal still tells what came after. */
  readonly compacted: number
  get(storageKey: string, namespace: string | undefined, name: string): KubeObject | undefined
  /** In the order of namespace and name. */
  list(storageKey: string, namespace?: string): KubeObject[]
  /** As it was at a revision. Throws 410 once that is compacted. */
  listAt(storageKey: string, namespace: string | undefined, revision: number): KubeObject[]
  /** Stores what `object` gives under the next revision. */
  put(storageKey: string, object: KubeObject): KubeObject
  remove(storageKey: string, object: KubeObject): KubeObject
  /** The writes after a revision. Throws 410 once some of them are compacted. */
  changesSince(storageKey: string, revision: number): Change[]
  subscribe(listener: (change: Change) => void): () => void
  /** Forgets the journal. Whoever stands at an older revision gets 410. */
  compact(): void
  /** Sets the counter forwards, or back as after a restore of an older backup. */
  jump(revision: number): void
}

export function createObjectStore(journalMax: number): ObjectStore {
  const byResource = new Map<string, Map<string, KubeObject>>()
  const listeners = new Set<(change: Change) => void>()
  let journal: Change[] = []
  let revision = 1
  let compacted = 0

  const bucket = (storageKey: string) => {
    const found = byResource.get(storageKey) ?? new Map<string, KubeObject>()
    byResource.set(storageKey, found)
    return found
  }
  const record = (change: Change) => {
    journal.push(change)
    if (journal.length > journalMax) compacted = journal.shift()?.revision ?? compacted
    for (const listener of [...listeners]) listener(change)
  }
  const numbered = (object: KubeObject) => {
    revision += 1
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(revision) } }
  }
  const demand = (from: number) => {
    if (from < compacted) throw expired(`too old resource version: ${from} (${compacted + 1})`)
  }

  return {
    get revision() {
      return revision
    },
    get compacted() {
      return compacted
    },
    get: (storageKey, namespace, name) => bucket(storageKey).get(keyOf(namespace, name)),
    list: (storageKey, namespace) => inOrder(bucket(storageKey), namespace),
    listAt(storageKey, namespace, at) {
      demand(at)
      const then = new Map(bucket(storageKey))
      const undone = journal.filter((change) => change.storageKey === storageKey && change.revision > at).reverse()
      for (const { object, before } of undone) {
        if (before) then.set(keyOfObject(before), before)
        else then.delete(keyOfObject(object))
      }
      return inOrder(then, namespace)
    },
    put(storageKey, object) {
      const key = keyOfObject(object)
      const before = bucket(storageKey).get(key)
      const stored = numbered(object)
      bucket(storageKey).set(key, stored)
      record({ revision, type: before ? 'MODIFIED' : 'ADDED', storageKey, object: stored, before })
      return stored
    },
    remove(storageKey, object) {
      const key = keyOfObject(object)
      const before = bucket(storageKey).get(key)
      const gone = numbered(object)
      bucket(storageKey).delete(key)
      record({ revision, type: 'DELETED', storageKey, object: gone, before })
      return gone
    },
    changesSince(storageKey, from) {
      demand(from)
      return journal.filter((change) => change.storageKey === storageKey && change.revision > from)
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    compact() {
      journal = []
      compacted = revision
    },
    jump(to) {
      revision = to
      journal = []
      compacted = to
    },
  }
}

const keyOf = (namespace: string | undefined, name: string) => `${namespace ?? ''}/${name}`

/** The place of an object in the order of a list: continue tokens are made of it. */
export const keyOfObject = ({ metadata }: KubeObject) => keyOf(metadata.namespace, metadata.name)

function inOrder(objects: ReadonlyMap<string, KubeObject>, namespace: string | undefined): KubeObject[] {
  return [...objects]
    .filter(([key]) => namespace === undefined || key.startsWith(`${namespace}/`))
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([, object]) => object)
}
