import { editorSchema } from '../../src/resources/editor-schema.ts'
import type { Kind } from '../../src/resources/resource.ts'

type Schema = Readonly<Record<string, unknown>>

const text: Schema = { type: 'string' }
const boolean: Schema = { type: 'boolean' }
const port: Schema = { type: 'integer', minimum: 1, maximum: 65535 }
const texts: Schema = { type: 'object', additionalProperties: text }
const matching = (pattern: string, description: string): Schema => ({ type: 'string', pattern, description })
const listOf = (items: Schema): Schema => ({ type: 'array', items })
const oneOf = (...values: readonly string[]): Schema => ({ enum: values })
const optional = (schema: Schema): Schema => ({ anyOf: [{ const: '' }, schema] })
/** What Kubernetes itself checks: here it need only be an object or a list. */
const objects = listOf({ type: 'object' })
const anyObject: Schema = { type: 'object' }
const toggled = (properties: Record<string, Schema>): Schema => object({ enabled: boolean, ...properties })

/** All is known: a misspelt value is refused, not ignored. */
function object(properties: Record<string, Schema>): Schema {
  return { type: 'object', properties, additionalProperties: false }
}

const NAME = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'
const SUBDOMAIN = '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$'
const HOST = '^(\\*\\.)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$'
const CIDR = '^[0-9a-fA-F.:]+/[0-9]{1,3}$'
const cidr = matching(CIDR, 'A network such as 10.20.0.0/16.')
const quantity = matching('^[0-9]+(\\.[0-9]+)?(Mi|Gi|Ti|M|G|T)$', 'A quantity such as 8Gi.')
const name = optional({ ...matching(SUBDOMAIN, 'The name of an object.'), maxLength: 253 })
const existing = object({ existingSecret: name, key: { ...text, minLength: 1 } })

/** Of the values of the chart. What is written of resources is checked as `nepenthes validate` checks it. */
export function valuesSchema(): Schema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of the chart nepenthes-operator',
    ...object({
      global: { ...anyObject, description: 'Set by a parent chart; not used.' },
      nameOverride: optional({ ...matching(NAME, 'A name.'), maxLength: 50 }),
      fullnameOverride: optional({ ...matching(NAME, 'A name.'), maxLength: 50 }),
      commonLabels: texts,
      ...workload(),
      ...settings(),
      ...network(),
      monitoring: object({
        serviceMonitor: toggled({ interval: matching('^[1-9][0-9]*(s|m)$', 'Such as 30s.'), labels: texts }),
        prometheusRule: toggled({ labels: texts, pendingMax: { type: 'integer', minimum: 1 } }),
        dashboard: toggled({ labels: texts, annotations: texts }),
      }),
      crds: object({ upgradeHook: toggled({}) }),
    }),
  }
}

function workload(): Record<string, Schema> {
  return {
    image: object({
      repository: { ...text, minLength: 1 },
      tag: text,
      digest: optional(matching('^sha256:[0-9a-f]{64}$', 'sha256: and 64 digits.')),
      pullPolicy: oneOf('Always', 'IfNotPresent', 'Never'),
    }),
    imagePullSecrets: listOf({ ...object({ name: { ...text, minLength: 1 } }), required: ['name'] }),
    replicas: { type: 'integer', minimum: 0, maximum: 1, description: 'The embedded store takes one process.' },
    persistence: toggled({
      existingClaim: name,
      size: quantity,
      storageClassName: text,
      accessMode: oneOf('ReadWriteOnce', 'ReadWriteOncePod'),
      annotations: texts,
    }),
    resources: anyObject,
    terminationGracePeriodSeconds: { type: 'integer', minimum: 15, description: 'Draining takes up to 10 s.' },
    startupSecondsMax: { type: 'integer', minimum: 10 },
    podAnnotations: texts,
    podLabels: texts,
    podSecurityContext: anyObject,
    securityContext: anyObject,
    priorityClassName: text,
    nodeSelector: texts,
    tolerations: objects,
    affinity: anyObject,
    extraEnv: listOf({ type: 'object', required: ['name'], properties: { name: { ...text, minLength: 1 } } }),
    serviceAccount: object({ create: boolean, name, annotations: texts }),
    rbac: object({ create: boolean }),
  }
}

function settings(): Record<string, Schema> {
  return {
    apiSettings: object({ create: boolean, spec: specOf('ApiSettings') }),
    webhooks: {
      type: 'object',
      propertyNames: { pattern: SUBDOMAIN, maxLength: 253 },
      additionalProperties: specOf('Webhook'),
    },
    config: object({
      publicUrl: optional(matching('^https?://[^/?#@\\s]+$', 'An origin, without a path.')),
      allowAddresses: listOf(cidr),
      deliveryLog: object({
        days: { type: 'integer', minimum: 1, maximum: 9999 },
        size: matching('^[1-9][0-9]{0,5}(MiB|GiB|TiB)$', 'A size such as 4GiB.'),
      }),
      logLevel: oneOf('trace', 'debug', 'info', 'warn', 'error', 'silent'),
    }),
    auth: object({ apiToken: existing, adminToken: existing }),
  }
}

function network(): Record<string, Schema> {
  const hosts = listOf(matching(HOST, 'A host name.'))
  const routed = (property: string): Schema => ({
    if: { properties: { enabled: { const: true } }, required: ['enabled'] },
    then: { properties: { [property]: { minItems: 1 } } },
  })
  return {
    service: object({ type: oneOf('ClusterIP', 'NodePort', 'LoadBalancer'), port, annotations: texts }),
    adminService: object({ port, annotations: texts }),
    ingress: {
      ...toggled({ className: text, annotations: texts, hosts, tlsSecretName: name }),
      ...routed('hosts'),
    },
    httpRoute: {
      ...toggled({
        annotations: texts,
        parentRefs: listOf({ type: 'object', required: ['name'] }),
        hostnames: hosts,
      }),
      ...routed('parentRefs'),
    },
    networkPolicy: toggled({
      api: objects,
      admin: objects,
      apiServerCidrs: listOf(cidr),
      apiServerPorts: { ...listOf(port), minItems: 1 },
    }),
  }
}

function specOf(kind: Kind): Schema {
  return (editorSchema(kind) as { properties: Readonly<Record<string, Schema>> }).properties['spec'] as Schema
}
