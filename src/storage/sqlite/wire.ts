/**
 * What the main thread and the writer thread say to each other. Everything that is hot travels as flat arrays of primitives: the
 * structured clone of nested objects costs three times as much (measured: 4.7 against 1.7 us for an API write with its event).
 */
export type Cell = string | number | null

/** One set: durable together or not at all. */
export type WireSet =
  | readonly [kind: 'commit', expectations: readonly Cell[], mutations: readonly Cell[], events: readonly Cell[]]
  | readonly [
      kind: 'dispatch',
      attempts: readonly Cell[],
      updates: readonly Cell[],
      endpoints: readonly Cell[],
      forgotten: readonly Cell[],
    ]
  | readonly [kind: 'resources', saved: readonly Cell[], removed: readonly Cell[]]
  | readonly [kind: 'cancel', webhook: string, reason: string, at: number, beforeSeq: number, limit: number]
  | readonly [kind: 'prune', afterSeq: number, finishedBefore: number, maxBytes: number]
  | readonly [kind: 'probe']

/** Cells of one event before its webhooks: seq, id, name, projectId, occurredAt, body, number of webhooks. */
export const EVENT_CELLS = 7
/** deliverySeq, attempt, startedAt, durationMs, outcome, statusCode, message, responseBody. */
export const ATTEMPT_CELLS = 8
/** state code, attempts, nextAttemptAt, lastFailure, finishedAt, seq. */
export const UPDATE_CELLS = 6
/** webhook, record as JSON. */
export const ENDPOINT_CELLS = 2
/** key, record as JSON. */
export const RESOURCE_CELLS = 2

/** `done` of a commit means committed; of the others it may carry numbers. */
export type WireResult =
  | { readonly kind: 'done'; readonly numbers?: readonly number[] }
  | { readonly kind: 'conflict'; readonly index: number }
  | { readonly kind: 'unavailable'; readonly reason: string }
  /** `damaged`: not the set is to blame but the file. */
  | { readonly kind: 'failed'; readonly message: string; readonly damaged: boolean }

/** To the writer: a group, the word to copy the log back into the database, or that to finish. */
export type ToWriter = readonly WireSet[] | 'checkpoint' | 'close'

/** From the writer: it is ready, it has closed, or the results of a group; `all done` spares the usual case an array. */
export type FromWriter = 'ready' | 'checkpointed' | 'closed' | 'all done' | readonly WireResult[]

export interface WriterData {
  readonly file: string
  readonly synchronous: 'FULL' | 'NORMAL' | 'OFF'
  readonly maxPages: number | undefined
}
