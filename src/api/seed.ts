import type { Clock } from '../base/clock.ts'
import { fail, ok, type Result } from '../base/result.ts'
import type { Mutation, RecordReader, WriteSet } from '../storage/store.ts'
import type { RecordOf, TableName, UserRecord } from '../storage/tables.ts'
import type { ApiStore } from './context.ts'
import { KEPT_TOKEN_NAME, hashToken, tokenRow, tokensOf } from './tokens.ts'

/** What an empty store starts with: an administrator, and the standard lists. */

const ADMIN_LOGIN = 'admin'
/** The token of this name follows the one given at start: a new value replaces it. */

const TYPES = [
  ['Task', '#1A67A3'],
  ['Milestone', '#35C53F'],
  ['Phase', '#FF922B'],
  ['Feature', '#3493B3'],
  ['Epic', '#9775FA'],
  ['User story', '#1C4A79'],
  ['Bug', '#FA5252'],
] as const
const STATUSES = [
  ['New', '#1098AD'],
  ['In specification', '#4DABF7'],
  ['Specified', '#339AF0'],
  ['Confirmed', '#228BE6'],
  ['To be scheduled', '#868E96'],
  ['Scheduled', '#495057'],
  ['In progress', '#9775FA'],
  ['Developed', '#845EF7'],
  ['In testing', '#FF922B'],
  ['Tested', '#E8590C'],
  ['Test failed', '#FA5252'],
  ['Closed', '#DEE2E6'],
  ['On hold', '#F783AC'],
  ['Rejected', '#FF6B6B'],
] as const
const CLOSED: readonly string[] = ['Closed', 'Rejected']
const PRIORITIES = [
  ['Low', '#C5F6FA'],
  ['Normal', '#74C0FC'],
  ['High', '#F59F00'],
  ['Immediate', '#E03131'],
] as const
const ACTIVITIES = ['Management', 'Specification', 'Development', 'Testing', 'Support', 'Other'] as const

export type SeedFailure = { readonly reason: string }

/**
 * Brings the store to a usable start, in one commit; on a store that has one already it only sees to the administrator's
 * token. Safe to call at every start.
 */
export async function seed(
  store: ApiStore,
  clock: Clock,
  { adminToken }: { adminToken: string | undefined },
): Promise<Result<undefined, SeedFailure>> {
  const admin = await firstUser(store)
  const write = admin
    ? { expect: [], mutations: await tokenMutations(store, clock, admin, adminToken), events: [] }
    : firstWrite(store, clock, adminToken)
  if (write.mutations.length === 0) return ok(undefined)
  const committed = await store.commit(write)
  if (committed.outcome === 'committed') return ok(undefined)
  return fail({ reason: committed.outcome === 'unavailable' ? committed.reason : 'another process seeded the store' })
}

/** The administrator of the start, whatever became of its login: rows of users are never removed, and ids rise. */
export async function firstUser(store: RecordReader): Promise<UserRecord | undefined> {
  const orderBy = [{ column: 'id', descending: false }] as const
  return (await store.list('users', { where: [], orderBy, limit: 1, offset: 0 })).rows[0]
}

function firstWrite(store: ApiStore, clock: Clock, adminToken: string | undefined): WriteSet {
  const admin = adminRow(store, clock)
  const mutations: Mutation[] = [{ op: 'insert', table: 'users', row: admin }, ...catalogueInserts(store, clock)]
  if (adminToken !== undefined) mutations.push(...tokenInsert(store, clock, admin, adminToken))
  return { expect: [{ kind: 'absent', table: 'users', column: 'login', value: ADMIN_LOGIN }], mutations, events: [] }
}

/** The administrator's token of the given text, and no other under that name. Nothing when none is given: what is there stays. */
async function tokenMutations(
  store: ApiStore,
  clock: Clock,
  admin: UserRecord,
  adminToken: string | undefined,
): Promise<Mutation[]> {
  if (adminToken === undefined) return []
  const hash = hashToken(adminToken)
  const named = (await tokensOf(store, admin.id)).filter((token) => token.name === KEPT_TOKEN_NAME)
  const outdated = named.filter((token) => token.hash !== hash)
  const removals = outdated.map(({ id }): Mutation => ({ op: 'delete', table: 'tokens', id }))
  const held = await store.find('tokens', 'hash', hash)
  return held ? removals : [...removals, ...tokenInsert(store, clock, admin, adminToken)]
}

function tokenInsert(store: ApiStore, clock: Clock, admin: UserRecord, token: string): Mutation[] {
  const row = tokenRow(store, clock, { userId: admin.id, name: KEPT_TOKEN_NAME, token })
  return [{ op: 'insert', table: 'tokens', row }]
}

function adminRow(store: ApiStore, clock: Clock): UserRecord {
  const now = clock.now()
  return {
    id: store.allocateId('users'),
    login: ADMIN_LOGIN,
    firstName: 'Nepenthes',
    lastName: 'Admin',
    email: 'admin@example.net',
    admin: true,
    status: 'active',
    language: 'en',
    createdAt: now,
    updatedAt: now,
  }
}

function catalogueInserts(store: ApiStore, clock: Clock): Mutation[] {
  const now = clock.now()
  const times = { createdAt: now, updatedAt: now }
  const statusFlags = { isReadonly: false, excludedFromTotals: false, defaultDoneRatio: 0 }
  return [
    ...inserts(store, 'types', TYPES, ([name, color], position) => ({
      ...{ name, color, position, isDefault: name === 'Task', isMilestone: name === 'Milestone' },
      ...times,
    })),
    ...inserts(store, 'statuses', STATUSES, ([name, color], position) => ({
      ...{ name, color, position, isDefault: name === 'New', isClosed: CLOSED.includes(name) },
      ...statusFlags,
    })),
    ...inserts(store, 'priorities', PRIORITIES, ([name, color], position) => ({
      ...{ name, color, position, isDefault: name === 'Normal', isActive: true },
    })),
    ...inserts(store, 'activities', ACTIVITIES, (name, position) => ({
      ...{ name, position, isDefault: name === 'Development', isActive: true },
    })),
  ]
}

function inserts<T extends TableName, I>(
  store: ApiStore,
  table: T,
  items: readonly I[],
  row: (item: I, position: number) => Omit<RecordOf<T>, 'id'>,
): Mutation[] {
  return items.map(
    (item, index) =>
      ({ op: 'insert', table, row: { id: store.allocateId(table), ...row(item, index + 1) } }) as Mutation,
  )
}
