import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { rfc3339Seconds, type Clock } from '../../base/clock.ts'
import { errorCode, UserError } from '../../base/errors.ts'

const SQLITE_BUSY = 5

/**
 * Holds a data directory for this process until the returned function is called, or the process ends: the lock is SQLite's own, on
 * a file of its own, so the kernel drops it however the process dies. Who holds it stands in `lock.json` beside it, for people
 * only. Throws a UserError if another process holds the directory.
 */
export function lockDirectory(directory: string, clock: Clock): () => void {
  const holder = join(directory, 'lock.json')
  createPrivate(join(directory, 'lock'))
  const db = new DatabaseSync(join(directory, 'lock'))
  try {
    db.exec('BEGIN EXCLUSIVE')
  } catch (thrown) {
    db.close()
    if (isBusy(thrown)) throw new UserError(inUse(directory, holder))
    throw thrown
  }
  const startedAt = rfc3339Seconds(clock.now())
  writeFileSync(holder, JSON.stringify({ pid: process.pid, host: hostname(), startedAt }), { mode: 0o600 })
  return () => {
    rmSync(holder, { force: true })
    db.close()
  }
}

/**
 * Creates an empty file for SQLite that only its owner may read; what SQLite puts beside it gets the same mode. One that exists is
 * not even opened: closing any descriptor of it would drop the locks this process may hold on it (POSIX).
 */
export function createPrivate(file: string): void {
  try {
    closeSync(openSync(file, 'wx', 0o600))
  } catch (thrown) {
    if (errorCode(thrown) !== 'EEXIST') throw thrown
  }
}

function isBusy(thrown: unknown): boolean {
  return thrown instanceof Error && 'errcode' in thrown && thrown.errcode === SQLITE_BUSY
}

function inUse(directory: string, holder: string): string {
  return (
    `the data directory ${directory} is in use by ${describeHolder(holder)}: ` +
    'stop that process, or give this one a directory of its own with --data'
  )
}

function describeHolder(holder: string): string {
  try {
    const { pid, host, startedAt } = JSON.parse(readFileSync(holder, 'utf8')) as Record<string, unknown>
    return `process ${String(pid)} on ${String(host)}, started ${String(startedAt)}`
  } catch {
    return 'another process (which has not said yet who it is)'
  }
}
