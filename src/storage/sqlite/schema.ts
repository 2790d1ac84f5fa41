import type { DatabaseSync } from 'node:sqlite'
import { UserError } from '../../base/errors.ts'
import { INDEXES } from '../tables.ts'
import { columnOf, countedColumns, countsTable, TABLE_NAMES, tableInfo, type ColumnInfo } from './columns.ts'

/**
 * Deliveries live in one table from creation to their end. Measured, CPU in us for the whole life of a delivery (event of 1.2 KB,
 * pending row, outcome, attempt; ten webhooks), in groups of 100 and of 20: the event alone 5.2 and 8.3; one table 10.7 and 15.2;
 * pending rows in a table of their own 9.6 and 16.5; the same with the last attempt inlined 8.9 and 15.6; clustered by webhook
 * besides 8.8 and 14.1; no pending rows until a first failure 6.9 and 13.5. One table is the plainest and within 4 us of the last,
 * which would have to be rebuilt from events after every crash. Most of the cost is pages written to the log, so the size of the
 * groups matters more than the layout.
 *
 * An event bears the seq of its first delivery, so a range of seqs is a range of events, deliveries and attempts alike: that is how
 * the log is dropped in pieces. A redelivery brings a copy of its event.
 */
const DELIVERY_TABLES = `
  CREATE TABLE webhooks (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
  CREATE TABLE events (
    seq INTEGER PRIMARY KEY, id TEXT NOT NULL, name TEXT NOT NULL, projectId INTEGER NOT NULL,
    occurredAt INTEGER NOT NULL, body TEXT NOT NULL
  ) STRICT;
  CREATE TABLE deliveries (
    seq INTEGER PRIMARY KEY, eventSeq INTEGER NOT NULL, webhook INTEGER NOT NULL, state INTEGER NOT NULL,
    attempts INTEGER NOT NULL, nextAttemptAt INTEGER NOT NULL, lastFailure TEXT NOT NULL, finishedAt INTEGER
  ) STRICT;
  CREATE INDEX deliveriesByWebhook ON deliveries (webhook, state, seq);
  CREATE INDEX deliveriesByState ON deliveries (state, seq);
  CREATE INDEX deliveriesDue ON deliveries (webhook, nextAttemptAt, seq) WHERE state = 1;
  CREATE TABLE attempts (
    deliverySeq INTEGER NOT NULL, attempt INTEGER NOT NULL, startedAt INTEGER NOT NULL, durationMs REAL NOT NULL,
    outcome TEXT NOT NULL, statusCode INTEGER, message TEXT NOT NULL, responseBody TEXT NOT NULL,
    PRIMARY KEY (deliverySeq, attempt)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE endpoints (webhook TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE resources (key TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;
  -- The highest number a table has ever lost with a deleted row: numbers are not given twice, restarts included.
  CREATE TABLE highest (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
`

const SQL_TYPES = { integer: 'INTEGER', boolean: 'INTEGER', text: 'TEXT' } as const

function columnSql(column: ColumnInfo): string {
  if (column.name === 'id') return '"id" INTEGER PRIMARY KEY'
  const collation = column.unique && column.type === 'text' ? ' COLLATE NOCASE' : ''
  return `${column.sql} ${SQL_TYPES[column.type]}${column.nullable ? '' : ' NOT NULL'}${collation}`
}

function tableSql(table: string): string {
  const { columns } = tableInfo(table)
  const indexes = columns
    .filter((column) => column.unique || column.indexed)
    .map((column) => {
      const kind = column.unique ? 'UNIQUE INDEX' : 'INDEX'
      return `CREATE ${kind} "${table}_${column.name}" ON "${table}" (${column.sql});`
    })
  const created = `CREATE TABLE "${table}" (${columns.map(columnSql).join(', ')}) STRICT;`
  return [created, ...indexes, ...wideIndexesSql(table), countersSql(table)].join('\n')
}

function wideIndexesSql(table: string): string[] {
  return INDEXES.filter((index) => index.table === table).map((index) => {
    const sql = index.columns.map((name) => columnOf(table, name).sql).join(', ')
    const name = `${table}_${index.columns.join('_')}${'where' in index ? `_${index.where}` : ''}`
    return `CREATE INDEX "${name}" ON "${table}" (${sql})${'where' in index ? ` WHERE "${index.where}" = 1` : ''};`
  })
}

/**
 * The counters of a table, kept by triggers: they run in the transaction of the write, whoever makes it, so they cannot be wrong. A row
 * with 0 in the first column counts the rows of all its values together (an id is never 0). Adding a time entry costs 2 us more.
 */
function countersSql(table: string): string {
  const columns = countedColumns(table)
  if (!columns) return ''
  const [first, second] = columns
  const counts = countsTable(table)
  const added = `INSERT INTO ${counts} VALUES (new.${first}, new.${second}, 1), (0, new.${second}, 1)
    ON CONFLICT DO UPDATE SET count = count + 1;`
  const removed = `UPDATE ${counts} SET count = count - 1 WHERE ${first} IN (old.${first}, 0) AND ${second} = old.${second};
    DELETE FROM ${counts} WHERE ${first} = old.${first} AND ${second} = old.${second} AND count = 0;`
  return `
  CREATE TABLE ${counts} (
    ${first} INTEGER NOT NULL, ${second} INTEGER NOT NULL, count INTEGER NOT NULL, PRIMARY KEY (${first}, ${second})
  ) STRICT, WITHOUT ROWID;
  CREATE TRIGGER "${table}_added" AFTER INSERT ON "${table}" BEGIN ${added} END;
  CREATE TRIGGER "${table}_removed" AFTER DELETE ON "${table}" BEGIN ${removed} END;
  CREATE TRIGGER "${table}_moved" AFTER UPDATE OF ${first}, ${second} ON "${table}"
    WHEN new.${first} <> old.${first} OR new.${second} <> old.${second} BEGIN ${removed} ${added} END;`
}

/**
 * Step n brings a database from version n to n + 1. Until the first release step 0 follows TABLES; from then on it is frozen and a
 * change of TABLES comes with a step of its own.
 */
const MIGRATIONS: readonly ((db: DatabaseSync) => void)[] = [
  (db) => {
    for (const table of TABLE_NAMES) db.exec(tableSql(table))
    db.exec(DELIVERY_TABLES)
  },
]

export const SCHEMA_VERSION = MIGRATIONS.length

/** Brings the schema up to date in one transaction. Throws a UserError if the database is of a newer program. */
export function migrate(db: DatabaseSync, file: string): void {
  const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version'])
  if (version > SCHEMA_VERSION) {
    throw new UserError(
      `${file} was written by a newer version of nepenthes (schema ${version}, this program knows ${SCHEMA_VERSION}): ` +
        'run that version, or point --data at another directory',
    )
  }
  if (version === SCHEMA_VERSION) return
  db.exec('BEGIN IMMEDIATE')
  for (const step of MIGRATIONS.slice(version)) step(db)
  db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`)
  db.exec('COMMIT')
}
