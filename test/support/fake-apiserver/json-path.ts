import { isFields } from './object.ts'

/**
 * The part of Kubernetes' JSONPath that printer columns and selectable fields use: `.a.b`, `['a.b']`, `[0]`, `[*]` and
 * `[?(@.type=="Ready")]`. Answers every match, in order.
 */
export function matches(path: string, root: unknown): unknown[] {
  const steps = [...path.matchAll(STEP)]
  if (steps.map(([text]) => text).join('') !== path) throw new Error(`unsupported JSONPath ${path}`)
  let found: unknown[] = [root]
  for (const step of steps) found = found.flatMap((value) => take(step, value))
  return found
}

const STEP =
  /\.(?<name>[A-Za-z0-9_$-]+)|\['(?<quoted>[^']+)'\]|\[(?<index>\d+)\]|\[(?<all>\*)\]|\[\?\(@(?<where>[.\w]+)\s*==\s*["'](?<equals>[^"']*)["']\)\]/g

function take(step: RegExpMatchArray, value: unknown): unknown[] {
  const { name, quoted, index, all, where, equals } = step.groups ?? {}
  const property = name ?? quoted
  if (property !== undefined) return isFields(value) && value[property] !== undefined ? [value[property]] : []
  if (!Array.isArray(value)) return []
  if (index !== undefined) return value.slice(Number(index), Number(index) + 1)
  if (all !== undefined) return value
  return value.filter((item) => matches(where ?? '', item).some((found) => String(found) === equals))
}
