import { systemClock } from '../src/base/clock.ts'
import { createLog } from '../src/base/log.ts'
import { systemRandom } from '../src/base/random.ts'
import { SecretValue } from '../src/base/secret.ts'
import { createDispatcher, type Dispatcher } from '../src/dispatch/dispatcher.ts'
import { effectiveApiSettings } from '../src/resources/api-settings.ts'
import { effectiveWebhook } from '../src/resources/webhook.ts'
import { compileRoutes } from '../src/routing/route-table.ts'
import type { ProgrammedWebhook, SnapshotReader } from '../src/routing/snapshot.ts'
import { openSqliteStore } from '../src/storage/sqlite/sqlite-store.ts'
import type { Store } from '../src/storage/store.ts'
import type { Scope } from './scope.ts'

export const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
export const BODY = JSON.stringify({ action: 'time_entry:created', time_entry: { comment: 'x'.repeat(1400) } })

/** Writers stop and go so that this many deliveries are on their way: neither starved nor an ever growing backlog. */
export const ON_THE_WAY_MAX = 4000
export const WRITERS = 500

export interface Figures {
  readonly perSecond: number
  /** Of all threads of this process, for each delivery. */
  readonly cpuMicros: number
}

export async function measured(deliveries: number, work: () => Promise<void>): Promise<Figures> {
  const cpu = process.cpuUsage()
  const start = performance.now()
  await work()
  const seconds = (performance.now() - start) / 1000
  const { user, system } = process.cpuUsage(cpu)
  return { perSecond: deliveries / seconds, cpuMicros: (user + system) / deliveries }
}

/** Lets `ON_THE_WAY_MAX` be on their way; others are let in one after the other, as there is room for them. */
export class Throttle {
  #onTheWay = 0
  readonly #held: { readonly count: number; readonly enter: () => void }[] = []

  async enter(count: number): Promise<void> {
    if (this.#held.length > 0 || !this.#hasRoomFor(count)) {
      return new Promise((enter) => this.#held.push({ count, enter }))
    }
    this.#onTheWay += count
  }

  leave(count: number): void {
    this.#onTheWay -= count
    for (let first = this.#held[0]; first && this.#hasRoomFor(first.count); first = this.#held[0]) {
      this.#held.shift()
      this.#onTheWay += first.count
      first.enter()
    }
  }

  #hasRoomFor(count: number): boolean {
    return this.#onTheWay + count <= ON_THE_WAY_MAX
  }
}

/** The cheapest receiver there is, in a process of its own so that its work is not counted; answers its port. */
export function startReceiver(scope: Scope): Promise<number> {
  return scope.fork('receiver-process.ts', { args: ['plain'] }).ask<number>('port')
}

export function hookName(index: number): string {
  return `hook-${index}`
}

export function createWebhook(name: string, port: number, maxConcurrency = 10): ProgrammedWebhook {
  const url = `http://127.0.0.1:${port}/hooks`
  const secret = new SecretValue(SECRET)
  return {
    name,
    generation: 1,
    spec: effectiveWebhook(name, { url, events: ['time_entry:created'], delivery: { maxConcurrency } }),
    credentials: { url, urlIsSecret: false, signing: [secret], headers: [], ca: undefined, secrets: [secret] },
    hold: undefined,
    resumeAt: undefined,
  }
}

function fixedSnapshot(hooks: readonly ProgrammedWebhook[]): SnapshotReader {
  const current = {
    version: 1,
    complete: true,
    api: effectiveApiSettings({}),
    webhooks: new Map(hooks.map((hook) => [hook.name, hook])),
    routes: compileRoutes(hooks),
  }
  return { current, subscribe: () => () => undefined }
}

/** A store on disk with synchronous=FULL and a dispatcher upon it, in this process. */
export interface Dispatching {
  readonly dispatcher: Dispatcher
  /**
   * Commits events, many writers each waiting for its own, and resolves when the outcome of every delivery is recorded.
   * `webhooksOf` an event, by its index: names of webhooks that are delivered to.
   */
  deliver(events: number, webhooksOf: (index: number) => readonly string[]): Promise<void>
  stop(): Promise<void>
}

export async function openDispatching(directory: string, hooks: readonly ProgrammedWebhook[]): Promise<Dispatching> {
  const log = createLog('error', (line) => process.stderr.write(line))
  const store = await openSqliteStore({ directory, clock: systemClock, log, synchronous: 'FULL' })
  let onRecorded: (delivered: number) => void = () => undefined
  const dispatcher = createDispatcher({
    store,
    snapshots: fixedSnapshot(hooks),
    clock: systemClock,
    random: systemRandom,
    log,
    version: 'bench',
    allowAddresses: ['127.0.0.0/8'],
    ownListeners: () => [],
    onHealth: () => undefined,
    onRecorded: (write) => onRecorded(write.deliveries.filter(({ state }) => state === 'delivered').length),
  })
  await dispatcher.start()
  return {
    dispatcher,
    deliver: (events, webhooksOf) => deliverAll(store, events, webhooksOf, (listener) => (onRecorded = listener)),
    async stop() {
      await dispatcher.stop(1000)
      await store.close()
    },
  }
}

async function deliverAll(
  store: Store,
  events: number,
  webhooksOf: (index: number) => readonly string[],
  listen: (listener: (delivered: number) => void) => void,
): Promise<void> {
  const throttle = new Throttle()
  const finished = Promise.withResolvers<void>()
  let committed = 0
  let unfinished = 0
  const settle = () => void (committed === events && unfinished === 0 && finished.resolve())
  listen((delivered) => {
    throttle.leave(delivered)
    unfinished -= delivered
    settle()
  })
  let next = 0
  const writer = async () => {
    for (let index = next++; index < events; index = next++) {
      const webhooks = webhooksOf(index)
      await throttle.enter(webhooks.length)
      unfinished += webhooks.length
      await commitEvent(store, webhooks)
      committed += 1
      settle()
    }
  }
  await Promise.all([finished.promise, ...Array.from({ length: Math.min(WRITERS, events) }, writer)])
}

export async function commitEvent(store: Store, webhooks: readonly string[]): Promise<void> {
  const event = {
    id: `evt_${systemRandom.uuid()}`,
    name: 'time_entry:created' as const,
    projectId: 1,
    occurredAt: systemClock.now(),
    body: BODY,
    webhooks,
  }
  const { outcome } = await store.commit({ expect: [], mutations: [], events: [event] })
  if (outcome !== 'committed') throw new Error(`an event could not be committed: ${outcome}`)
}
