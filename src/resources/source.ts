import type { SecretValue } from '../base/secret.ts'
import type { Notice, Problem } from './problem.ts'
import type { Document, ResourceKey } from './resource.ts'

/** Where desired configuration comes from: a directory or a cluster. Keys flow out; whoever reconciles reads the current state back. */
export interface Source {
  /** False until the first complete listing; a directory that is missing at start keeps it false. */
  readonly synced: boolean
  get(key: ResourceKey): Document | undefined
  keys(): Iterable<ResourceKey>
  /** Problems that belong to no resource: unreadable or unparsable files, duplicates, a missing directory. */
  problems(): readonly Problem[]
  notices(): readonly Notice[]
  /** What problems and notices are about, for the log. */
  readonly place: 'a file' | 'the cluster'
  /**
   * True while all that this origin (`Document.origin.file`) says cannot be known: the file is unreadable or unparsable, it holds a
   * document of ours that cannot be told apart (a mistake in `apiVersion`, `kind` or the name), the root is missing. A resource last
   * seen there is then kept, after a restart too, although `get` no longer answers for it.
   */
  silent(origin: string): boolean
  /**
   * Starts watching; resolves when the first listing is complete, or known to have to wait. `onChange` gets the keys that changed,
   * appeared or disappeared; what settles together comes in one call. No key at all: `synced`, problems or silences changed.
   */
  start(onChange: (keys: ReadonlySet<ResourceKey>) => void): Promise<void>
  /** Nothing runs, and `onChange` is not called, after this resolves. */
  stop(): Promise<void>
}

export type SecretLookup =
  | { readonly state: 'found'; readonly value: SecretValue }
  | { readonly state: 'not-found' }
  | { readonly state: 'key-missing' }
  /** In a cluster: the Secret lacks the label that permits webhooks to use it. */
  | { readonly state: 'not-permitted' }
  /** Is there, but is no text; the reason says so in words that follow the Secret's name. */
  | { readonly state: 'malformed'; readonly reason: string }
  /** Could not be read just now (I/O error): whoever has a value keeps it. */
  | { readonly state: 'unreadable'; readonly reason: string }

/** Where secret values come from. Values are as stored; trimming and judging them is the reader's. */
export interface SecretSource {
  /** Answers from memory or a small local read; safe to call per reconcile. */
  get(name: string, key: string): SecretLookup
  /**
   * What the spec in force of a resource reads from now on; nothing once there is none. For sources that keep only what is in use: the
   * document may no longer mention it.
   */
  inForce?(resource: ResourceKey, reads: readonly { readonly name: string; readonly key: string }[]): void
  /** Starts watching. `onChange` gets the names of the Secrets that changed. */
  start(onChange: (names: ReadonlySet<string>) => void): Promise<void>
  stop(): Promise<void>
}
