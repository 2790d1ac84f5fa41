import { fails, holds, mergeConditions } from '../status/conditions.ts'
import type { ResourceKey } from '../resources/resource.ts'
import type { Entry } from './entry.ts'

/** What a pass decided and could not store: shown as pending, in force nowhere, judged again. */
export interface Unstored {
  readonly keys: Iterable<ResourceKey>
  get(key: ResourceKey): Entry | undefined
  entries(): Iterable<Entry>
  add(
    keys: readonly ResourceKey[],
    decided: readonly Entry[],
    known: (key: ResourceKey) => Entry | undefined,
    why: Why,
  ): void
  settle(keys: readonly ResourceKey[]): void
}

interface Why {
  readonly error: Error
  readonly now: number
}

export function createUnstored(): Unstored {
  const keys = new Set<ResourceKey>()
  const shown = new Map<ResourceKey, Entry>()
  return {
    keys,
    get: (key) => shown.get(key),
    entries: () => shown.values(),
    add(failed, decided, known, why) {
      const next = new Map(decided.map((entry) => [entry.key, entry]))
      for (const key of failed) {
        keys.add(key)
        const entry = next.get(key) ?? known(key)
        if (entry) shown.set(key, pending(entry, why))
      }
    },
    settle(done) {
      for (const key of done) {
        keys.delete(key)
        shown.delete(key)
      }
    },
  }
}

function pending(entry: Entry, { error, now }: Why): Entry {
  const generation = entry.status.observedGeneration
  const message = `Waiting to be stored: ${error.message}`
  const findings = [
    ...entry.status.conditions.filter(({ type }) => !['Programmed', 'Ready', 'Reconciling'].includes(type)),
    fails('Programmed', generation, 'Pending', message),
    fails('Ready', generation, 'Pending', message),
    holds('Reconciling', generation, message, 'Pending'),
  ]
  return { ...entry, status: { ...entry.status, conditions: mergeConditions(entry.status.conditions, findings, now) } }
}
