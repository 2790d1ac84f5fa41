import type { ServerResponse } from 'node:http'
import type { Clock, Timer } from '../../../src/base/clock.ts'
import { ApiError, badRequest } from './api-error.ts'
import { CRD_KEY } from './built-ins.ts'
import { instancesOf, crdSpec } from './custom-resources.ts'
import { breakConnection } from './faults.ts'
import { type Fields, type KubeObject, sameJson } from './object.ts'
import { demandReached, predicate, revisionOf, type ListQuery } from './reads.ts'
import type { ResourceType } from './resource-type.ts'
import type { Change, ObjectStore } from './store.ts'

export interface WatchQuery extends ListQuery {
  readonly allowBookmarks: boolean
  readonly timeoutSeconds: number
  readonly sendInitialEvents: boolean
}

/** A watch under way, for tests that want to trouble it. */
export interface Watch {
  readonly resource: string
  readonly namespace: string | undefined
  readonly user: string
  /** Writes text as it is: half a line, two lines, an unknown event. */
  send(text: string): void
  /** An event as the server would write it; the type may be one that does not exist. */
  event(type: string, object: Fields): void
  /** At the current revision, or any other. */
  bookmark(resourceVersion?: string): void
  /** An ERROR event, after which the server ends the stream. */
  fail(error: ApiError): void
  /** Ends the stream as a timeout does. */
  end(): void
  /** Breaks the connection. */
  reset(): void
  /** Says nothing more, and does not close: a half-open connection. What happens meanwhile is told by `thaw`. */
  freeze(): void
  thaw(): void
  /** Never tells of what changes from now on, as if nothing had: something on the way that loses data. */
  lose(): void
}

export interface WatchRequest {
  readonly type: ResourceType
  readonly namespace: string | undefined
  readonly query: WatchQuery
  readonly user: string
  /** In the form asked for; `first` while nothing was sent. */
  readonly encode: (stored: KubeObject, first: boolean) => Fields
}

export interface Watches {
  readonly open: readonly Watch[]
  start(request: WatchRequest, response: ServerResponse): void
  endAll(): void
}

/** Bookmarks come about once a minute, as from a real server. */
const BOOKMARK_MS = 60_000

export function createWatches(store: ObjectStore, clock: Clock): Watches {
  const open = new Set<Watch>()
  return {
    get open() {
      return [...open]
    },
    start(request, response) {
      const initial = initialEvents(store, request)
      const watch = stream(store, clock, request, response, () => open.delete(watch))
      open.add(watch)
      watch.begin(initial)
    },
    endAll() {
      for (const watch of [...open]) watch.end()
    },
  }
}

interface Event {
  readonly type: string
  readonly object: KubeObject
}

type Initial = readonly Event[] | ApiError

/** What a new watch is told first; a revision that is gone is an ERROR event in the stream, not a status of the response. */
function initialEvents(store: ObjectStore, { type, namespace, query }: WatchRequest): Initial {
  const holds = predicate(type, query)
  const { sendInitialEvents, resourceVersionMatch, allowBookmarks } = query
  if (sendInitialEvents && (resourceVersionMatch !== 'NotOlderThan' || !allowBookmarks))
    throw badRequest('sendInitialEvents requires setting resourceVersionMatch to NotOlderThan, and allowWatchBookmarks')
  const wanted = query.resourceVersion ?? ''
  const revision = wanted === '' ? 0 : revisionOf(wanted)
  try {
    if (sendInitialEvents) demandReached(store, revision)
    if (sendInitialEvents || revision === 0)
      return store
        .list(type.storageKey, namespace)
        .filter(holds)
        .map((object) => ({ type: 'ADDED', object }))
    const changes = store.changesSince(type.storageKey, revision)
    return changes.flatMap((change) => eventOf(change, namespace, holds) ?? [])
  } catch (error) {
    if (error instanceof ApiError) return error
    throw error
  }
}

