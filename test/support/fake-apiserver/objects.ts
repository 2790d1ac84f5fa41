import type { DeleteOptions, Deletions } from './deletions.ts'
import type { KubeObject } from './object.ts'
import type { Registry } from './registry.ts'
import type { ResourceType } from './resource-type.ts'
import type { ObjectStore } from './store.ts'
import { type Write, type Writes, fromStored } from './writes.ts'

/** What a test may pass as an object: the server fills in the rest. */
export type Manifest = Omit<KubeObject, 'metadata'> & {
  apiVersion: string
  kind: string
  metadata: Partial<KubeObject['metadata']> & { name: string }
}

/** The stored objects, without HTTP. Resources are named by plural (`webhooks`), or plural and group. */
export interface Objects {
  get(resource: string, name: string, namespace?: string): KubeObject | undefined
  list(resource: string, namespace?: string): readonly KubeObject[]
  /** Creates it, or replaces it whatever its version; checked and defaulted as a request is. */
  put(object: Manifest, fieldManager?: string): KubeObject
  /** Replaces the status alone. */
  putStatus(object: Manifest, fieldManager?: string): KubeObject
  delete(resource: string, name: string, namespace?: string, options?: DeleteOptions): void
}

interface Parts {
  readonly store: ObjectStore
  readonly registry: Registry
  readonly writes: Writes
  readonly deletions: Deletions
  readonly settle: () => void
}

const DEFAULT_NAMESPACE = 'default'

export function createObjects({ store, registry, writes, deletions, settle }: Parts): Objects {
  const typeNamed = (resource: string) => {
    const type = registry.named(resource)
    if (!type) throw new Error(`no resource ${resource} is served`)
    return type
  }
  const spaceOf = (type: ResourceType, namespace = DEFAULT_NAMESPACE) => (type.namespaced ? namespace : undefined)
  const found = (type: ResourceType, name: string, namespace: string | undefined) => {
    const stored = store.get(type.storageKey, spaceOf(type, namespace), name)
    return stored && fromStored(type, stored)
  }
  const write = (object: Manifest, subresource: string | undefined, fieldManager: string) => {
    const type = registry.ofObject(object)
    if (!type) throw new Error(`no resource serves ${object.apiVersion} ${object.kind}`)
    const { name, namespace } = object.metadata
    const before = found(type, name, namespace)
    const how = writeOf(type, { name, namespace: spaceOf(type, namespace), subresource, fieldManager })
    const body: KubeObject = structuredClone<KubeObject>(object)
    if (before) body.metadata.resourceVersion = before.metadata.resourceVersion ?? ''
    const written = before ? writes.update(how, body).object : writes.create(how, body)
    settle()
    return written
  }
  return {
    get: (resource, name, namespace) => found(typeNamed(resource), name, namespace),
    list(resource, namespace) {
      const type = typeNamed(resource)
      return store.list(type.storageKey, namespace).map((object) => fromStored(type, object))
    },
    put: (object, fieldManager = 'test') => write(object, undefined, fieldManager),
    putStatus: (object, fieldManager = 'test') => write(object, 'status', fieldManager),
    delete(resource, name, namespace, options = {}) {
      const type = typeNamed(resource)
      const object = store.get(type.storageKey, spaceOf(type, namespace), name)
      if (!object) throw new Error(`there is no ${resource} ${name}`)
      deletions.remove(type, object, options)
    },
  }
}

function writeOf(type: ResourceType, about: Pick<Write, 'name' | 'namespace' | 'subresource' | 'fieldManager'>): Write {
  return { type, ...about, dryRun: false, fieldValidation: 'Strict', force: false, warnings: [] }
}
