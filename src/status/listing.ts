import type { Problem } from '../resources/problem.ts'
import type { ResourceKey } from '../resources/resource.ts'
import type { ResourceWithStatus } from './status.ts'

/** The resources of the environment with their status as of now, for whoever shows them. */
export interface StatusListing {
  /** In order of kind and name. */
  list(): readonly ResourceWithStatus[]
  get(key: ResourceKey): ResourceWithStatus | undefined
  /** Problems of files that yield no resource. */
  problems(): readonly Problem[]
  /** Calls `listener` after any status changed; returns how to stop. */
  subscribe(listener: (keys: ReadonlySet<ResourceKey>) => void): () => void
}
