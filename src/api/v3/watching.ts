import { assert } from '../../base/assert.ts'
import { ok, type Result } from '../../base/result.ts'
import type { RecordReader } from '../../storage/store.ts'
import type { Viewer } from '../context.ts'
import type { ApiError } from '../errors.ts'
import { inOwnProjects, inVisibleProjects, loadViewer } from '../permissions.ts'
import { paths } from './representers/hal.ts'

/**
 * Who watches what. Whoever does not see a work package any more (a membership ended, it was moved, its project was closed to the
 * public or archived) is not among its watchers, but stays in the table: what hides it may pass, and deleting would have to follow
 * each of these, for any number of work packages at once.
 */

/** All that the user watches: the same set, kept by the store's layer, until anybody begins or ends watching anything. */
export function watchedBy(store: RecordReader, userId: number): Promise<ReadonlySet<number>> {
  return store.values('watchers', 'workPackageId', [{ column: 'userId', comparison: '=', value: userId }])
}

/** Of these work packages those the user watches. */
export function watchedOf(store: RecordReader, userId: number, ids: readonly number[]): Promise<ReadonlySet<number>> {
  return store.values('watchers', 'workPackageId', [
    { column: 'userId', comparison: '=', value: userId },
    { column: 'workPackageId', comparison: 'in', value: ids },
  ])
}

/** Who watches more is not asked about: each of these is looked at for who may see it. */
const WATCHED_MAX = 10_000

/** What the user watches as far as the viewer may know it: of others, what they see, in projects the viewer works in. Undefined: too much. */
export async function knownWatchedBy(
  store: RecordReader,
  viewer: Viewer,
  userId: number,
): Promise<ReadonlySet<number> | undefined> {
  const watched = await watchedBy(store, userId)
  const user = await store.get('users', userId)
  if (userId === viewer.id || !user || watched.size === 0) return watched
  if (watched.size > WATCHED_MAX) return undefined
  return store.values('workPackages', 'id', [
    { column: 'id', comparison: 'in', value: [...watched] },
    ...inOwnProjects<'workPackages'>('projectId')(viewer),
    ...inVisibleProjects<'workPackages'>('projectId')(await loadViewer(store, user)),
  ])
}

/** What the links depend on, besides the work package's id. */
export interface Watching {
  readonly viewer: Viewer
  /** Whether the viewer watches it. */
  readonly watched: boolean
  /** Who watches is the business of those who work there. */
  readonly works: boolean
}

/** Written as text, since a page has many: nothing in it needs to be escaped. */
function watchLinks(id: number, { viewer, watched, works }: Watching): string {
  const watchers = paths.workPackageWatchers(id)
  const add = (userId: number | string) =>
    `{"href":"${watchers}","method":"post","payload":{"user":{"href":"${paths.user(userId)}"}}`
  const own = watched ? `"unwatch":{"href":"${watchers}/${viewer.id}","method":"delete"}` : `"watch":${add(viewer.id)}}`
  if (!works) return own
  return (
    `${own},"watchers":{"href":"${watchers}"},"availableWatchers":{"href":"${paths.workPackageAvailableWatchers(id)}"},` +
    `"addWatcher":${add('{user_id}')},"templated":true},` +
    `"removeWatcher":{"href":"${watchers}/{user_id}","method":"delete","templated":true}`
  )
}

/**
 * The JSON of a work package with these links, put behind the others when it is finished: what is remembered of it
 * (representers/json.ts) need not change when somebody watches, and serves all administrators alike. Events and embedded twins
 * have no such links: they are nobody's view, and there are thousands of them a second.
 */
export function withWatchLinks(json: string, id: number, watching: Watching): string {
  assert(json.endsWith('}}'), 'a representation ends with its links')
  return `${json.slice(0, -2)},${watchLinks(id, watching)}}}`
}

/** What the writer of a work package is answered; who writes works there. */
export async function writtenWithWatchLinks(
  store: RecordReader,
  viewer: Viewer,
  id: number,
  written: Result<string, ApiError>,
): Promise<Result<string, ApiError>> {
  if (!written.ok) return written
  const watched = await watchedOf(store, viewer.id, [id])
  return ok(withWatchLinks(written.value, id, { viewer, watched: watched.has(id), works: true }))
}
