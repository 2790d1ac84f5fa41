import type { Mutation, RecordReader } from '../../storage/store.ts'

/** Removed with each that is issued: more than one, so that what has piled up goes. */
const PRUNED_MAX = 10
/** How often a user may have allowed one application something at a time: from so many browsers, say. */
const GRANTS_MAX = 100

/** Those who issue at once take turns at so many pieces: if all took the same one, less would go than comes. */
const PIECES = 64

/**
 * Takes away some of what has expired, in the commit that adds the row of this id: the tables cannot grow without end. Ids that follow one
 * another, as those of rows that are added at once do, lead to different pieces.
 */
export async function pruneExpired(store: RecordReader, now: number, id: number): Promise<Mutation[]> {
  return (await Promise.all([expired(store, 'oauthCodes', now, id), expired(store, 'oauthTokens', now, id)])).flat()
}

async function expired(
  store: RecordReader,
  table: 'oauthCodes' | 'oauthTokens',
  now: number,
  id: number,
): Promise<Mutation[]> {
  const where = [{ column: 'endsAt', comparison: '<=', value: now }] as const
  const orderBy = [{ column: 'endsAt', descending: false }] as const
  const rows = await store.pick(table, ['id'], { where, orderBy, limit: PIECES * PRUNED_MAX, offset: 0 })
  const pieces = Math.ceil(rows.length / PRUNED_MAX)
  const from = pieces === 0 ? 0 : (id % pieces) * PRUNED_MAX
  return rows.slice(from, from + PRUNED_MAX).map((row): Mutation => ({ op: 'delete', table, id: row.id }))
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
