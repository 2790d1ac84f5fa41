import { toCoreEvent, toEventsEvent } from './events.ts'
import { type KubeObject, isFields, valueAt } from './object.ts'
import { wholeSchema } from './object-meta.ts'
import { ALL_VERBS, type Column, type ResourceType } from './resource-type.ts'
import { ANY, type Schema } from './schema.ts'

const text: Schema = { type: 'string' }
const integer: Schema = { type: 'integer', format: 'int32' }
const boolean: Schema = { type: 'boolean' }
const time: Schema = { type: 'string', format: 'date-time', nullable: true }
const object = (properties: Record<string, Schema>): Schema => ({ type: 'object', properties })
const texts: Schema = { type: 'object', additionalProperties: text }
const reference: Schema = {
  ...object({
    apiVersion: text,
    kind: text,
    name: text,
    namespace: text,
    uid: text,
    resourceVersion: text,
    fieldPath: text,
  }),
  'x-kubernetes-map-type': 'atomic',
}

const column = (name: string, cell: Column['cell'], type = 'string', priority = 0): Column => ({
  name,
  type,
  priority,
  cell,
})
const NAME: Column = { ...column('Name', ({ metadata }) => metadata.name), format: 'name' }
const AGE = column('Age', ({ metadata }, now) => ageOf(metadata.creationTimestamp, now))

/** A duration as kubectl prints an age: `9s`, `2m5s`, `3h`, `5d`. (k8s.io/apimachinery, HumanDuration) */
export function ageOf(since: unknown, nowMs: number): string {
  if (typeof since !== 'string') return '<unknown>'
  const seconds = Math.max(0, Math.floor((nowMs - Date.parse(since)) / 1000))
  const [minutes, hours, days] = [60, 3600, 86_400].map((unit) => Math.floor(seconds / unit)) as [
    number,
    number,
    number,
  ]
  const and = (rest: number, unit: string) => (rest === 0 ? '' : `${rest}${unit}`)
  if (seconds < 120) return `${seconds}s`
  if (minutes < 10) return `${minutes}m${and(seconds % 60, 's')}`
  if (hours < 3) return `${minutes}m`
  if (hours < 8) return `${hours}h${and(minutes % 60, 'm')}`
  if (days < 2) return `${hours}h`
  if (days < 8) return `${days}d${and(hours % 24, 'h')}`
  if (days < 730) return `${days}d`
  return `${Math.floor(days / 365)}y${and(Math.floor(days % 365), 'd')}`
}

type Own = Partial<ResourceType> & Pick<ResourceType, 'kind' | 'plural' | 'singular' | 'schema'>

/** A kind of the server's own, with what most of them have in common. */
export function builtIn(own: Own): ResourceType {
  return {
    group: '',
    version: 'v1',
    listKind: `${own.kind}List`,
    shortNames: [],
    categories: [],
    namespaced: true,
    verbs: ALL_VERBS,
    hasStatus: false,
    hasGeneration: false,
    unconditionalUpdate: true,
    createOnUpdate: false,
    custom: false,
    columns: [NAME, AGE],
    selectable: {},
    storageKey: own.plural,
    ...own,
    schema: wholeSchema(own.schema),
  }
}

const namespaces = builtIn({
  kind: 'Namespace',
  plural: 'namespaces',
  singular: 'namespace',
  shortNames: ['ns'],
  namespaced: false,
  hasStatus: true,
  schema: {
    ...object({
      spec: object({ finalizers: { type: 'array', items: text } }),
      status: object({ phase: text, conditions: { type: 'array', items: ANY } }),
    }),
    description: 'Namespace provides a scope for Names.',
  },
  columns: [NAME, column('Status', (namespace) => valueAt(namespace, ['status', 'phase'])), AGE],
  selectable: { 'status.phase': (namespace) => valueAt(namespace, ['status', 'phase']) },
})

const secrets = builtIn({
  kind: 'Secret',
  plural: 'secrets',
  singular: 'secret',
  schema: {
    ...object({
      data: { type: 'object', additionalProperties: { type: 'string', format: 'byte' } },
      stringData: texts,
      immutable: boolean,
      type: text,
    }),
    description: 'Secret holds secret data of a certain type.',
  },
  columns: [
    NAME,
    column('Type', ({ type }) => type),
    column('Data', ({ data }) => (isFields(data) ? Object.keys(data).length : 0), 'integer'),
    AGE,
  ],
  selectable: { type: ({ type }) => type },
})

const configMaps = builtIn({
  kind: 'ConfigMap',
  plural: 'configmaps',
  singular: 'configmap',
  shortNames: ['cm'],
  schema: {
    ...object({ data: texts, binaryData: texts, immutable: boolean }),
    description: 'ConfigMap holds configuration data for pods to consume.',
  },
})

const leases = builtIn({
  group: 'coordination.k8s.io',
  kind: 'Lease',
  plural: 'leases',
  singular: 'lease',
  unconditionalUpdate: false,
  createOnUpdate: true,
  schema: {
    ...object({
      spec: object({
        holderIdentity: text,
        leaseDurationSeconds: integer,
        acquireTime: time,
        renewTime: time,
        leaseTransitions: integer,
        strategy: text,
        preferredHolder: text,
      }),
    }),
    description: 'Lease defines a lease concept.',
  },
  columns: [NAME, column('Holder', (lease) => valueAt(lease, ['spec', 'holderIdentity'])), AGE],
})

