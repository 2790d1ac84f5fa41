import { hostname } from 'node:os'
import { createMetrics } from './admin/metrics.ts'
import { createAdminServer } from './admin/server.ts'
import { seed } from './api/seed.ts'
import { createApi } from './api/server.ts'
import { generateToken } from './api/tokens.ts'
import { applicationAdmin } from './application-admin.ts'
import { assert } from './base/assert.ts'
import { sleep, systemClock, type Clock } from './base/clock.ts'
import { toError, UserError } from './base/errors.ts'
import { keepToken } from './base/kept-token.ts'
import { closeServer, listen, origin, type Listening } from './base/listen.ts'
import { createLog, type Log } from './base/log.ts'
import { isLoopbackHost } from './base/network.ts'
import { isInside } from './base/paths.ts'
import { systemRandom, type Random } from './base/random.ts'
import type { SecretValue } from './base/secret.ts'
import { programVersion, type RunConfig } from './config.ts'
import { createDispatcher, type Dispatcher } from './dispatch/dispatcher.ts'
import { Retention } from './dispatch/retention.ts'
import { createController } from './reconcile/controller.ts'
import { projectLookup } from './reconcile/projects.ts'
import { createSnapshotPublisher } from './reconcile/publisher.ts'
import { parseFile } from './resources/parse.ts'
import { createDirectorySecrets } from './sources/directory/secrets.ts'
import { createDirectorySource } from './sources/directory/source.ts'
import { createCluster, type Cluster } from './sources/kubernetes/cluster.ts'
import { loadCredentials } from './sources/kubernetes/credentials.ts'
import { keepReads } from './storage/kept-reads.ts'
import { openSqliteStore } from './storage/sqlite/sqlite-store.ts'
import type { Store } from './storage/store.ts'
import { tokenAdmin } from './token-admin.ts'

/** What tests replace; the program itself runs with the system's. */
export interface AppDependencies {
  readonly clock: Clock
  readonly random: Random
  readonly writeLog: (line: string) => void
}

export interface App {
  /** Where the API answers, `http://host:port`. */
  readonly apiOrigin: string
  readonly adminOrigin: string
  /** Accepts nothing more, finishes or releases what is in flight, then lets go of everything. Calling it again waits for the same end. */
  stop(): Promise<void>
  /** Resolves once stopped; rejects then if it stopped because it could not go on. */
  readonly closed: Promise<void>
  /** Resolves once it cannot go on: its store has broken down for good, or another operator has taken over. It then stops by itself. */
  readonly failed: Promise<Error>
}

/**
 * Deliveries in flight get this long to finish when stopping, and what came of them this long to be stored. The process promises to be
 * gone after 10 s: the listeners and giving back the lease take 2 s more at most, which leaves some to the store.
 */
const DRAIN_MS = 6_000
const RECORD_MS = 500

/** Undoes what was started, last first. */
type Releasers = (() => Promise<unknown>)[]

/** Starts the whole program, the only place where its parts meet. Whatever was started before a failure is stopped again. */
export async function startApp(config: RunConfig, dependencies: Partial<AppDependencies> = {}): Promise<App> {
  const releasers: Releasers = []
  try {
    const started = await startParts(config, dependencies, releasers)
    const { promise: closed, resolve, reject } = Promise.withResolvers<void>()
    let stopping: Promise<void> | undefined
    const stop = () => {
      stopping ??= release(releasers).then(resolve, reject)
      return closed
    }
    // Without its store, or its lease, the program can do nothing: it ends, so that whoever supervises it starts it anew. What is in
    // flight is finished first all the same: what a receiver has taken should not be sent to it again.
    void started.failed.then((error) => {
      releasers.push(() => Promise.reject(error))
      return stop().catch(() => undefined)
    })
    return { ...started, stop, closed }
  } catch (thrown) {
    await release(releasers).catch(() => undefined)
    throw thrown
  }
}

/** Every step is tried, even if one before it failed; the first failure is what is told. */
async function release(releasers: Releasers): Promise<void> {
  const failures: unknown[] = []
  for (let next = releasers.pop(); next; next = releasers.pop()) {
    try {
      await next()
    } catch (thrown) {
      failures.push(thrown)
    }
  }
  if (failures.length > 0) throw toError(failures[0])
}

/** All at once; the first failure is what is told. */
async function together(works: readonly Promise<unknown>[]): Promise<void> {
  const ends = await Promise.allSettled(works)
  const failure = ends.find((end) => end.status === 'rejected')
  if (failure) throw toError(failure.reason)
}

