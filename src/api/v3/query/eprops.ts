import { inflateSync } from 'node:zlib'
import { fail, ok, type Result } from '../../../base/result.ts'
import { apiError, type ApiError } from '../../errors.ts'

/** More than any query says, and all that the longest one could be blown up to in a millisecond or two. */
const INFLATED_MAX = 1024 * 1024

type Query = Readonly<Record<string, unknown>>

/** `eprops` holds further properties of the query: JSON, compressed by zlib, in base64 (reference §8). They count before the others. */
export function expandQuery(query: Query): Result<Query, ApiError> {
  const { eprops, ...plain } = query
  if (eprops === undefined) return ok(query)
  const held = typeof eprops === 'string' ? inflated(eprops) : undefined
  if (held === undefined) return fail(apiError('BadRequest', 'Bad request: eprops is invalid'))
  return ok({ ...plain, ...held })
}

function inflated(text: string): Query | undefined {
  try {
    const json = inflateSync(Buffer.from(text, 'base64'), { maxOutputLength: INFLATED_MAX }).toString()
    const held: unknown = JSON.parse(json)
    if (typeof held !== 'object' || held === null || Array.isArray(held)) return undefined
    return Object.fromEntries(Object.entries(held).map(([name, value]) => [name, asText(value)]))
  } catch {
    return undefined
  }
}

/** As it would stand in the query itself. */
function asText(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}
