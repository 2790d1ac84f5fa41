import { fail, ok, type Result } from '../../base/result.ts'
import type { RecordReader } from '../../storage/store.ts'
import type { UserRecord } from '../../storage/tables.ts'
import type { ApiContext, Viewer } from '../context.ts'
import { apiError, propertyError, type ApiError } from '../errors.ts'
import { firstUser } from '../seed.ts'
import { renderUserActions } from '../v3/representers/user.ts'
import { checkReadOnly, violation } from './body.ts'
import { plainRows, removeRow } from './delete.ts'
import { userUnchanged } from './expectations.ts'
import { checkUser, readInput, type UserInput } from './user-input.ts'
import { changedColumns, failure, write, type WritePlan } from './write.ts'

/** There is no password to be set and no mail to be sent: users act through tokens, which are made for them. */

const READ_ONLY = ['id', 'name', 'createdAt', 'updatedAt'] as const

/** From which statuses each may be reached by changing a user; what is deleted stays deleted. */
const TRANSITIONS: Readonly<Record<string, readonly string[]>> = {
  active: ['active', 'locked', 'invited', 'registered'],
  locked: ['active', 'locked'],
}
const NEW_STATUSES: readonly string[] = ['active', 'invited']

export async function createUser(context: ApiContext, viewer: Viewer, raw: unknown): Promise<Result<string, ApiError>> {
  const input = readInput(raw)
  if (!input.ok) return input
  const now = context.clock.now()
  const blank: UserRecord = {
    ...{ id: context.store.allocateId('users'), login: '', firstName: '', lastName: '', email: '' },
    ...{ admin: false, status: 'active', language: 'en', createdAt: now, updatedAt: now },
  }
  return write(context, viewer, async () => {
    const errors = [...input.value.errors, ...checkReadOnly(input.value.body, READ_ONLY, undefined)]
    const record = { ...blank, ...input.value.fields }
    if (!NEW_STATUSES.includes(record.status)) {
      errors.push(violation('status', 'Status is not set to one of the allowed values.'))
    }
    return planUser(context, record, undefined, errors)
  })
}

/** Administrators change anybody, users themselves, except who they are to the program. `user` is visible to the viewer. */
export async function updateUser(
  context: ApiContext,
  viewer: Viewer,
  id: number,
  raw: unknown,
): Promise<Result<string, ApiError>> {
  if (!viewer.admin && viewer.id !== id) return fail(apiError('MissingPermission'))
  const input = readInput(raw)
  if (!input.ok) return input
  return write(context, viewer, async () => {
    const current = await context.store.get('users', id)
    if (!current || current.status === 'deleted') return fail(apiError('NotFound'))
    const { status = current.status } = input.value.fields
    if (viewer.admin && !(await mayBecome(context.store, current, status)))
      return fail(apiError('InvalidUserStatusTransition'))
    const record = { ...current, ...input.value.fields }
    const errors = [...input.value.errors, ...checkWritable(input.value, record, current, viewer)]
    if (current.admin && !record.admin && (await isKept(context.store, current))) {
      errors.push(violation('admin', 'Admin cannot be taken from the administrator the program keeps.'))
    }
    return planUser(context, record, current, errors)
  })
}

/** Locks a user, or takes the lock off. */
export async function setStatus(
  context: ApiContext,
  viewer: Viewer,
  id: number,
  status: 'active' | 'locked',
): Promise<Result<string, ApiError>> {
  return write(context, viewer, async () => {
    const current = await context.store.get('users', id)
    if (!current) return fail(apiError('NotFound'))
    const settled = ['active', 'locked'].includes(current.status)
    if (!settled || !(await mayBecome(context.store, current, status)))
      return fail(apiError('InvalidUserStatusTransition'))
    return planUser(context, { ...current, status }, current, [])
  })
}

/**
 * What the user wrote stays readable: the row stays, without the person. The login it leaves behind is none anybody can take.
 * Tokens and memberships go first, on the usual conditions (delete.ts).
 */
export async function deleteUser(context: ApiContext, id: number): Promise<Result<undefined, ApiError>> {
  const user = await context.store.get('users', id)
  if (!user || user.status === 'deleted') return fail(apiError('NotFound'))
  if (await isKept(context.store, user)) {
    return fail(apiError('MissingPermission', 'The administrator the program keeps cannot be deleted.'))
  }
  const nobody = { login: `:deleted:${id}`, firstName: 'Deleted', lastName: 'user', email: '', language: 'en' }
  const changes = { ...nobody, admin: false, status: 'deleted', updatedAt: context.clock.now() }
  return removeRow(context, { op: 'update', table: 'users', id, changes }, [
    plainRows(context, 'tokens', 'userId'),
    plainRows(context, 'memberships', 'userId'),
  ])
}

/** The first user has the token the program itself keeps: it would be back at the next start, so it stays what it is. */
async function isKept(store: RecordReader, user: UserRecord): Promise<boolean> {
  return (await firstUser(store))?.id === user.id
}

async function mayBecome(store: RecordReader, user: UserRecord, status: string): Promise<boolean> {
  if (status === user.status) return true
  if (status === 'locked' && (await isKept(store, user))) return false
  return TRANSITIONS[status]?.includes(user.status) ?? false
}

/** Nobody changes their own rank or name to the program; only administrators others'. */
function checkWritable({ body }: UserInput, record: UserRecord, current: UserRecord, viewer: Viewer): ApiError[] {
  const fixed = viewer.id === current.id ? (['login', 'admin', 'status'] as const) : []
  const changed = fixed.filter((name) => record[name] !== current[name])
  return [
    ...checkReadOnly(body, READ_ONLY, () => renderUserActions(current, viewer)),
    ...changed.map((name) =>
      propertyError(
        'PropertyIsReadOnly',
        name,
        `${name.charAt(0).toUpperCase()}${name.slice(1)} was attempted to be written but is not writable.`,
      ),
    ),
  ]
}

/** `current` is the stored row, undefined for a new user; `errors` what is wrong already. */
async function planUser(
  { store, clock }: ApiContext,
  record: UserRecord,
  current: UserRecord | undefined,
  errors: ApiError[],
): Promise<Result<WritePlan, ApiError>> {
  const changes = current && changedColumns(current, record)
  const failed = failure([
    ...errors,
    ...(changes && Object.keys(changes).length === 0 ? [] : await checkUser(store, record)),
  ])
  if (failed) return failed
  const render = (viewer: Viewer) => renderUserActions(record, viewer)
  if (!current || !changes) {
    const free = { kind: 'absent', table: 'users', column: 'login', value: record.login } as const
    return ok({ expect: [free], mutations: [{ op: 'insert', table: 'users', row: record }], render })
  }
  if (Object.keys(changes).length === 0) return ok({ expect: [], mutations: [], render })
  record.updatedAt = clock.now()
  return ok({
    expect: [
      userUnchanged(current),
      { kind: 'absent', table: 'users', column: 'login', value: record.login, exceptId: record.id },
    ],
    mutations: [{ op: 'update', table: 'users', id: record.id, changes: changedColumns(current, record) }],
    render,
  })
}
