import { fail, ok, type Result } from '../../base/result.ts'
import type { Expectation, RecordReader } from '../../storage/store.ts'
import type { UserRecord, WatcherRecord, WorkPackageRecord } from '../../storage/tables.ts'
import type { ApiContext, Viewer } from '../context.ts'
import { apiError, type ApiError } from '../errors.ts'
import { seesUser, whoSees } from '../permissions.ts'
import { findVisible, parseId, readRow } from '../v3/find.ts'
import { renderUser } from '../v3/representers/user.ts'
import { isAssignable } from './assignable.ts'
import { authorize } from './authority.ts'
import { readBody, reference, violation } from './body.ts'
import { userUnchanged } from './expectations.ts'
import { write, type WritePlan } from './write.ts'

/**
 * Watching is nobody's change of the work package: no version of it rises, no activity is left and no event happens. Whoever sees it
 * may watch it; members also bring in others who see it, and take them off.
 */

const USER = reference('users')

/** `added`: false when the user watched already. */
export interface Added {
  readonly added: boolean
  /** JSON of the user. */
  readonly shown: string
}

export async function addWatcher(
  context: ApiContext,
  viewer: Viewer,
  workPackageId: string,
  raw: unknown,
): Promise<Result<Added, ApiError>> {
  const body = readBody(raw)
  if (!body.ok) return body
  const user = USER(body.value.fields['user'] ?? { href: null }, 'user')
  if (!user.ok) return user
  let added = false
  const written = await write(context, viewer, async () => {
    const planned = await planWatcher(context, viewer, workPackageId, user.value)
    added = planned.ok && planned.value.mutations.length > 0
    return planned
  })
  return written.ok ? ok({ added, shown: written.value }) : written
}

async function planWatcher(
  context: ApiContext,
  viewer: Viewer,
  workPackageId: string,
  userId: string | null,
): Promise<Result<WritePlan, ApiError>> {
  const { store } = context
  const place = await findPlace(store, viewer, workPackageId, userId)
  if (!place.ok) return place
  const { work, expect } = place.value
  if (userId === null) return fail(violation('user', "User can't be blank."))
  const user = await readRow(store, 'users', userId)
  if (!user || user.status === 'deleted' || !(await seesUser(store, viewer, user.id))) return fail(apiError('NotFound'))
  const render = (viewer: Viewer) => renderUser(user, viewer)
  if (await findWatcher(store, work.id, user.id)) return ok({ expect: [], mutations: [], render })
  if (!(await mayWatch(store, work, user))) {
    return fail(violation('user', 'User is not allowed to view this resource.'))
  }
  const pair = pairOf(work.id, user.id)
  const row = { id: context.store.allocateId('watchers'), workPackageId: work.id, userId: user.id, pair }
  return ok({
    expect: [
      ...expect,
      { kind: 'row', table: 'workPackages', id: work.id, values: { projectId: work.projectId } },
      userUnchanged(user),
      { kind: 'absent', table: 'watchers', column: 'pair', value: pair },
    ],
    mutations: [{ op: 'insert', table: 'watchers', row }],
    render,
  })
}

/** Who does not watch anyway is as good as taken off. */
export function removeWatcher(
  context: ApiContext,
  viewer: Viewer,
  workPackageId: string,
  userId: string,
): Promise<Result<unknown, ApiError>> {
  const { store } = context
  return write(context, viewer, async () => {
    const place = await findPlace(store, viewer, workPackageId, userId)
    if (!place.ok) return place
    const { work, expect } = place.value
    const user = await readRow(store, 'users', userId)
    const watcher = user && (await findWatcher(store, work.id, user.id))
    const render = () => ''
    if (watcher) {
      const { id } = watcher
      return ok({
        expect: [...expect, { kind: 'row', table: 'watchers', id, values: {} }],
        mutations: [{ op: 'delete', table: 'watchers', id }],
        render,
      })
    }
    const known = user && (await seesUser(store, viewer, user.id))
    return known ? ok({ expect: [], mutations: [], render }) : fail(apiError('NotFound'))
  })
}

/** The work package, and what must hold for the viewer to say who watches it: nothing more, if that is the viewer. */
async function findPlace(
  store: RecordReader,
  viewer: Viewer,
  workPackageId: string,
  userId: string | null,
): Promise<Result<{ work: WorkPackageRecord; expect: readonly Expectation[] }, ApiError>> {
  const found = await findVisible(store, viewer, 'workPackages', workPackageId)
  if (!found.ok) return found
  const work = found.value
  const own = userId !== null && parseId(userId) === viewer.id
  const authorized = own ? ok([]) : await authorize(store, viewer, 'contribute', work.projectId)
  return authorized.ok ? ok({ work, expect: authorized.value }) : authorized
}

async function mayWatch(store: RecordReader, { projectId }: WorkPackageRecord, user: UserRecord): Promise<boolean> {
  const project = await store.get('projects', projectId)
  return project !== undefined && isAssignable(user) && (await whoSees(store, project))(user)
}

/** How a watcher is found: `pair` of its row. */
function pairOf(workPackageId: number, userId: number): string {
  return `${workPackageId}/${userId}`
}

function findWatcher(store: RecordReader, workPackageId: number, userId: number): Promise<WatcherRecord | undefined> {
  return store.find('watchers', 'pair', pairOf(workPackageId, userId))
}
