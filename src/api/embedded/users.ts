import { fail, ok, type Result } from '../../base/result.ts'
import type { Expectation, RecordReader } from '../../storage/store.ts'
import type { UserRecord } from '../../storage/tables.ts'
import type { ApiContext, Viewer } from '../context.ts'
import { apiError, combineErrors, type ApiError } from '../errors.ts'
import { firstUser } from '../seed.ts'
import { renderUserActions } from '../v3/representers/user.ts'
import { readOnly, violation } from './body.ts'
import { allErrors, failed } from './draft.ts'
import { userUnchanged } from './expectations.ts'
import { removePlainRows } from './removal.ts'
import { absent, removeRow, type Chain } from './removing.ts'
import { checkFixed, columnsOf, readInput, type Input } from './shape.ts'
import { checkUser, USER_SHAPE } from './user-shape.ts'
import { changedColumns, unavailableStore, write, type WritePlan } from './write.ts'

/** There is no password to be set and no mail to be sent: users act through tokens, which are made for them. */

type UserInput = Input<typeof USER_SHAPE>

/** From which statuses each may be reached by changing a user; what is deleted stays deleted. */
const TRANSITIONS: Readonly<Record<string, readonly string[]>> = {
  active: ['active', 'locked', 'invited', 'registered'],
  locked: ['active', 'locked'],
}
/** What goes with a user. */
const OF_A_USER = ['tokens', 'oauthCodes', 'oauthTokens', 'memberships', 'watchers'] as const
const NEW_STATUSES: readonly string[] = ['active', 'invited']

export async function createUser(context: ApiContext, viewer: Viewer, raw: unknown): Promise<Result<string, ApiError>> {
  const input = readInput(USER_SHAPE, raw)
  if (!input.ok) return input
  const now = context.clock.now()
  const blank: UserRecord = {
    ...{ id: context.store.allocateId('users'), login: '', firstName: '', lastName: '', email: '' },
    ...{ admin: false, status: 'active', language: 'en', createdAt: now, updatedAt: now },
  }
  return write(context, viewer, async () => {
    const judged = checkFixed(USER_SHAPE, input.value.body, undefined)
    const record = { ...blank, ...columnsOf<UserRecord>(USER_SHAPE, input.value.fields) }
    if (record.status === 'invited') nameByAddress(record)
    if (!NEW_STATUSES.includes(record.status)) {
      judged.push(violation('status', 'Status is not set to one of the allowed values.'))
    }
    return planUser(context, record, undefined, { read: input.value.errors, judged })
  })
}

/** Who is invited may be known by an address only: what else is needed is taken from it, until they say more. */
function nameByAddress(record: UserRecord): void {
  const [name = '', domain = ''] = (record.email ?? '').split('@')
  if (record.login === '') record.login = record.email ?? ''
  if (record.firstName === '') record.firstName = name
  if (record.lastName === '' && domain !== '') record.lastName = `@${domain}`
}

/** Administrators change anybody, users themselves, except who they are to the program. `user` is visible to the viewer. */
export async function updateUser(
  context: ApiContext,
  viewer: Viewer,
  id: number,
  raw: unknown,
): Promise<Result<string, ApiError>> {
  if (!viewer.admin && viewer.id !== id) return fail(apiError('MissingPermission'))
  const input = readInput(USER_SHAPE, raw)
  if (!input.ok) return input
  const plan = async (): Promise<Result<WritePlan, ApiError>> => {
    const current = await context.store.get('users', id)
    if (!current || current.status === 'deleted') return fail(apiError('NotFound'))
    const { status = current.status } = input.value.fields
    if (viewer.admin && !(await mayBecome(context.store, current, status)))
      return fail(apiError('InvalidUserStatusTransition'))
    const record = { ...current, ...columnsOf<UserRecord>(USER_SHAPE, input.value.fields) }
    const judged = checkWritable(input.value, record, current, viewer)
    if (current.admin && !record.admin && (await isKept(context.store, current))) {
      judged.push(violation('admin', 'Admin cannot be taken from the administrator the program keeps.'))
    }
    return planUser(context, record, current, { read: input.value.errors, judged })
  }
  return write(context, viewer, plan, `users/${id}`)
}

/** Locks a user, or takes the lock off. */
export async function setStatus(
  context: ApiContext,
  viewer: Viewer,
  id: number,
  status: 'active' | 'locked',
): Promise<Result<string, ApiError>> {
  const plan = async (): Promise<Result<WritePlan, ApiError>> => {
    const current = await context.store.get('users', id)
    if (!current) return fail(apiError('NotFound'))
    const settled = ['active', 'locked'].includes(current.status)
    if (!settled || !(await mayBecome(context.store, current, status)))
      return fail(apiError('InvalidUserStatusTransition'))
    return planUser(context, { ...current, status }, current, { read: [], judged: [] })
  }
  return write(context, viewer, plan, `users/${id}`)
}

