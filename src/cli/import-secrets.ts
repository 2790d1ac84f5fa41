import { access } from 'node:fs/promises'
import { join } from 'node:path'
import type { Document } from '../resources/resource.ts'
import { readSecret, type ReadOnceOptions, type StoredSecret } from '../sources/kubernetes/read-once.ts'
import { referencesIn, type Reference } from '../sources/kubernetes/references.ts'
import { SECRET_LABEL } from '../sources/kubernetes/secrets.ts'
import type { WishedFile } from './import-write.ts'
import type { ImportWish } from './import.ts'
import { targetText } from './target.ts'

const OWNER_ONLY = 0o600

/** Which keys of a Secret are referred to, and by whom. */
interface ReferredSecret {
  readonly name: string
  /** By key, the resources that refer to it. */
  readonly keys: ReadonlyMap<string, readonly string[]>
}

/** Every Secret the documents refer to, by name and key. */
export function referredSecrets(documents: readonly Document[]): ReferredSecret[] {
  const found = documents.flatMap((document) => {
    const by = targetText({ kind: document.kind, name: document.metadata.name })
    return referencesIn(document.rawSpec).map((reference) => ({ ...reference, by }))
  })
  const names = [...new Set(found.map(({ name }) => name))].sort()
  return names.map((name) => {
    const keys = new Map<string, string[]>()
    for (const { key, by } of found.filter((one) => one.name === name).sort(byKey))
      keys.set(key, [...new Set([...(keys.get(key) ?? []), by])])
    return { name, keys }
  })
}

function byKey(a: Reference, b: Reference): number {
  return a.key === b.key ? 0 : a.key < b.key ? -1 : 1
}

/** The files that file mode reads these Secrets from, with what the cluster has; a Secret that may not be used is a problem. */
export async function readSecretFiles(
  directory: string,
  documents: readonly Document[],
  options: ReadOnceOptions,
): Promise<{ files: WishedFile[]; problems: string[] }> {
  const files: WishedFile[] = []
  const problems: string[] = []
  for (const { name, keys } of referredSecrets(documents)) {
    const read = await readSecret(name, options)
    if (!read.ok) {
      problems.push(`Secret ${name} cannot be read: ${read.error.message}\n`)
      continue
    }
    for (const key of keys.keys()) {
      const fault = faultOf(name, key, read.value)
      const value = read.value.values.get(key)
      if (fault !== undefined) problems.push(fault)
      else files.push({ path: join(directory, name, key), text: () => value?.reveal() ?? '', mode: OWNER_ONLY })
    }
  }
  return { files, problems: [...new Set(problems)] }
}

/** Without the label a webhook may not use it in the cluster; as a file it could, so whoever owns the Secret has to agree first. */
function faultOf(name: string, key: string, { permitted, values }: StoredSecret): string | undefined {
  if (!permitted)
    return `Secret ${name} may not be used by webhooks, so it is not taken over\n    Permit it: kubectl label secret ${name} ${SECRET_LABEL}=true\n`
  if (!values.has(key)) return `Secret ${name} has no key ${key}\n    Add it, or correct the reference.\n`
  if (values.get(key) === undefined)
    return `key ${key} of Secret ${name} is not UTF-8 text, which file mode refuses\n    Store a binary signature key as whsec_ and the base64 of its bytes.\n`
  return undefined
}

/** What remains to be said of Secrets after resources were taken from a cluster. */
export function clusterSecrets({ secretsDir, withSecrets }: ImportWish, documents: readonly Document[]): string {
  const places = referredSecrets(documents).flatMap(({ name, keys }) =>
    [...keys].map(([key, by]) => `  ${join(secretsDir, name, key)}  for ${by.join(', ')}\n`),
  )
  if (places.length === 0 || withSecrets) return ''
  const head = 'Secrets are referred to; their values were not read. File mode reads them from these files:\n'
  return `${head}${places.join('')}Write them yourself, or import once more with --with-secrets.\n`
}

/** The commands that make manifests and Secrets of a directory those of a cluster. */
export async function fileSecrets(wish: ImportWish, documents: readonly Document[]): Promise<string> {
  const kubectl = wish.namespace === undefined ? 'kubectl' : `kubectl --namespace ${wish.namespace}`
  const secrets = referredSecrets(documents)
  const commands = secrets.map((secret) => secretCommands(kubectl, wish.secretsDir, secret))
  const absent = (await Promise.all(secrets.map((secret) => absentFiles(wish.secretsDir, secret)))).flat()
  const head = 'Secrets are referred to; make them of the files that file mode reads:\n'
  const missing = absent.map((path) => `notice: ${path} is not there: name the right directory with --secrets\n`)
  const apply = wish.to === undefined ? '' : `Apply the manifests:\n  ${kubectl} apply -f ${quoted(wish.to)}\n`
  return [...(secrets.length > 0 ? [head, ...commands, ...missing] : []), apply].join('')
}

function secretCommands(kubectl: string, directory: string, { name, keys }: ReferredSecret): string {
  const files = [...keys.keys()].map((key) => ` --from-file=${quoted(`${key}=${join(directory, name, key)}`)}`)
  const make = `  ${kubectl} create secret generic ${name}${files.join('')}\n`
  return `${make}  ${kubectl} label secret ${name} ${SECRET_LABEL}=true\n`
}

async function absentFiles(directory: string, { name, keys }: ReferredSecret): Promise<string[]> {
  const paths = [...keys.keys()].map((key) => join(directory, name, key))
  const there = await Promise.all(
    paths.map((path) =>
      access(path).then(
        () => true,
        () => false,
      ),
    ),
  )
  return paths.filter((_, index) => !there[index])
}

/** One word to a shell. */
function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}
