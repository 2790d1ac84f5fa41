import { BUILT_INS, CRD_KEY } from './built-ins.ts'
import { servedBy } from './custom-resources.ts'
import type { KubeObject } from './object.ts'
import { type ResourceType, apiVersionOf } from './resource-type.ts'
import type { ObjectStore } from './store.ts'

/** Which resources are served now: the built-in ones, and those of the stored CustomResourceDefinitions. */
export interface Registry {
  readonly types: readonly ResourceType[]
  find(group: string, version: string, plural: string): ResourceType | undefined
  /** By `apiVersion` and `kind` of an object. */
  ofObject(object: Pick<KubeObject, 'apiVersion' | 'kind'>): ResourceType | undefined
  /** By plural, with or without its group. */
  named(plural: string): ResourceType | undefined
}

export function createRegistry(store: ObjectStore, more: readonly ResourceType[] = []): Registry {
  const ours = [...BUILT_INS, ...more]
  let types: readonly ResourceType[] = ours
  const refresh = () => {
    types = [...ours, ...store.list(CRD_KEY).flatMap(servedBy)]
  }
  refresh()
  store.subscribe(({ storageKey }) => {
    if (storageKey === CRD_KEY) refresh()
  })
  return {
    get types() {
      return types
    },
    find: (group, version, plural) =>
      types.find((type) => type.group === group && type.version === version && type.plural === plural),
    ofObject: ({ apiVersion, kind }) => types.find((type) => type.kind === kind && apiVersionOf(type) === apiVersion),
    named: (plural) => types.find((type) => type.plural === plural || `${type.plural}.${type.group}` === plural),
  }
}
