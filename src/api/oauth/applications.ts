import type { Clock } from '../../base/clock.ts'
import type { Random } from '../../base/random.ts'
import { fail, ok, type Result } from '../../base/result.ts'
import type { Expectation, Mutation, RecordReader } from '../../storage/store.ts'
import type { ApplicationRecord } from '../../storage/tables.ts'
import type { ApiStore } from '../context.ts'
import { hashToken } from '../tokens.ts'
import { judgeApplication, type ApplicationRequest } from './application-rules.ts'

const APPLICATIONS_MAX = 10_000
/** What is removed in one commit. */
const PIECE = 500

export type ApplicationFailure =
  | { readonly reason: 'invalid'; readonly problems: readonly string[] }
  | { readonly reason: 'no-such-application' | 'unavailable' }

/** What may be shown of an application: never its secret, which nobody but its owner has. */
export interface ApplicationInfo extends Omit<ApplicationRequest, 'actsAs'> {
  readonly clientId: string
  readonly actsAs: string | undefined
  readonly createdAt: number
}

/** A new application; its secret, if it has one, is returned this once. */
export async function createApplication(
  store: ApiStore,
  clock: Clock,
  random: Random,
  request: ApplicationRequest,
): Promise<Result<{ info: ApplicationInfo; secret: string | undefined }, ApplicationFailure>> {
  const user = request.actsAs === undefined ? undefined : await store.find('users', 'login', request.actsAs)
  const actsAs = user?.status === 'active' ? user : undefined
  const problems = [...judgeApplication(request), ...(await problemsInStore(store, request, actsAs !== undefined))]
  if (problems.length > 0) return fail({ reason: 'invalid', problems })
  const secret = request.public ? undefined : random.bytes(32).toString('hex')
  const row: ApplicationRecord = {
    ...{ id: store.allocateId('applications'), clientId: random.bytes(16).toString('hex'), name: request.name },
    ...{ secretHash: secret === undefined ? null : hashToken(secret), redirectUris: request.redirectUris.join('\n') },
    ...{ actsAsId: actsAs?.id ?? null, active: true, createdAt: clock.now() },
  }
  const committed = await store.commit({
    expect: [{ kind: 'absent', table: 'applications', column: 'name', value: row.name }],
    mutations: [{ op: 'insert', table: 'applications', row }],
    events: [],
  })
  if (committed.outcome === 'committed') return ok({ info: await applicationInfo(store, row), secret })
  if (committed.outcome === 'conflict') return fail({ reason: 'invalid', problems: [nameTaken(row.name)] })
  return fail({ reason: 'unavailable' })
}

async function problemsInStore(store: RecordReader, request: ApplicationRequest, found: boolean): Promise<string[]> {
  const problems: string[] = []
  if (await store.find('applications', 'name', request.name)) problems.push(nameTaken(request.name))
  if (request.actsAs !== undefined && !found) problems.push(`there is no active user ${request.actsAs} to act as`)
  return problems
}

function nameTaken(name: string): string {
  return `there is an application named ${name} already`
}

/** All applications, oldest first; one whose deletion was cut short too, so that it can be finished. */
export async function listApplications(store: RecordReader): Promise<ApplicationInfo[]> {
  const orderBy = [{ column: 'id', descending: false }] as const
  const { rows } = await store.list('applications', { where: [], orderBy, limit: APPLICATIONS_MAX, offset: 0 })
  return Promise.all(rows.map((row) => applicationInfo(store, row)))
}

async function applicationInfo(store: RecordReader, row: ApplicationRecord): Promise<ApplicationInfo> {
  const { clientId, name, createdAt, actsAsId } = row
  const user = actsAsId === null ? undefined : await store.get('users', actsAsId)
  return {
    ...{ clientId, name, redirectUris: redirectUrisOf(row), public: row.secretHash === null },
    ...{ actsAs: user?.login, createdAt },
  }
}

export function redirectUrisOf({ redirectUris }: ApplicationRecord): string[] {
  return redirectUris === '' ? [] : redirectUris.split('\n')
}

/** The application of this `client_id`, unless it is being deleted. */
export async function findApplication(store: RecordReader, clientId: string): Promise<ApplicationRecord | undefined> {
  const row = await store.find('applications', 'clientId', clientId)
  // Columns are searched without case.
  return row?.active && row.clientId === clientId ? row : undefined
}

/**
 * Ends all it was given with the first commit: whatever rests on an application asks whether it is active. Its codes and tokens,
 * any number, then go in pieces, and it last; what a crash leaves is finished by deleting again.
 */
export async function deleteApplication(
  store: ApiStore,
  clientId: string,
): Promise<Result<undefined, ApplicationFailure>> {
  const row = await store.find('applications', 'clientId', clientId)
  if (row?.clientId !== clientId) return fail({ reason: 'no-such-application' })
  const { id } = row
  const there: Expectation = { kind: 'row', table: 'applications', id, values: {} }
  if (!(await commit(store, [there], [{ op: 'update', table: 'applications', id, changes: { active: false } }])))
    return fail({ reason: 'unavailable' })
  for (const table of ['oauthCodes', 'oauthTokens'] as const)
    if (!(await removeAll(store, table, id))) return fail({ reason: 'unavailable' })
  const removed = await commit(store, [], [{ op: 'delete', table: 'applications', id }])
  return removed ? ok(undefined) : fail({ reason: 'unavailable' })
}

/** Nothing is added meanwhile: that would expect the application to be active. */
async function removeAll(store: ApiStore, table: 'oauthCodes' | 'oauthTokens', applicationId: number) {
  const where = [{ column: 'applicationId', comparison: '=', value: applicationId }] as const
  for (;;) {
    const { rows } = await store.list(table, { where, orderBy: [], limit: PIECE, offset: 0 })
    if (rows.length === 0) return true
    const mutations = rows.map(({ id }): Mutation => ({ op: 'delete', table, id }))
    if (!(await commit(store, [], mutations))) return false
  }
}

/** False when the store cannot write. Whoever was overtaken by another deletion finds nothing left to do. */
async function commit(store: ApiStore, expect: readonly Expectation[], mutations: readonly Mutation[]) {
  return (await store.commit({ expect, mutations, events: [] })).outcome !== 'unavailable'
}
