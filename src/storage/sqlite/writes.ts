import { assert } from '../../base/assert.ts'
import { backoffMs } from '../../base/backoff.ts'
import { sleep, type Clock } from '../../base/clock.ts'
import type { Random } from '../../base/random.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import type { NewEvent, PendingDelivery } from '../records.ts'
import { StoreClosed, type CommitResult, type WriteSet } from '../store.ts'
import type { Counters } from './counters.ts'
import { encodeCommit } from './encode.ts'
import type { GroupQueue } from './group-queue.ts'
import type { WireResult, WireSet } from './wire.ts'

/** One process and one disk: there is no herd to spread, so the waits need no randomness. */
const RETRY = { firstMs: 200, factor: 2, maxMs: 5_000 }
const NO_NUMBERS: readonly number[] = []
const NO_JITTER: Pick<Random, 'fraction'> = { fraction: () => 1 }

/** The ways of handing something to the writer. All reject once `finish` was called. */
export interface Writes {
  commit(write: WriteSet): Promise<CommitResult>
  /**
   * Queues the event of a past delivery again, for its webhook alone. Throws if it cannot be written just now: a later try would
   * hand its seq over after higher ones.
   */
  queueAgain(source: PendingDelivery, at: number): Promise<PendingDelivery>
  /** Tries again while the disk cannot be written; the numbers of the result. */
  untilWritten(set: WireSet): Promise<readonly number[]>
  /** Tries once, and throws if it cannot be written. */
  once(set: WireSet): Promise<void>
  /** Tries once; the numbers of the result, or why it cannot be written just now. */
  tryOnce(set: WireSet): Promise<Result<readonly number[], string>>
  /** Refuses what comes from now on; resolves once all that came before is written or has failed. */
  finish(): Promise<void>
}

interface Parts {
  readonly queue: GroupQueue
  readonly counters: Counters
  readonly clock: Clock
}

export function createWrites(parts: Parts): Writes {
  const { queue, counters } = parts
  const closing = new AbortController()
  const retrying = new Set<Promise<unknown>>()
  const submit = (set: WireSet, chars: number, deliveries?: readonly PendingDelivery[]): Promise<WireResult> =>
    closing.signal.aborted ? Promise.reject(new StoreClosed()) : queue.submit(set, chars, deliveries)
  const retry = (first: WireResult, set: WireSet) => {
    const work = retryUntilWritten(parts, closing.signal, first, () => queue.submit(set, 0))
    retrying.add(work)
    return work.finally(() => retrying.delete(work))
  }
  /**
   * Every outcome of an attempt comes through here: a single promise deep as long as the disk is well. A set that is refused for
   * good ends the store: what has happened and cannot be recorded would be done again and again.
   */
  const untilWritten = (set: WireSet): Promise<readonly number[]> =>
    submit(set, 0).then((first) => (first.kind === 'done' ? (first.numbers ?? NO_NUMBERS) : retry(first, set)))
  const once = async (set: WireSet, deliveries?: readonly PendingDelivery[]) => {
    const result = await submit(set, 0, deliveries)
    if (result.kind !== 'done') throw errorOf(result)
  }
  return {
    commit: (write) => commitWrite(submit, counters, write),
    async queueAgain(source, at) {
      const { set, deliveries } = redelivery(counters, source, at)
      await once(set, deliveries)
      const [delivery] = deliveries
      assert(delivery !== undefined, 'a redelivery is one delivery')
      return delivery
    },
    untilWritten,
    once,
    async tryOnce(set) {
      const result = await submit(set, 0)
      if (result.kind === 'unavailable') return fail(result.reason)
      if (result.kind !== 'done') throw errorOf(result)
      return ok(result.numbers ?? NO_NUMBERS)
    },
    async finish() {
      closing.abort()
      do {
        await queue.drain()
        await Promise.allSettled(retrying)
      } while (retrying.size > 0)
    },
  }
}

type Submit = (set: WireSet, chars: number, deliveries?: readonly PendingDelivery[]) => Promise<WireResult>

async function commitWrite(submit: Submit, counters: Counters, write: WriteSet): Promise<CommitResult> {
  const firstSeqs = write.events.map((event) => counters.nextSeqs(event.webhooks.length))
  const deliveries = write.events.flatMap((event, i) => pendingOf(event, firstSeqs[i] ?? 0))
  const chars = write.events.reduce((sum, event) => sum + event.body.length, 0)
  const result = await submit(encodeCommit(write, firstSeqs), chars, deliveries)
  switch (result.kind) {
    case 'done':
      return { outcome: 'committed' }
    case 'unavailable':
      return { outcome: 'unavailable', reason: result.reason }
    case 'conflict': {
      const expectation = write.expect[result.index]
      assert(expectation !== undefined, 'a conflict names one of the expectations')
      return { outcome: 'conflict', expectation }
    }
    case 'failed':
      throw errorOf(result)
  }
}

/** The deliveries as they will stand in the log, so that nobody needs to read them back. */
function pendingOf(event: NewEvent, firstSeq: number): PendingDelivery[] {
  return event.webhooks.map((webhook, i) => ({
    seq: firstSeq + i,
    eventSeq: firstSeq,
    eventId: event.id,
    eventName: event.name,
    projectId: event.projectId,
    webhook,
    state: 'pending',
    attempts: 0,
    occurredAt: event.occurredAt,
    nextAttemptAt: event.occurredAt,
    lastFailure: '',
    finishedAt: null,
    body: event.body,
  }))
}

/** A redelivery is an event of its own with the same id and bytes: the log stays in the order of time, and is dropped in that order. */
function redelivery(counters: Counters, source: PendingDelivery, at: number) {
  const { eventId: id, eventName: name, projectId, body, webhook } = source
  const event: NewEvent = { id, name, projectId, occurredAt: at, body, webhooks: [webhook] }
  const seq = counters.nextSeqs(1)
  return { set: encodeCommit({ expect: [], mutations: [], events: [event] }, [seq]), deliveries: pendingOf(event, seq) }
}

/** Waits and tries again for as long as the disk cannot be written; once the store is closing, one last time. */
async function retryUntilWritten(
  { clock, queue }: Parts,
  closing: AbortSignal,
  first: WireResult,
  again: () => Promise<WireResult>,
): Promise<readonly number[]> {
  let result = first
  for (let attempt = 1; result.kind !== 'done'; attempt++) {
    if (result.kind !== 'unavailable') throw givenUp(queue, errorOf(result))
    const last = closing.aborted
    await sleep(clock, backoffMs(RETRY, attempt, NO_JITTER), closing)
    result = await again()
    if (last && result.kind !== 'done') throw errorOf(result)
  }
  return result.numbers ?? NO_NUMBERS
}

function givenUp(queue: GroupQueue, error: Error): Error {
  queue.fail(error)
  return error
}

function errorOf(result: Exclude<WireResult, { kind: 'done' }>): Error {
  switch (result.kind) {
    case 'unavailable':
      return new Error(`the store cannot be written just now: ${result.reason}`)
    case 'failed':
      return new Error(`the store refused a write: ${result.message}`)
    case 'conflict':
      return new Error('the store refused a write: an expectation did not hold')
  }
}
