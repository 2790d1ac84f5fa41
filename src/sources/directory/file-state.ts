import { sameLook, type Failure, type Look } from './files.ts'

/**
 * The life of one watched file.
 *
 * unseen    No record. The first look that finds something there makes it settling.
 * settling  Something is there and changed, or was reported as changed, at `since`. Once it has been still for SETTLE_MS it is read
 *           (or, if it could not even be looked at, found failing). Any change on the way starts the wait again. What it said before
 *           stays in force meanwhile.
 * read      Its content is in force. Left when a look shows another identity, when a watcher reports it, or when it is not there.
 * failing   It is there but cannot be read: permission, I/O error, a directory or FIFO in its place, too large, its directory silent.
 *           What it said before stays in force. Left as `read` is; a failure to read is tried again by every scan.
 * vanishing It was not there when last looked at. Held for VANISH_MS, because a file may be on its way to another name or about to
 *           be written anew; believed then only if its directory, and every one above it that is left, still answers.
 * gone      Believed: the record is dropped and its content leaves. The same as unseen from then on.
 */
export type FilePhase = 'settling' | 'read' | 'failing' | 'vanishing'

export interface FileRecord {
  readonly phase: FilePhase
  readonly look: Look
  /** Monotonic milliseconds of the last change. */
  readonly since: number
  /** Where the bytes are: differs from the file's own path below a `..data` link, which is resolved once for all its files. */
  readonly actual: string
  /** The directory with the `..data` link the file came through: its files are applied all together or not at all. */
  readonly mount: string | undefined
  /** Set exactly while failing. */
  readonly failure: Failure | undefined
  /** Digest of the bytes in force; undefined until the first successful read. */
  readonly digest: string | undefined
}

export interface Sighting {
  readonly look: Look
  readonly now: number
  readonly actual: string
  readonly mount?: string | undefined
  /** A watcher reported the file: it is read again even if it looks the same, for a file system may count in whole seconds. */
  readonly woken: boolean
}

/** A half-written document often parses, without its last lines: only what has been still this long is read. */
export const SETTLE_MS = 20
/** `git checkout` removes before it writes; a shorter hold would show a moved resource as deleted and created. */
export const VANISH_MS = 100

export function observe(record: FileRecord | undefined, sighting: Sighting): FileRecord | undefined {
  const { look, now, actual, mount } = sighting
  if (!record) {
    if (look.kind === 'missing') return undefined
    return { phase: 'settling', look, since: now, actual, mount, failure: undefined, digest: undefined }
  }
  const same = sameLook(record.look, look) && record.actual === actual
  if (same && !(sighting.woken && look.kind !== 'missing')) return record
  const phase = look.kind === 'missing' ? 'vanishing' : 'settling'
  return { ...record, phase, look, since: now, actual, mount, failure: undefined }
}

/** When the record asks to be acted on, in monotonic milliseconds; undefined while nothing is pending. */
export function dueAt(record: FileRecord): number | undefined {
  if (record.phase === 'settling') return record.since + SETTLE_MS
  // A listing behind a `..data` link is whole by itself: what it lacks leaves together with what it brings.
  if (record.phase === 'vanishing') return record.since + (record.mount === undefined ? VANISH_MS : SETTLE_MS)
  return undefined
}

export function asRead(record: FileRecord, digest: string): FileRecord {
  return { ...record, phase: 'read', failure: undefined, digest }
}

export function asFailing(record: FileRecord, failure: Failure): FileRecord {
  return { ...record, phase: 'failing', failure }
}

/** A failed read of a file that looks readable: the look is forgotten, so that the next scan tries again. */
export function asFailingRead(record: FileRecord, failure: Failure): FileRecord {
  return { ...asFailing(record, failure), look: { kind: 'failed', failure } }
}
