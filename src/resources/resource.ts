import type { ApiSettingsSpec } from './api-settings.ts'
import type { Notice, Problem } from './problem.ts'
import type { WebhookSpec } from './webhook.ts'

export type Kind = 'ApiSettings' | 'Webhook'

/** `Kind/name`: what sources, the reconciler and the status store call a resource by. */
export type ResourceKey = `${Kind}/${string}`

export function resourceKey(kind: Kind, name: string): ResourceKey {
  return `${kind}/${name}`
}

export interface ResourceMetadata {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** The server's in a cluster; undefined in file mode, where the operator counts itself. */
  readonly generation: number | undefined
  /** Milliseconds since the epoch; undefined in file mode. */
  readonly creationTimestamp: number | undefined
  readonly uid: string | undefined
}

export interface Origin {
  /** Path as the person gave it, or `namespace/name` in a cluster. */
  readonly file: string
  readonly line: number
}

/** One document of ours as a source sees it: valid, or with the problems that keep it from being so. */
export type Document = {
  readonly key: ResourceKey
  readonly metadata: ResourceMetadata
  readonly origin: Origin
  readonly notices: readonly Notice[]
  /** The spec as written, JSON values only: for `status`, the off switch and the canonical hash. */
  readonly rawSpec: unknown
} & (
  | { readonly kind: 'ApiSettings'; readonly spec: ApiSettingsSpec; readonly problems: readonly [] }
  | { readonly kind: 'Webhook'; readonly spec: WebhookSpec; readonly problems: readonly [] }
  | { readonly kind: Kind; readonly spec: undefined; readonly problems: readonly [Problem, ...Problem[]] }
)

/** All that one file says. */
export interface ParsedFile {
  /** Every document of ours that could be told apart, valid or not. */
  readonly documents: readonly Document[]
  /** Problems that belong to no document; when any has code `Unreadable` or `Unparsable` the file says nothing about its resources. */
  readonly problems: readonly Problem[]
  readonly notices: readonly Notice[]
}

/** Reads one file's bytes. Never throws for what is in them; bounded in time and memory whatever they are. */
export type ParseFile = (bytes: Uint8Array, file: string) => ParsedFile
