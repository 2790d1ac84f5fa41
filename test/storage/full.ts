import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** From now on the store in `directory` finds the disk full when it is to record an attempt. */
export function refuseAttempts(directory: string): void {
  const db = new DatabaseSync(join(directory, 'nepenthes.db'), { timeout: 5_000 })
  // After the highest number there is none: SQLite says then what it says of a full disk.
  db.exec(`CREATE TABLE numbers (number INTEGER PRIMARY KEY AUTOINCREMENT);
    INSERT INTO numbers VALUES (9223372036854775807);
    CREATE TRIGGER refuseAttempts AFTER INSERT ON attempts BEGIN INSERT INTO numbers VALUES (NULL); END`)
  db.close()
}

/** Has whoever drops a delivery from the store in `directory` need 10 MB to do so: more than a store with few pages has. */
export function needRoomToDrop(directory: string): { needsNone(): void } {
  const change = (sql: string) => {
    const db = new DatabaseSync(join(directory, 'nepenthes.db'), { timeout: 5_000 })
    db.exec(sql)
    db.close()
  }
  change(`CREATE TABLE IF NOT EXISTS ballast (bytes BLOB);
    CREATE TRIGGER needRoom AFTER DELETE ON deliveries BEGIN INSERT INTO ballast VALUES (zeroblob(10000000)); END`)
  return { needsNone: () => change('DROP TRIGGER needRoom') }
}
