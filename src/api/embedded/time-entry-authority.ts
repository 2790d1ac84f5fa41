import { ok, type Result } from '../../base/result.ts'
import type { Expectation } from '../../storage/store.ts'
import type { TimeEntryRecord } from '../../storage/tables.ts'
import type { ApiStore, Viewer } from '../context.ts'
import type { ApiError } from '../errors.ts'
import { isAssignable } from './assignable.ts'
import { authorize, authorizeInAll, findMembership, stillMember, type Right } from './authority.ts'
import { violation } from './body.ts'
import { NO_ID } from './shape.ts'

/** One's own time as a member of the project, others' as its admin; where it is, and where it goes. */
export async function authorizeEntry(
  store: ApiStore,
  viewer: Viewer,
  record: TimeEntryRecord,
  current: TimeEntryRecord | undefined,
): Promise<Result<Expectation[], ApiError>> {
  const there = current ? await authorize(store, viewer, rightOver(current, viewer), current.projectId) : ok([])
  if (!there.ok || record.projectId === NO_ID) return there
  // Whoever brings another's time in must be able to manage it there as well.
  const brought = current !== undefined && record.projectId !== current.projectId
  const right = brought ? rightOver(record, viewer) : 'contribute'
  const here = await authorizeInAll(store, viewer, right, [record.projectId])
  return here.ok ? ok([...there.value, ...here.value]) : here
}

/** What it takes to change or delete an entry. */
export function rightOver({ userId }: TimeEntryRecord, viewer: Viewer): Right {
  return userId === viewer.id ? 'contribute' : 'manage'
}

/**
 * Only who may manage others' time logs it for them or brings it into another project, and only for members and administrators
 * there; the value is what must still hold.
 */
export async function checkUser(
  store: ApiStore,
  viewer: Viewer,
  record: TimeEntryRecord,
  current: TimeEntryRecord | undefined,
  errors: ApiError[],
): Promise<Expectation[]> {
  const given = record.userId !== (current?.userId ?? viewer.id)
  const brought = current !== undefined && record.projectId !== current.projectId && record.userId !== viewer.id
  if ((!given && !brought) || record.projectId === NO_ID) return []
  const invalid = () => (errors.push(violation('user', 'User is invalid.')), [])
  const managing = await authorize(store, viewer, 'manage', record.projectId)
  const user = await store.get('users', record.userId)
  if (!managing.ok || !user || !isAssignable(user)) return invalid()
  if (user.admin) return managing.value
  const membership = await findMembership(store, record.projectId, user.id)
  return membership ? [...managing.value, stillMember(membership)] : invalid()
}
