import type { Kind } from './resource.ts'

/**
 * Schema of `status`, both kinds. The operator alone writes it; the bounds are those of metav1.Condition, tighter where the operator
 * promises more (messages). Its shape is `ResourceStatus` in src/status/status.ts: a test holds the two equal.
 */
export function statusSchema(kind: Kind): Record<string, unknown> {
  const own = kind === 'Webhook' ? webhookStatus : {}
  return {
    type: 'object',
    description: 'What became of the resource. Written by the operator.',
    properties: { ...commonStatus, ...own },
  }
}

const time = (description: string) => ({ type: 'string', format: 'date-time', description })
const generation = (description: string, minimum: number) => ({
  type: 'integer',
  format: 'int64',
  minimum,
  description,
})

const conditionSchema = {
  type: 'object',
  description: 'One statement about the resource, as of one generation.',
  required: ['type', 'status', 'lastTransitionTime', 'reason', 'message'],
  properties: {
    type: {
      type: 'string',
      maxLength: 316,
      pattern:
        '^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$',
      description: 'What the statement is about.',
    },
    status: { type: 'string', enum: ['True', 'False', 'Unknown'], description: 'Whether it holds.' },
    observedGeneration: generation('The generation the statement is about.', 0),
    lastTransitionTime: time('When status last changed.'),
    reason: {
      type: 'string',
      minLength: 1,
      maxLength: 1024,
      pattern: '^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$',
      description: 'One word for programs.',
    },
    message: { type: 'string', maxLength: 32768, description: 'For people.' },
  },
}

const commonStatus = {
  observedGeneration: generation(
    'The generation the conditions describe; -1 until the operator has seen the resource.',
    -1,
  ),
  programmedGeneration: generation('The generation in force.', 0),
  conditions: {
    type: 'array',
    maxItems: 16,
    'x-kubernetes-list-type': 'map',
    'x-kubernetes-list-map-keys': ['type'],
    description: 'Accepted, ResolvedRefs, Programmed, Ready; Reconciling and Stalled only while True.',
    items: conditionSchema,
  },
}

const webhookStatus = {
  endpoint: { type: 'string', maxLength: 2048, description: 'Scheme and host of the receiver; (secret) for urlFrom.' },
  unmatchedProjects: {
    type: 'array',
    maxItems: 1000,
    'x-kubernetes-list-type': 'atomic',
    description: 'Entries of spec.projects that match no project now; no effect on Ready.',
    items: { type: 'string', maxLength: 100 },
  },
  lastHandledResumeAt: {
    type: 'string',
    maxLength: 1024,
    description: 'Value of the annotation nepenthes.dev/resumeAt that was last acted on.',
  },
  delivery: {
    type: 'object',
    description: 'How deliveries fare; times and counters are written every 15 minutes, or with a transition.',
    properties: {
      lastSuccessTime: time('The last delivery that succeeded.'),
      lastFailureTime: time('The last attempt that failed.'),
      lastFailure: { type: 'string', maxLength: 1024, description: 'Why it failed.' },
      consecutiveFailures: {
        type: 'integer',
        format: 'int64',
        minimum: 0,
        description: 'Failed attempts since the last success.',
      },
      pending: { type: 'integer', format: 'int64', minimum: 0, description: 'Deliveries still to be made.' },
      nextAttemptTime: time('When the next attempt is due.'),
    },
  },
}
