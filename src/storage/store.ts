import type {
  AttemptRecord,
  DeliveryRecord,
  DeliveryState,
  DispatchWrite,
  EndpointRecord,
  LaneSummary,
  NewEvent,
  PendingDelivery,
  ResourceRecord,
} from './records.ts'
import type { Result } from '../base/result.ts'
import type { ResourceKey } from '../resources/resource.ts'
import type { RecordOf, TableName } from './tables.ts'

/**
 * One row to write. Inserts bring the id they got from `allocateId`. An increment adds to what an integer column holds at the time
 * of the write, so it needs no expectation; on a row that is gone it does nothing. `update all` writes the same to every row that
 * has the value in the column at the time of the write, however many there are, and counts `raise` up in each.
 */
export type Mutation = {
  [T in TableName]:
    | { readonly op: 'insert'; readonly table: T; readonly row: RecordOf<T> }
    | { readonly op: 'update'; readonly table: T; readonly id: number; readonly changes: Partial<RecordOf<T>> }
    | {
        readonly op: 'increment'
        readonly table: T
        readonly id: number
        readonly column: keyof RecordOf<T> & string
        readonly by: number
      }
    | {
        readonly op: 'update all'
        readonly table: T
        readonly column: keyof RecordOf<T> & string
        readonly value: number
        readonly changes: Partial<RecordOf<T>>
        readonly raise: keyof RecordOf<T> & string
      }
    | { readonly op: 'delete'; readonly table: T; readonly id: number }
}[TableName]

/**
 * What must still hold when the write is made, or nothing of it is. `row`: the row exists and each named column has the value
 * the writer read (`lockVersion`, `revision`, `name`, ...). `absent`: no other row has this value (text compared without case).
 */
export type Expectation = {
  [T in TableName]:
    | { readonly kind: 'row'; readonly table: T; readonly id: number; readonly values: Partial<RecordOf<T>> }
    | {
        readonly kind: 'absent'
        readonly table: T
        readonly column: keyof RecordOf<T> & string
        readonly value: string | number
        readonly exceptId?: number
      }
}[TableName]

/** One write of the API: all of it becomes durable together, or nothing does. */
export interface WriteSet {
  readonly expect: readonly Expectation[]
  readonly mutations: readonly Mutation[]
  readonly events: readonly NewEvent[]
}

/**
 * committed: durable. conflict: the first expectation that no longer held; nothing was written. unavailable: the store cannot write
 * just now (disk full, I/O error), nothing was written, trying again later may succeed.
 */
export type CommitResult =
  | { readonly outcome: 'committed' }
  | { readonly outcome: 'conflict'; readonly expectation: Expectation }
  | { readonly outcome: 'unavailable'; readonly reason: string }

/**
 * `below`: following the column, which refers to a row of the same table, leads to one of these ids, in one step or more.
 * `starts with` and `contains` compare text without case; a number compares as its digits.
 */
export type Comparison =
  | '='
  | '!='
  | '<'
  | '<='
  | '>'
  | '>='
  | 'in'
  | 'not in'
  | 'contains'
  | 'not contains'
  | 'starts with'
  | 'is null'
  | 'is not null'
  | 'below'
  | 'not below'

/** One test of a row; given several columns, it passes when any of them does. */
export interface Condition<T extends TableName> {
  readonly column: (keyof RecordOf<T> & string) | readonly (keyof RecordOf<T> & string)[]
  readonly comparison: Comparison
  readonly value?: string | number | boolean | readonly (string | number)[]
}

/** Passes when one of the conditions does. */
export interface AnyOf<T extends TableName> {
  readonly anyOf: readonly Condition<T>[]
}

export interface ColumnOrder<T extends TableName> {
  readonly column: keyof RecordOf<T> & string
  readonly descending: boolean
  /** What other tables hold decides about searches only: lists are kept until a row of their own table changes. */
  readonly by?: never
  readonly orLater?: never
}

/**
 * By a column; `by` columns of the row it refers to: by a status's position instead of its id; or by the greatest of the column and of
 * what rows that refer to the row have in theirs: by a project's last change, `orLater` one of its work packages.
 */
