import type { Mutation, RecordReader } from '../../storage/store.ts'

/** Removed with each that is issued: more than one, so that what has piled up goes. */
const PRUNED_MAX = 10
/** How often a user may have allowed one application something at a time: from so many browsers, say. */
const GRANTS_MAX = 100

/** Takes away some of what has expired, in the commit that adds something: the tables cannot grow without end. */
export async function pruneExpired(store: RecordReader, now: number): Promise<Mutation[]> {
  const where = [{ column: 'endsAt', comparison: '<=', value: now }] as const
  const orderBy = [{ column: 'endsAt', descending: false }] as const
  const query = { where, orderBy, limit: PRUNED_MAX, offset: 0 }
  const [codes, tokens] = await Promise.all([
    store.pick('oauthCodes', ['id'], query),
    store.pick('oauthTokens', ['id'], query),
  ])
  return [
    ...codes.map(({ id }): Mutation => ({ op: 'delete', table: 'oauthCodes', id })),
    ...tokens.map(({ id }): Mutation => ({ op: 'delete', table: 'oauthTokens', id })),
  ]
}

/** Refresh tokens do not expire, so the number of those that begin anew is bounded: the oldest give way. */
export async function pruneGrants(store: RecordReader, applicationId: number, userId: number): Promise<Mutation[]> {
  const where = [
    { column: 'applicationId', comparison: '=', value: applicationId },
    { column: 'userId', comparison: '=', value: userId },
    { column: 'endsAt', comparison: 'is null' },
  ] as const
  const orderBy = [{ column: 'id', descending: false }] as const
  const { rows, total } = await store.list('oauthTokens', { where, orderBy, limit: PRUNED_MAX, offset: 0 })
  const excess = Math.max(0, total - GRANTS_MAX + 1)
  return rows.slice(0, excess).map(({ id }): Mutation => ({ op: 'delete', table: 'oauthTokens', id }))
}
