import { open, readdir, realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, toError } from '../base/errors.ts'
import { tooLargeProblem } from '../resources/parse.ts'
import type { Problem } from '../resources/problem.ts'

const RESOURCE_FILE = /\.(ya?ml|json)$/

export interface FoundFiles {
  /** As people gave them, directories expanded; sorted, each once. */
  readonly files: readonly string[]
  readonly problems: readonly Problem[]
  /** Paths given that do not exist. */
  readonly missing: readonly string[]
}

/** The files to check: those named, whatever their extension, and below directories those with one of ours. */
export async function findFiles(paths: readonly string[]): Promise<FoundFiles> {
  const files = new Set<string>()
  const problems: Problem[] = []
  const missing: string[] = []
  for (const path of paths) {
    try {
      if ((await stat(path)).isDirectory()) await walk(path, files, problems, new Set())
      else files.add(path)
    } catch (thrown) {
      if (errorCode(thrown) === 'ENOENT' || errorCode(thrown) === 'ENOTDIR') missing.push(path)
      else problems.push(unreadable(path, thrown))
    }
  }
  return { files: [...files].sort(), problems, missing }
}

/** Follows symlinks, as mounted ConfigMaps need; a directory met twice by its real path is not entered again. */
async function walk(directory: string, files: Set<string>, problems: Problem[], entered: Set<string>): Promise<void> {
  try {
    const real = await realpath(directory)
    if (entered.has(real)) return
    entered.add(real)
    for (const name of (await readdir(directory)).sort()) {
      // Hidden names: editors' files, `.git`, and the `..data` of a mounted ConfigMap.
      if (!name.startsWith('.')) await visit(join(directory, name), files, problems, entered)
    }
  } catch (thrown) {
    problems.push(unreadable(directory, thrown))
  }
}

async function visit(path: string, files: Set<string>, problems: Problem[], entered: Set<string>): Promise<void> {
  try {
    const stats = await stat(path)
    if (stats.isDirectory()) await walk(path, files, problems, entered)
    else if (RESOURCE_FILE.test(path)) files.add(path)
  } catch (thrown) {
    if (RESOURCE_FILE.test(path)) problems.push(unreadable(path, thrown))
  }
}

/** A file's bytes, or the problem that keeps them from being read. Nothing over the limit is read. */
export async function readResourceFile(file: string): Promise<Buffer | Problem> {
  try {
    if (!(await stat(file)).isFile()) return unreadable(file, new Error('it is not a regular file'))
    await using handle = await open(file)
    const { size } = await handle.stat()
    return tooLargeProblem(file, size) ?? (await handle.readFile())
  } catch (thrown) {
    return unreadable(file, thrown)
  }
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOENT: 'it is a link to nothing, or was removed meanwhile',
  ELOOP: 'its symbolic links go round in a circle',
}

function unreadable(file: string, thrown: unknown): Problem {
  const reason = REASONS[errorCode(thrown) ?? ''] ?? toError(thrown).message
  return { file, line: 1, column: 1, path: '', code: 'Unreadable', message: `cannot be read: ${reason}`, hint: '' }
}
