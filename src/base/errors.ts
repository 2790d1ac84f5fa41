/** Makes every `catch` total: whatever was thrown, an Error comes out, the original kept as its cause. */
export function toError(thrown: unknown): Error {
  if (thrown instanceof Error) return thrown
  return new Error(typeof thrown === 'string' ? thrown : `a non-error was thrown: ${String(thrown)}`, { cause: thrown })
}

/** The system's error code (`ENOENT`, `ENOSPC`, ...) of whatever was thrown, or undefined. */
export function errorCode(thrown: unknown): string | undefined {
  if (typeof thrown !== 'object' || thrown === null || !('code' in thrown)) return undefined
  return typeof thrown.code === 'string' ? thrown.code : undefined
}

/** An error whose text is written for the person at the keyboard; the command line prints it without a stack. */
export class UserError extends Error {
  override readonly name = 'UserError'
}
