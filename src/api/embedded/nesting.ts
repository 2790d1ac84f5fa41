import type { RecordReader } from '../../storage/store.ts'
import type { ApiError } from '../errors.ts'
import { violation } from './body.ts'

/**
 * How deep work packages and projects may be nested: so many rows may stand above one. It is judged where a parent is set and
 * nowhere else, with what stands below counted in, so that no change that leaves the parent alone can be refused for it. Two such
 * changes at once can pass it together, up to the sum of both; that harms nothing, for every reader cuts its chains.
 */
const DEPTH_MAX = 50

/** Rows looked at in one read. */
const PIECE = 500

interface Nested {
  readonly id: number
  readonly parentId: number | null
}

/** `name`: the parent's, for messages; `itself`: the words for the row and what is below it. */
export interface NestingWords {
  readonly name: string
  readonly itself: string
}

export async function checkNesting(
  store: RecordReader,
  table: 'projects' | 'workPackages',
  { record, current, ancestors }: { record: Nested; current: Nested | undefined; ancestors: readonly Nested[] },
  { name, itself }: NestingWords,
): Promise<ApiError[]> {
  if (record.parentId === null || record.parentId === current?.parentId) return []
  if (ancestors.some((ancestor) => ancestor.id === record.id))
    return [violation('parent', `${name} must not be ${itself}.`)]
  const below = current ? await heightBelow(store, table, record.id, DEPTH_MAX - ancestors.length) : 0
  return ancestors.length + below > DEPTH_MAX ? [violation('parent', `${name} is nested too deeply.`)] : []
}

/** How many levels of rows stand below; counting ends once there are more than `most`. */
async function heightBelow(
  store: RecordReader,
  table: 'projects' | 'workPackages',
  id: number,
  most: number,
): Promise<number> {
  let height = 0
  for (let level = [id]; height <= most; height += 1) {
    level = await childrenOf(store, table, level)
    if (level.length === 0) break
  }
  return height
}

async function childrenOf(store: RecordReader, table: 'projects' | 'workPackages', ids: readonly number[]) {
  const children: number[] = []
  for (let at = 0; at < ids.length; at += PIECE) {
    const where = [{ column: 'parentId', comparison: 'in', value: ids.slice(at, at + PIECE) }] as const
    for (let offset = 0; ; offset += PIECE) {
      const { rows } = await store.list(table, { where, orderBy: [], limit: PIECE, offset })
      for (const row of rows) children.push(row.id)
      if (rows.length < PIECE) break
    }
  }
  return children
}
