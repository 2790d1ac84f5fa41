import { backoffMs } from '../base/backoff.ts'
import type { Clock, Timer } from '../base/clock.ts'
import { toError } from '../base/errors.ts'
import { KeyQueue } from '../base/key-queue.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import { resourceKey, type ResourceKey } from '../resources/resource.ts'
import type { SecretSource, Source } from '../resources/source.ts'
import type { SecretKeyRef } from '../resources/webhook.ts'
import type { StatusListing } from '../status/listing.ts'
import type { DeliveryHealth } from '../status/status.ts'
import type { ResourceRecord } from '../storage/records.ts'
import type { ResourceStore } from '../storage/store.ts'
import { rememberingReader, secretRefs } from './credentials.ts'
import { rememberedSpec, runningApiSettings, showEntry, type Entry } from './entry.ts'
import { createEnvironment } from './environment.ts'
import { runPass, type PassInputs, type PassResult } from './pass.ts'
import type { SnapshotPublisher } from './publisher.ts'
import { createSourceLog, logTransitions } from './transitions.ts'
import { createUnstored } from './unstored.ts'

export interface ControllerOptions {
  readonly source: Source
  readonly secrets: SecretSource
  readonly store: ResourceStore
  readonly publisher: SnapshotPublisher
  /** undefined: nothing was ever to be delivered to this webhook. */
  readonly health: (webhook: string) => DeliveryHealth | undefined
  readonly projectExists: PassInputs['projectExists']
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
/** Delivery times and counters are stored every 15 minutes, a share of the webhooks each minute; transitions at once. */
const COUNTERS_SHARE_MS = 60_000
const COUNTERS_SHARES = 15

/**
 * The control loop. Keys wait in one queue; whatever waits is judged in one pass, stored, and published as one snapshot: stored
 * first, so that what is in force survives a restart. A pass that cannot be stored changes nothing, says so on its resources and is
 * tried again. Every cause (a file, a Secret, a project, delivery health, the clock) only adds keys, so there is one code path.
 */
export function createController(options: ControllerOptions): Controller {
  const { source, secrets, store, publisher, clock, log } = options
  const queue = new KeyQueue()
  const stopping = new AbortController()
  const environment = createEnvironment()
  const unstored = createUnstored()
  const causes = createCauses()
  const reader = rememberingReader(secrets)
  const logSource = createSourceLog(log)
  const listeners = new Set<(keys: ReadonlySet<ResourceKey>) => void>()
  const countersDue = new Set<ResourceKey>()
  let failures = 0
  let counters: Timer | undefined
  let retry: Timer | undefined
  let loop: Promise<void> = Promise.resolve()
  let starting: Promise<void> = Promise.resolve()

  async function start(): Promise<void> {
    for (const record of await store.resources()) environment.remember(record)
    // What runs and what is wanted come first: in a cluster, what they refer to decides which Secrets are kept.
    for (const entry of environment.entries.values()) tellReads(entry)
    await source.start(sourceChanged)
    await secrets.start((changed) => {
      causes.secrets(changed)
      queue.add(concerned())
    })
    if (stopping.signal.aborted) return
    logSource(source)
    if (known()) {
      queue.add(everyKey())
      await turn()
    }
    if (stopping.signal.aborted) return
    scheduleCounters(0)
    loop = run()
  }

  /** Whether there is a configuration at all: the source has been read whole, or an earlier run has left one. */
  function known(): boolean {
    return source.synced || environment.entries.size > 0
  }

  function sourceChanged(keys: ReadonlySet<ResourceKey>): void {
    logSource(source)
    if (known()) queue.add([...keys, ...environment.keptKeys(), API_SETTINGS])
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
    const waiting = queue.drain() as ResourceKey[]
    // Until a first configuration is in force there is only the whole of it: a part must never be published as complete.
    const first = publisher.current.complete ? waiting : [...waiting, ...everyKey()]
    const keys = [...new Set([...first, ...environment.contenders(first)])]
    const startedAt = clock.elapsed()
    causes.forget()
    let decided: PassResult = { entries: [], removed: [] }
    try {
      decided = await runPass(keys, passInputs())
      await persist(decided)
      apply(keys, decided)
      options.onPass?.(clock.elapsed() - startedAt, true)
    } catch (thrown) {
      options.onPass?.(clock.elapsed() - startedAt, false)
      postpone(keys, decided, toError(thrown))
    }
    // What changed while the pass ran may concern webhooks that only it has brought.
    queue.add(concerned())
  }

  function passInputs(): PassInputs {
    return {
      source,
      entries: environment.entries,
      names: environment.names,
      read: reader.read,
      health: options.health,
      projectExists: options.projectExists,
      now: clock.now(),
      onBug: (key, error) => log.error({ err: error, resource: key }, 'a bug kept this resource from being reconciled'),
    }
  }

  /** Stores what changed. Delivery counters alone are no change: they ride along, or are stored when their time has come. */
  async function persist({ entries: next, removed }: PassResult): Promise<void> {
    const due = new Set(countersDue)
    const save = next.filter(
      ({ key, record }) => due.has(key) || recordChanged(environment.entries.get(key)?.record, record),
    )
    if (save.length > 0 || removed.length > 0) {
      const records = save.map((entry) => entry.record)
      await store.saveResources(records, removed)
    }
    for (const key of due) countersDue.delete(key)
  }

  function apply(keys: readonly ResourceKey[], result: PassResult): void {
    failures = 0
    for (const entry of result.entries) logTransitions(log, environment.entries.get(entry.key), entry)
    queue.add(environment.apply(result))
    for (const key of result.removed) secrets.inForce?.(key, [])
    for (const entry of result.entries) tellReads(entry)
    reader.keepOnly([...environment.entries.values()].flatMap(readsOf))
    unstored.settle(keys)
    publish()
    notify(keys)
  }

  function tellReads(entry: Entry): void {
    secrets.inForce?.(entry.key, readsOf(entry))
  }

  function publish(): void {
    const { webhooks, entries } = environment
    const current = publisher.current
    const api = runningApiSettings(entries.get(API_SETTINGS))
    const sameApi = JSON.stringify(api) === JSON.stringify(current.api)
    if (current.complete && sameApi && webhooks === current.webhooks) return
    publisher.publish(sameApi ? current.api : api, webhooks)
    log.info({ version: publisher.current.version, webhooks: webhooks.size }, 'configuration in force')
  }

  /** Nothing was applied. The resources say so, and all such keys are judged again later, from whatever is true then. */
  function postpone(keys: readonly ResourceKey[], decided: PassResult, error: Error): void {
    failures += 1
    log.error({ err: error, resources: keys.length }, 'configuration could not be stored; what was in force stays')
    unstored.add(keys, decided.entries, (key) => environment.entries.get(key), { error, now: clock.now() })
    notify(keys)
    retry?.cancel()
    if (stopping.signal.aborted) return
    retry = clock.after(backoffMs(STORE_BACKOFF, failures, options.random), () => queue.add(unstored.keys))
  }

  function notify(keys: readonly ResourceKey[]): void {
    const changed = new Set(keys)
    for (const listener of listeners) listener(changed)
  }

  /** Never empty, so that an environment without a single resource gets its first pass too. */
  function everyKey(): Set<ResourceKey> {
    return new Set([API_SETTINGS, ...source.keys(), ...environment.entries.keys()])
  }

  /** The webhooks that the causes not yet forgotten bear on. */
  function concerned(): ResourceKey[] {
    return causes.any
      ? environment.webhookKeys(({ spec }) => causes.concern(secretRefs(spec), spec.projects ?? []))
      : []
  }

  function scheduleCounters(share: number): void {
    counters = clock.after(COUNTERS_SHARE_MS, () => {
      const keys = environment.webhookKeys(() => true).filter((_, index) => index % COUNTERS_SHARES === share)
      for (const key of keys) countersDue.add(key)
      queue.add(keys)
      scheduleCounters((share + 1) % COUNTERS_SHARES)
    })
  }

  const show = (entry: Entry) => showEntry(entry, entry.programmed && options.health(entry.programmed.name))
  const shown = () =>
    new Map([...environment.entries.values(), ...unstored.entries()].map((entry) => [entry.key, entry]))

  return {
    start: () => (starting = start()),
    healthChanged(changed) {
      queue.add([...changed].map((name) => resourceKey('Webhook', name)).filter((key) => environment.entries.has(key)))
    },
    projectsChanged(changed) {
      causes.projects(changed)
      queue.add(concerned())
    },
    list: () => [...shown().values()].sort((a, b) => (a.key < b.key ? -1 : 1)).map(show),
    get(key) {
      const entry = unstored.get(key) ?? environment.entries.get(key)
      return entry && show(entry)
    },
    problems: () => source.problems(),
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async stop() {
      stopping.abort()
      await Promise.all([source.stop(), secrets.stop()])
      // Whoever started it is told if that failed.
      await starting.catch(() => undefined)
      await loop
      counters?.cancel()
      retry?.cancel()
    },
  }
}

/** Secrets and projects that changed since the pass under way began; it may have read them before. */
function createCauses() {
  const secrets = new Set<string>()
  const projects = new Set<string>()
  return {
    get any() {
      return secrets.size + projects.size > 0
    },
    secrets: (names: Iterable<string>) => addAll(secrets, names),
    projects: (names: Iterable<string>) => addAll(projects, names),
    concern: (reads: readonly { name: string }[], selected: readonly string[]) =>
      reads.some(({ name }) => secrets.has(name)) || selected.some((name) => projects.has(name)),
    forget() {
      secrets.clear()
      projects.clear()
    },
  }
}

/** What the spec in force reads from Secrets. */
function readsOf(entry: Entry): SecretKeyRef[] {
  const spec = entry.programmed?.spec ?? rememberedSpec(entry)
  return spec ? secretRefs(spec) : []
}

function addAll(set: Set<string>, names: Iterable<string>): void {
  for (const name of names) set.add(name)
}

function recordChanged(before: ResourceRecord | undefined, after: ResourceRecord): boolean {
  return before === undefined || withoutCounters(before) !== withoutCounters(after)
}

function withoutCounters(record: ResourceRecord): string {
  return JSON.stringify({ ...record, status: { ...(record.status as object), delivery: undefined } })
}
