import type { ResourceKey } from '../resources/resource.ts'
import type { ProgrammedWebhook } from '../routing/snapshot.ts'
import type { ResourceRecord } from '../storage/records.ts'
import { heldName, rememberedEntry, splitKey, type Entry } from './entry.ts'
import type { PassResult } from './pass.ts'

/** Everything known of one environment: its resources, who holds which display name, what is programmed. */
export interface Environment {
  readonly entries: ReadonlyMap<ResourceKey, Entry>
  /** Folded display name -> the webhook whose good spec has it. */
  readonly names: ReadonlyMap<string, ResourceKey>
  readonly webhooks: ReadonlyMap<string, ProgrammedWebhook>
  remember(record: ResourceRecord): void
  /** Takes over what a pass decided; answers who lost a display name that has become free by it. */
  apply(result: PassResult): ResourceKey[]
  /** Whoever waits for a display name that one of these keys holds now. */
  contenders(keys: readonly ResourceKey[]): ResourceKey[]
  webhookKeys(concerns: (webhook: ProgrammedWebhook) => boolean): ResourceKey[]
  /** Resources kept from an earlier run while their origin is silent: the source does not know them, so it cannot name them. */
  keptKeys(): ResourceKey[]
}

export function createEnvironment(): Environment {
  const entries = new Map<ResourceKey, Entry>()
  const names = new Map<string, ResourceKey>()
  let webhooks: ReadonlyMap<string, ProgrammedWebhook> = new Map()

  /** Takes a key's name from it; answers the name. */
  function release(key: ResourceKey): string[] {
    const known = entries.get(key)
    const name = known && heldName(known)
    if (name === undefined || names.get(name) !== key) return []
    names.delete(name)
    return [name]
  }

  function put(entry: Entry): void {
    entries.set(entry.key, entry)
    const name = heldName(entry)
    if (name !== undefined) names.set(name, entry.key)
  }

  function losersOf(free: ReadonlySet<string>): ResourceKey[] {
    if (free.size === 0) return []
    return [...entries.values()].flatMap(({ key, lostName }) =>
      lostName !== undefined && free.has(lostName) ? [key] : [],
    )
  }

  return {
    entries,
    names,
    get webhooks() {
      return webhooks
    },
    remember: (record) => put(rememberedEntry(record)),
    apply({ entries: next, removed }) {
      const released = [...next.map((entry) => entry.key), ...removed].flatMap(release)
      for (const key of removed) entries.delete(key)
      for (const entry of next) put(entry)
      webhooks = nextWebhooks(webhooks, next, removed)
      return losersOf(new Set(released.filter((name) => !names.has(name))))
    },
    contenders(keys) {
      const held = keys.map((key) => entries.get(key)).flatMap((entry) => (entry ? (heldName(entry) ?? []) : []))
      return losersOf(new Set(held))
    },
    webhookKeys: (concerns) =>
      [...entries.values()].flatMap(({ key, programmed }) => (programmed && concerns(programmed) ? [key] : [])),
    keptKeys: () => [...entries.values()].flatMap(({ key, document }) => (document ? [] : [key])),
  }
}

/** The webhooks in force after a pass; the same map when it changed none of them. */
function nextWebhooks(
  current: ReadonlyMap<string, ProgrammedWebhook>,
  changed: readonly Entry[],
  removed: readonly ResourceKey[],
): ReadonlyMap<string, ProgrammedWebhook> {
  // Of a new object that was never valid nothing is in force: a deleted one of the same name may have been.
  const never = changed.flatMap(({ key, programmed }) => (programmed ? [] : [key]))
  const gone = [...removed, ...never].map(splitKey).filter(({ kind, name }) => kind === 'Webhook' && current.has(name))
  const moved = changed.flatMap(({ programmed }) =>
    programmed && current.get(programmed.name) !== programmed ? [programmed] : [],
  )
  if (gone.length === 0 && moved.length === 0) return current
  const next = new Map(current)
  for (const { name } of gone) next.delete(name)
  for (const webhook of moved) next.set(webhook.name, webhook)
  return next
}
