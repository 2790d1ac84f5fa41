import { ageOf } from './built-ins.ts'
import { matches } from './json-path.ts'
import type { Fields, KubeObject } from './object.ts'
import { wholeSchema } from './object-meta.ts'
import { ALL_VERBS, type Column, type ResourceType } from './resource-type.ts'
import { ANY, type Schema } from './schema.ts'
import { bySelectablePath } from './selectors.ts'

export interface CrdSpec {
  readonly group: string
  readonly scope: 'Cluster' | 'Namespaced'
  readonly names: {
    readonly plural: string
    readonly singular?: string
    readonly kind: string
    readonly listKind?: string
    readonly shortNames?: readonly string[]
    readonly categories?: readonly string[]
  }
  readonly versions: readonly CrdVersion[]
}

export interface CrdVersion {
  readonly name: string
  readonly served: boolean
  readonly storage: boolean
  readonly schema?: { readonly openAPIV3Schema?: Schema }
  readonly subresources?: { readonly status?: Fields }
  readonly additionalPrinterColumns?: readonly PrinterColumn[]
  readonly selectableFields?: readonly { readonly jsonPath: string }[]
}

interface PrinterColumn {
  readonly name: string
  readonly type: string
  readonly jsonPath: string
  readonly format?: string
  readonly description?: string
  readonly priority?: number
}

export const crdSpec = (crd: KubeObject) => crd['spec'] as CrdSpec

/** Where the instances of a CustomResourceDefinition are stored. */
export const instancesOf = ({ group, names }: CrdSpec) => `${names.plural}.${group}`

/** The resources that a CustomResourceDefinition serves, one a version. */
export function servedBy(crd: KubeObject): ResourceType[] {
  const spec = crdSpec(crd)
  return spec.versions.filter(({ served }) => served).map((version) => resourceType(spec, version))
}

function resourceType(spec: CrdSpec, version: CrdVersion): ResourceType {
  const { group, names, scope } = spec
  const { plural, kind, singular = kind.toLowerCase(), listKind = `${kind}List` } = names
  return {
    group,
    version: version.name,
    kind,
    listKind,
    plural,
    singular,
    shortNames: names.shortNames ?? [],
    categories: names.categories ?? [],
    namespaced: scope === 'Namespaced',
    verbs: ALL_VERBS,
    hasStatus: version.subresources?.status !== undefined,
    hasGeneration: true,
    unconditionalUpdate: false,
    createOnUpdate: false,
    custom: true,
    schema: wholeSchema(version.schema?.openAPIV3Schema ?? ANY),
    columns: [NAME, ...(version.additionalPrinterColumns ?? [AGE]).map(column)],
    selectable: Object.fromEntries(
      (version.selectableFields ?? []).map(({ jsonPath }) => [jsonPath.slice(1), bySelectablePath(jsonPath)]),
    ),
    storageKey: instancesOf(spec),
  }
}

const NAME: Column = {
  name: 'Name',
  type: 'string',
  format: 'name',
  priority: 0,
  cell: ({ metadata }) => metadata.name,
}
const AGE: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp' }

function column({ name, type, jsonPath, priority = 0, format, description }: PrinterColumn): Column {
  return {
    name,
    type,
    priority,
    ...(format !== undefined && { format }),
    ...(description !== undefined && { description }),
    cell: (object, nowMs) => cell(type, matches(jsonPath, object), nowMs),
  }
}

/** Nothing found is null, which kubectl prints as `<none>`. */
function cell(type: string, found: readonly unknown[], nowMs: number): unknown {
  const [first] = found
  if (first === undefined) return null
  if (type === 'date') return ageOf(first, nowMs)
  if (type === 'string')
    return found.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))).join(' ')
  return typeof first === type || (typeof first === 'number' && type !== 'boolean') ? first : null
}
