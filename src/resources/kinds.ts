import type { TObject } from 'typebox'
import { API_SETTINGS_RULES } from './api-settings-rules.ts'
import { apiSettingsSpecSchema } from './api-settings.ts'
import type { Kind } from './resource.ts'
import type { Rule } from './rule.ts'
import { WEBHOOK_RULES } from './webhook-rules.ts'
import { webhookSpecSchema } from './webhook.ts'

/** A column of `kubectl get`. `wide` ones show with `-o wide` only. */
export interface PrinterColumn {
  readonly name: string
  readonly type: 'string' | 'integer' | 'date' | 'boolean'
  readonly jsonPath: string
  readonly description: string
  readonly wide?: true
}

/** All there is to know of a kind: type, validation, CRD, editor schema and documentation derive from this one value. */
export interface KindDefinition {
  readonly kind: Kind
  readonly plural: string
  readonly singular: string
  readonly shortNames: readonly string[]
  readonly description: string
  readonly specSchema: TObject
  readonly rules: readonly Rule[]
  readonly printerColumns: readonly PrinterColumn[]
  /** JSON paths for `--field-selector`. */
  readonly selectableFields: readonly string[]
}

/** `kubectl get nepenthes` lists every kind. */
export const CATEGORY = 'nepenthes'

const condition = (type: string, field: string) => `.status.conditions[?(@.type=="${type}")].${field}`

const READY: PrinterColumn = {
  name: 'Ready',
  type: 'string',
  jsonPath: condition('Ready', 'status'),
  description: 'Whether this generation is valid, resolved and in force.',
}
const REASON: PrinterColumn = {
  name: 'Reason',
  type: 'string',
  jsonPath: condition('Ready', 'reason'),
  description: 'Why it is ready, or what keeps it from it.',
}
const AGE: PrinterColumn = {
  name: 'Age',
  type: 'date',
  jsonPath: '.metadata.creationTimestamp',
  description: 'Since when it exists.',
}

const apiSettings: KindDefinition = {
  kind: 'ApiSettings',
  plural: 'apisettings',
  singular: 'apisettings',
  shortNames: [],
  description: 'The settings of the API of one environment. Its name must be default.',
  specSchema: apiSettingsSpecSchema,
  rules: API_SETTINGS_RULES,
  printerColumns: [READY, REASON, AGE],
  selectableFields: ['.spec.enabled'],
}

const webhook: KindDefinition = {
  kind: 'Webhook',
  plural: 'webhooks',
  singular: 'webhook',
  shortNames: ['nwh'],
  description:
    'One receiver of events: where deliveries go, which events make them, how they are signed and attempted.',
  specSchema: webhookSpecSchema,
  rules: WEBHOOK_RULES,
  printerColumns: [
    { name: 'Endpoint', type: 'string', jsonPath: '.status.endpoint', description: 'Scheme and host of the receiver.' },
    READY,
    {
      name: 'Delivering',
      type: 'string',
      jsonPath: condition('Delivering', 'status'),
      description: 'Whether deliveries succeed.',
    },
    REASON,
    {
      name: 'Last Success',
      type: 'date',
      jsonPath: '.status.delivery.lastSuccessTime',
      description: 'Since the last delivery that succeeded.',
      wide: true,
    },
    {
      name: 'Pending',
      type: 'integer',
      jsonPath: '.status.delivery.pending',
      description: 'Deliveries still to be made.',
      wide: true,
    },
    AGE,
  ],
  selectableFields: ['.spec.enabled', '.spec.displayName', '.spec.url'],
}

export const KINDS: Readonly<Record<Kind, KindDefinition>> = { ApiSettings: apiSettings, Webhook: webhook }

export const KIND_NAMES = Object.keys(KINDS) as readonly Kind[]

export function isKind(name: unknown): name is Kind {
  return typeof name === 'string' && Object.hasOwn(KINDS, name)
}

/** The kind meant by a kind, plural or short name in any case, as kubectl takes them. */
export function kindNamed(name: string): Kind | undefined {
  const lower = name.toLowerCase()
  return KIND_NAMES.find((kind) => {
    const { plural, singular, shortNames } = KINDS[kind]
    return [plural, singular, ...shortNames].includes(lower)
  })
}
