import { effectiveApiSettings, type EffectiveApiSettings } from '../resources/api-settings.ts'
import { compileRoutes } from '../routing/route-table.ts'
import type { ProgrammedWebhook, Snapshot, SnapshotReader } from '../routing/snapshot.ts'

/** Holds the configuration in force and replaces it in one step. */
export interface SnapshotPublisher extends SnapshotReader {
  /** Swaps in the next configuration; every reader sees all of it or none. */
  publish(api: EffectiveApiSettings, webhooks: ReadonlyMap<string, ProgrammedWebhook>): void
}

type Listener = (next: Snapshot, previous: Snapshot) => void

export function createSnapshotPublisher(): SnapshotPublisher {
  const listeners = new Set<Listener>()
  let current: Snapshot = {
    version: 0,
    complete: false,
    api: effectiveApiSettings({}),
    webhooks: new Map(),
    routes: compileRoutes([]),
  }
  return {
    get current() {
      return current
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    publish(api, webhooks) {
      const previous = current
      const routes = webhooks === previous.webhooks ? previous.routes : compileRoutes(webhooks.values())
      current = Object.freeze({ version: previous.version + 1, complete: true, api, webhooks, routes })
      for (const listener of listeners) listener(current, previous)
    },
  }
}
