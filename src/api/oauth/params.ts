import { isRecord } from '../../resources/finding.ts'

/** The parameters of a request. What is empty counts as left out, and nothing may come twice (RFC 6749 §3.1, §3.2). */
export interface Params {
  readonly values: ReadonlyMap<string, string>
  /** Names of those that came more than once; they have no value. */
  readonly repeated: readonly string[]
}

/** From a form or a query, parsed: texts, and lists of what came several times. */
export function readParams(parsed: unknown): Params {
  const entries = Object.entries(isRecord(parsed) ? parsed : {})
  const single = entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1] !== '')
  return {
    values: new Map(single),
    repeated: entries.filter(([, value]) => Array.isArray(value)).map(([name]) => name),
  }
}
