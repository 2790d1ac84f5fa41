import { isRecord } from '../../resources/finding.ts'

/** Which keys of which Secrets are used: only those are kept in memory. */
export class References {
  readonly #byHolder = new Map<string, readonly Reference[]>()
  /** Name -> key -> by how many holders. */
  readonly #counts = new Map<string, Map<string, number>>()

  /** What a document, or the spec in force of a resource, refers to from now on. */
  set(holder: string, references: readonly Reference[]): void {
    for (const { name, key } of references) this.#count(name, key, 1)
    for (const { name, key } of this.#byHolder.get(holder) ?? []) this.#count(name, key, -1)
    if (references.length > 0) this.#byHolder.set(holder, references)
    else this.#byHolder.delete(holder)
  }

  has(name: string, key: string): boolean {
    return this.#counts.get(name)?.has(key) ?? false
  }

  names(): Iterable<string> {
    return this.#counts.keys()
  }

  keys(name: string): readonly string[] {
    return [...(this.#counts.get(name)?.keys() ?? [])]
  }

  #count(name: string, key: string, change: number): void {
    const keys = this.#counts.get(name) ?? new Map<string, number>()
    const count = (keys.get(key) ?? 0) + change
    if (count > 0) keys.set(key, count)
    else keys.delete(key)
    if (keys.size > 0) this.#counts.set(name, keys)
    else this.#counts.delete(name)
  }
}

export interface Reference {
  readonly name: string
  readonly key: string
}

/** Every `secretKeyRef` in a spec as it is written, valid or not. */
export function referencesIn(spec: unknown): Reference[] {
  if (Array.isArray(spec)) return spec.flatMap(referencesIn)
  if (!isRecord(spec)) return []
  return Object.entries(spec).flatMap(([field, value]) =>
    /^(previousS|s)ecretKeyRef$/.test(field) ? referenceOf(value) : referencesIn(value),
  )
}

function referenceOf(value: unknown): Reference[] {
  if (!isRecord(value)) return []
  const { name, key } = value
  return typeof name === 'string' && typeof key === 'string' ? [{ name, key }] : []
}
