import { parseId } from '../find.ts'
import { idFilter, ids, part, truthFilter, type Column } from './filter-kinds.ts'
import type { Conditions, FilterDefinition, FilterLookups } from './filters.ts'

/** The kinds of filter that only work packages have. */

const NOTHING_CAN_BE = -1

/** What pickers ask while somebody types: a part of the text, or the id itself. */
export function textOrIdFilter(column: Column<'workPackages'>): FilterDefinition<'workPackages'> {
  const find = (values: readonly string[]) =>
    part(values, (value) => {
      const id = parseId(value)
      const byText = { column, comparison: 'contains', value } as const
      return [{ anyOf: id === undefined ? [byText] : [byText, { column: 'id', comparison: '=', value: id } as const] }]
    })
  return { '**': find, '~': find }
}

/** Whether the type is that of a milestone. */
export function milestoneFilter(column: Column<'workPackages'>): FilterDefinition<'workPackages'> {
  return truthFilter(async (truth, lookups) => [
    { column, comparison: truth ? 'in' : 'not in', value: await lookups.milestoneTypeIds() },
  ])
}

/** The status of a work package: by id, `o` (open), `c` (closed) or `*` (any). */
export function statusFilter(column: Column<'workPackages'>): FilterDefinition<'workPackages'> {
  const closed = async (lookups: FilterLookups) => [NOTHING_CAN_BE, ...(await lookups.closedStatusIds())]
  return {
    ...idFilter<'workPackages'>(column),
    o: async (_, lookups) => [{ column, comparison: 'not in', value: await closed(lookups) }],
    c: async (_, lookups) => [{ column, comparison: 'in', value: await closed(lookups) }],
    '*': () => [],
  }
}

/** In the list of a project: of which of the projects below it. What is in itself is shown with any of them. */
export function subprojectFilter(): FilterDefinition<'workPackages'> {
  const column = 'projectId'
  const inScope =
    (
      compile: (
        scope: number,
        values: readonly string[],
        lookups: FilterLookups,
      ) => Conditions<'workPackages'> | string,
    ) =>
    (values: readonly string[], lookups: FilterLookups) =>
      lookups.scope === undefined
        ? 'only the list of a project has projects below it'
        : compile(lookups.scope, values, lookups)
  return {
    '=': inScope((scope, values, lookups) => {
      const chosen = ids(values, lookups)
      return typeof chosen === 'string' ? chosen : [{ column, comparison: 'in', value: [scope, ...chosen] }]
    }),
    '!': inScope((scope, values, lookups) => {
      const left = ids(values, lookups)
      if (typeof left === 'string') return left
      return [{ column, comparison: 'not in', value: left.filter((id) => id !== scope) }]
    }),
    '*': inScope(() => []),
    '!*': inScope((scope) => [{ column, comparison: '=', value: scope }]),
  }
}

/** What each watches is looked up by itself. */
const WATCHERS_MAX = 5

/** Watched by any of the users, or by none. */
export function watcherFilter(): FilterDefinition<'workPackages'> {
  const compile = (comparison: 'in' | 'not in') => async (values: readonly string[], lookups: FilterLookups) => {
    const userIds = ids(values, lookups)
    if (typeof userIds === 'string') return userIds
    if (userIds.length > WATCHERS_MAX) return `at most ${WATCHERS_MAX} users`
    const watched = await Promise.all(userIds.map((userId) => lookups.watchedBy(userId)))
    if (!watched.every((set) => set !== undefined)) return 'too much is watched by one of them'
    const value = [...new Set(watched.flatMap((set) => [...set]))]
    return [{ column: 'id', comparison, value } as const]
  }
  return { '=': compile('in'), '!': compile('not in') }
}
