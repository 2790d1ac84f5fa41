import type { KubeObject } from './object.ts'
import type { Schema } from './schema.ts'

/** A column of `kubectl get`. */
export interface Column {
  readonly name: string
  readonly type: string
  readonly format?: string
  readonly description?: string
  /** 0 shows always, 1 with `-o wide`. */
  readonly priority: number
  cell(object: KubeObject, nowMs: number): unknown
}

/** What the server knows of one resource in one version. */
export interface ResourceType {
  readonly group: string
  readonly version: string
  readonly kind: string
  readonly listKind: string
  readonly plural: string
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly categories: readonly string[]
  readonly namespaced: boolean
  readonly verbs: readonly string[]
  /** Whether `/status` exists: then the main endpoint leaves `status` alone, and the other way round. */
  readonly hasStatus: boolean
  /** Whether `metadata.generation` counts changes of everything but metadata and status. */
  readonly hasGeneration: boolean
  /** Whether a PUT may come without a resourceVersion. */
  readonly unconditionalUpdate: boolean
  /** Whether a PUT of what is not there makes it. */
  readonly createOnUpdate: boolean
  /** Defined by a CustomResourceDefinition. */
  readonly custom: boolean
  /** Of the whole object, ObjectMeta included. */
  readonly schema: Schema
  readonly columns: readonly Column[]
  /** Paths for `fieldSelector` besides the metadata's; the value a selector is compared with. */
  readonly selectable: Readonly<Record<string, (object: KubeObject) => unknown>>
  /** Two versions of one resource share what is stored. */
  readonly storageKey: string
  /** Between the stored version and this one, where they differ. */
  readonly convert?: { readonly fromStored: Conversion; readonly toStored: Conversion }
}

export type Conversion = (object: KubeObject) => KubeObject

export const apiVersionOf = ({ group, version }: ResourceType) => (group === '' ? version : `${group}/${version}`)

export const ALL_VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'] as const
