import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { systemClock, type Clock } from '../../src/base/clock.ts'
import { createLog } from '../../src/base/log.ts'
import type { Random } from '../../src/base/random.ts'
import { SecretValue } from '../../src/base/secret.ts'
import { createDispatcher, type Dispatcher, type DispatcherOptions } from '../../src/dispatch/dispatcher.ts'
import type { Sender } from '../../src/dispatch/send.ts'
import { effectiveApiSettings } from '../../src/resources/api-settings.ts'
import { effectiveWebhook, type WebhookSpec } from '../../src/resources/webhook.ts'
import { compileRoutes } from '../../src/routing/route-table.ts'
import type { Credentials, ProgrammedWebhook, Snapshot, SnapshotReader } from '../../src/routing/snapshot.ts'
import type { DeliveryRecord, NewEvent, PendingDelivery } from '../../src/storage/records.ts'
import { openSqliteStore } from '../../src/storage/sqlite/sqlite-store.ts'
import type { DeliveryStore, Store } from '../../src/storage/store.ts'
import type { FakeClock } from '../support/fake-clock.ts'

/** A small seeded generator (mulberry32): the same seed, the same run. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const fraction = () => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
  return {
    fraction,
    bytes: (size) => Buffer.from(Array.from({ length: size }, () => Math.floor(fraction() * 256))),
    uuid: () => '00000000-0000-4000-8000-000000000000',
  }
}

type CredentialsGiven = Partial<Omit<Credentials, 'signing' | 'secrets'>> & { signing?: readonly string[] }

export interface WebhookGiven {
  readonly name?: string
  readonly generation?: number
  readonly resumeAt?: string
  readonly spec?: Partial<WebhookSpec>
  readonly credentials?: CredentialsGiven
  readonly hold?: ProgrammedWebhook['hold']
}

export function webhook(url: string, given: WebhookGiven = {}): ProgrammedWebhook {
  const name = given.name ?? 'billing'
  return {
    name,
    generation: given.generation ?? 1,
    spec: effectiveWebhook(name, { url, events: ['time_entry:created'], ...given.spec }),
    credentials: given.hold ? undefined : credentials(url, given.credentials ?? {}),
    hold: given.hold,
    resumeAt: given.resumeAt,
  }
}

export function credentials(url: string, given: CredentialsGiven): Credentials {
  const signing = (given.signing ?? []).map((text) => new SecretValue(text))
  const headers = given.headers ?? []
  const texts = [...(given.urlIsSecret ? [url] : []), ...headers.map((header) => header.value)]
  return {
    url,
    urlIsSecret: false,
    headers,
    ca: undefined,
    ...given,
    signing,
    secrets: [...signing, ...texts.map((text) => new SecretValue(text))],
  }
}

export interface Snapshots extends SnapshotReader {
  publish(webhooks: readonly ProgrammedWebhook[], complete?: boolean): void
}

export function createSnapshots(webhooks: readonly ProgrammedWebhook[] = [], complete = true): Snapshots {
  const listeners = new Set<(next: Snapshot, previous: Snapshot) => void>()
  const make = (version: number, hooks: readonly ProgrammedWebhook[], whole: boolean): Snapshot => ({
    version,
    complete: whole,
    api: effectiveApiSettings({}),
    webhooks: new Map(hooks.map((hook) => [hook.name, hook])),
    routes: compileRoutes(hooks),
  })
  let current = make(1, webhooks, complete)
  return {
    get current() {
      return current
    },
    subscribe(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    publish(hooks, whole = true) {
      const previous = current
      current = make(previous.version + 1, hooks, whole)
      for (const listener of listeners) listener(current, previous)
    },
  }
}

export interface BenchOptions {
  readonly webhooks?: readonly ProgrammedWebhook[]
  readonly complete?: boolean
  readonly clock?: Clock
  readonly seed?: number
  /** Puts something between the dispatcher and the real store: to count, or to hold up. */
  readonly between?: (store: DeliveryStore) => DeliveryStore
  readonly options?: Partial<DispatcherOptions>
}

/** A dispatcher on a real store in a directory of its own. */
export interface Workbench {
  readonly store: Store
  readonly snapshots: Snapshots
  readonly dispatcher: Dispatcher
  /** Names `onHealth` was called with, in order. */
  readonly healthCalls: string[]
  /** Lines the dispatcher logged. */
  readonly logged: string[]
  /** How many writes were recorded so far. */
  recorded(): number
  /** Commits one event for these webhooks; resolves with its deliveries. */
  emit(webhooks: readonly string[], event?: Partial<NewEvent>): Promise<void>
  /** All deliveries of a webhook, oldest first. */
  deliveries(webhook?: string): Promise<DeliveryRecord[]>
  log(seq: number): Promise<(PendingDelivery & { log: readonly { outcome: string; message: string }[] }) | undefined>
  /** Stops the dispatcher and the store and starts both anew on the same files; after a crash there is nothing left to stop. */
  restart(): Promise<void>
  /**
   * The process dies over the write after so many: it and all that follows never happens, or, with `durable`, the write does, but
   * the process dies before it learns of it.
   */
  crashAfter(writes: number, durable?: boolean): void
  readonly crashed: boolean
  close(): Promise<void>
}

