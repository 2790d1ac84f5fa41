import { SecretValue } from '../../base/secret.ts'
import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { SecretLookup, SecretSource } from '../../resources/source.ts'
import type { TreeBatch } from './file-table.ts'
import type { TreeShape } from './scan.ts'
import { FileTree } from './tree.ts'

export interface DirectorySecretsOptions {
  readonly root: string
  readonly clock: Clock
  readonly log: Log
}

/** `name/key`, and nothing else. Names beginning with two dots are the insides of a mounted Secret. */
const SHAPE: TreeShape = {
  skips: (name) => name.startsWith('..'),
  isFile: (path) => path.includes('/'),
}

/** What Kubernetes allows: no slash, so that a reference cannot leave the directory it names. */
const NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/
const KEY = /^(?!\.\.)[-._a-zA-Z0-9]+$/

const NOT_TEXT = 'is not UTF-8 text: write a binary signature key as whsec_ and the base64 of its bytes'

type Values = Map<string, SecretLookup>

/**
 * Secrets as the files `root/name/key`, held in memory as of when each last held still: a half-written Secret is never used. A file
 * that cannot be read keeps the value it had, and so does everything while `root` is missing.
 */
export function createDirectorySecrets({ root, clock, log }: DirectorySecretsOptions): SecretSource {
  const secrets = new Map<string, Values>()
  let notify: (names: ReadonlySet<string>) => void = () => undefined
  const tree: FileTree<SecretLookup> = new FileTree({
    root,
    shape: SHAPE,
    clock,
    log,
    interpret: decode,
    onBatch: (batch) => {
      const names = applyBatch(secrets, batch)
      if (names.size > 0) notify(names)
    },
  })
  return {
    get(name, key) {
      if (!NAME.test(name)) return { state: 'not-found' }
      const known = KEY.test(key) ? secrets.get(name)?.get(key) : undefined
      return known ?? unknown(tree, name, key)
    },
    async start(onChange) {
      notify = onChange
      await tree.start()
    },
    stop: () => tree.stop(),
  }
}

/** A key is never guessed: replacing bytes that are no text would sign with another one. A byte order mark is part of the value. */
function decode(bytes: Buffer): SecretLookup {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
    return { state: 'found', value: new SecretValue(text) }
  } catch {
    return { state: 'malformed', reason: NOT_TEXT }
  }
}

function unknown(tree: FileTree<SecretLookup>, name: string, key: string): SecretLookup {
  // A missing root is what an installation without Secrets looks like; any other failure may hide one.
  if (tree.isRootMissing) return { state: 'not-found' }
  const failure = tree.failures.get(name) ?? tree.failures.get('')
  if (failure) return { state: 'unreadable', reason: failure.reason }
  if (tree.isUnknown(`${name}/${key}`)) return { state: 'unreadable', reason: 'it has not been read yet' }
  return { state: tree.hasDirectory(name) ? 'key-missing' : 'not-found' }
}

/** The names of the Secrets that changed. */
function applyBatch(secrets: Map<string, Values>, batch: TreeBatch<SecretLookup>): Set<string> {
  const changed = new Set<string>()
  const set = (path: string, lookup: SecretLookup | undefined) => {
    const [name = '', key = ''] = path.split('/')
    const values: Values = secrets.get(name) ?? new Map<string, SecretLookup>()
    if (lookup) secrets.set(name, values.set(key, lookup))
    else if (values.delete(key) && values.size === 0) secrets.delete(name)
    changed.add(name)
  }
  for (const [path, lookup] of batch.read) set(path, lookup)
  for (const path of batch.gone) set(path, undefined)
  for (const [path, failure] of batch.failing) {
    const [name = '', key = ''] = path.split('/')
    const state = secrets.get(name)?.get(key)?.state ?? 'unreadable'
    if (failure && state === 'unreadable') set(path, { state: 'unreadable', reason: failure.reason })
  }
  return changed
}
