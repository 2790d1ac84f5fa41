import { backoffMs } from '../../base/backoff.ts'
import type { Random } from '../../base/random.ts'
import type { Failure } from './failure.ts'

/**
 * One resource of the API server as it is followed, from the first list to the end of the program.
 *
 * `listing`: everything is being read, in pages, or in one piece after the server forgot the place between two pages. What was known
 * stays as it is until the last page is there; then it is replaced in one step, and what is missing from it was deleted. A list that
 * fails leads to waiting.
 *
 * `watching`: changes come in, each with the version it led to. A watch that ends by itself, at its time or because the connection was
 * lost, is opened again at the last version, so that nothing is lost and nothing comes twice; at once if it had held for a while.
 * Only if the server no longer knows that version is there no way but listing. One that did not run
 * its time is `doubted`: the server may have been restored from a backup since, and of a version that is in its future it would tell
 * nothing at all, so it is asked first whether it has come that far. A watch is never trusted for ever: some time after the
 * last list, its next end leads to checking.
 *
 * `checking`: everything is read once more, as it was at the very version the watch had come to. Whatever differs had been missed: it is
 * counted as drift, told and put right, and watching goes on from there. If the server no longer has that version, or cannot do
 * this, there is no telling what was missed, and listing puts it right.
 *
 * `waiting`: the server refused, failed or was not there. The wait doubles with each failure in a row, is random so that many programs
 * do not come back at once, and is at least what the server asked for. A watch that held for a while ends the row. Then the
 * machine goes on where it was, except after 403 and 404: permissions or the resource itself have gone, so what is there is listed.
 */
export type WatchState = Reading | Waiting

/** The states in which something is asked of the server. */
export type Reading = Listing | Watching | Checking

interface Listing {
  readonly kind: 'listing'
  readonly paged: boolean
  /** Failures in a row. */
  readonly failures: number
}

interface Watching {
  readonly kind: 'watching'
  readonly resourceVersion: string
  /** On the clock's `elapsed`: an end after this leads to a check. */
  readonly checkAfter: number
  readonly doubted: boolean
  readonly failures: number
}

interface Checking {
  readonly kind: 'checking'
  readonly resourceVersion: string
  readonly failures: number
}

interface Waiting {
  readonly kind: 'waiting'
  readonly delayMs: number
  readonly next: Reading
}

export type Outcome =
  | { readonly kind: 'listed'; readonly resourceVersion: string }
  /** A watch ran to its end; `resourceVersion` is how far it came. */
  | { readonly kind: 'ended'; readonly resourceVersion: string; readonly ranMs: number; readonly early: boolean }
  /** A list, or a watch after it had run for `ranMs` and come to `resourceVersion`. */
  | { readonly kind: 'failed'; readonly failure: Failure; readonly resourceVersion?: string; readonly ranMs: number }

export interface StepContext {
  readonly now: number
  readonly random: Pick<Random, 'fraction'>
}

const BACKOFF = { firstMs: 800, factor: 2, maxMs: 30_000 }
/** A watch that held this long was a good one. */
const HEALTHY_MS = 30_000
/** The time after which it is checked what watching has led to, plus up to as much again. */
const CHECK_AFTER_MS = 30 * 60_000

export const START: WatchState = list(true, 0)

export function step(state: Reading, outcome: Outcome, context: StepContext): WatchState {
  switch (outcome.kind) {
    case 'listed': {
      const checkAfter = context.now + CHECK_AFTER_MS * (1 + context.random.fraction())
      const { resourceVersion } = outcome
      return { kind: 'watching', resourceVersion, checkAfter, doubted: false, failures: state.failures }
    }
    case 'ended':
      return afterEnd(state, outcome, context)
    case 'failed':
      return afterFailure(state, outcome, context)
  }
}

function afterEnd(
  state: Reading,
  { resourceVersion, ranMs, early }: Extract<Outcome, { kind: 'ended' }>,
  context: StepContext,
): WatchState {
  const healthy = ranMs >= HEALTHY_MS
  const failures = healthy ? 0 : state.failures + 1
  const next = moved({ ...state, failures }, { resourceVersion, doubted: early }, context)
  return healthy ? next : wait(next, undefined, context)
}

function afterFailure(
  state: Reading,
  { failure, resourceVersion, ranMs }: Extract<Outcome, { kind: 'failed' }>,
  context: StepContext,
): WatchState {
  const failures = (ranMs >= HEALTHY_MS ? 0 : state.failures) + 1
  if (state.kind === 'checking') return afterCheck(failures, failure, context)
  switch (failure.kind) {
    case 'expired': {
      const next = list(state.kind === 'watching', failures)
      return failures === 1 ? next : wait(next, undefined, context)
    }
    case 'missing':
    case 'forbidden':
      return wait(list(true, failures), undefined, context)
    case 'unavailable':
    case 'conflict':
    case 'refused':
      return wait(
        moved({ ...state, failures }, { resourceVersion, doubted: true }, context),
        failure.retryAfterMs,
        context,
      )
  }
}

/** That the version is gone, or not understood, says nothing against the server. */
function afterCheck(failures: number, { kind, retryAfterMs }: Failure, context: StepContext): WatchState {
  if (kind === 'expired' || kind === 'refused') return list(true, failures - 1)
  return wait(list(true, failures), retryAfterMs, context)
}

function list(paged: boolean, failures: number): Listing {
  return { kind: 'listing', paged, failures }
}

/** The same again, a watch from where it came to; or, if it is time, the check of it. */
function moved(
  state: Reading,
  reached: { readonly resourceVersion: string | undefined; readonly doubted: boolean },
  { now }: StepContext,
): Reading {
  if (state.kind !== 'watching') return state
  const { resourceVersion = state.resourceVersion, doubted } = reached
  return now >= state.checkAfter
    ? { kind: 'checking', resourceVersion, failures: state.failures }
    : { ...state, resourceVersion, doubted }
}

function wait(next: Reading, retryAfterMs: number | undefined, { random }: StepContext): Waiting {
  return { kind: 'waiting', delayMs: Math.max(retryAfterMs ?? 0, backoffMs(BACKOFF, next.failures, random)), next }
}
