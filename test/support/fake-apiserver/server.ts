import { readFileSync, writeFileSync } from 'node:fs'
import { type Server, createServer } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { type Clock, systemClock } from '../../../src/base/clock.ts'
import { type Random, systemRandom } from '../../../src/base/random.ts'
import { type User, createAccess } from './access.ts'
import { createCelRules } from './cel.ts'
import { establishDefinitions } from './controllers.ts'
import { createDeletions } from './deletions.ts'
import { type Faults, createFaults } from './faults.ts'
import { createHandler } from './handler.ts'
import { type Objects, createObjects } from './objects.ts'
import { createRegistry } from './registry.ts'
import { type RequestLog, createRequestLog } from './requests.ts'
import type { ResourceType } from './resource-type.ts'
import { createObjectStore } from './store.ts'
import { type Watch, createWatches } from './watches.ts'
import { createWrites } from './writes.ts'

export interface FakeApiServerOptions {
  /** Who may do what; without, everybody everything. */
  readonly users?: readonly User[]
  /** Serves HTTPS: kubectl sends a token over nothing else. */
  readonly tls?: boolean
  readonly clock?: Clock
  readonly random?: Random
  /** Built-in kinds beside the few that are always there, such as those of `workloads.ts`. */
  readonly types?: readonly ResourceType[]
  /** Writes the journal keeps for watches and pages; older ones are compacted. */
  readonly journalMax?: number
}

/** A Kubernetes API server in this process, with its state in memory. */
export interface FakeApiServer {
  readonly url: string
  readonly port: number
  /** Certificate authority of its certificate, PEM; undefined without TLS. */
  readonly ca: string | undefined
  /** Direct access for arranging and asserting, past faults, access and the request log. */
  readonly objects: Objects
  readonly requests: RequestLog
  readonly faults: Faults
  /** Watches under way. */
  readonly watches: readonly Watch[]
  /** Connections that are open now. */
  readonly sockets: readonly Socket[]
  /** The revision of the last write. */
  readonly revision: number
  /** Forgets the journal: watches and pages of older revisions get 410. */
  compact(): void
  /** Sets the revision: backwards it is a restore of an older backup. */
  jump(revision: number): void
  setUsers(users: readonly User[] | undefined): void
  /** Writes a kubeconfig for a user, the first by default; answers its path. */
  kubeconfig(path: string, user?: string, namespace?: string): string
  /** Breaks every connection and listens no more; the state stays. */
  stop(): Promise<void>
  /** Listens again, on the same port. */
  restart(): Promise<void>
  close(): Promise<void>
}

const TLS_FILES = join(import.meta.dirname, '..', '..', 'dispatch', 'tls')

export async function startFakeApiServer(options: FakeApiServerOptions = {}): Promise<FakeApiServer> {
  const { users, tls = false, clock = systemClock, random = systemRandom, journalMax = 10_000, types = [] } = options
  const store = createObjectStore(journalMax)
  const registry = createRegistry(store, types)
  const access = createAccess(users)
  const faults = createFaults()
  const requests = createRequestLog()
  const watches = createWatches(store, clock)
  const writes = createWrites({ store, cel: createCelRules(), clock, random })
  const deletions = createDeletions(store, registry, clock)
  const settle = () => {
    deletions.settle()
    establishDefinitions(store, clock)
  }
  const objects = createObjects({ store, registry, writes, deletions, settle })
  for (const name of ['default', 'kube-system'])
    objects.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  const handle = createHandler({ store, registry, writes, deletions, watches, access, faults, requests, clock, settle })

  const sockets = new Set<Socket>()
  let known = users
  let server = await listen(tls, handle, sockets, 0)
  const { port } = server.address() as AddressInfo
  const url = `${tls ? 'https' : 'http'}://127.0.0.1:${port}`
  const ca = tls ? readFileSync(join(TLS_FILES, 'ca.pem'), 'utf8') : undefined

  const stop = async () => {
    if (!server.listening) return
    const closed = new Promise((resolve) => server.close(resolve))
    for (const socket of sockets) socket.destroy()
    await closed
    watches.endAll()
  }
  return {
    url,
    port,
    ca,
    objects,
    requests,
    faults,
    get watches() {
      return watches.open
    },
    get sockets() {
      return [...sockets]
    },
    get revision() {
      return store.revision
    },
    compact: () => store.compact(),
    jump: (revision) => store.jump(revision),
    setUsers(next) {
      known = next
      access.setUsers(next)
    },
    kubeconfig(path, user = known?.[0]?.name, namespace = 'default') {
      const token = known?.find(({ name }) => name === user)?.token
      writeFileSync(path, stringify(kubeconfig({ url, ca, token, namespace })), { mode: 0o600 })
      return path
    },
    stop,
    async restart() {
      await stop()
      server = await listen(tls, handle, sockets, port)
    },
    close: stop,
  }
}

async function listen(
  tls: boolean,
  handle: ReturnType<typeof createHandler>,
  sockets: Set<Socket>,
  port: number,
): Promise<Server> {
  const listener: Parameters<typeof createServer>[1] = (request, response) => void handle(request, response)
  const server = tls ? createTlsServer(certificate(), listener) : createServer(listener)
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => socket.destroy())
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', resolve)
  })
  return server
}

function certificate() {
  const read = (name: string) => readFileSync(join(TLS_FILES, name))
  return { cert: read('server.pem'), key: read('server-key.pem') }
}

interface Connection {
  readonly url: string
  readonly ca: string | undefined
  readonly token: string | undefined
  readonly namespace: string
}

function kubeconfig({ url, ca, token, namespace }: Connection) {
  const authority = ca === undefined ? {} : { 'certificate-authority-data': Buffer.from(ca).toString('base64') }
  return {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'fake', cluster: { server: url, ...authority } }],
    users: [{ name: 'fake', user: token === undefined ? {} : { token } }],
    contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'fake', namespace } }],
    'current-context': 'fake',
  }
}
