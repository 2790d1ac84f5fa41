/** Where a command speaks to the outside. */
export interface Io {
  /** Answers, also for machines. */
  readonly out: (text: string) => void
  /** Everything else. */
  readonly err: (text: string) => void
  /** The exit code, when it is not what follows from returning (0) or throwing (1, wrong usage 2). */
  readonly finish: (exitCode: number) => void
}
