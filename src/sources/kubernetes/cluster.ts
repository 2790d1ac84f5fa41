import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import type { SecretSource, Source } from '../../resources/source.ts'
import type { StatusListing } from '../../status/listing.ts'
import { createApi } from './api.ts'
import { createConnection } from './connection.ts'
import type { Credentials } from './credentials.ts'
import { EventSink } from './event-sink.ts'
import { EnvironmentLease } from './lease.ts'
import { References } from './references.ts'
import { createKubernetesSecrets } from './secrets.ts'
import { createKubernetesSource } from './source.ts'
import { StatusSink } from './status-sink.ts'
import { TokenBucket } from './token-bucket.ts'

export interface ClusterOptions {
  readonly credentials: Credentials
  readonly namespace: string
  /** Who we are, different for each process. */
  readonly identity: string
  readonly version: string
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}

/** One namespace of a cluster, as the environment of this operator. */
export interface Cluster {
  readonly source: Source
  readonly secrets: SecretSource
  readonly lease: EnvironmentLease
  /** How many changes the watches were found to have missed, all together; must stay 0. */
  readonly drift: number
  /** Writes from now on what the listing says onto the objects, and tells of its turns in events. */
  report(listing: StatusListing): void
  /** Stops writing, gives the lease back and closes every connection. */
  close(): Promise<void>
}

/** All writes of an operator together, but for its lease. */
const WRITES = { perSecond: 20, burst: 200 }

export function createCluster(options: ClusterOptions): Cluster {
  const { clock, credentials, version } = options
  const connection = createConnection(credentials, clock, version)
  const shared = { ...options, api: createApi(connection.fetch, clock), references: new References() }
  const secrets = createKubernetesSecrets(shared)
  const lease = new EnvironmentLease(shared)
  const writes = new TokenBucket(clock, WRITES)
  let sinks: readonly (StatusSink | EventSink)[] = []
  const source = createKubernetesSource({
    ...shared,
    look: (references) => secrets.look(references),
    onObject(key, object, how) {
      for (const sink of sinks) sink.seen(key, object, how)
    },
  })
  return {
    source,
    secrets,
    lease,
    get drift() {
      return source.drift + secrets.drift
    },
    report(listing) {
      const reporting = { ...shared, listing, writes, mayWrite: () => lease.certain }
      sinks = [new StatusSink(reporting), new EventSink(reporting)]
      for (const sink of sinks) sink.start()
    },
    async close() {
      await Promise.all(sinks.map((sink) => sink.stop()))
      await lease.release()
      await connection.close()
    },
  }
}
