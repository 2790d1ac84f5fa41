import { DatabaseSync } from 'node:sqlite'

/**
 * FULL: a commit returns once the WAL is on disk; what the program promises rests on it. NORMAL and OFF lose acknowledged
 * writes when the machine dies: they exist so that a crash test can show that it would notice.
 */
export type Synchronous = 'FULL' | 'NORMAL' | 'OFF'

export interface WriterPragmas {
  readonly synchronous: Synchronous
  /** Upper bound of the database file in pages of 4 KiB: beyond it a write fails as on a full disk. */
  readonly maxPages: number | undefined
}

/** Another process looking at the file (a backup, a shell) holds us up for at most this long. */
const BUSY_TIMEOUT_MS = 5_000

/** The connection that writes: one per store. */
export function openWriter(file: string, pragmas: WriterPragmas): DatabaseSync {
  const db = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS })
  db.exec('PRAGMA journal_mode = WAL') // readers never wait for the writer, and a commit is one append and one fsync
  db.exec(`PRAGMA synchronous = ${pragmas.synchronous}`)
  db.exec('PRAGMA wal_autocheckpoint = 1000') // 4 MiB: small enough that copying it back never stalls a group for long
  db.exec('PRAGMA journal_size_limit = 67108864') // a WAL that once grew under a slow reader gives its space back
  db.exec('PRAGMA cache_size = -32768') // 32 MiB: the right edges of all trees that are appended to, and more
  db.exec('PRAGMA temp_store = MEMORY')
  db.exec('PRAGMA trusted_schema = OFF')
  if (pragmas.maxPages !== undefined) db.exec(`PRAGMA max_page_count = ${pragmas.maxPages}`)
  return db
}

/** Copies the whole log back and empties it, once nobody reads any more of it; leaves it be while the disk cannot be written. */
export function checkpoint(db: DatabaseSync): void {
  try {
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
  } catch {
    // The next commit meets the same trouble, and is what tells of it.
  }
}

/** A connection that only reads, and sees what is committed. */
export function openReader(file: string): DatabaseSync {
  const db = new DatabaseSync(file, { readOnly: true, timeout: BUSY_TIMEOUT_MS })
  db.exec('PRAGMA cache_size = -16384')
  db.exec('PRAGMA temp_store = MEMORY')
  db.exec('PRAGMA trusted_schema = OFF')
  return db
}