/** One run of the dispatcher, until it crashes. */
interface Life {
  crashed: boolean
  writesLeft: number
  lastIsDurable: boolean
}

/** What a process has of the world: nothing of it works once it is dead. */
function mortal(life: Life, clock: Clock, snapshots: SnapshotReader, sender: Sender | undefined) {
  const alive =
    <A extends unknown[]>(fn: (...given: A) => void) =>
    (...given: A) => {
      if (!life.crashed) fn(...given)
    }
  return {
    clock: { ...clock, after: (ms, fn) => clock.after(ms, alive(fn)) } satisfies Clock,
    snapshots: {
      get current() {
        return snapshots.current
      },
      subscribe: (listener) => snapshots.subscribe(alive(listener)),
    } satisfies SnapshotReader,
    ...(sender && {
      sender: {
        send: (request, done) => (life.crashed ? () => undefined : sender.send(request, alive(done))),
        close: () => sender.close(),
      } satisfies Sender,
    }),
  }
}

function dyingStore(store: DeliveryStore, life: Life): DeliveryStore {
  const write = async <T>(work: () => Promise<T>): Promise<T> => {
    const last = (life.writesLeft -= 1) < 0
    life.crashed ||= last && !life.lastIsDurable
    if (life.crashed) throw new Error('crashed')
    const written = await work()
    life.crashed ||= last
    if (life.crashed) throw new Error('crashed')
    return written
  }
  return {
    ...store,
    recordDispatch: (given) => write(() => store.recordDispatch(given)),
    cancelPending: (...given) => write(() => store.cancelPending(...given)),
  }
}

export async function createWorkbench(given: BenchOptions = {}): Promise<Workbench> {
  const directory = mkdtempSync(join(tmpdir(), 'nepenthes-dispatch-'))
  const clock = given.clock ?? systemClock
  const snapshots = createSnapshots(given.webhooks, given.complete)
  const healthCalls: string[] = []
  const logged: string[] = []
  const log = createLog('debug', (line) => void logged.push(line))
  const random = seededRandom(given.seed ?? 1)
  let events = 0
  let recorded = 0
  const open = async () => {
    const life: Life = { crashed: false, writesLeft: Infinity, lastIsDurable: false }
    const store = await openSqliteStore({ directory, clock, log, synchronous: 'OFF' })
    const dispatcher = createDispatcher({
      store: dyingStore(given.between?.(store) ?? store, life),
      random,
      log,
      version: '1.2.3',
      allowAddresses: ['127.0.0.0/8'],
      ownListeners: () => [],
      onHealth: (names) => void healthCalls.push(...names),
      ...given.options,
      ...mortal(life, clock, snapshots, given.options?.sender),
      onRecorded(write) {
        recorded += 1
        given.options?.onRecorded?.(write)
      },
    })
    await dispatcher.start()
    return { store, dispatcher, life }
  }
  let parts = await open()
  const stop = async () => {
    if (!parts.life.crashed) await parts.dispatcher.stop(0)
    await parts.store.close()
  }
  return {
    get store() {
      return parts.store
    },
    get dispatcher() {
      return parts.dispatcher
    },
    snapshots,
    healthCalls,
    logged,
    recorded: () => recorded,
    async emit(webhooks, event = {}) {
      events += 1
      const whole: NewEvent = {
        id: `evt_${events}`,
        name: 'time_entry:created',
        projectId: 1,
        occurredAt: clock.now(),
        body: JSON.stringify({ action: 'time_entry:created', time_entry: { id: events } }),
        webhooks,
        ...event,
      }
      const result = await parts.store.commit({ expect: [], mutations: [], events: [whole] })
      if (result.outcome !== 'committed') throw new Error(`not committed: ${result.outcome}`)
    },
    deliveries: async (name) =>
      (await parts.store.deliveries({ ...(name && { webhook: name }), limit: 10_000 })).reverse(),
    log: (seq) => parts.store.delivery(seq),
    async restart() {
      await stop()
      parts = await open()
    },
    crashAfter(writes, durable = false) {
      parts.life.writesLeft = writes
      parts.life.lastIsDurable = durable
    },
    get crashed() {
      return parts.life.crashed
    },
    async close() {
      await stop()
      rmSync(directory, { recursive: true })
    },
  }
}

/** Resolves once `condition` holds, looking again after every turn of the event loop. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setImmediate(resolve))
}

/** Moves a fake clock, giving the dispatcher the time it takes to settle after each thing that falls due. */
export async function pass(bench: Workbench, clock: FakeClock, ms: number): Promise<void> {
  const end = clock.elapsed() + ms
  await settle(bench)
  while (clock.elapsed() + clock.untilNext <= end) {
    clock.advance(clock.untilNext)
    await settle(bench)
  }
  clock.advance(end - clock.elapsed())
}

/** Until nothing has been recorded for some turns of the event loop: each outcome may set off the next request. */
async function settle(bench: Workbench): Promise<void> {
  for (let quietTurns = 0; quietTurns < 3; quietTurns += 1) {
    const before = bench.recorded()
    await new Promise((resolve) => setImmediate(resolve))
    await bench.dispatcher.settled()
    if (bench.recorded() !== before) quietTurns = 0
  }
}
