import { isAbsolute, join, relative, sep } from 'node:path'

/**
 * The path, relative to `root`, of the file that an origin names. Origins name files as the person gave the directory, and are stored;
 * a later run may be given the same directory in other words: `config`, `/srv/config`, a link to it, `.` after a `cd`. An origin that
 * begins with `root` as it is given now, or is absolute and leads into it, is taken at its word. Of any other the longest end that
 * `couldBe` a file here is taken. A wrong guess keeps a resource for as long as a file of that name says nothing; without a guess one
 * that is live would be deleted.
 */
export function pathOfOrigin(root: string, origin: string, couldBe: (path: string) => boolean): string | undefined {
  const prefix = join(root, 'x').slice(0, -1)
  if (prefix !== '' && origin.startsWith(prefix)) return slashed(origin.slice(prefix.length))
  const inside = slashed(relative(root, origin))
  const leadsInside = !isAbsolute(inside) && inside !== '..' && !inside.startsWith('../')
  if (leadsInside && isAbsolute(origin)) return inside
  const names = slashed(origin).split('/')
  const ends = names.map((_, i) => names.slice(i).join('/'))
  return (leadsInside ? [inside, ...ends] : ends).find(couldBe)
}

function slashed(path: string): string {
  return path.split(sep).join('/')
}
