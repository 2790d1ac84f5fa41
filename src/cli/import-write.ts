import { chmod, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errorCode, toError, UserError } from '../base/errors.ts'
import { fail, ok, type Result } from '../base/result.ts'

/** A file that should be there. */
export interface WishedFile {
  readonly path: string
  /** A function, so that a secret is in nothing that might be printed. */
  readonly text: () => string
  /** Permissions, and that others have none; undefined: what the process gives to files. */
  readonly mode?: number
}

/** `narrowed`: the text is the same, but others may read what only its owner should. */
type Change = 'created' | 'replaced' | 'narrowed' | 'unchanged'

export interface PlannedFile extends WishedFile {
  readonly change: Change
}

/** What has to be done for each file, and what stands in the way of any. */
export async function planWrites(
  wished: readonly WishedFile[],
  overwrite: boolean,
): Promise<{ files: PlannedFile[]; problems: string[] }> {
  const files: PlannedFile[] = []
  const problems: string[] = []
  for (const file of wished) {
    const change = await changeOf(file)
    if (!change.ok) problems.push(`${file.path}: cannot be written: ${change.error}\n`)
    else if (change.value === 'replaced' && !overwrite)
      problems.push(`${file.path}: is there and differs\n    Move it away, or replace it with --overwrite.\n`)
    else files.push({ ...file, change: change.value })
  }
  return { files, problems }
}

async function changeOf({ path, text, mode }: WishedFile): Promise<Result<Change, string>> {
  try {
    const stats = await stat(path)
    if (!stats.isFile()) return fail('it is there and is no file')
    if ((await readFile(path, 'utf8')) !== text()) return ok('replaced')
    return ok(mode !== undefined && (stats.mode & 0o777) !== mode ? 'narrowed' : 'unchanged')
  } catch (thrown) {
    return errorCode(thrown) === 'ENOENT' ? ok('created') : fail(toError(thrown).message)
  }
}

/** Writes what changes, and says of every file what became of it. */
export async function writeAll(files: readonly PlannedFile[], out: (text: string) => void): Promise<void> {
  for (const file of files) {
    try {
      await write(file)
    } catch (thrown) {
      throw new UserError(`${file.path}: cannot be written: ${toError(thrown).message}`, { cause: thrown })
    }
    out(`${file.path} ${file.change}\n`)
  }
}

async function write({ path, text, mode, change }: PlannedFile): Promise<void> {
  if (change === 'unchanged') return
  if (change === 'narrowed') return chmod(path, mode ?? 0o600)
  const directory = dirname(path)
  await mkdir(directory, { recursive: true, ...(mode !== undefined && { mode: 0o700 }) })
  // Renamed into its place: an operator may be watching, which skips names that begin with a dot.
  const aside = join(directory, `.${basename(path).slice(0, 100)}.${process.pid}`)
  try {
    await writeFile(aside, text(), { flag: 'wx', mode: mode ?? 0o666 })
    await rename(aside, path)
  } catch (thrown) {
    await rm(aside, { force: true })
    throw thrown
  }
}