async function startParts(
  config: RunConfig,
  dependencies: Partial<AppDependencies>,
  releasers: Releasers,
): Promise<Omit<App, 'stop' | 'closed'>> {
  const shared = {
    clock: dependencies.clock ?? systemClock,
    random: dependencies.random ?? systemRandom,
    log: createLog(config.logLevel, dependencies.writeLog ?? ((line) => process.stderr.write(line))),
    version: programVersion(),
  }
  keepApart(config)
  const store = await openStore(config, shared, releasers)
  const access = await adminAccess(config, shared.random)
  const listening: Listening[] = []
  const cluster = await openCluster(config, shared)
  const core = createCore(config, shared, { store, ownListeners: listening, cluster })
  const api = createApi({
    ...shared,
    store,
    snapshots: core.publisher,
    publicUrl: config.publicUrl ?? origin({ address: config.listen.host, port: config.listen.port }),
    onProjectsChanged: (projects) => core.controller.projectsChanged(projects),
  })
  const admin = createAdminServer({
    ...shared,
    listing: core.controller,
    deliveries: store,
    dueAt: (delivery) => core.dispatcher.dueAt(delivery),
    tokens: tokenAdmin(store, shared),
    applications: applicationAdmin(store, shared),
    ping: (webhook, limits) => core.dispatcher.ping(webhook, limits),
    readiness: () => readiness(config, core.publisher.current.complete, store.healthy),
    metrics: core.metrics.registry,
    access,
  })
  // Bound first: an address that cannot be had is told before anything is sent or judged. Writes wait for the configuration.
  releasers.push(() => together([closeServer(admin, shared.clock), ...(cluster ? [cluster.close()] : [])]))
  const adminAt = await listen(admin, config.adminListen, '--admin-listen')
  listening.push(adminAt)
  const closeApi = once(() => closeServer(api, shared.clock))
  releasers.push(closeApi)
  const apiAt = await listen(api, config.listen, '--listen')
  listening.push(apiAt)
  const retention = new Retention({ ...shared, ...config.deliveryLog, store })
  const begin = async () => {
    await core.dispatcher.start()
    retention.start()
    const running = core.controller.start()
    // All at once: nothing is accepted, sent or judged any more while what is under way ends.
    releasers.push(() =>
      together([
        closeApi(),
        stopSending(core.dispatcher, shared.clock, releasers),
        retention.stop(),
        core.controller.stop(),
      ]),
    )
    return { running }
  }
  const failures = [store.failed]
  if (cluster) failures.push(cluster.lease.lost, beginOnceElected(cluster, begin, releasers))
  else await (await begin()).running
  const failed = Promise.race(failures).then((error) => {
    const why = error instanceof UserError ? { reason: error.message } : { err: error }
    shared.log.error(why, 'cannot go on: what is in flight is finished, then the program ends')
    return error
  })
  shared.log.info({ api: origin(apiAt), admin: origin(adminAt), version: shared.version }, 'listening')
  return { apiOrigin: origin(apiAt), adminOrigin: origin(adminAt), failed }
}

/**
 * While the disk is full, what came of the last requests would be waited for in vain. The store gives it up when it closes; only after
 * that is there nothing left to wait for.
 */
async function stopSending(dispatcher: Dispatcher, clock: Clock, releasers: Releasers): Promise<void> {
  const stopped = dispatcher.stop(DRAIN_MS)
  releasers.unshift(() => stopped)
  const waiting = new AbortController()
  try {
    await Promise.race([stopped, sleep(clock, DRAIN_MS + RECORD_MS, waiting.signal)])
  } finally {
    waiting.abort()
  }
}

/**
 * Does nothing until this is the one operator of the namespace, which may be never. `begin` resolves once stopping undoes all it has
 * started; `running` once the first configuration is in force. Resolves only if that goes wrong.
 */
function beginOnceElected(
  cluster: Cluster,
  begin: () => Promise<{ running: Promise<void> }>,
  releasers: Releasers,
): Promise<Error> {
  const begun = cluster.lease.acquire().then((elected) => (elected ? begin() : undefined))
  releasers.push(async () => {
    cluster.lease.abandon()
    await begun.catch(() => undefined)
  })
  return new Promise((resolve) => {
    begun.then((core) => core?.running).catch((thrown: unknown) => resolve(toError(thrown)))
  })
}

