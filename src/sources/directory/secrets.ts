import { isDeepStrictEqual } from 'node:util'
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

/** A file was met and is about to be read, which will be told of. */
const NOT_READ_YET: SecretLookup = { state: 'unreadable', reason: 'it has not been read yet' }

type Values = Map<string, SecretLookup>

/**
 * Secrets as the files `root/name/key`, held in memory as of when each last held still: a half-written Secret is never used. A file
 * that cannot be read keeps the value it had, and so does everything while `root` is missing.
 */
export function createDirectorySecrets({ root, clock, log }: DirectorySecretsOptions): SecretSource {
  // All files of the shape, referenced or not: none is larger than 1 MiB, and a reference that comes later is answered at once.
  const secrets = new Map<string, Values>()
  const asked = new Asked((name, key) => unknown(tree, name, key))
  let onChange: (names: ReadonlySet<string>) => void = () => undefined
  const notify = (changed: ReadonlySet<string>) => {
    const names = new Set([...changed, ...asked.turned()])
    if (names.size > 0) onChange(names)
  }
  const tree: FileTree<SecretLookup> = new FileTree({
    root,
    shape: SHAPE,
    clock,
    log,
    interpret: decode,
    onBatch: (batch) => notify(applyBatch(secrets, batch)),
    onDirectories: () => notify(new Set()),
  })
  return {
    get(name, key) {
      if (!NAME.test(name)) return { state: 'not-found' }
      const known = KEY.test(key) ? secrets.get(name)?.get(key) : undefined
      return known ?? asked.answer(name, key)
    },
    async start(listener) {
      onChange = listener
      await tree.start()
    },
    stop: () => tree.stop(),
  }
}

/**
 * The answers given without a file, by name and key: they turn when a directory comes or goes, or the root's failure, and no file tells
 * so. Holds what is asked for and not there, which is little.
 */
class Asked {
  readonly #answers = new Map<string, Map<string, SecretLookup>>()
  readonly #lookUp: (name: string, key: string) => SecretLookup

  constructor(lookUp: (name: string, key: string) => SecretLookup) {
    this.#lookUp = lookUp
  }

  answer(name: string, key: string): SecretLookup {
    const lookup = this.#lookUp(name, key)
    const answers = this.#answers.get(name) ?? new Map<string, SecretLookup>()
    this.#answers.set(name, answers.set(key, lookup))
    return lookup
  }

  /** The names of which something else would be said now; they are forgotten until they are asked for again. */
  turned(): Set<string> {
    const hasTurned = (name: string, key: string, before: SecretLookup) => {
      const now = this.#lookUp(name, key)
      return now !== NOT_READ_YET && !isDeepStrictEqual(now, before)
    }
    const turned = [...this.#answers].filter(([name, answers]) => {
      return [...answers].some(([key, before]) => hasTurned(name, key, before))
    })
    for (const [name] of turned) this.#answers.delete(name)
    return new Set(turned.map(([name]) => name))
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
  if (tree.isUnknown(`${name}/${key}`)) return NOT_READ_YET
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
