import {
  closeSync,
  constants,
  fstatSync,
  lstat,
  lstatSync,
  open,
  openSync,
  readSync,
  stat,
  statSync,
  type Stats,
} from 'node:fs'
import { promisify } from 'node:util'
import { errorCode } from '../../base/errors.ts'
import { FILE_BYTES_MAX } from '../../resources/yaml-text.ts'

// The callback functions, not fs.promises: a scan of 10,000 files costs half as much with them.
const statAt = promisify(stat)
const lstatAt = promisify(lstat)
const openAt = promisify(open)

/** Why something that is there cannot be read; for people. */
export interface Failure {
  readonly code: 'Unreadable' | 'Unparsable'
  /** Completes the sentence "cannot be read: ...". */
  readonly reason: string
  readonly hint: string
}

/** What one glance at a path shows. Two equal identities mean that nobody touched the file in between. */
export type Look =
  | { readonly kind: 'file'; readonly identity: string }
  | { readonly kind: 'failed'; readonly failure: Failure }
  | { readonly kind: 'missing' }

/** A file as a scan met it. */
export interface FoundFile {
  /** Relative to the root, with slashes. */
  readonly path: string
  readonly look: Look
  readonly actual: string
}

export type ReadOutcome =
  | { readonly kind: 'read'; readonly bytes: Buffer }
  | { readonly kind: 'changed'; readonly look: Look }
  | { readonly kind: 'failed'; readonly failure: Failure }

export function sameLook(a: Look, b: Look): boolean {
  if (a.kind === 'file') return b.kind === 'file' && a.identity === b.identity
  if (a.kind === 'failed') return b.kind === 'failed' && a.failure.reason === b.failure.reason
  return b.kind === 'missing'
}

/**
 * How the file system is asked. `pooled`: through the thread pool, where a file server that does not answer blocks nobody else; for a
 * few files. `direct`: at once, for the many files of a directory that has just answered: 10,000 trips to the pool and back take
 * a second, asking directly a tenth of it.
 */
export type Asking = 'pooled' | 'direct'

/** Looks without opening: a FIFO or a device is never touched. Follows symlinks. */
export async function lookAt(path: string, asking: Asking = 'pooled'): Promise<Look> {
  try {
    return judge(asking === 'direct' ? statSync(path) : await statAt(path))
  } catch (thrown) {
    if (!isAbsence(thrown)) return { kind: 'failed', failure: failureOf(thrown) }
    return (await isDanglingLink(path, asking)) ? { kind: 'failed', failure: DANGLING } : { kind: 'missing' }
  }
}

/** Reads the file if it still is what `identity` says, before and after: never a mix of two versions. */
export async function readUnchanged(path: string, identity: string, asking: Asking): Promise<ReadOutcome> {
  try {
    const bytes = await readIfSame(path, identity, asking)
    return bytes ? { kind: 'read', bytes } : { kind: 'changed', look: await lookAt(path, asking) }
  } catch (thrown) {
    const look = await lookAt(path, asking)
    const unchanged = look.kind === 'file' && look.identity === identity
    return unchanged ? { kind: 'failed', failure: failureOf(thrown) } : { kind: 'changed', look }
  }
}

// O_NONBLOCK: should a FIFO have taken the file's place since the look, opening it must not wait for a writer.
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NONBLOCK

/** Once it is open, a file of at most 1 MiB is read at once: a server that does not answer would have been met by opening. */
async function readIfSame(path: string, identity: string, asking: Asking): Promise<Buffer | undefined> {
  const fd = asking === 'direct' ? openSync(path, OPEN_FLAGS) : await openAt(path, OPEN_FLAGS)
  try {
    const stats = fstatSync(fd)
    if (identityOf(stats) !== identity) return undefined
    const bytes = readWhole(fd, stats.size)
    return bytes.length === stats.size && identityOf(fstatSync(fd)) === identity ? bytes : undefined
  } finally {
    closeSync(fd)
  }
}

function readWhole(fd: number, size: number): Buffer {
  const buffer = Buffer.allocUnsafe(size)
  let length = 0
  while (length < size) {
    const bytesRead = readSync(fd, buffer, length, size - length, null)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return buffer.subarray(0, length)
}

function judge(stats: Stats): Look {
  if (stats.isDirectory()) return { kind: 'failed', failure: IS_DIRECTORY }
  if (!stats.isFile()) return { kind: 'failed', failure: NOT_REGULAR }
  if (stats.size > FILE_BYTES_MAX) return { kind: 'failed', failure: TOO_LARGE }
  return { kind: 'file', identity: identityOf(stats) }
}

/** The change time is in it too: it tells of a change that set the modification time back, and of a new permission. */
function identityOf(stats: Stats): string {
  return `${stats.dev}:${stats.ino}:${stats.size}:${stats.mtimeMs}:${stats.ctimeMs}`
}

async function isDanglingLink(path: string, asking: Asking): Promise<boolean> {
  try {
    if (asking === 'direct') lstatSync(path)
    else await lstatAt(path)
    return true
  } catch {
    return false
  }
}

/** True when the error says that nothing is there, rather than that we could not look. */
export function isAbsence(thrown: unknown): boolean {
  const code = errorCode(thrown)
  return code === 'ENOENT' || code === 'ENOTDIR'
}

function unreadable(reason: string, hint: string): Failure {
  return { code: 'Unreadable', reason, hint }
}

/** What is behind such a link may come back: on a disk that is not mounted yet, or a directory about to be replaced. */
export const DANGLING = unreadable(
  'it is a link to something that does not exist',
  'Point the link at something that exists, or remove it.',
)
const IS_DIRECTORY = unreadable('it is a directory', 'Give the directory a name that is not that of a file.')
const NOT_REGULAR = unreadable('it is not a regular file', 'Put a regular file in its place.')
const TOO_LARGE: Failure = {
  code: 'Unparsable',
  reason: 'it is larger than 1 MiB',
  hint: 'Split it into several files.',
}
const DENIED = unreadable('permission denied', 'Let the account this program runs as read it.')

const FAILURES: Readonly<Record<string, Failure>> = {
  ENOENT: unreadable('it does not exist', 'Create it, or correct the path.'),
  ENOTDIR: unreadable('it is not a directory', 'Put a directory in its place, or correct the path.'),
  EACCES: DENIED,
  EPERM: DENIED,
  ELOOP: unreadable('its symbolic links go round in a circle', 'Point the link at a file.'),
  EMFILE: unreadable('too many files are open', 'Raise the limit of open files (ulimit -n).'),
  ENFILE: unreadable('too many files are open on this machine', 'Raise the limit of open files of the system.'),
}

export function failureOf(thrown: unknown): Failure {
  const code = errorCode(thrown) ?? 'unknown error'
  return FAILURES[code] ?? unreadable(code, 'Look at the disk or the mount it is on; it is tried again by itself.')
}
