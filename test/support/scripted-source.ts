import type { ParseFile, ParsedFile, ResourceKey } from '../../src/resources/resource.ts'
import type { SecretLookup, SecretSource, Source } from '../../src/resources/source.ts'
import { SecretValue } from '../../src/base/secret.ts'

/** A source whose files are put there by the test; documents are read by the real parser. */
export interface ScriptedSource extends Source {
  put(files: Record<string, string>): void
  remove(...files: string[]): void
  /** From now on nothing is known of what this file says. */
  silence(file: string): void
  sync(): void
}

export function createScriptedSource(parse: ParseFile, { synced = true } = {}): ScriptedSource {
  const files = new Map<string, ParsedFile>()
  const silent = new Set<string>()
  let isSynced = synced
  let notify: (keys: ReadonlySet<ResourceKey>) => void = () => {}
  const documents = () => [...files.values()].flatMap((file) => file.documents)
  const keysOf = (names: string[]) => names.flatMap((name) => files.get(name)?.documents.map(({ key }) => key) ?? [])
  return {
    get synced() {
      return isSynced
    },
    get: (key) => documents().find((document) => document.key === key),
    keys: () => documents().map(({ key }) => key),
    problems: () => [...files.values()].flatMap((file) => file.problems),
    notices: () => [],
    place: 'a file',
    silent: (origin) => silent.has(origin) || !isSynced,
    start: async (onChange) => {
      notify = onChange
    },
    stop: async () => {
      notify = () => {}
    },
    put(texts) {
      const before = keysOf(Object.keys(texts))
      for (const [name, text] of Object.entries(texts)) {
        silent.delete(name)
        files.set(name, parse(Buffer.from(text), name))
      }
      notify(new Set([...before, ...keysOf(Object.keys(texts))]))
    },
    remove(...names) {
      const keys = keysOf(names)
      for (const name of names) {
        files.delete(name)
        silent.delete(name)
      }
      notify(new Set(keys))
    },
    silence(name) {
      const keys = keysOf([name])
      files.delete(name)
      silent.add(name)
      notify(new Set(keys))
    },
    sync() {
      isSynced = true
      notify(new Set(documents().map(({ key }) => key)))
    },
  }
}

/** Secrets held in memory; what is not set does not exist. */
export interface ScriptedSecrets extends SecretSource {
  set(name: string, key: string, value: string | SecretLookup | undefined): void
  /** What the spec in force of each resource reads, by what whoever reconciles told. */
  readonly reads: ReadonlyMap<ResourceKey, readonly string[]>
}

export function createScriptedSecrets(): ScriptedSecrets {
  const values = new Map<string, SecretLookup>()
  const told = new Map<ResourceKey, readonly string[]>()
  let notify: (names: ReadonlySet<string>) => void = () => {}
  return {
    get: (name, key) =>
      values.get(`${name}/${key}`) ?? {
        state: [...values.keys()].some((id) => id.startsWith(`${name}/`)) ? 'key-missing' : 'not-found',
      },
    inForce(resource, refs) {
      const ids = refs.map(({ name, key }) => `${name}/${key}`)
      if (ids.length > 0) told.set(resource, ids)
      else told.delete(resource)
    },
    reads: told,
    start: async (onChange) => {
      notify = onChange
    },
    stop: async () => {},
    set(name, key, value) {
      if (value === undefined) values.delete(`${name}/${key}`)
      else
        values.set(
          `${name}/${key}`,
          typeof value === 'string' ? { state: 'found', value: new SecretValue(value) } : value,
        )
      notify(new Set([name]))
    },
  }
}