/**
 * What the user wrote stays readable: the row stays, without the person. The login it leaves behind is none anybody can take.
 * Tokens, what it allowed applications, memberships and what it watches go first, on the usual conditions (removing.ts). A deletion that is
 * cut short leaves the user locked.
 */
export async function deleteUser(context: ApiContext, id: number): Promise<Result<undefined, ApiError>> {
  const user = await context.store.get('users', id)
  if (!user || user.status === 'deleted') return fail(apiError('NotFound'))
  if (await isKept(context.store, user)) {
    return fail(apiError('MissingPermission', 'The administrator the program keeps cannot be deleted.'))
  }
  const locked = await lock(context, user)
  if (!locked.ok) return locked
  const nobody = { login: `:deleted:${id}`, firstName: 'Deleted', lastName: 'user', email: null, language: 'en' }
  const changes = { ...nobody, admin: false, status: 'deleted', updatedAt: context.clock.now() }
  const chain: Chain = [{ kind: 'row', table: 'users', id, values: {} }]
  const removed = await removeRow(context, chain, {
    plain: OF_A_USER.map((table) => () => removePlainRows(context, table, 'userId', id, chain)),
    none: OF_A_USER.map((table) => absent(table, 'userId', id)),
    last: async () => ({ expect: [], mutations: [{ op: 'update', table: 'users', id, changes }] }),
  })
  return removed.ok ? ok(undefined) : removed
}

/** Whoever is locked is given nothing: what goes with the user does not come anew while it goes. */
async function lock(context: ApiContext, { id, status }: UserRecord): Promise<Result<undefined, ApiError>> {
  if (status === 'locked') return ok(undefined)
  const committed = await context.store.commit({
    expect: [{ kind: 'row', table: 'users', id, values: { status } }],
    mutations: [{ op: 'update', table: 'users', id, changes: { status: 'locked' } }],
    events: [],
  })
  if (committed.outcome === 'unavailable') return unavailableStore(context, committed.reason)
  return committed.outcome === 'committed' ? ok(undefined) : fail(apiError('UpdateConflict'))
}

/** The first user has the token the program itself keeps: it would be back at the next start, so it stays what it is. */
export async function isKept(store: RecordReader, user: UserRecord): Promise<boolean> {
  return (await firstUser(store))?.id === user.id
}

async function mayBecome(store: RecordReader, user: UserRecord, status: string): Promise<boolean> {
  if (status === user.status) return true
  if (status === 'locked' && (await isKept(store, user))) return false
  return Object.hasOwn(TRANSITIONS, status) && (TRANSITIONS[status]?.includes(user.status) ?? false)
}

/** Nobody changes their own rank or name to the program; only administrators others'. */
function checkWritable({ body }: UserInput, record: UserRecord, current: UserRecord, viewer: Viewer): ApiError[] {
  const own = viewer.id === current.id ? (['login', 'admin', 'status'] as const) : []
  const changed = own.filter((name) => record[name] !== current[name])
  return [...checkFixed(USER_SHAPE, body, current), ...changed.map(readOnly)]
}

/** `current` is the stored row, undefined for a new user; `wrong` what was found already. */
async function planUser(
  { store, clock }: ApiContext,
  record: UserRecord,
  current: UserRecord | undefined,
  wrong: { readonly read: readonly ApiError[]; readonly judged: readonly ApiError[] },
): Promise<Result<WritePlan, ApiError>> {
  const changes = current && changedColumns(current, record)
  const unchanged = changes && Object.keys(changes).length === 0
  const judged = [...wrong.judged, ...(unchanged ? [] : await checkUser(store, record))]
  const refused = failed(allErrors(wrong.read, judged))
  if (refused) return fail(combineErrors(refused.error))
  const kept = current !== undefined && (await isKept(store, current))
  const render = (viewer: Viewer) => renderUserActions(record, viewer, kept)
  if (!current || !changes) {
    return ok({ expect: stillFree(record), mutations: [{ op: 'insert', table: 'users', row: record }], render })
  }
  if (unchanged) return ok({ expect: [], mutations: [], render })
  record.updatedAt = clock.now()
  return ok({
    expect: [userUnchanged(current), ...stillFree(record)],
    mutations: [{ op: 'update', table: 'users', id: record.id, changes: changedColumns(current, record) }],
    render,
  })
}

/** Nobody else has taken the login or the address since. */
function stillFree({ id, login, email }: UserRecord): Expectation[] {
  const absent = { kind: 'absent', table: 'users', exceptId: id } as const
  return [
    { ...absent, column: 'login', value: login },
    ...(email === null ? [] : [{ ...absent, column: 'email', value: email } as const]),
  ]
}
