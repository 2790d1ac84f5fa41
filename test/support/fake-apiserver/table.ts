import type { Fields, KubeObject } from './object.ts'
import type { ResourceType } from './resource-type.ts'

/** How a client wants objects: whole, their metadata only, or as rows for people. */
export type Form = 'object' | 'metadata' | 'table'

/** The first form of an Accept header that this server can make; undefined when there is none. */
export function formOf(accept: string | undefined): Form | undefined {
  for (const range of (accept ?? '*/*').split(',')) {
    const [mediaType = '', ...parameters] = range.split(';').map((part) => part.trim())
    if (!['application/json', 'application/*', '*/*'].includes(mediaType)) continue
    const as = parameters.find((parameter) => parameter.startsWith('as='))?.slice(3)
    if (as === undefined || as === 'APIGroupDiscoveryList') return 'object'
    if (as === 'Table') return 'table'
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return 'metadata'
  }
  return undefined
}

export type IncludeObject = 'Object' | 'Metadata' | 'None'

export interface Row {
  /** As stored: what the columns look at. */
  readonly stored: KubeObject
  /** In the version asked for. */
  readonly object: KubeObject
}

/** A `meta.k8s.io/v1` Table. */
export function table(type: ResourceType, rows: readonly Row[], metadata: Fields, view: TableView): Fields {
  const { nowMs, include, withColumns = true } = view
  return {
    kind: 'Table',
    apiVersion: 'meta.k8s.io/v1',
    metadata,
    columnDefinitions: withColumns ? type.columns.map(definition) : null,
    rows: rows.map(({ stored, object }) => ({
      cells: type.columns.map((column) => column.cell(stored, nowMs) ?? null),
      object: included(object, include),
    })),
  }
}

export interface TableView {
  readonly nowMs: number
  readonly include: IncludeObject
  readonly withColumns?: boolean
}

function definition({ name, type, format = '', description = '', priority }: ResourceType['columns'][number]): Fields {
  return { name, type, format, description, priority }
}

function included(object: KubeObject, include: IncludeObject): unknown {
  if (include === 'None') return null
  return include === 'Object' ? object : partial(object)
}

export function partial({ metadata }: KubeObject): KubeObject {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata }
}
