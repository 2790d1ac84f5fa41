import * as client from '@kubernetes/client-node'
import { builtIn } from './built-ins.ts'
import type { ResourceType } from './resource-type.ts'
import { ANY, type Schema } from './schema.ts'

/** What the official client knows of a field of a type. */
interface Attribute {
  readonly baseName: string
  /** `string`, `V1PodSpec`, `Array<V1Container>`, `{ [key: string]: string; }` */
  readonly type: string
  readonly format: string
}

const TEXT: Schema = { type: 'string' }
const PLAIN: Readonly<Record<string, Schema>> = {
  string: TEXT,
  number: { type: 'number' },
  boolean: { type: 'boolean' },
  Date: { type: 'string', format: 'date-time', nullable: true },
  IntOrString: { 'x-kubernetes-int-or-string': true },
}

/** Lists that are merged by keys, of the kinds below. (x-kubernetes-list-map-keys in Kubernetes' OpenAPI documents) */
const MAP_KEYS: Readonly<Record<string, readonly string[]>> = {
  'V1PodSpec.containers': ['name'],
  'V1PodSpec.initContainers': ['name'],
  'V1PodSpec.volumes': ['name'],
  'V1PodSpec.imagePullSecrets': ['name'],
  'V1Container.env': ['name'],
  'V1Container.ports': ['containerPort', 'protocol'],
  'V1Container.volumeMounts': ['mountPath'],
  'V1ServiceSpec.ports': ['port', 'protocol'],
  'V1PodStatus.conditions': ['type'],
  'V1StatefulSetStatus.conditions': ['type'],
}

const DEFAULTS: Readonly<Record<string, unknown>> = {
  'V1ContainerPort.protocol': 'TCP',
  'V1ServicePort.protocol': 'TCP',
}

/**
 * The kinds that a chart installs beside configuration, with every field the official client knows of them: more than the operator
 * itself ever asks for, and half a second to load, so a server has them only if told. No controller acts on them; a test that wants
 * pods to run does that itself.
 */
export function workloadTypes(): readonly ResourceType[] {
  const named = (kind: string, more: Partial<ResourceType> = {}) =>
    builtIn({
      kind,
      plural: `${kind.toLowerCase()}s`,
      singular: kind.toLowerCase(),
      schema: schemaOf(`V1${kind}`),
      ...more,
    })
  const apps = { group: 'apps', hasStatus: true, hasGeneration: true }
  const networking = { group: 'networking.k8s.io', hasGeneration: true }
  const rbac = { group: 'rbac.authorization.k8s.io' }
  return [
    named('Service', { shortNames: ['svc'], hasStatus: true }),
    named('Pod', { shortNames: ['po'], hasStatus: true }),
    named('PersistentVolumeClaim', { shortNames: ['pvc'], hasStatus: true }),
    named('StatefulSet', { ...apps, shortNames: ['sts'] }),
    named('Job', { group: 'batch', hasStatus: true, hasGeneration: true }),
    named('Ingress', { ...networking, plural: 'ingresses', hasStatus: true }),
    named('NetworkPolicy', { ...networking, plural: 'networkpolicies', shortNames: ['netpol'] }),
    named('Role', rbac),
    named('RoleBinding', rbac),
    named('ClusterRole', { ...rbac, namespaced: false }),
    named('ClusterRoleBinding', { ...rbac, namespaced: false }),
  ]
}

const models = client as unknown as Readonly<Record<string, { getAttributeTypeMap?(): readonly Attribute[] }>>

function schemaOf(type: string): Schema {
  const attributes = models[type]?.getAttributeTypeMap?.()
  if (!attributes) return ANY
  const properties = attributes.map((attribute) => [attribute.baseName, fieldSchema(type, attribute)])
  return { type: 'object', properties: Object.fromEntries(properties) as Record<string, Schema> }
}

function fieldSchema(owner: string, { baseName, type }: Attribute): Schema {
  const place = `${owner}.${baseName}`
  const keys = MAP_KEYS[place]
  const merged = keys && {
    'x-kubernetes-list-type': 'map' as const,
    'x-kubernetes-list-map-keys': keys,
    'x-kubernetes-patch-strategy': 'merge',
    'x-kubernetes-patch-merge-key': keys[0] ?? '',
  }
  const fallback = DEFAULTS[place]
  return { ...typeSchema(type), ...merged, ...(fallback === undefined ? {} : { default: fallback }) }
}

function typeSchema(type: string): Schema {
  const [, item] = /^Array<(.+)>$/.exec(type) ?? []
  if (item !== undefined) return { type: 'array', items: typeSchema(item) }
  const [, value] = /^\{ \[key: string\]: (.+); \}$/.exec(type) ?? []
  if (value !== undefined) return { type: 'object', additionalProperties: typeSchema(value) }
  // Quantities are texts to the client, but may be written as numbers.
  return PLAIN[type] ?? schemaOf(type)
}
