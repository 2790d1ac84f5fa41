import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'

const ROOT = join(import.meta.dirname, '..')
/** What goes into the package as it is, beside the compiled program. */
const CARRIED = [
  'LICENSE',
  'README.md',
  'CHANGELOG.md',
  'docs',
  'crds',
  'schemas',
  'examples/resources',
  'examples/kubectl',
]

interface Lock {
  readonly packages: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

/**
 * The folder that is published, laid out below `target`: the compiled program, and a package.json for people who install it. Node.js
 * does not run TypeScript below node_modules, so its `bin` is not that of the checkout; npm cannot exchange it on publishing. `unchecked`:
 * whoever has had the types checked already need not wait for it again.
 */
export function layOutPackage(target: string, unchecked = false): void {
  rmSync(target, { recursive: true, force: true })
  mkdirSync(target, { recursive: true })
  compile(join(target, 'dist'), unchecked ? ['--noCheck'] : [])
  for (const path of CARRIED) cpSync(join(ROOT, path), join(target, path), { recursive: true })
  const manifest = publishedManifest(readJson('package.json'))
  writeJson(join(target, 'package.json'), manifest)
  writeJson(
    join(target, 'npm-shrinkwrap.json'),
    publishedLock(readJson('package-lock.json') as unknown as Lock, manifest),
  )
}

function compile(outDir: string, more: readonly string[]): void {
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
  // Neither types nor maps: it is a program, and the sources that maps lead to are not in the package.
  const lean = ['--declaration', 'false', '--sourceMap', 'false']
  const given = ['-p', join(ROOT, 'tsconfig.build.json'), '--outDir', outDir, ...lean, ...more]
  execFileSync(process.execPath, [tsc, ...given], { stdio: 'inherit' })
}

function publishedManifest(manifest: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const { name, version, description, license, type, engines, dependencies } = manifest
  return {
    ...{ name, version, description, license, type, engines },
    bin: { nepenthes: 'dist/cli/main.js' },
    publishConfig: { access: 'public', provenance: true },
    dependencies,
  }
}

/** The versions the tests ran with, and nobody else's: of the lock what is installed for running. */
function publishedLock(lock: Lock, manifest: Readonly<Record<string, unknown>>): unknown {
  const { publishConfig: _, type: __, description: ___, ...root } = manifest
  const installed = Object.entries(lock.packages).filter(([path, entry]) => path !== '' && entry['dev'] !== true)
  return { ...lock, packages: { '': root, ...Object.fromEntries(installed) } }
}

function readJson(file: string): Record<string, unknown> {
  return JSON.parse(readFileSync(join(ROOT, file), 'utf8')) as Record<string, unknown>
}

function writeJson(path: string, value: unknown): void {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`)
}

// As a program: `npm run package` lays it out, and npm makes the tarball of it.
if (import.meta.main) layOutPackage(join(ROOT, 'dist', 'nepenthes-operator'))
