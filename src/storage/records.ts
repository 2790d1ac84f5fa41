import type { ResourceKey } from '../resources/resource.ts'
import type { EventName } from '../resources/vocabulary.ts'

/** An event to be stored with the write that caused it. The body is serialised already: these bytes are what gets signed and sent. */
export interface NewEvent {
  /** `webhook-id` of every delivery of this event. Holds no dot. */
  readonly id: string
  readonly name: EventName
  readonly projectId: number
  /** Milliseconds since the epoch. */
  readonly occurredAt: number
  readonly body: string
  /** Names of the webhooks it matched in the snapshot in force; one pending delivery row each. */
  readonly webhooks: readonly string[]
}

/** pending: will be tried, or is held. delivered, dead, cancelled: final. */
export type DeliveryState = 'pending' | 'delivered' | 'dead' | 'cancelled'

/** One event on its way to one webhook. */
export interface DeliveryRecord {
  /** Rises in the order of creation: the order of the line where there is one. */
  readonly seq: number
  readonly eventSeq: number
  readonly eventId: string
  readonly eventName: EventName
  readonly projectId: number
  readonly webhook: string
  readonly state: DeliveryState
  /** Attempts made so far. */
  readonly attempts: number
  /** The event's time; of a redelivery, the time it was asked for. The deadline counts from it. */
  readonly occurredAt: number
  /** When the next attempt is due (pending only; the event's time for a new one). */
  readonly nextAttemptAt: number
  /** Why the last attempt failed, or why the delivery ended; empty when neither. */
  readonly lastFailure: string
  readonly finishedAt: number | null
}

export interface PendingDelivery extends DeliveryRecord {
  readonly body: string
}

/** Classes of outcome of an attempt; `http` is decided by the status code, the others never got one. */
export type AttemptOutcome = 'success' | 'http' | 'timeout' | 'dns' | 'connect' | 'tls' | 'protocol' | 'address-blocked'

/** One request that was sent, or tried to be. */
export interface AttemptRecord {
  readonly deliverySeq: number
  /** Counts from 1: the `x-nepenthes-attempt` it carried. */
  readonly attempt: number
  readonly startedAt: number
  readonly durationMs: number
  readonly outcome: AttemptOutcome
  readonly statusCode: number | null
  /** For people; secrets masked. Empty on success. */
  readonly message: string
  /** First 4 KiB of the response, secrets masked. */
  readonly responseBody: string
}

/** What an attempt, or a decision without one, makes of a delivery. */
export interface DeliveryUpdate {
  readonly seq: number
  readonly state: DeliveryState
  readonly attempts: number
  readonly nextAttemptAt: number
  readonly lastFailure: string
  readonly finishedAt: number | null
}

export type CircuitState = 'closed' | 'open' | 'half-open'

/** What the dispatcher knows of a webhook's endpoint; survives restarts. Times in ms since the epoch, null for never. */
export interface EndpointRecord {
  readonly webhook: string
  readonly circuit: CircuitState
  /** When an open circuit is probed next. */
  readonly probeAt: number | null
  /** Times the circuit opened in a row without a success between. */
  readonly opened: number
  readonly consecutiveFailures: number
  /** Start of the first of the consecutive failures. */
  readonly firstFailureAt: number | null
  readonly lastSuccessAt: number | null
  readonly lastFailureAt: number | null
  /** Class and text of the last failure, secrets masked. */
  readonly lastFailure: string
  /** Set while a 410 has stopped the endpoint: the generation and resume annotation it was stopped under. */
  readonly gone: {
    readonly at: number
    readonly generation: number
    readonly resumeAt: string | null
    /** In a cluster: of the object it was stopped under. */
    readonly uid?: string
  } | null
  /** A 410 was lifted and nothing has arrived since. */
  readonly unproven?: boolean
  /** Set while every address of the receiver is refused; looked up again at `retryAt`. */
  readonly blocked: { readonly at: number; readonly retryAt: number; readonly message: string } | null
  /** No attempt before this time: `Retry-After`, or slowing down after 429, 502, 503, 504. */
  readonly notBefore: number | null
  /** Last value of the resume annotation acted on. */
  readonly handledResumeAt: string | null
  /** The generation in force when it was last written for an attempt or a change; absent: not known. */
  readonly generation?: number
  /** Set while the webhook is deleted and its pending deliveries are parked. */
  readonly parkedAt: number | null
}

/** What the dispatcher writes in one transaction. */
export interface DispatchWrite {
  readonly attempts: readonly AttemptRecord[]
  readonly deliveries: readonly DeliveryUpdate[]
  readonly endpoints: readonly EndpointRecord[]
  /** Webhooks whose endpoint nobody needs to remember any more. */
  readonly forgotten?: readonly string[]
}

/** What pends for one webhook, for starting its lane without reading the deliveries. */
export interface LaneSummary {
  readonly webhook: string
  readonly pending: number
  readonly nextAttemptAt: number
}

/** What the reconciler remembers of a resource across restarts; the last good spec above all. */
export interface ResourceRecord {
  readonly key: ResourceKey
  /** `Document.origin.file` it last came from: while that is silent the resource is kept. */
  readonly origin: string
  /** In a cluster: of the object it is about. Another one of the same name starts afresh. */
  readonly uid?: string
  /** File mode: starts at 1, rises when the canonical spec changes. */
  readonly generation: number
  /** Hash of the canonical spec `generation` stands for. */
  readonly specHash: string
  /** The last good spec as JSON, or null if there never was one. */
  readonly programmedSpec: unknown
  readonly programmedGeneration: number | null
  /** It runs switched off, because a document that is not accepted says so. */
  readonly switchedOff: boolean
  /** The status as last written, JSON. */
  readonly status: unknown
  /** First seen, ms since the epoch: the age of a live holder. */
  readonly createdAt: number
}
