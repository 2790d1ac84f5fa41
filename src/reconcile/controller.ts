import { backoffMs } from '../base/backoff.ts'
import type { Clock, Timer } from '../base/clock.ts'
import { toError } from '../base/errors.ts'
import { KeyQueue } from '../base/key-queue.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import { effectiveApiSettings } from '../resources/api-settings.ts'
import { resourceKey, type ResourceKey } from '../resources/resource.ts'
import type { SecretSource, Source } from '../resources/source.ts'
import type { ProgrammedWebhook } from '../routing/snapshot.ts'
import { fails, holds, mergeConditions } from '../status/conditions.ts'
import type { StatusListing } from '../status/listing.ts'
import type { DeliveryHealth } from '../status/status.ts'
import type { ResourceRecord } from '../storage/records.ts'
import type { ResourceStore } from '../storage/store.ts'
import { rememberingReader, secretNames } from './credentials.ts'
import { heldName, lastGoodApiSettings, rememberedEntry, showEntry, splitKey, type Entry } from './entry.ts'
import { createProblemLog, logTransitions } from './transitions.ts'
import { runPass, type PassInputs, type PassResult } from './pass.ts'
import type { SnapshotPublisher } from './publisher.ts'

export interface ControllerOptions {
  readonly source: Source
  readonly secrets: SecretSource
  readonly store: ResourceStore
  readonly publisher: SnapshotPublisher
  readonly health: (webhook: string) => DeliveryHealth | undefined
  readonly unmatched: PassInputs['unmatched']
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Told of each pass: how long it took, in ms, and whether it could be applied. */
  readonly onPass?: (elapsedMs: number, applied: boolean) => void
}

export interface Controller extends StatusListing {
  /** Remembers what was stored, reads the source once whole, and resolves when the first configuration is in force (if one is known). */
  start(): Promise<void>
  /** Delivery health of these webhooks took a turn: their conditions are looked at again. */
  healthChanged(webhooks: Iterable<string>): void
  /** A project with one of these identifiers or ids came, went or was renamed. */
  projectsChanged(identifiersAndIds: Iterable<string>): void
  /** Nothing runs after this resolves. */
  stop(): Promise<void>
}

/** The one ApiSettings of an environment; it need not exist. */
const API_SETTINGS = resourceKey('ApiSettings', 'default')
/** Waits between tries to store what a pass decided, while the disk refuses. */
const STORE_BACKOFF = { firstMs: 500, factor: 2, maxMs: 30_000 }
/** Delivery times and counters are stored at least this often; transitions at once. */
const COUNTERS_EVERY_MS = 15 * 60_000

/**
 * The control loop. Keys wait in one queue; whatever waits is judged in one pass, stored, and published as one snapshot: stored
 * first, so that what is in force survives a restart. A pass that cannot be stored changes nothing, says so on its resources and is
 * tried again. Every cause (a file, a Secret, a project, delivery health, the clock) only adds keys, so there is one code path.
 */
