import { fail, ok, type Result } from '../../base/result.ts'
import { apiError, combineErrors, type ApiError } from '../errors.ts'
import type { WritePlan } from './write.ts'

/** A resource as a request would make it, and what is to be done or wrong. Forms show it, writes carry it out: one judgement for both. */
export interface Draft<R> {
  readonly record: R
  /** The resource as it stands; undefined for one to be created. */
  readonly current: R | undefined
  /** The plan settles what only a write changes, such as the version of `record`: it is made once, and never for a form. */
  readonly outcome: Result<() => WritePlan, readonly [ApiError, ...ApiError[]]>
}

/** Something found a moment ago has been deleted since: whoever gets this drafts again. */
export const VANISHED: ApiError = apiError('UpdateConflict')

/** Drafts again while it helps, so often. */
const TRIES_MAX = 5

/** For a form, which commits nothing and so meets no other conflict. */
export async function settled<R>(
  draft: () => Promise<Result<Draft<R>, ApiError>>,
): Promise<Result<Draft<R>, ApiError>> {
  for (let attempt = 1; attempt < TRIES_MAX; attempt += 1) {
    const drafted = await draft()
    if (drafted.ok || drafted.error !== VANISHED) return drafted
  }
  return draft()
}

/** What a write makes of a draft. */
export function planOf<R>(drafted: Result<Draft<R>, ApiError>): Result<WritePlan, ApiError> {
  if (!drafted.ok) return drafted
  const { outcome } = drafted.value
  return outcome.ok ? ok(outcome.value()) : fail(combineErrors(outcome.error))
}

/** All that is wrong, as an outcome; undefined when nothing is. */
export function failed(errors: readonly ApiError[]): Extract<Draft<never>['outcome'], { ok: false }> | undefined {
  const [first, ...rest] = errors
  return first && fail([first, ...rest])
}

/** What could not be read looks unset to the rules after it: the one complaint says it all. */
export function allErrors(read: readonly ApiError[], judged: readonly ApiError[]): ApiError[] {
  const seen = new Set(read.map(({ details }) => details?.['attribute']))
  return [...read, ...judged.filter(({ details }) => !seen.has(details?.['attribute']))]
}
