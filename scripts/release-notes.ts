import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')

/** What the changelog says of the version a tag is for; throws unless the tag, the package and the changelog agree on it. */
export function releaseNotes(tag: string, version: string, changelog: string): string {
  if (tag !== `v${version}`)
    throw new Error(`the tag is ${tag}, but package.json says ${version}: expected v${version}`)
  const sections = changelog.split(/^(?=## )/m)
  const section = sections.find((text) => text.startsWith(`## [${version}] - `))
  const [heading = '', ...notes] = section?.split('\n') ?? []
  if (!/ - \d{4}-\d{2}-\d{2}$/.test(heading))
    throw new Error(
      `CHANGELOG.md has no section "## [${version}] - YYYY-MM-DD": write it, or give it the date of the release`,
    )
  return `${notes.join('\n').trim()}\n`
}

// As a program: `node scripts/release-notes.ts v1.2.3` prints them.
if (import.meta.main) {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  const changelog = readFileSync(join(ROOT, 'CHANGELOG.md'), 'utf8')
  process.stdout.write(releaseNotes(process.argv[2] ?? '', version, changelog))
}
