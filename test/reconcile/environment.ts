import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Log } from '../../src/base/log.ts'
import { systemRandom } from '../../src/base/random.ts'
import { createController, type Controller } from '../../src/reconcile/controller.ts'
import { createSnapshotPublisher, type SnapshotPublisher } from '../../src/reconcile/publisher.ts'
import { parseFile } from '../../src/resources/parse.ts'
import type { ParseFile, ResourceKey } from '../../src/resources/resource.ts'
import type { ConditionType, DeliveryHealth } from '../../src/status/status.ts'
import { openSqliteStore } from '../../src/storage/sqlite/sqlite-store.ts'
import type { ResourceStore, Store } from '../../src/storage/store.ts'
import { createFakeClock } from '../support/fake-clock.ts'
import { createScriptedSecrets, createScriptedSource } from '../support/scripted-source.ts'

export const quiet: Log = { trace() {}, debug() {}, info() {}, warn() {}, error() {} }

/** A controller on the real parser and the real store, with files and Secrets put there by the test. */
export async function createEnvironment(parse: ParseFile = parseFile) {
  const directory = mkdtempSync(join(tmpdir(), 'nepenthes-reconcile-'))
  const clock = createFakeClock()
  const source = createScriptedSource(parse)
  const secrets = createScriptedSecrets()
  const health = new Map<string, DeliveryHealth>()
  const projects = new Set<string>()
  const saves: number[] = []
  let fullDisk = false
  /** Awaited by the next write of records, once. */
  let beforeSave: (() => Promise<void>) | undefined
  let store: Store = await openSqliteStore({ directory, clock, log: quiet })
  let publisher: SnapshotPublisher = createSnapshotPublisher()
  let controller: Controller = create()

  function create(): Controller {
    const resources: ResourceStore = {
      resources: () => store.resources(),
      saveResources: async (save, remove) => {
        const before = beforeSave
        beforeSave = undefined
        await before?.()
        if (fullDisk) throw new Error('the disk is full')
        saves.push(save.length)
        await store.saveResources(save, remove)
      },
    }
    return createController({
      source,
      secrets,
      store: resources,
      publisher,
      health: (name) => health.get(name),
      projectExists: async (entry) => projects.has(entry),
      clock,
      random: systemRandom,
      log: quiet,
    })
  }

  /** Does something and waits until the controller has dealt with it. */
  async function settle(action: () => void, awaited: number = 1): Promise<void> {
    const done = new Promise<void>((resolve) => {
      let passes = 0
      const stop = controller.subscribe(() => {
        if (++passes < awaited) return
        stop()
        resolve()
      })
    })
    action()
    await done
  }

  return {
    source,
    secrets,
    health,
    projects,
    clock,
    saves,
    settle,
    get controller() {
      return controller
    },
    get snapshot() {
      return publisher.current
    },
    /** Does something while the next pass is being stored. */
    whileStoring(action: () => void) {
      beforeSave = async () => action()
    },
    setFullDisk(full: boolean) {
      fullDisk = full
    },
    start: () => controller.start(),
    put: (files: Record<string, string>) => settle(() => source.put(files)),
    remove: (...files: string[]) => settle(() => source.remove(...files)),
    condition(key: ResourceKey, type: ConditionType) {
      const found = controller.get(key)?.status.conditions.find((condition) => condition.type === type)
      return found && `${found.status} ${found.reason}`
    },
    /** Does something meanwhile. */
    async restart(meanwhile: () => void = () => undefined) {
      await controller.stop()
      await store.close()
      meanwhile()
      store = await openSqliteStore({ directory, clock, log: quiet })
      publisher = createSnapshotPublisher()
      controller = create()
      await controller.start()
    },
    async close() {
      await controller.stop()
      await store.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

export type Environment = Awaited<ReturnType<typeof createEnvironment>>

/** A Webhook document; the extra lines go under `spec`, as they are. */
export function webhookYaml(name: string, ...spec: string[]): string {
  const lines = spec.some((line) => line.startsWith('events:')) ? spec : [...spec, 'events: [time_entry:created]']
  const url = lines.some((line) => line.startsWith('url')) ? [] : ['url: https://receiver.example/hooks']
  return `apiVersion: nepenthes.dev/v1\nkind: Webhook\nmetadata: {name: ${name}}\nspec:\n${[...url, ...lines].map((line) => `  ${line}\n`).join('')}`
}

export function apiSettingsYaml(...spec: string[]): string {
  return `apiVersion: nepenthes.dev/v1\nkind: ApiSettings\nmetadata: {name: default}\nspec:\n${spec.map((line) => `  ${line}\n`).join('')}`
}
