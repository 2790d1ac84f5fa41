/**
 * What a power loss leaves of a store's files.
 *
 * The model: of what was written to a file since its last fsync, any part may be missing, sector by sector (512 bytes, the least
 * that disks write whole), or everything behind some byte; a file that grew may have kept its new length with zeros in it. What
 * was fsynced stays. When SQLite fsyncs is documented (sqlite.org: PRAGMA synchronous, WAL), and `syscalls.test.ts` sees it happen:
 *
 * FULL    the log at every commit, before it returns; when copying it back, the database before the log is begun anew; when
 *         beginning it anew, its header before what is behind it: frames of the old log under the old header must not look whole.
 * NORMAL  only when copying back and beginning anew: the log before, the database after. Commits since then may be lost.
 * OFF     never: everything since the files were first opened may be lost.
 *
 * So between one acknowledgement and the next, under FULL, the files are on disk as they were at the first, and of the next commit
 * there is some part: either of the log alone, or the whole log and some part of its copying back.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Synchronous } from '../../src/storage/sqlite/pragmas.ts'
import type { SeededRandom } from '../support/seeded-random.ts'

const DATABASE = 'nepenthes.db'
const SECTOR_BYTES = 512
/** https://www.sqlite.org/fileformat2.html#the_write_ahead_log */
const LOG_HEADER_BYTES = 32
const PIECE = 64 * 1024

/** The files of a store as they are at one moment for whoever reads them. */
export interface Image {
  readonly db: Buffer
  readonly wal: Buffer
  /** The index of the log, never fsynced: whatever of it survives must be worthless. */
  readonly shm: Buffer
}

export function readImage(directory: string): Image {
  const read = (suffix: string) => {
    const file = join(directory, DATABASE + suffix)
    return existsSync(file) ? readFileSync(file) : Buffer.alloc(0)
  }
  return { db: read(''), wal: read('-wal'), shm: read('-shm') }
}

export function writeImage(directory: string, { db, wal, shm }: Image): void {
  mkdirSync(directory)
  writeFileSync(join(directory, DATABASE), db)
  writeFileSync(join(directory, `${DATABASE}-wal`), wal)
  if (shm.length > 0) writeFileSync(join(directory, `${DATABASE}-shm`), shm)
}

/** The images at three moments: on disk for certain, at the last acknowledgement, and one commit later. */
export interface Moments {
  readonly durable: Image
  readonly acknowledged: Image
  readonly next: Image
}

/** What was on disk for certain at an acknowledgement, given what was at the one before. */
export function durableAfter(synchronous: Synchronous, { durable, acknowledged, next }: Moments): Image {
  if (synchronous === 'OFF') return durable
  if (synchronous === 'FULL') return next
  return acknowledged.db.equals(next.db) ? durable : next
}

/** One of the states a power loss between the acknowledgement and the next may leave. */
export function afterPowerLoss(synchronous: Synchronous, moments: Moments, random: SeededRandom): Image {
  const { durable, acknowledged, next } = moments
  const shm = random.pick([acknowledged.shm, next.shm, Buffer.alloc(0)])
  if (synchronous === 'OFF')
    return { db: partOf(durable.db, next.db, random), wal: partOf(durable.wal, next.wal, random), shm }
  const copiedBack = !acknowledged.db.equals(next.db)
  // NORMAL: the database is as the log was last copied back, unless it is being copied back now.
  if (copiedBack && random.fraction() < 0.5) return { db: partOf(acknowledged.db, next.db, random), wal: next.wal, shm }
  return { db: acknowledged.db, wal: partOfLog(durable.wal, next.wal, random), shm }
}

/** The old bytes with some of the changes. */
function partOf(before: Buffer, after: Buffer, random: SeededRandom): Buffer {
  const [first, end] = changedRange(before, after)
  if (first === end) return after
  return random.fraction() < 0.5
    ? upTo(before, after, random.integer(first, end))
    : someSectors(before, after, { first, end, share: random.fraction(), random })
}

/** The same of a log that may have been begun anew: its header is then on disk before anything behind it is written over. */
function partOfLog(before: Buffer, after: Buffer, random: SeededRandom): Buffer {
  const begunAnew = !before.subarray(0, LOG_HEADER_BYTES).equals(after.subarray(0, LOG_HEADER_BYTES))
  if (!begunAnew) return partOf(before, after, random)
  if (random.fraction() < 0.25) return upTo(before, after, random.integer(0, LOG_HEADER_BYTES))
  return partOf(upTo(before, after, LOG_HEADER_BYTES), after, random)
}

/** Where they begin to differ, and from where on they are the same again. */
function changedRange(before: Buffer, after: Buffer): [number, number] {
  let first = 0
  // In large pieces as far as they are equal: byte by byte would take longer than the rest of a cut.
  const equalPiece = () => before.subarray(first, first + PIECE).equals(after.subarray(first, first + PIECE))
  while (first + PIECE <= after.length && equalPiece()) first += PIECE
  while (first < after.length && before[first] === after[first]) first += 1
  let end = after.length
  if (before.length >= after.length) while (end > first && before[end - 1] === after[end - 1]) end -= 1
  return [first, end]
}

function upTo(before: Buffer, after: Buffer, end: number): Buffer {
  return Buffer.concat([after.subarray(0, end), before.subarray(end)])
}

interface Sectors {
  readonly first: number
  readonly end: number
  /** How likely each sector is to have been written. */
  readonly share: number
  readonly random: SeededRandom
}

function someSectors(before: Buffer, after: Buffer, { first, end, share, random }: Sectors): Buffer {
  const mixed = Buffer.alloc(Math.max(before.length, after.length))
  before.copy(mixed)
  for (let at = first - (first % SECTOR_BYTES); at < end; at += SECTOR_BYTES) {
    if (random.fraction() < share) after.copy(mixed, at, at, at + SECTOR_BYTES)
  }
  return mixed
}
