import { existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { Clock } from '../../base/clock.ts'
import { errorCode, toError, UserError } from '../../base/errors.ts'
import type { Log } from '../../base/log.ts'
import type { PendingDelivery, ResourceRecord } from '../records.ts'
import type { PruneBounds, Pruned, Store } from '../store.ts'
import { createDeliveryReader } from './delivery-reader.ts'
import { encodeDispatch, encodeResources } from './encode.ts'
import { openCounters } from './counters.ts'
import { damageOf, isDamaged } from './damage.ts'
import { GroupQueue } from './group-queue.ts'
import { createPrivate, lockDirectory } from './lock.ts'
import { openReader, openWriter, type Synchronous } from './pragmas.ts'
import { createRecordReader } from './record-reader.ts'
import { migrate } from './schema.ts'
import { SearchThread } from './search-thread.ts'
import { judgedReads, rowReader, statementCache } from './statements.ts'
import { createWrites, type Writes } from './writes.ts'

export interface SqliteStoreOptions {
  /** DATA: created (0700) if absent, and held by an exclusive lock until `close`. */
  readonly directory: string
  readonly clock: Clock
  readonly log: Log
  /** FULL unless a test shows what less would lose. */
  readonly synchronous?: Synchronous
  /** Upper bound of the database in pages of 4 KiB; unbounded without it. */
  readonly maxPages?: number
  /** How long a search may take that runs on a thread of its own, and how many may wait for it; what the log may have grown to. */
  readonly search?: { readonly budgetMs: number; readonly waitingMax: number; readonly logMaxBytes?: number }
}

const DATABASE_FILE = 'nepenthes.db'
const CANCEL_PIECE = 500
/** A million rows are looked at in half a second; with all that may wait, an answer takes ten seconds at most. */
const SEARCH: NonNullable<SqliteStoreOptions['search']> = { budgetMs: 2_000, waitingMax: 4 }

/**
 * A search reads one state of the store to its end, and what has been written since cannot be copied back before. Searches that follow
 * each other without a gap would let the log grow for ever: past this they wait until it has been emptied.
 */
const LOG_MAX_BYTES = 32 * 1024 * 1024

/**
 * Opens the embedded store: one SQLite database, written by one thread. Throws a UserError if the directory is held by another
 * process or the database is of a newer version.
 */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { directory, clock } = options
  makeDirectory(directory)
  const unlock = lockDirectory(directory, clock)
  try {
    return await openLocked(options, unlock)
  } catch (thrown) {
    unlock()
    throw thrown
  }
}

/** Step by step: a recursive `mkdir` never ends where a file system refuses new names (as /proc does). */
function makeDirectory(path: string): void {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return
  try {
    const parent = dirname(path)
    if (!existsSync(parent) && parent !== path) makeDirectory(parent)
    mkdirSync(path, { mode: 0o700 })
  } catch (thrown) {
    if (thrown instanceof UserError) throw thrown
    throw new UserError(`cannot use ${path} as the data directory: ${reasonOf(thrown)}; choose another with --data`)
  }
}

function reasonOf(thrown: unknown): string {
  const reasons: Record<string, string> = {
    EEXIST: 'it is a file',
    ENOTDIR: 'part of the path is a file',
    ENOENT: 'nothing can be created there',
    EACCES: 'permission denied',
    EPERM: 'permission denied',
    EROFS: 'the file system is read-only',
    ENOSPC: 'the disk is full',
  }
  return reasons[errorCode(thrown) ?? ''] ?? toError(thrown).message
}

async function openLocked(options: SqliteStoreOptions, unlock: () => void): Promise<Store> {
  const file = join(options.directory, DATABASE_FILE)
  const pragmas = { synchronous: options.synchronous ?? 'FULL', maxPages: options.maxPages }
  prepareFile(file, pragmas)
  const listeners: ((deliveries: readonly PendingDelivery[]) => void)[] = []
  const queue = await GroupQueue.open({
    writer: { file, ...pragmas },
    clock: options.clock,
    log: options.log,
    handOver: (deliveries) => listeners.forEach((listener) => listener(deliveries)),
  })
  try {
    const reader = openReader(file)
    const { logMaxBytes = LOG_MAX_BYTES, ...bounds } = options.search ?? SEARCH
    const between = () => (logBytes(file) > logMaxBytes ? queue.checkpoint() : undefined)
    const searches = new SearchThread({ file, clock: options.clock, between, ...bounds })
    return createStore({ queue, file, reader, searches, listeners, clock: options.clock, unlock })
  } catch (thrown) {
    queue.fail(toError(thrown))
    throw thrown
  }
}

