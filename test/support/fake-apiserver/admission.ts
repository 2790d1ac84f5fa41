import type { Cause } from './api-error.ts'
import { CRD_KEY } from './built-ins.ts'
import type { CelRules } from './cel.ts'
import { type CrdVersion, crdSpec } from './custom-resources.ts'
import { eventProblems } from './events.ts'
import { type Fields, type KubeObject, isFields } from './object.ts'
import type { ResourceType } from './resource-type.ts'
import { type Schema, propertySchema } from './schema.ts'
import { wrong } from './validate.ts'

/** What the server fills in by itself, beyond schema defaults, in place. */
export function complete(type: ResourceType, object: KubeObject): void {
  if (type.storageKey === 'namespaces') completeNamespace(object)
  else if (type.storageKey === 'secrets') completeSecret(object)
  else if (type.storageKey === CRD_KEY) completeCrd(object)
}

function completeNamespace(namespace: KubeObject): void {
  const { metadata } = namespace
  metadata.labels = { ...metadata.labels, 'kubernetes.io/metadata.name': metadata.name }
  namespace['spec'] ??= { finalizers: ['kubernetes'] }
  namespace['status'] ??= { phase: 'Active' }
}

function completeSecret(secret: KubeObject): void {
  secret['type'] ??= 'Opaque'
  if (!isFields(secret['stringData'])) return
  const encoded = Object.entries(secret['stringData']).map(([key, value]) => [
    key,
    Buffer.from(String(value)).toString('base64'),
  ])
  secret['data'] = { ...(secret['data'] as Fields | undefined), ...(Object.fromEntries(encoded) as Fields) }
  delete secret['stringData']
}

function completeCrd(crd: KubeObject): void {
  const spec = crd['spec'] as Fields | undefined
  if (!isFields(spec) || !isFields(spec['names'])) return
  const { kind } = spec['names'] as { kind?: string }
  spec['names'] = { singular: kind?.toLowerCase(), listKind: `${kind}List`, ...spec['names'] }
  spec['conversion'] ??= { strategy: 'None' }
}

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/
const QUALIFIED =
  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]{0,61})?[A-Za-z0-9])?$/

/** What is wrong with an object besides its schema. */
export function semanticProblems(
  type: ResourceType,
  object: KubeObject,
  { before, cel }: { readonly before: KubeObject | undefined; readonly cel: CelRules },
): Cause[] {
  return [
    ...metadataProblems(type, object),
    ...(type.storageKey === CRD_KEY ? crdProblems(object, cel) : []),
    ...(type.group === 'events.k8s.io' ? eventProblems(object, before) : []),
  ]
}

function metadataProblems({ storageKey }: ResourceType, { metadata }: KubeObject): Cause[] {
  const { name, labels = {}, annotations = {}, finalizers = [] } = metadata
  const problems: Cause[] = []
  const isLabel = storageKey === 'namespaces'
  if (!(isLabel ? LABEL : SUBDOMAIN).test(name) || name.length > (isLabel ? 63 : 253))
    problems.push(wrong('metadata.name', name, isLabel ? LABEL_MESSAGE : SUBDOMAIN_MESSAGE))
  for (const [key, value] of Object.entries(labels)) {
    if (!QUALIFIED.test(key)) problems.push(wrong('metadata.labels', key, QUALIFIED_MESSAGE))
    if (!LABEL_VALUE.test(value)) problems.push(wrong('metadata.labels', value, LABEL_VALUE_MESSAGE))
  }
  for (const key of [...Object.keys(annotations).map((key) => key.toLowerCase())])
    if (!QUALIFIED.test(key)) problems.push(wrong('metadata.annotations', key, QUALIFIED_MESSAGE))
  const bytes = Object.entries(annotations).reduce((sum, [key, value]) => sum + Buffer.byteLength(key + value), 0)
  if (bytes > 262_144)
    problems.push({
      reason: 'FieldValueTooLong',
      field: 'metadata.annotations',
      message: 'Too long: may not be more than 262144 bytes',
    })
  for (const finalizer of finalizers)
    if (!QUALIFIED.test(finalizer)) problems.push(wrong('metadata.finalizers', finalizer, QUALIFIED_MESSAGE))
  return problems
}

