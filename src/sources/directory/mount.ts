import type { Dirent } from 'node:fs'
import { readdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { fail, ok, type Result } from '../../base/result.ts'
import { failureOf, lookAt, type Failure, type FoundFile } from './files.ts'

/**
 * The link Kubernetes swaps a ConfigMap or Secret mount by: the files of a version lie in a directory of their own, `..data` points
 * at it, and every visible name is a link through `..data`.
 */
export const MOUNT_LINK = '..data'

export interface MountListing {
  /** The names at the top of the mount. */
  readonly names: ReadonlySet<string>
  readonly files: readonly FoundFile[]
}

interface MountReader {
  /** What the link points at: resolved once. */
  readonly target: string
  readonly prefix: string
  readonly wanted: (entries: readonly Dirent[]) => readonly Dirent[]
  readonly isFile: (path: string) => boolean
  readonly files: FoundFile[]
}

/**
 * Resolves the link once and takes everything from where it points, so that the listing is of one version. Fails when that version is
 * removed on the way: the link has been swapped, and the next try sees the new one.
 */
export async function listMount(
  root: string,
  path: string,
  { wanted, isFile }: Pick<MountReader, 'wanted' | 'isFile'>,
): Promise<Result<MountListing, Failure>> {
  try {
    const target = await realpath(join(root, path, MOUNT_LINK))
    const reader: MountReader = { target, prefix: path === '' ? '' : `${path}/`, wanted, isFile, files: [] }
    const names = await listInside(reader, '')
    return ok({ names: new Set(names), files: reader.files })
  } catch (thrown) {
    return fail(failureOf(thrown))
  }
}

/** Real directories only, so the depth is bounded by what a path can hold. */
async function listInside(reader: MountReader, inner: string): Promise<string[]> {
  const { target, prefix, files } = reader
  const entries = reader.wanted(await readdir(join(target, inner), { withFileTypes: true }))
  for (const entry of entries) {
    const below = inner + entry.name
    if (reader.isFile(prefix + below)) files.push(await lookInside(prefix + below, join(target, below)))
    else if (entry.isDirectory()) await listInside(reader, `${below}/`)
  }
  return entries.map(({ name }) => name)
}

async function lookInside(path: string, actual: string): Promise<FoundFile> {
  const look = await lookAt(actual)
  if (look.kind === 'missing') throw Object.assign(new Error('the mount was swapped'), { code: 'ENOENT' })
  return { path, look, actual }
}
