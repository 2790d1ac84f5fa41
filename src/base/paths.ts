import { existsSync, realpathSync } from 'node:fs'
import { basename, dirname, isAbsolute, join, relative, resolve } from 'node:path'

/** Whether `path` is `directory` or lies below it, symlinks resolved; either need not exist. */
export function isInside(directory: string, path: string): boolean {
  const inside = relative(realPath(directory), realPath(path))
  return inside !== '..' && !inside.startsWith('../') && !isAbsolute(inside)
}

/** The path with its symlinks resolved as far as it exists. */
function realPath(path: string): string {
  const absolute = resolve(path)
  if (existsSync(absolute)) return realpathSync(absolute)
  const parent = dirname(absolute)
  return parent === absolute ? absolute : join(realPath(parent), basename(absolute))
}
