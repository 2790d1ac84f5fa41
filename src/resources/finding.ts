import type { ProblemCode } from './problem.ts'

/** Steps from the root of a document: field names and list indices. */
export type Path = readonly (string | number)[]

/** A problem before it has a place in a file: found in a value, told by its path. */
export interface Finding {
  readonly path: Path
  readonly code: ProblemCode
  readonly message: string
  readonly hint: string
  /** The value is a number or switch where text belongs: in a file the hint shows it quoted, as it is written there. */
  readonly quote?: true
  /** Which end of the field to point at; `value` unless told. */
  readonly target?: 'key' | 'value'
  /** Where in the text, if the finder knows better than the path: of a key written twice, the path names only the last. */
  readonly offset?: number | undefined
}

const PLAIN_STEP = /^[A-Za-z_][A-Za-z0-9_-]*$/

/** Longer than any key there may be, for a line that a person can read. */
const STEP_MAX = 350

/** `spec.events[0]`, `metadata.labels["a.b/c"]`; empty for the root. */
export function formatPath(path: Path): string {
  let text = ''
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`
    else if (step.length > STEP_MAX) text += `[${JSON.stringify(`${step.slice(0, STEP_MAX)}…`)}]`
    else if (!PLAIN_STEP.test(step)) text += `[${JSON.stringify(step)}]`
    else text += text === '' ? step : `.${step}`
  }
  return text
}

/** Names a value's type for a message; the value itself only where it is short and cannot be a secret. */
export function describe(value: unknown, show = false): string {
  if (value === null) return 'nothing (null)'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a mapping'
  if (typeof value === 'string') return show && value.length <= 60 ? `the text ${JSON.stringify(value)}` : 'text'
  return `${typeof value} ${JSON.stringify(value)}`
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Text from a document, safe on a terminal and in one line: control characters become escapes. */
export function printable(text: string): string {
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g, (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