export interface Order<T extends TableName> extends Omit<ColumnOrder<T>, 'by' | 'orLater'> {
  readonly by?: OrderBy
  readonly orLater?: readonly OrLater[]
}

export interface OrderBy {
  readonly table: TableName
  readonly columns: readonly string[]
  /** Only rows whose column holds one of the values count; others are as if there were none. */
  readonly among?: { readonly column: string; readonly values: readonly number[] }
}

/** A column of the rows of a table, of those whose `refersBy` is the id of the row to be ordered. Both are numbers, and always set. */
export interface OrLater {
  readonly table: TableName
  readonly refersBy: string
  readonly column: string
}

/**
 * A list of rows: conditions are ANDed; text is compared without case by `contains` and its like; `!=`, `not in`, `not below` and
 * `not contains` hold for null. Text is ordered without case, nulls come last either way, and equal rows stand by their ids.
 */
export interface ListQuery<T extends TableName> {
  readonly where: readonly (Condition<T> | AnyOf<T>)[]
  readonly orderBy: readonly ColumnOrder<T>[]
  readonly limit: number
  readonly offset: number
}

/** A list that anybody may put together, with what it adds up to. */
export interface SearchQuery<T extends TableName> extends Omit<ListQuery<T>, 'orderBy'> {
  readonly orderBy: readonly Order<T>[]
  /** Counts, and sums, the rows by their value in this column. */
  readonly groupBy?: keyof RecordOf<T> & string
  /** Integer columns to sum over all rows that match, nulls as 0. */
  readonly sums?: readonly (keyof RecordOf<T> & string)[]
}

export interface Found<T extends TableName> {
  readonly rows: RecordOf<T>[]
  readonly total: number
}

export interface SearchResult<T extends TableName> extends Found<T> {
  /** If asked for; in no particular order. */
  readonly groups?: readonly Group[]
  /** If asked for, in the order of `sums`. */
  readonly sums?: readonly number[]
}

export interface Group {
  /** As stored: a boolean as 0 or 1. */
  readonly value: string | number | null
  readonly count: number
  readonly sums: readonly number[]
}

/**
 * too slow: it would have taken longer than a search may. busy: too many searches that take long are waiting. too many groups: more
 * than anybody can look at. too large: the texts of the page are longer than one answer may be; a page of 20 never is.
 */
export type SearchRefusal = 'too slow' | 'busy' | 'too many groups' | 'too large'

/** What reads and writes reject with once the store is closed. */
export class StoreClosed extends Error {
  constructor() {
    super('the store is closed')
  }
}

/** Reads of what is committed. A caller that has awaited `commit` sees its own write. */
export interface RecordReader {
  get<T extends TableName>(table: T, id: number): Promise<RecordOf<T> | undefined>
  /** First row whose column has this value (text compared without case for unique columns). */
  find<T extends TableName>(
    table: T,
    column: keyof RecordOf<T> & string,
    value: string | number,
  ): Promise<RecordOf<T> | undefined>
  /** For lists the program itself asks for, which an index serves: nothing bounds the time another one would take. */
  list<T extends TableName>(table: T, query: ListQuery<T>): Promise<Found<T>>
  /** As `list`, of each row only these columns, and without counting: long texts that are not asked for cost nothing. Not to be changed. */
  pick<T extends TableName, C extends keyof RecordOf<T> & string>(
    table: T,
    columns: readonly C[],
    query: ListQuery<T>,
  ): Promise<readonly Pick<RecordOf<T>, C>[]>
  /**
   * For lists put together by others: answered in bounded time without holding anything else up, or refused. `asker` says whose list
   * it is: one of them does not take the places of all.
   */
  search<T extends TableName>(
    table: T,
    query: SearchQuery<T>,
    asker?: string,
  ): Promise<Result<SearchResult<T>, SearchRefusal>>
  /** Sum of an integer column over the rows that match, nulls as 0. */
  sum<T extends TableName>(table: T, column: keyof RecordOf<T> & string, where: ListQuery<T>['where']): Promise<number>
  /** The different values of an integer column over the rows that match, however many, without null. Not to be changed. */
  values<T extends TableName>(
    table: T,
    column: keyof RecordOf<T> & string,
    where: ListQuery<T>['where'],
  ): Promise<ReadonlySet<number>>
}

