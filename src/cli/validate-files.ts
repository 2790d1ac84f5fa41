import { open, readdir, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { errorCode, toError } from '../base/errors.ts'
import { tooLargeProblem } from '../resources/parse.ts'
import type { Problem } from '../resources/problem.ts'

const RESOURCE_FILE = /\.(ya?ml|json)$/

/** The name of standard input, which `-` asks for. */
export const STDIN = '<stdin>'

export type Input = AsyncIterable<Uint8Array>

export interface FoundFiles {
  /** As people gave them, directories expanded; sorted, each once, by the first of its names. */
  readonly files: readonly string[]
  readonly problems: readonly Problem[]
  /** Paths given that do not exist. */
  readonly missing: readonly string[]
}

/** The files to check: those named, whatever their extension, and below directories those with one of ours. */
export async function findFiles(paths: readonly string[]): Promise<FoundFiles> {
  const files = new Files()
  const problems: Problem[] = []
  const missing: string[] = []
  for (const path of paths) {
    if (path === '-') {
      files.addStdin()
      continue
    }
    try {
      if ((await stat(path)).isDirectory()) await walk(path, files, problems, new Set())
      else await files.add(path)
    } catch (thrown) {
      if (errorCode(thrown) === 'ENOENT' || errorCode(thrown) === 'ENOTDIR') missing.push(path)
      else problems.push(unreadable(path, thrown))
    }
  }
  return { files: files.names(), problems, missing }
}

/**
 * Files by where they are: `a.yaml`, `./a.yaml` and `../here/a.yaml` are one. A link beside its target is two, as it is to the
 * operator.
 */
class Files {
  readonly #names = new Map<string, string>()

  async add(path: string): Promise<void> {
    const place = join(await realpath(dirname(path)), basename(path))
    if (!this.#names.has(place)) this.#names.set(place, path)
  }

  addStdin(): void {
    this.#names.set('-', STDIN)
  }

  names(): string[] {
    return [...this.#names.values()].sort()
  }
}

/** Follows symlinks, as mounted ConfigMaps need; a directory met twice by its real path is not entered again. */
async function walk(directory: string, files: Files, problems: Problem[], entered: Set<string>): Promise<void> {
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

async function visit(path: string, files: Files, problems: Problem[], entered: Set<string>): Promise<void> {
  try {
    const stats = await stat(path)
    if (stats.isDirectory()) await walk(path, files, problems, entered)
    else if (RESOURCE_FILE.test(path)) await files.add(path)
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

/** The bytes of a stream, or the problem that it has too many; it is not read any further then. */
export async function readStream(input: Input): Promise<Buffer | Problem> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of input) {
    chunks.push(chunk)
    size += chunk.byteLength
    const problem = tooLargeProblem(STDIN, size)
    if (problem) return problem
  }
  return Buffer.concat(chunks)
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