const SUBDOMAIN_MESSAGE =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
const LABEL_MESSAGE =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
const QUALIFIED_MESSAGE =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
const LABEL_VALUE_MESSAGE =
  "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"

function crdProblems(crd: KubeObject, cel: CelRules): Cause[] {
  const { group, names, versions } = crdSpec(crd)
  const problems: Cause[] = []
  if (crd.metadata.name !== `${names.plural}.${group}`)
    problems.push(wrong('metadata.name', crd.metadata.name, 'must be spec.names.plural+"."+spec.group'))
  if (versions.filter(({ storage }) => storage).length !== 1)
    problems.push(wrong('spec.versions', versions.length, 'must have exactly one version marked as storage version'))
  return [
    ...problems,
    ...versions.flatMap((version, index) => versionProblems(version, placesOf(versions, index), cel)),
  ]
}

interface Places {
  readonly version: string
  readonly schema: string
  readonly selectableFields: string
}

/** What every version has in common, as the only one has everything, the server keeps in one place for all. */
function placesOf({ length }: readonly CrdVersion[], index: number): Places {
  const version = `spec.versions[${index}]`
  return length === 1
    ? { version, schema: 'spec.validation.openAPIV3Schema', selectableFields: 'spec.selectableFields' }
    : { version, schema: `${version}.schema.openAPIV3Schema`, selectableFields: `${version}.selectableFields` }
}

function versionProblems(version: CrdVersion, places: Places, cel: CelRules): Cause[] {
  const schema = version.schema?.openAPIV3Schema
  const missing = `${places.version}.schema.openAPIV3Schema`
  if (!schema) return [{ reason: 'FieldValueRequired', field: missing, message: 'Required value' }]
  return [
    ...[...schemaNodes(schema, places.schema)].flatMap(({ schema: node, at }) => nodeProblems(node, at, cel)),
    ...unselectable(version, schema, places.selectableFields),
  ]
}

/** One may select by scalars only, and by those that the schema declares. */
function unselectable({ selectableFields = [] }: CrdVersion, schema: Schema, place: string): Cause[] {
  return selectableFields.flatMap(({ jsonPath }, index) => {
    let found: Schema | undefined = schema
    for (const step of jsonPath.slice(1).split('.')) found = found && propertySchema(found, step)
    if (['string', 'boolean', 'integer'].includes(found?.type ?? '')) return []
    const why =
      'must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.'
    return [wrong(`${place}[${index}].jsonPath`, jsonPath, why)]
  })
}

function nodeProblems(node: Schema, where: string, cel: CelRules): Cause[] {
  const problems: Cause[] = []
  if (node.type === undefined && !node['x-kubernetes-preserve-unknown-fields'] && !node['x-kubernetes-int-or-string'])
    problems.push({
      reason: 'FieldValueRequired',
      field: `${where}.type`,
      message: 'Required value: must not be empty for specified object fields',
    })
  if (node.properties && node.additionalProperties !== undefined)
    problems.push({
      reason: 'FieldValueForbidden',
      field: `${where}.additionalProperties`,
      message: 'Forbidden: additionalProperties and properties are mutual exclusive',
    })
  if (node.uniqueItems)
    problems.push({
      reason: 'FieldValueForbidden',
      field: `${where}.uniqueItems`,
      message: 'Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic',
    })
  for (const [index, { rule }] of (node['x-kubernetes-validations'] ?? []).entries()) {
    const why = cel.compileProblem(rule)
    if (why !== undefined)
      problems.push(wrong(`${where}.x-kubernetes-validations[${index}].rule`, rule, `compilation failed: ${why}`))
  }
  return problems
}

function* schemaNodes(schema: Schema, at: string): Generator<{ schema: Schema; at: string }> {
  yield { schema, at }
  for (const [name, inner] of Object.entries(schema.properties ?? {}))
    yield* schemaNodes(inner, `${at}.properties[${name}]`)
  if (schema.items) yield* schemaNodes(schema.items, `${at}.items`)
  if (isFields(schema.additionalProperties))
    yield* schemaNodes(schema.additionalProperties, `${at}.additionalProperties`)
}
