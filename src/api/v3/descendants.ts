import type { RecordReader } from '../../storage/store.ts'
import { DESCENDANT_COLUMNS, type Descendant } from './representers/derived.ts'
import type { WorkPackageRelative } from './representers/work-package.ts'

/** Loads what is below work packages: what links to children show, and what values are derived from. */

/** A chain longer than this is cut: validation refuses to build one. */
const LEVELS_MAX = 100
/** Links to children of one work package. */
const CHILDREN_MAX = 1_000
/** Of all work packages of a page together: links to children are cut, and of more descendants nothing is derived. */
const BELOW_PAGE_MAX = 10_000

export interface Below {
  /** The first by their ids. */
  readonly children: readonly WorkPackageRelative[]
  /** Undefined when the page has too many. */
  readonly descendants: readonly Descendant[] | undefined
}

export const NOTHING_BELOW: Below = { children: [], descendants: [] }

type Tree = ReadonlyMap<number | null, readonly Descendant[]>

/** By id; one read if there is nothing below any of them. */
export async function loadBelow(store: RecordReader, ids: readonly number[]): Promise<ReadonlyMap<number, Below>> {
  const children = await pickChildren(store, ids, [...DESCENDANT_COLUMNS, 'subject'], BELOW_PAGE_MAX + 1)
  if (children.length === 0) return new Map()
  const deeper = await loadDeeper(store, ids, children)
  const linked = byParent(children.slice(0, BELOW_PAGE_MAX))
  const tree = deeper && byParent([...children, ...deeper])
  return new Map(
    ids.map((id) => [
      id,
      { children: (linked.get(id) ?? []).slice(0, CHILDREN_MAX), descendants: tree && descendantsOf(tree, id) },
    ]),
  )
}

/**
 * What is below the children, level by level; undefined if with them it is too much. `below` of the store would be one read, but goes
 * through the whole tree before its limit counts: 125 ms for 50,000 work packages, of which this knows after 40 that they are too
 * many. Up to some hundred either takes as long.
 */
async function loadDeeper(
  store: RecordReader,
  ids: readonly number[],
  children: readonly Descendant[],
): Promise<Descendant[] | undefined> {
  const deeper: Descendant[] = []
  const asked = new Set(ids)
  let left = BELOW_PAGE_MAX - children.length
  let level = children
  for (let depth = 1; depth < LEVELS_MAX && left >= 0; depth += 1) {
    const parentIds = level.map(({ id }) => id).filter((id) => !asked.has(id))
    if (parentIds.length === 0) break
    for (const id of parentIds) asked.add(id)
    level = await pickChildren(store, parentIds, DESCENDANT_COLUMNS, left + 1)
    left -= level.length
    deeper.push(...level)
  }
  return left < 0 ? undefined : deeper
}

function pickChildren<C extends 'subject' | keyof Descendant>(
  store: RecordReader,
  parentIds: readonly number[],
  columns: readonly C[],
  limit: number,
) {
  const where = [{ column: 'parentId', comparison: 'in', value: parentIds }] as const
  const orderBy = [{ column: 'id', descending: false }] as const
  return store.pick('workPackages', columns, { where, orderBy, limit, offset: 0 })
}

function byParent<R extends Descendant>(rows: readonly R[]): Map<number | null, R[]> {
  const families = new Map<number | null, R[]>()
  for (const row of rows) {
    const siblings = families.get(row.parentId)
    if (siblings) siblings.push(row)
    else families.set(row.parentId, [row])
  }
  return families
}

/** Each once, whatever stands in a loop or was moved between two reads. The loop over the set comes to what is added meanwhile. */
function descendantsOf(tree: Tree, top: number): Descendant[] {
  const descendants: Descendant[] = []
  const ids = new Set([top])
  for (const id of ids) {
    for (const row of tree.get(id) ?? []) {
      if (ids.has(row.id)) continue
      ids.add(row.id)
      descendants.push(row)
    }
  }
  return descendants
}

/** What will be below a parent once `written`, which is directly below it, is stored. */
export function withWritten(parent: Below, written: WorkPackageRelative & Descendant, own: Below): Below {
  const others = parent.children.filter(({ id }) => id !== written.id)
  const children = [...others, written].sort((a, b) => a.id - b.id).slice(0, CHILDREN_MAX)
  if (!parent.descendants || !own.descendants) return { children, descendants: undefined }
  const rows = [...parent.descendants, ...own.descendants, written].map((row) => [row.id, row] as const)
  const descendants = [...new Map(rows).values()]
  return { children, descendants: descendants.length > BELOW_PAGE_MAX ? undefined : descendants }
}
