/** SQLite's primary result codes for a file that is damaged, and for one that is no database. */
const DAMAGED_CODES: ReadonlySet<number> = new Set([11, 26])

export function isDamaged(thrown: unknown): boolean {
  if (!(thrown instanceof Error && 'errcode' in thrown && typeof thrown.errcode === 'number')) return false
  return DAMAGED_CODES.has(thrown.errcode & 0xff)
}

export function damageOf(file: string): string {
  return `${file} is damaged, or not a database at all: bring it back from a backup, or move it away to start with an empty store`
}