function logBytes(file: string): number {
  return statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0
}

function prepareFile(file: string, pragmas: Parameters<typeof openWriter>[1]): void {
  createPrivate(file)
  try {
    const db = openWriter(file, pragmas)
    try {
      migrate(db, file)
    } finally {
      db.close()
    }
  } catch (thrown) {
    throw isDamaged(thrown) ? new UserError(damageOf(file), { cause: thrown }) : thrown
  }
}

interface Parts {
  readonly queue: GroupQueue
  readonly file: string
  readonly reader: DatabaseSync
  readonly searches: SearchThread
  readonly listeners: ((deliveries: readonly PendingDelivery[]) => void)[]
  readonly clock: Clock
  readonly unlock: () => void
}

function createStore({ queue, file, reader, searches, listeners, clock, unlock }: Parts): Store {
  // Whoever comes upon damage first, a reader or the writer: it ends the store.
  const reads = judgedReads(reader, (thrown) => {
    if (!isDamaged(thrown)) return thrown
    const error = new UserError(damageOf(file), { cause: thrown })
    queue.fail(error)
    return error
  })
  const prepare = statementCache(reads)
  const counters = openCounters(prepare)
  const writes = createWrites({ queue, counters, clock })
  const deliveryReader = createDeliveryReader(prepare)
  let closed: Promise<void> | undefined
  const close = async () => {
    await writes.finish()
    await searches.close()
    reader.close()
    await queue.close()
    unlock()
  }
  return {
    ...createRecordReader(reader, rowReader(reads), clock, (table, search, asker) =>
      searches.search(table, search, asker),
    ),
    ...deliveryReader,
    allocateId: (table) => counters.nextId(table),
    commit: (write) => writes.commit(write),
    onDeliveries: (listener) => void listeners.push(listener),
    recordDispatch: async (write) => void (await writes.untilWritten(encodeDispatch(write))),
    cancelPending: (webhook, reason, at) => cancelPending(writes, counters.peekSeq(), { webhook, reason, at }),
    prune: (bounds) => prune(writes, bounds),
    async redeliver(seq, at) {
      const source = await deliveryReader.delivery(seq)
      return source === undefined ? undefined : writes.queueAgain(source, at)
    },
    async resources() {
      const rows = prepare('SELECT record FROM resources ORDER BY key').all()
      return rows.map((row) => JSON.parse(String(row['record'])) as ResourceRecord)
    },
    saveResources: (save, remove) => writes.once(encodeResources(save, remove)),
    get healthy() {
      return queue.healthy
    },
    failed: queue.failed,
    close: () => (closed ??= close()),
  }
}

interface Cancel {
  readonly webhook: string
  readonly reason: string
  readonly at: number
}

/** What is queued from now on is not meant: a webhook that comes back while we are at it keeps its new deliveries. */
async function cancelPending(writes: Writes, beforeSeq: number, { webhook, reason, at }: Cancel): Promise<number> {
  for (let total = 0; ;) {
    const [count = 0] = await writes.untilWritten(['cancel', webhook, reason, at, beforeSeq, CANCEL_PIECE])
    total += count
    if (count < CANCEL_PIECE) return total
  }
}

/** What comes later can drop what this could not: a disk that cannot be written is not waited for. */
async function prune(writes: Writes, bounds: PruneBounds): Promise<Pruned> {
  let deliveries = 0
  for (let after = -1, more = 1; more !== 0 && !bounds.signal?.aborted;) {
    const written = await writes.tryOnce(['prune', after, bounds.finishedBefore, bounds.maxBytes])
    if (!written.ok) return { deliveries, unavailable: written.error }
    deliveries += written.value[0] ?? 0
    after = written.value[1] ?? after
    more = written.value[2] ?? 0
  }
  return { deliveries }
}
