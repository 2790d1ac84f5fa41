import { hash } from 'node:crypto'
import type { Clock } from '../base/clock.ts'
import type { Random } from '../base/random.ts'
import { fail, ok, type Result } from '../base/result.ts'
import type { RecordReader } from '../storage/store.ts'
import type { TokenRecord, UserRecord } from '../storage/tables.ts'
import type { ApiStore } from './context.ts'

/** API tokens: `opapi-` and 64 hex digits (256 random bits). Only their hash is stored, so no salt and no slow hash is needed. */
export const TOKEN_PREFIX = 'opapi-'

const TOKENS_MAX = 10_000

/** The token the program itself keeps: the one given to it, or in the data directory. It would be back at the next start. */
export const KEPT_TOKEN_NAME = 'administrator'

/** `kept`: the name is that of the token the program keeps itself. `not-active`: the user is locked, or not active yet. */
export type TokenFailure = {
  readonly reason: 'no-such-user' | 'not-active' | 'no-such-token' | 'name-taken' | 'kept' | 'unavailable'
}

/** What may be shown of a token: never its text, which nobody has. */
export interface TokenInfo {
  readonly id: number
  readonly name: string
  readonly login: string
  readonly createdAt: number
}

export function generateToken(random: Random): string {
  return TOKEN_PREFIX + random.bytes(32).toString('hex')
}

/** Hex SHA-256. The lookup by hash takes the same time however much of a guess is right. */
export function hashToken(token: string): string {
  return hash('sha256', token, 'hex')
}

/** A new token of a user; its text is returned this once. */
export async function createToken(
  store: ApiStore,
  clock: Clock,
  random: Random,
  { login, name }: { login: string; name: string },
): Promise<Result<{ token: string; info: TokenInfo }, TokenFailure>> {
  if (name === KEPT_TOKEN_NAME) return fail({ reason: 'kept' })
  const user = await store.find('users', 'login', login)
  if (!user || user.status === 'deleted') return fail({ reason: 'no-such-user' })
  if (user.status !== 'active') return fail({ reason: 'not-active' })
  if ((await tokensOf(store, user.id)).some((token) => token.name === name)) return fail({ reason: 'name-taken' })
  const token = generateToken(random)
  const row = tokenRow(store, clock, { userId: user.id, name, token })
  // A user who is being locked or deleted just now gets none.
  const expect = [{ kind: 'row', table: 'users', id: user.id, values: { status: 'active' } }] as const
  const committed = await store.commit({ expect, mutations: [{ op: 'insert', table: 'tokens', row }], events: [] })
  if (committed.outcome === 'committed') return ok({ token, info: tokenInfo(row, user) })
  return fail({ reason: committed.outcome === 'conflict' ? 'not-active' : 'unavailable' })
}

export function tokenRow(
  store: ApiStore,
  clock: Clock,
  { userId, name, token }: { userId: number; name: string; token: string },
): TokenRecord {
  return { id: store.allocateId('tokens'), userId, name, hash: hashToken(token), createdAt: clock.now() }
}

export async function tokensOf(store: RecordReader, userId: number): Promise<TokenRecord[]> {
  const where = [{ column: 'userId', comparison: '=', value: userId }] as const
  return (await store.list('tokens', { where, orderBy: [], limit: TOKENS_MAX, offset: 0 })).rows
}

/** All tokens, oldest first. */
export async function listTokens(store: RecordReader): Promise<TokenInfo[]> {
  const orderBy = [{ column: 'id', descending: false }] as const
  const { rows } = await store.list('tokens', { where: [], orderBy, limit: TOKENS_MAX, offset: 0 })
  return Promise.all(rows.map(async (row) => tokenInfo(row, await store.get('users', row.userId))))
}

function tokenInfo(row: TokenRecord, user: UserRecord | undefined): TokenInfo {
  return { id: row.id, name: row.name, login: user?.login ?? '', createdAt: row.createdAt }
}

/** Takes effect with the next request: nothing remembers a token beyond the store. */
export async function revokeToken(store: ApiStore, id: number): Promise<Result<undefined, TokenFailure>> {
  const token = await store.get('tokens', id)
  if (!token) return fail({ reason: 'no-such-token' })
  if (token.name === KEPT_TOKEN_NAME) return fail({ reason: 'kept' })
  const committed = await store.commit({ expect: [], mutations: [{ op: 'delete', table: 'tokens', id }], events: [] })
  return committed.outcome === 'unavailable' ? fail({ reason: 'unavailable' }) : ok(undefined)
}

/** The user a token belongs to. */
export async function findTokenUser(store: RecordReader, token: string): Promise<UserRecord | undefined> {
  const row = await store.find('tokens', 'hash', hashToken(token))
  return row && store.get('users', row.userId)
}