export interface DeliveryFilter {
  readonly webhook?: string
  readonly state?: DeliveryState
  /** Only deliveries older than this one: how to page. */
  readonly beforeSeq?: number
  readonly limit: number
}

export interface PruneBounds {
  readonly finishedBefore: number
  readonly maxBytes: number
  readonly signal?: AbortSignal
}

export interface Pruned {
  /** How many went. */
  readonly deliveries: number
  /** Why it ended early: the store could not be written. */
  readonly unavailable?: string
}

/** What the dispatcher and the admin listener ask of the store. */
export interface DeliveryStore {
  /** Called once, before any commit: new deliveries are handed over in memory as soon as they are durable, in order of `seq`. */
  onDeliveries(listener: (deliveries: readonly PendingDelivery[]) => void): void
  /**
   * Rejects only when the store is closed; while the disk is full it waits and tries again. Durable once resolved. Final states
   * stay: an update of a delivery that has ended (cancelled while its request was in flight) changes nothing.
   */
  recordDispatch(write: DispatchWrite): Promise<void>
  /** Pending deliveries of one webhook by (nextAttemptAt, seq), or by seq alone for lines; at most `limit`, due at `dueBy` or before. */
  pendingDeliveries(
    webhook: string,
    options: { order: 'due' | 'seq'; dueBy: number; afterSeq?: number; limit: number },
  ): Promise<PendingDelivery[]>
  /** A row per webhook with something pending. */
  laneSummaries(): Promise<LaneSummary[]>
  /** Pending deliveries whose event happened at or before `occurredBy`, oldest first. */
  pendingOlderThan(occurredBy: number, limit: number): Promise<DeliveryRecord[]>
  /** Ends all pending deliveries of a webhook as `cancelled`, in bounded pieces; how many there were. */
  cancelPending(webhook: string, reason: string, at: number): Promise<number>
  endpoints(): Promise<EndpointRecord[]>
  /** Newest first. */
  deliveries(filter: DeliveryFilter): Promise<DeliveryRecord[]>
  delivery(seq: number): Promise<(PendingDelivery & { log: AttemptRecord[] }) | undefined>
  /**
   * Queues the event of a past delivery again for the same webhook, as a new delivery; undefined if there is no such delivery.
   * Rejects when the store cannot write just now.
   */
  redeliver(seq: number, at: number): Promise<PendingDelivery | undefined>
  /**
   * Drops the oldest events with their deliveries and attempts, in bounded pieces: those whose deliveries all ended before
   * `finishedBefore`, and, while the store holds more than `maxBytes`, those whose deliveries have ended at all. An event with a
   * pending delivery stays. Ends early when `signal` aborts or the store cannot write just now.
   */
  prune(bounds: PruneBounds): Promise<Pruned>
}

/** What the reconciler remembers. */
export interface ResourceStore {
  resources(): Promise<ResourceRecord[]>
  /** Durable once resolved. Rejects when the store cannot write just now; nothing is then changed. */
  saveResources(save: readonly ResourceRecord[], remove: readonly ResourceKey[]): Promise<void>
}

/** The whole store, one per process. */
export interface Store extends RecordReader, DeliveryStore, ResourceStore {
  /** The next free id of a table; never given twice, gaps are fine. */
  allocateId(table: TableName): number
  commit(write: WriteSet): Promise<CommitResult>
  /** Whether the last write found the disk usable; for readiness and logs. */
  readonly healthy: boolean
  /** Resolves if the store broke down for good (its writing thread died), and never otherwise: whoever runs it should end. */
  readonly failed: Promise<Error>
  /** Waits for what was handed in, then releases the files and the lock. */
  close(): Promise<void>
}
