import type { SecretValue } from '../base/secret.ts'
import type { EffectiveApiSettings } from '../resources/api-settings.ts'
import type { EffectiveWebhook } from '../resources/webhook.ts'
import type { RouteTable } from './route-table.ts'

/** Everything of a webhook that comes from Secrets, resolved and judged usable. Held in memory only. */
export interface Credentials {
  /** The URL to call, wherever it came from. */
  readonly url: string
  /** True when the URL itself is secret (`urlFrom`): it is then shown nowhere. */
  readonly urlIsSecret: boolean
  /** Signing secrets, the current one first; empty: deliveries go unsigned. */
  readonly signing: readonly SecretValue[]
  /** Extra request headers, in order. */
  readonly headers: readonly { readonly name: string; readonly value: string }[]
  /** Extra certificate authorities in PEM. */
  readonly ca: string | undefined
  /** Every secret text above, for masking responses and errors. */
  readonly secrets: readonly SecretValue[]
}

/** Why nothing may be sent although the webhook is live: a Secret is missing or unusable. Deliveries queue. */
export interface Hold {
  readonly reason: 'SecretNotFound' | 'SecretKeyMissing' | 'InvalidSecret' | 'RefNotPermitted'
  readonly message: string
}

/** A webhook in force: the last good spec, with its secrets. */
export interface ProgrammedWebhook {
  /** metadata.name: what deliveries belong to. */
  readonly name: string
  /** Generation of the spec in force. A new one lets a gone endpoint be tried again. */
  readonly generation: number
  /** In a cluster: which object of this name it is. Another one's generations start again. */
  readonly uid?: string | undefined
  readonly spec: EffectiveWebhook
  readonly credentials: Credentials | undefined
  /** Set exactly when `credentials` is not. */
  readonly hold: Hold | undefined
  /** Value of the resume annotation, if any. A new one lets a gone endpoint be tried again. */
  readonly resumeAt: string | undefined
}

/** The whole configuration in force, immutable; replaced in one step. */
export interface Snapshot {
  /** Rises by one with each published snapshot; 0 is the empty one before any configuration is known. */
  readonly version: number
  /** False until a first complete configuration is known: writes get 503 until then. */
  readonly complete: boolean
  readonly api: EffectiveApiSettings
  readonly webhooks: ReadonlyMap<string, ProgrammedWebhook>
  readonly routes: RouteTable
}

/** The one place where control and data meet. Readers take `current` once per request or event. */
export interface SnapshotReader {
  readonly current: Snapshot
  /** Calls `listener` synchronously after each swap; returns how to stop. */
  subscribe(listener: (next: Snapshot, previous: Snapshot) => void): () => void
}