/** What a selecting watch sees of a change: an object may come into its sight, or leave it. */
function eventOf(change: Change, namespace: string | undefined, holds: (o: KubeObject) => boolean): Event | undefined {
  const { type, object, before } = change
  if (namespace !== undefined && object.metadata.namespace !== namespace) return undefined
  const was = before !== undefined && holds(before)
  const is = type !== 'DELETED' && holds(object)
  if (was && is) return { type: 'MODIFIED', object }
  if (is) return { type: 'ADDED', object }
  if (!was) return undefined
  const last =
    type === 'DELETED'
      ? object
      : { ...before, metadata: { ...before.metadata, resourceVersion: object.metadata.resourceVersion } }
  return { type: 'DELETED', object: last as KubeObject }
}

interface OpenWatch extends Watch {
  begin(initial: Initial): void
}

function stream(
  store: ObjectStore,
  clock: Clock,
  { type, namespace, query, user, encode }: WatchRequest,
  response: ServerResponse,
  onEnd: () => void,
): OpenWatch {
  const holds = predicate(type, query)
  const timers = new Set<Timer>()
  let frozen: string[] | undefined
  let isFirst = true
  let isOver = false
  let isLosing = false

  const send = (text: string) => {
    if (isOver) return
    if (frozen) frozen.push(text)
    else response.write(text)
  }
  const event = (kind: string, object: Fields) => send(`${JSON.stringify({ type: kind, object })}\n`)
  const tell = ({ type: kind, object }: Event) => {
    event(kind, encode(object, isFirst))
    isFirst = false
  }
  const bookmark = (resourceVersion = String(store.revision), annotations?: Fields) => {
    const metadata = { resourceVersion, creationTimestamp: null, ...(annotations && { annotations }) }
    event('BOOKMARK', { kind: type.kind, apiVersion: apiVersion(type), metadata })
  }
  const stop = () => {
    if (isOver) return
    isOver = true
    unsubscribe()
    for (const timer of timers) timer.cancel()
    onEnd()
  }
  const end = () => {
    stop()
    response.end()
  }
  /** From a version yet to come, as after a restore from a backup, a watch is silent until it has come: it has seen all before that. */
  const from = Number(query.resourceVersion ?? 0)
  const unsubscribe = store.subscribe((change) => {
    if (change.storageKey === CRD_KEY && endsWatches(change, type)) end()
    if (change.storageKey !== type.storageKey) return
    const seen = eventOf(change, namespace, holds)
    if (seen && !isLosing && store.revision > from) tell(seen)
  })
  const remindLater = () => {
    const timer = clock.after(BOOKMARK_MS, () => {
      timers.delete(timer)
      if (store.revision >= from) bookmark()
      remindLater()
    })
    timers.add(timer)
  }
  response.on('close', stop)

  const watch: OpenWatch = {
    resource: type.plural,
    namespace,
    user,
    send,
    event,
    bookmark: (resourceVersion) => bookmark(resourceVersion),
    fail(error) {
      event('ERROR', error.toStatus())
      end()
    },
    end,
    reset() {
      stop()
      breakConnection(response)
    },
    freeze() {
      frozen ??= []
    },
    thaw() {
      const held = frozen ?? []
      frozen = undefined
      for (const text of held) send(text)
    },
    lose() {
      isLosing = true
    },
    begin(initial) {
      // The headers go out at once: a client waits for them before it believes that it watches.
      response.writeHead(200, { 'content-type': 'application/json', 'cache-control': 'no-cache, private' })
      response.flushHeaders()
      if (initial instanceof ApiError) return watch.fail(initial)
      for (const each of initial) tell(each)
      if (query.sendInitialEvents) bookmark(undefined, { 'k8s.io/initial-events-end': 'true' })
      if (query.allowBookmarks) remindLater()
      timers.add(clock.after(query.timeoutSeconds * 1000, end))
    },
  }
  return watch
}

const apiVersion = ({ group, version }: ResourceType) => (group === '' ? version : `${group}/${version}`)

/** A definition that goes or changes takes the watches of its resources with it. */
function endsWatches({ type, object, before }: Change, { storageKey }: ResourceType): boolean {
  if (instancesOf(crdSpec(object)) !== storageKey) return false
  return type === 'DELETED' || !sameJson(before?.['spec'], object['spec'])
}
