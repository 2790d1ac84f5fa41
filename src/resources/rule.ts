import type { Path } from './finding.ts'
import type { ProblemCode } from './problem.ts'

/** What a rule found: where below the rule's own place, and what to say. */
export interface Violation {
  /** Relative to the value the rule looks at. */
  readonly path?: Path
  /** A whole sentence; unless told, the path followed by the rule's message. */
  readonly message?: string
  readonly hint: string
}

/**
 * A rule that a schema cannot say, twice: as CEL for the CRD and as a function for `validate` and the file mode. The two stand
 * side by side and a corpus holds their verdicts equal.
 */
export interface Rule {
  /** Where it applies: `spec`, `spec.url`, `spec.headers[]`; empty for the document. */
  readonly at: string
  readonly code: ProblemCode
  /** What must hold. Without the Kubernetes URL library, which clients cannot run. Undefined where CEL cannot say it. */
  readonly cel: string | undefined
  /** The same as JSON Schema where that can say it, for editors. */
  readonly editor?: Readonly<Record<string, unknown>>
  /** For people; the server shows it as it is. */
  readonly message: string
  /** Judges a value of any type: one that the schema refuses is none of its business. */
  check(value: unknown): readonly Violation[]
}

const OK: readonly Violation[] = []

/** A check over values of one type; others pass. */
export function textCheck(judge: (text: string) => Violation | undefined): Rule['check'] {
  return (value) => {
    const violation = typeof value === 'string' ? judge(value) : undefined
    return violation ? [violation] : OK
  }
}

export function objectCheck(judge: (object: Record<string, unknown>) => Violation | undefined): Rule['check'] {
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return OK
    const violation = judge(value as Record<string, unknown>)
    return violation ? [violation] : OK
  }
}

/** A string literal of CEL. */
export function celString(text: string): string {
  return JSON.stringify(text)
}

/** Values at a rule's place in a document, with their paths. */
export function* valuesAt(document: unknown, at: string): Generator<{ value: unknown; path: Path }> {
  const steps = at === '' ? [] : at.replaceAll('[]', '.[]').split('.')
  yield* descend(document, steps, [])
}

function* descend(value: unknown, steps: readonly string[], path: Path): Generator<{ value: unknown; path: Path }> {
  const [step, ...rest] = steps
  if (step === undefined) {
    yield { value, path }
  } else if (step === '[]') {
    if (!Array.isArray(value)) return
    for (const [index, item] of value.entries()) yield* descend(item, rest, [...path, index])
  } else if (typeof value === 'object' && value !== null && Object.hasOwn(value, step)) {
    yield* descend((value as Record<string, unknown>)[step], rest, [...path, step])
  }
}
