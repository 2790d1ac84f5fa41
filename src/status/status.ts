/** A condition as Kubernetes writes it (metav1.Condition). Times are RFC 3339, whole seconds, UTC. */
export interface Condition {
  readonly type: ConditionType
  readonly status: 'True' | 'False' | 'Unknown'
  /** Generation the statement is about. */
  readonly observedGeneration: number
  /** When `status` last changed; a new reason or message alone does not move it. */
  readonly lastTransitionTime: string
  readonly reason: string
  /** For people; stable while nothing changes, at most 1024 characters, no secrets. */
  readonly message: string
}

export const CONDITION_TYPES = [
  'Accepted',
  'ResolvedRefs',
  'Programmed',
  'Ready',
  'Delivering',
  'Reconciling',
  'Stalled',
] as const
export type ConditionType = (typeof CONDITION_TYPES)[number]

export interface DeliveryStatus {
  readonly lastSuccessTime?: string
  readonly lastFailureTime?: string
  readonly lastFailure?: string
  readonly consecutiveFailures: number
  readonly pending: number
  readonly nextAttemptTime?: string
}

/** `status` of both kinds; the last five fields are a Webhook's. */
export interface ResourceStatus {
  readonly observedGeneration: number
  readonly programmedGeneration?: number
  readonly conditions: readonly Condition[]
  /** Scheme and host of the receiver; `(secret)` for urlFrom. */
  readonly endpoint?: string
  /** Entries of `spec.projects` that match no project now. */
  readonly unmatchedProjects?: readonly string[]
  readonly lastHandledResumeAt?: string
  readonly delivery?: DeliveryStatus
}

/** What `Delivering` and `status.delivery` say of one webhook, as the dispatcher tells it. */
export interface DeliveryHealth {
  readonly delivering: {
    readonly status: 'True' | 'False' | 'Unknown'
    readonly reason: DeliveringReason
    readonly message: string
  }
  readonly lastSuccessAt: number | null
  readonly lastFailureAt: number | null
  readonly lastFailure: string
  readonly consecutiveFailures: number
  readonly pending: number
  readonly nextAttemptAt: number | null
  readonly handledResumeAt: string | null
}

export type DeliveringReason =
  'Delivered' | 'NoDeliveries' | 'Disabled' | 'EndpointFailing' | 'CircuitOpen' | 'EndpointGone' | 'AddressBlocked'

/** A resource with its status, whole: what `status --output json` lists and the admin listener serves. */
export interface ResourceWithStatus {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly generation: number
    readonly uid?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
    readonly creationTimestamp?: string
  }
  readonly spec: unknown
  readonly status: ResourceStatus
}