const serviceAccounts = builtIn({
  kind: 'ServiceAccount',
  plural: 'serviceaccounts',
  singular: 'serviceaccount',
  shortNames: ['sa'],
  schema: { ...object({ automountServiceAccountToken: boolean }), description: 'ServiceAccount is an identity.' },
})

const involved = (field: string) => (event: KubeObject) => valueAt(event, ['involvedObject', field])
const eventColumns: readonly Column[] = [
  column('Last Seen', (event, now) =>
    ageOf(event['lastTimestamp'] ?? event['eventTime'] ?? event.metadata.creationTimestamp, now),
  ),
  column('Type', ({ type }) => type),
  column('Reason', ({ reason }) => reason),
  column('Object', (event) => `${String(involved('kind')(event)).toLowerCase()}/${String(involved('name')(event))}`),
  column('Message', ({ message }) => message),
]
const eventSelectable = {
  ...Object.fromEntries(
    ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'].map((field) => [
      `involvedObject.${field}`,
      involved(field),
    ]),
  ),
  reason: ({ reason }: KubeObject) => reason,
  type: ({ type }: KubeObject) => type,
  reportingComponent: ({ reportingComponent }: KubeObject) => reportingComponent,
  source: (event: KubeObject) => valueAt(event, ['source', 'component']),
}

const source = object({ component: text, host: text })
const series = object({ count: integer, lastObservedTime: time })

const coreEvents = builtIn({
  kind: 'Event',
  plural: 'events',
  singular: 'event',
  shortNames: ['ev'],
  schema: {
    ...object({
      involvedObject: reference,
      reason: text,
      message: text,
      source,
      firstTimestamp: time,
      lastTimestamp: time,
      count: integer,
      type: text,
      eventTime: time,
      series,
      action: text,
      related: reference,
      reportingComponent: text,
      reportingInstance: text,
    }),
    required: ['involvedObject'],
    description: 'Event is a report of an event somewhere in the cluster.',
  },
  columns: eventColumns,
  selectable: eventSelectable,
})

const events = builtIn({
  group: 'events.k8s.io',
  kind: 'Event',
  plural: 'events',
  singular: 'event',
  shortNames: ['ev'],
  schema: {
    ...object({
      eventTime: time,
      series,
      reportingController: { ...text, maxLength: 128 },
      reportingInstance: { ...text, maxLength: 128 },
      action: { ...text, maxLength: 128 },
      reason: { ...text, maxLength: 128 },
      regarding: reference,
      related: reference,
      note: { ...text, maxLength: 1024 },
      type: { ...text, enum: ['Normal', 'Warning'] },
      deprecatedSource: source,
      deprecatedFirstTimestamp: time,
      deprecatedLastTimestamp: time,
      deprecatedCount: integer,
    }),
    required: ['eventTime', 'reportingController', 'reportingInstance', 'action', 'reason', 'type'],
    description: 'Event is a report of an event somewhere in the cluster.',
  },
  // Columns and selectors look at the stored form, which is the core one.
  columns: eventColumns,
  selectable: eventSelectable,
  convert: { fromStored: toEventsEvent, toStored: toCoreEvent },
})

const customResourceDefinitions = builtIn({
  group: 'apiextensions.k8s.io',
  kind: 'CustomResourceDefinition',
  plural: 'customresourcedefinitions',
  singular: 'customresourcedefinition',
  shortNames: ['crd', 'crds'],
  categories: ['api-extensions'],
  namespaced: false,
  hasStatus: true,
  hasGeneration: true,
  unconditionalUpdate: false,
  schema: {
    ...object({
      spec: {
        ...object({
          group: text,
          names: object({
            plural: text,
            singular: text,
            kind: text,
            listKind: text,
            shortNames: { type: 'array', items: text },
            categories: { type: 'array', items: text },
          }),
          scope: { ...text, enum: ['Cluster', 'Namespaced'] },
          versions: { type: 'array', items: ANY },
          conversion: { ...ANY, type: 'object' },
          preserveUnknownFields: boolean,
        }),
        required: ['group', 'names', 'scope', 'versions'],
      },
      status: object({
        conditions: {
          type: 'array',
          items: { ...ANY, type: 'object' },
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['type'],
        },
        acceptedNames: { ...ANY, type: 'object' },
        storedVersions: { type: 'array', items: text },
      }),
    }),
    required: ['spec'],
    description: 'CustomResourceDefinition represents a resource that should be exposed on the API server.',
  },
  columns: [NAME, column('Created At', ({ metadata }) => metadata.creationTimestamp, 'date')],
})

export const CRD_KEY = customResourceDefinitions.storageKey
export const NAMESPACES = namespaces

export const BUILT_INS: readonly ResourceType[] = [
  namespaces,
  secrets,
  configMaps,
  serviceAccounts,
  coreEvents,
  leases,
  events,
  customResourceDefinitions,
]