/** Nothing runs in it yet. */
async function openCluster(config: RunConfig, shared: Shared): Promise<Cluster | undefined> {
  if (config.mode.kind !== 'kubernetes') return undefined
  const credentials = await loadCredentials()
  const namespace = config.mode.namespace ?? credentials.namespace ?? 'default'
  const identity = `${hostname()}_${shared.random.uuid()}`
  const cluster = createCluster({ ...shared, credentials, namespace, identity })
  shared.log.info({ server: credentials.server, namespace }, 'watching a cluster')
  return cluster
}

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return () => (done ??= work())
}

/** The watched directory is never written into, and Secrets in it would be read as configuration. */
function keepApart(config: RunConfig): void {
  if (config.mode.kind !== 'directory') return
  const { root } = config.mode
  for (const [flag, directory] of [
    ['--data', config.dataDir],
    ['--secrets', config.secretsDir],
  ] as const) {
    if (!isInside(root, directory)) continue
    throw new UserError(`${flag} ${directory} lies inside the watched directory ${root}: choose a place outside of it`)
  }
}

interface Shared {
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly version: string
}

/** The store, with the administrator, the standard types and so on in it. */
async function openStore(config: RunConfig, { clock, random, log }: Shared, releasers: Releasers): Promise<Store> {
  const store = keepReads(await openSqliteStore({ directory: config.dataDir, clock, log }))
  releasers.push(() => store.close())
  const apiToken = config.apiToken ?? (await keepToken(config.dataDir, 'api-token', () => generateToken(random)))
  const seeded = await seed(store, clock, { adminToken: apiToken.reveal() })
  if (!seeded.ok) throw new UserError(`cannot set up the store in ${config.dataDir}: ${seeded.error.reason}`)
  return store
}

/** Control and data: they know of each other only the snapshot, and the health that deliveries are in. */
function createCore(
  config: RunConfig,
  shared: Shared,
  { store, ownListeners, cluster }: { store: Store; ownListeners: readonly Listening[]; cluster: Cluster | undefined },
) {
  const { source, secrets } = cluster ?? directorySources(config, shared)
  const publisher = createSnapshotPublisher()
  const dispatcher = createDispatcher({
    ...shared,
    store,
    snapshots: publisher,
    allowAddresses: config.allowAddresses,
    ownListeners: () => ownListeners,
    onHealth: (webhooks) => controller.healthChanged(webhooks),
    onRecorded: (write) => metrics.dispatchRecorded(write),
  })
  const controller = createController({
    ...shared,
    source,
    secrets,
    store,
    publisher,
    health: (webhook) => dispatcher.health(webhook),
    projectExists: projectLookup(store),
    onPass: (elapsedMs, applied) => metrics.reconciled('environment', applied ? 'success' : 'error', elapsedMs),
  })
  const metrics = createMetrics({
    version: shared.version,
    listing: controller,
    pending: () => dispatcher.pending,
    circuitsOpen: () => dispatcher.circuitsOpen,
    configVersion: () => publisher.current.version,
    ...(cluster ? { watchDrift: () => cluster.drift } : {}),
  })
  cluster?.report(controller)
  return { publisher, dispatcher, controller, metrics }
}

function directorySources({ mode, secretsDir }: RunConfig, shared: Shared): Pick<Cluster, 'source' | 'secrets'> {
  assert(mode.kind === 'directory', 'a cluster has sources of its own')
  return {
    source: createDirectorySource({ root: mode.root, parse: parseFile, ...shared }),
    secrets: createDirectorySecrets({ root: secretsDir, ...shared }),
  }
}

/** Off loopback `/v1` wants a token: the one given, or one kept beside the data. */
async function adminAccess(config: RunConfig, random: Random): Promise<{ loopback: boolean; token?: SecretValue }> {
  if (isLoopbackHost(config.adminListen.host)) return { loopback: true }
  const generate = () => `npadm-${random.bytes(32).toString('hex')}`
  return { loopback: false, token: config.adminToken ?? (await keepToken(config.dataDir, 'admin-token', generate)) }
}

function readiness(
  { mode }: RunConfig,
  configured: boolean,
  storeHealthy: boolean,
): { ready: boolean; reasons: string[] } {
  const reasons: string[] = []
  const cause =
    mode.kind === 'directory'
      ? 'is the directory there?'
      : 'is the lease free, and may the resources be read? The log tells'
  if (!configured) reasons.push(`no complete configuration is known yet: ${cause}`)
  if (!storeHealthy) reasons.push('the data directory cannot be written: is the disk full?')
  return { ready: reasons.length === 0, reasons }
}
