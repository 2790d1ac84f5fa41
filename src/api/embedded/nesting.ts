import type { RecordReader } from '../../storage/store.ts'
import type { ApiError } from '../errors.ts'
import { violation } from './body.ts'

/**
 * How deep work packages and projects may be nested: so many rows may stand above one. It is judged where a parent is set and
 * nowhere else, with what stands below counted in, so that no change that leaves the parent alone can be refused for it. Two such
 * changes at once can pass it together, up to the sum of both; that harms nothing, for every reader cuts its chains.
 */
const DEPTH_MAX = 50

/** More rows than this below one are not looked at: it cannot be put under another parent. */
const BELOW_MAX = 20_000

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
  if (below === undefined) return [violation('parent', `${name} cannot be changed: too much is nested below.`)]
  return ancestors.length + below > DEPTH_MAX ? [violation('parent', `${name} is nested too deeply.`)] : []
}

/** How many levels of rows stand below; counting ends once there are more than `most`. Undefined if there are too many rows to tell. */
async function heightBelow(
  store: RecordReader,
  table: 'projects' | 'workPackages',
  id: number,
  most: number,
): Promise<number | undefined> {
  let height = 0
  let left = BELOW_MAX
  for (let level = [id]; height <= most; height += 1) {
    const where = [{ column: 'parentId', comparison: 'in', value: level }] as const
    const children = await store.pick(table, ['id'], { where, orderBy: [], limit: left + 1, offset: 0 })
    if (children.length === 0) break
    left -= children.length
    if (left < 0) return undefined
    level = children.map((child) => child.id)
  }
  return height
}
