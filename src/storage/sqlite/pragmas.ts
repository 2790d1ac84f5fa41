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
  // The log is copied back by `logCopier`, when nobody waits for it; within a commit only where that cannot be.
  db.exec(`PRAGMA wal_autocheckpoint = ${tellsLog(db) ? 0 : LOG_PAGES}`)
  db.exec('PRAGMA journal_size_limit = 67108864') // a WAL that once grew under a slow reader gives its space back
  db.exec('PRAGMA cache_size = -32768') // 32 MiB: the right edges of all trees that are appended to, and more
  db.exec('PRAGMA temp_store = MEMORY')
  db.exec('PRAGMA trusted_schema = OFF')
  if (pragmas.maxPages !== undefined) db.exec(`PRAGMA max_page_count = ${pragmas.maxPages}`)
  return db
}

/** 4 MiB: small enough that copying it back never holds a group up for long. */
const LOG_PAGES = 1_000

/** Since 3.51 SQLite says how long the log is without touching it; an older one takes the word for PASSIVE, and copies. */
function tellsLog(db: DatabaseSync): boolean {
  const version = String(db.prepare('SELECT sqlite_version() AS version').get()?.['version'])
  const [major = 0, minor = 0] = version.split('.').map(Number)
  return major > 3 || (major === 3 && minor >= 51)
}

/**
 * To be called between commits, once they are acknowledged: copies a long log back, as SQLite itself would do within the commit, where
 * everybody in it waits for that (6 ms here). As SQLite does, it tries after every commit until all is copied: only then can the log
 * begin anew, and whoever read meanwhile may have been in the way.
 */
export function logCopier(db: DatabaseSync): () => void {
  if (!tellsLog(db)) return () => undefined
  const state = db.prepare('PRAGMA wal_checkpoint(NOOP)')
  return () => {
    try {
      const { log, checkpointed } = state.get() as { log: number; checkpointed: number }
      if (log >= LOG_PAGES && checkpointed < log) db.exec('PRAGMA wal_checkpoint(PASSIVE)')
    } catch {
      // What is committed is in the log all the same; it is tried again after the next commit.
    }
  }
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
