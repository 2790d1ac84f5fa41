import { fail, ok, type Result } from '../../base/result.ts'
import { isRecord } from '../../resources/finding.ts'
import { unavailable, type Failure } from './failure.ts'

/** What is read of an answer to a list; whatever else is in it is not looked at. */
export interface ListPage {
  readonly items: readonly unknown[]
  readonly metadata: Readonly<Record<string, unknown>>
}

/** Anything else that answers in JSON must not pass for an empty list: it would delete everything. */
export function listPage(value: unknown): Result<ListPage, Failure> {
  const items = isRecord(value) ? value['items'] : undefined
  const metadata = metadataOf(value)
  if (!Array.isArray(items) || versionOf(value) === undefined) return fail(unavailable('the answer is not a list'))
  return ok({ items, metadata })
}

function metadataOf(object: unknown): Readonly<Record<string, unknown>> {
  const metadata = isRecord(object) ? object['metadata'] : undefined
  return isRecord(metadata) ? metadata : {}
}

export function nameOf(object: unknown): string | undefined {
  const { name } = metadataOf(object)
  return typeof name === 'string' ? name : undefined
}

export function versionOf(object: unknown): string | undefined {
  const { resourceVersion } = metadataOf(object)
  return typeof resourceVersion === 'string' && resourceVersion !== '' ? resourceVersion : undefined
}

export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

/** Versions of one resource are numbers that rise, in every server there is; of any others nothing is said. (KEP-5504) */
export function isOlder(a: string, b: string): boolean {
  if (!/^[1-9]\d*$/.test(a) || !/^[1-9]\d*$/.test(b)) return false
  return a.length === b.length ? a < b : a.length < b.length
}
