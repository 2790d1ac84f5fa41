import { Type, type Static } from 'typebox'
import { EVENTS, ORDERINGS, type EventName, type Ordering } from './vocabulary.ts'

const secretKeyRefSchema = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      maxLength: 253,
      pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$',
      'x-form': 'lower-case letters, digits, - and ., beginning and ending with a letter or digit',
      description: 'Name of the Secret.',
    }),
    key: Type.String({
      minLength: 1,
      maxLength: 253,
      // Neither `.` nor `..` nor a path: in file mode the key is a file's name.
      pattern: '^[.]?[-_a-zA-Z0-9][-._a-zA-Z0-9]*$',
      'x-form': 'letters, digits, -, _ and ., not beginning with ..',
      description: 'Key inside the Secret.',
    }),
  },
  { additionalProperties: false, description: 'One key of one Secret.' },
)

const secretSourceSchema = (description: string) =>
  Type.Object({ secretKeyRef: secretKeyRefSchema }, { additionalProperties: false, description })

const headerSchema = Type.Object(
  {
    name: Type.String({
      minLength: 1,
      maxLength: 128,
      pattern: "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$",
      'x-form': 'a header name: letters, digits and -',
      description: 'Header name, any case.',
    }),
    value: Type.Optional(
      Type.String({
        maxLength: 4096,
        pattern: '^[\\t\\x20-\\x7e\\x80-\\xff]*$',
        'x-form': 'printable Latin text on one line',
        description: 'The value in clear.',
      }),
    ),
    valueFrom: Type.Optional(secretSourceSchema('The value from a Secret.')),
  },
  { additionalProperties: false, description: 'One extra request header; exactly one of value and valueFrom.' },
)

const deliverySchema = Type.Object(
  {
    timeoutSeconds: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 60,
        description: 'Limit of a whole attempt, DNS to last body byte. Default: 15.',
      }),
    ),
    maxAttempts: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 10,
        description: 'Attempts before a delivery is dead-lettered. Default: 10.',
      }),
    ),
    maxConcurrency: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100,
        description: 'Requests in flight to this endpoint; not with Strict. Default: 10.',
      }),
    ),
    ordering: Type.Optional(
      Type.Unsafe<Ordering>({
        type: 'string',
        enum: [...ORDERINGS],
        description: 'None, PerProject (one line a project) or Strict (one line for all). Default: None.',
      }),
    ),
  },
  { additionalProperties: false, description: 'How deliveries are attempted.' },
)

/** Schema of `Webhook.spec`. Defaults live in `effectiveWebhook`, never in the stored object. */
export const webhookSpecSchema = Type.Object(
  {
    displayName: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 255,
        description: 'Name people see; unique in the environment, ignoring case. Default: metadata.name.',
      }),
    ),
    description: Type.Optional(Type.String({ maxLength: 1024, description: 'What the webhook is for.' })),
    url: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 2048,
        description: 'Where deliveries go, http or https; no credentials in it. Exactly one of url and urlFrom.',
      }),
    ),
    urlFrom: Type.Optional(secretSourceSchema('For URLs that are themselves secret. Exactly one of url and urlFrom.')),
    tls: Type.Optional(
      Type.Object(
        {
          ca: Type.Optional(
            secretSourceSchema('Extra certificate authorities (PEM) for a receiver behind a private CA.'),
          ),
        },
        { additionalProperties: false, description: 'Trust in the receiver.' },
      ),
    ),
    enabled: Type.Optional(
      Type.Boolean({ description: 'Off: events create no deliveries, pending ones wait. Default: true.' }),
    ),
    signature: Type.Optional(
      Type.Object(
        {
          secretKeyRef: secretKeyRefSchema,
          previousSecretKeyRef: Type.Optional(secretKeyRefSchema),
        },
        {
          additionalProperties: false,
          description: 'Signs deliveries; without it they are unsigned. During a rotation both secrets sign.',
        },
      ),
    ),
    events: Type.Array(Type.Unsafe<EventName>({ type: 'string', enum: [...EVENTS] }), {
      minItems: 1,
      maxItems: EVENTS.length,
      'x-kubernetes-list-type': 'set',
      description: 'The events that make a delivery.',
    }),
    projects: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 100 }), {
        minItems: 1,
        maxItems: 1000,
        'x-kubernetes-list-type': 'set',
        description: 'Identifiers or ids, as strings. Left out: all projects.',
      }),
    ),
    headers: Type.Optional(
      Type.Array(headerSchema, {
        maxItems: 32,
        'x-kubernetes-list-type': 'map',
        'x-kubernetes-list-map-keys': ['name'],
        description: 'Extra request headers, unique ignoring case.',
      }),
    ),
    delivery: Type.Optional(deliverySchema),
  },
  { additionalProperties: false, description: 'The desired webhook.' },
)

export type WebhookSpec = Static<typeof webhookSpecSchema>
export type SecretKeyRef = Static<typeof secretKeyRefSchema>

/** A Webhook spec with every default applied: what the dispatcher runs with. */
export interface EffectiveWebhook {
  readonly displayName: string
  readonly description: string
  readonly url: string | undefined
  readonly urlFrom: SecretKeyRef | undefined
  readonly ca: SecretKeyRef | undefined
  readonly enabled: boolean
  readonly signature: { readonly current: SecretKeyRef; readonly previous: SecretKeyRef | undefined } | undefined
  readonly events: readonly EventName[]
  /** undefined: all projects */
  readonly projects: readonly string[] | undefined
  readonly headers: readonly {
    readonly name: string
    readonly value: string | undefined
    readonly valueFrom: SecretKeyRef | undefined
  }[]
  readonly timeoutMs: number
  readonly maxAttempts: number
  readonly maxConcurrency: number
  readonly ordering: Ordering
}

const NO_HEADERS: EffectiveWebhook['headers'] = []

export function effectiveWebhook(name: string, spec: WebhookSpec): EffectiveWebhook {
  const ordering = spec.delivery?.ordering ?? 'None'
  return {
    displayName: spec.displayName ?? name,
    description: spec.description ?? '',
    url: spec.url,
    urlFrom: spec.urlFrom?.secretKeyRef,
    ca: spec.tls?.ca?.secretKeyRef,
    enabled: spec.enabled ?? true,
    signature: spec.signature && {
      current: spec.signature.secretKeyRef,
      previous: spec.signature.previousSecretKeyRef,
    },
    events: spec.events,
    projects: spec.projects,
    headers:
      spec.headers?.map((header) => ({
        name: header.name,
        value: header.value,
        valueFrom: header.valueFrom?.secretKeyRef,
      })) ?? NO_HEADERS,
    timeoutMs: (spec.delivery?.timeoutSeconds ?? 15) * 1000,
    maxAttempts: spec.delivery?.maxAttempts ?? 10,
    maxConcurrency: ordering === 'Strict' ? 1 : (spec.delivery?.maxConcurrency ?? 10),
    ordering,
  }
}
