import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import type { SnapshotReader } from '../routing/snapshot.ts'
import type { RecordReader, Store } from '../storage/store.ts'
import type { UserRecord } from '../storage/tables.ts'
import type { JsonMemo } from './json-memo.ts'
import type { ServerLimits } from './limits.ts'
import type { Turns } from './turns.ts'

/** What the API asks of the store: reads, ids and commits, nothing of deliveries. */
export type ApiStore = RecordReader & Pick<Store, 'commit' | 'allocateId'>

/** Everything the API depends on; the only way anything reaches it. */
export interface ApiOptions {
  readonly store: ApiStore
  readonly snapshots: SnapshotReader
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Base of absolute URLs, without a trailing slash. Never taken from a request's `Host`. */
  readonly publicUrl: string
  /** The program's version, for `coreVersion` and the OpenAPI document. */
  readonly version: string
  /** Where they are not the usual ones. */
  readonly limits?: Partial<ServerLimits>
  /** Called with the ids and identifiers, old and new, of projects created, changed or deleted, once that is durable. */
  readonly onProjectsChanged?: (idsAndIdentifiers: readonly string[]) => void
}

/** What the parts of the API are given: the options, and what they share. */
export interface ApiContext extends ApiOptions {
  readonly memo: JsonMemo
  readonly turns: Turns
}

/** What a user holds in projects, by their ids. Empty for administrators, who need none of it. */
export interface Grants {
  /** Of which it is a member, whatever the role. */
  readonly member: ReadonlySet<number>
  readonly projectAdmin: ReadonlySet<number>
  /** The active public ones: open to every user. */
  readonly open: ReadonlySet<number>
}

/** Who asks, and what it may see. */
export type Viewer = UserRecord & { readonly grants: Grants }
