import { createHash } from 'node:crypto'
import { isRecord } from './finding.ts'

/** Fields whose lists are sets: their order says nothing. No other field of a spec has these names. */
const SETS = new Set(['events', 'projects', 'allowedOrigins'])

/**
 * SHA-256 (hex) of what a spec means: field order, layout and the order of sets do not change it; a new hash is a new generation
 * in file mode. Takes raw specs too, so JSON values of any shape.
 */
export function canonicalHash(spec: unknown): string {
  return createHash('sha256')
    .update(JSON.stringify(canonical(spec, false)) ?? '')
    .digest('hex')
}

function canonical(value: unknown, isSet: boolean): unknown {
  if (Array.isArray(value)) {
    const items = value.map((item) => canonical(item, false))
    return isSet ? items.map((item) => JSON.stringify(item)).sort() : items
  }
  if (!isRecord(value)) return value
  // As entries: an object would reorder keys that look like numbers. Wrapped, to differ from a list of pairs.
  const entries = Object.keys(value)
    .sort()
    .map((key) => [key, canonical(value[key], SETS.has(key))])
  return { entries }
}

/** The off switch: it works in every document that parses, whatever else is wrong with it. */
export function switchedOff(rawSpec: unknown): boolean {
  return isRecord(rawSpec) && rawSpec['enabled'] === false
}
