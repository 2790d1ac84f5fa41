import type { Problem } from '../../src/resources/problem.ts'
import { type Kind, type ResourceKey, resourceKey } from '../../src/resources/resource.ts'
import type { StatusListing } from '../../src/status/listing.ts'
import type { Condition, ConditionType, ResourceStatus, ResourceWithStatus } from '../../src/status/status.ts'

/** A listing whose resources the test sets by hand. */
export interface HandListing extends StatusListing {
  put(...resources: ResourceWithStatus[]): void
  readonly listeners: number
  /** Resolves when somebody subscribes next. */
  subscribed(): Promise<void>
}

export function createHandListing(problems: readonly Problem[] = []): HandListing {
  const resources = new Map<ResourceKey, ResourceWithStatus>()
  const listeners = new Set<(keys: ReadonlySet<ResourceKey>) => void>()
  const waiting: (() => void)[] = []
  const keyOf = (resource: ResourceWithStatus) => resourceKey(resource.kind as Kind, resource.metadata.name)
  return {
    list: () => [...resources.keys()].sort().flatMap((key) => resources.get(key) ?? []),
    get: (key) => resources.get(key),
    problems: () => problems,
    subscribe(listener) {
      listeners.add(listener)
      for (const resolve of waiting.splice(0)) resolve()
      return () => listeners.delete(listener)
    },
    put(...changed) {
      for (const resource of changed) resources.set(keyOf(resource), resource)
      for (const listener of [...listeners]) listener(new Set(changed.map(keyOf)))
    },
    subscribed: () => new Promise((resolve) => waiting.push(resolve)),
    get listeners() {
      return listeners.size
    },
  }
}

type Said = readonly [type: ConditionType, status: Condition['status'], reason?: string, message?: string]

/** A resource with these conditions; `about` is the generation they speak of. */
export function resourceWith(
  kind: Kind,
  name: string,
  said: readonly Said[],
  {
    generation = 1,
    about = generation,
    status = {},
  }: { generation?: number; about?: number; status?: Partial<ResourceStatus> } = {},
): ResourceWithStatus {
  const conditions = said.map(([type, value, reason = type, message = '']) => ({
    type,
    status: value,
    observedGeneration: about,
    lastTransitionTime: '2026-03-01T12:00:00Z',
    reason,
    message,
  }))
  return {
    apiVersion: 'nepenthes.dev/v1',
    kind,
    metadata: { name, generation },
    spec: {},
    status: { observedGeneration: about, conditions, ...status },
  }
}