export function createController(options: ControllerOptions): Controller {
  const { source, secrets, store, publisher, clock, log } = options
  const queue = new KeyQueue()
  const stopping = new AbortController()
  const read = rememberingReader(secrets)
  const logProblems = createProblemLog(log)
  const entries = new Map<ResourceKey, Entry>()
  const names = new Map<string, ResourceKey>()
  const listeners = new Set<(keys: ReadonlySet<ResourceKey>) => void>()
  let webhooks: ReadonlyMap<string, ProgrammedWebhook> = new Map()
  let failures = 0
  let countersDue = false
  let counters: Timer | undefined
  let retry: Timer | undefined
  let loop: Promise<void> = Promise.resolve()

  async function start(): Promise<void> {
    for (const record of await store.resources()) apply({ entries: [rememberedEntry(record)], removed: [] })
    await secrets.start((changed) => queue.add(keysReading(changed)))
    await source.start(sourceChanged)
    logProblems(source.problems())
    if (source.synced || entries.size > 0) {
      queue.add(everyKey())
      await turn()
    }
    scheduleCounters()
    loop = run()
  }

  function sourceChanged(keys: ReadonlySet<ResourceKey>): void {
    logProblems(source.problems())
    if (!source.synced && entries.size === 0) return
    queue.add(publisher.current.complete ? [...keys, ...keptKeys()] : everyKey())
  }

  /** Resources kept from an earlier run while their origin is silent: the source does not know them, so it cannot name them. */
  function keptKeys(): ResourceKey[] {
    return [...entries.values()].filter((entry) => !entry.document).map((entry) => entry.key)
  }

  async function run(): Promise<void> {
    for (;;) {
      await queue.nonEmpty(stopping.signal)
      if (stopping.signal.aborted) return
      await turn()
    }
  }

  /** One pass over everything that waits. A bug in it is logged and retried like a failure: the loop itself never ends. */
  async function turn(): Promise<void> {
    const keys = withContenders(queue.drain() as ResourceKey[])
    const startedAt = clock.elapsed()
    try {
      const result = await runPass(keys, passInputs())
      await persist(result)
      failures = 0
      apply(result)
      publish(result)
      notify(keys)
      options.onPass?.(clock.elapsed() - startedAt, true)
    } catch (thrown) {
      options.onPass?.(clock.elapsed() - startedAt, false)
      postpone(keys, toError(thrown))
    }
  }

  function passInputs(): PassInputs {
    return {
      source,
      entries,
      names,
      read,
      health: options.health,
      unmatched: options.unmatched,
      now: clock.now(),
      onBug: (key, error) => log.error({ err: error, resource: key }, 'a bug kept this resource from being reconciled'),
    }
  }

  /** Stores what changed. Delivery counters alone are no change: they ride along, or are stored when their time has come. */
  async function persist({ entries: next, removed }: PassResult): Promise<void> {
    const save = next
      .filter((entry) => countersDue || recordChanged(entries.get(entry.key)?.record, entry.record))
      .map(({ record }) => record)
    if (save.length > 0 || removed.length > 0) await store.saveResources(save, removed)
    countersDue = false
  }

  function apply({ entries: next, removed }: PassResult): void {
    for (const key of [...next.map((entry) => entry.key), ...removed]) releaseName(key)
    for (const key of removed) entries.delete(key)
    for (const entry of next) {
      logTransitions(log, entries.get(entry.key), entry)
      entries.set(entry.key, entry)
      const name = heldName(entry)
      if (name !== undefined) names.set(name, entry.key)
    }
  }

  function releaseName(key: ResourceKey): void {
    const known = entries.get(key)
    const name = known && heldName(known)
    if (name !== undefined && names.get(name) === key) names.delete(name)
  }

  function publish({ entries: next, removed }: PassResult): void {
    webhooks = nextWebhooks(webhooks, next, removed)
    const settings = lastGoodApiSettings(entries.get(API_SETTINGS))
    const api = effectiveApiSettings(settings?.spec ?? {})
    const current = publisher.current
    const sameApi = JSON.stringify(api) === JSON.stringify(current.api)
    if (current.complete && sameApi && webhooks === current.webhooks) return
    publisher.publish(sameApi ? current.api : api, webhooks)
    log.info({ version: publisher.current.version, webhooks: webhooks.size }, 'configuration in force')
  }

  /** Nothing was applied. The resources say so, and the same keys are judged again later, from whatever is true then. */
  function postpone(keys: readonly ResourceKey[], error: Error): void {
    failures += 1
    log.error({ err: error, resources: keys.length }, 'configuration could not be stored; what was in force stays')
    for (const key of keys) {
      const entry = entries.get(key)
      if (entry) entries.set(key, pending(entry, error, clock.now()))
    }
    notify(keys)
    retry?.cancel()
    retry = clock.after(backoffMs(STORE_BACKOFF, failures, options.random), () => queue.add(keys))
  }

  function notify(keys: readonly ResourceKey[]): void {
    const changed = new Set(keys)
    for (const listener of listeners) listener(changed)
  }

  /** Whoever lost a display name that one of these keys holds gets another chance in the same pass. */
  function withContenders(keys: readonly ResourceKey[]): ResourceKey[] {
    const released = new Set(keys.map((key) => entries.get(key)).map((entry) => entry && heldName(entry)))
    const contenders = [...entries.values()].filter(({ lostName }) => lostName !== undefined && released.has(lostName))
    return [...new Set([...keys, ...contenders.map((entry) => entry.key)])]
  }

  /** Never empty, so that an environment without a single resource gets its first pass too. */
  function everyKey(): Set<ResourceKey> {
    return new Set([API_SETTINGS, ...source.keys(), ...entries.keys()])
  }

  function webhookKeys(concerns: (webhook: ProgrammedWebhook) => boolean): ResourceKey[] {
    return [...entries.values()].flatMap(({ key, programmed }) => (programmed && concerns(programmed) ? [key] : []))
  }

  function keysReading(secretsChanged: ReadonlySet<string>): ResourceKey[] {
    return webhookKeys(({ spec }) => secretNames(spec).some((name) => secretsChanged.has(name)))
  }

  function scheduleCounters(): void {
    counters = clock.after(COUNTERS_EVERY_MS, () => {
      countersDue = true
      queue.add(webhookKeys(() => true))
      scheduleCounters()
    })
  }

  const show = (entry: Entry) => showEntry(entry, entry.programmed && options.health(entry.programmed.name))

  return {
    start,
    healthChanged: (changed) =>
      queue.add([...changed].map((name) => resourceKey('Webhook', name)).filter((key) => entries.has(key))),
    projectsChanged(changed) {
      const concerned = new Set(changed)
      queue.add(webhookKeys(({ spec }) => spec.projects?.some((project) => concerned.has(project)) ?? false))
    },
    list: () => [...entries.values()].sort((a, b) => (a.key < b.key ? -1 : 1)).map(show),
    get(key) {
      const entry = entries.get(key)
      return entry && show(entry)
    },
    problems: () => source.problems(),
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async stop() {
      stopping.abort()
      counters?.cancel()
      retry?.cancel()
      await Promise.all([source.stop(), secrets.stop()])
      await loop
    },
  }
}

/** The webhooks in force after a pass; the same map when it changed none of them. */
function nextWebhooks(
  current: ReadonlyMap<string, ProgrammedWebhook>,
  changed: readonly Entry[],
  removed: readonly ResourceKey[],
): ReadonlyMap<string, ProgrammedWebhook> {
  const gone = removed.map(splitKey).filter(({ kind, name }) => kind === 'Webhook' && current.has(name))
  const moved = changed.flatMap(({ programmed }) =>
    programmed && current.get(programmed.name) !== programmed ? [programmed] : [],
  )
  if (gone.length === 0 && moved.length === 0) return current
  const next = new Map(current)
  for (const { name } of gone) next.delete(name)
  for (const webhook of moved) next.set(webhook.name, webhook)
  return next
}

function recordChanged(before: ResourceRecord | undefined, after: ResourceRecord): boolean {
  return before === undefined || withoutCounters(before) !== withoutCounters(after)
}

function withoutCounters(record: ResourceRecord): string {
  return JSON.stringify({ ...record, status: { ...(record.status as object), delivery: undefined } })
}

/** What is shown of a resource whose newest generation could not be stored yet. */
function pending(entry: Entry, error: Error, now: number): Entry {
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
