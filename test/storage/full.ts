import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

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
