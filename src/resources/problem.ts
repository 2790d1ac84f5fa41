/** Stable names people script against; one row each in docs/problems.md. */
export type ProblemCode = string

/** Something wrong in a document, told so that a person can mend it. Lines and columns count from 1. */
export interface Problem {
  readonly file: string
  readonly line: number
  readonly column: number
  /** Where in the document, `spec.events[0]`; empty for the document or file as a whole. */
  readonly path: string
  readonly code: ProblemCode
  /** What is wrong, one sentence. Never contains a secret. */
  readonly message: string
  /** What to do about it; empty when the message says it all. */
  readonly hint: string
}

/** Something worth saying that is not wrong (`warning`: probably unwise; `notice`: for information). Same shape as a problem. */
export interface Notice extends Problem {
  readonly severity: 'warning' | 'notice'
}
