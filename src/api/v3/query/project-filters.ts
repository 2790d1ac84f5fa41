import type { TableName } from '../../../storage/tables.ts'
import type { ProjectRight } from '../../permissions.ts'
import { parseId } from '../find.ts'
import { timeRangeFilter } from './date-filters.ts'
import { ids, nothing, truthFilter } from './filter-kinds.ts'
import type { Conditions, FilterDefinition, FilterLookups } from './filters.ts'

/** The kinds of filter that only projects have. */

/** Projects of which any of the users is a member, or none. */
export function principalFilter(): FilterDefinition<'projects'> {
  const compile = (comparison: 'in' | 'not in') => async (values: readonly string[], lookups: FilterLookups) => {
    const list = ids(values, lookups)
    if (typeof list === 'string') return list
    return [{ column: 'id', comparison, value: [...(await lookups.projectsOf(list))] } as const]
  }
  return { '=': compile('in'), '!': compile('not in') }
}

/** Every project has every type. */
export function typeOfProjectFilter(): FilterDefinition<'projects'> {
  const compile = (truth: boolean) => async (values: readonly string[], lookups: FilterLookups) => {
    const list = ids(values, lookups)
    if (typeof list === 'string') return list
    const known = await lookups.typeIds()
    return list.some((id) => known.includes(id)) === truth ? [] : nothing<'projects'>()
  }
  return { '=': compile(true), '!': compile(false) }
}

/** What the asking user may see: the list shows nothing else anyway, and what others see is nobody's business. */
export function visibleFilter<T extends TableName>(): FilterDefinition<T> {
  return {
    '=': (values, { viewerId }) =>
      values.length === 1 && (values[0] === 'me' || parseId(values[0] ?? '') === viewerId)
        ? []
        : 'write "me" or your own id',
  }
}

/** A flag that is never set. */
export function neverFilter<T extends TableName>(): FilterDefinition<T> {
  return truthFilter((truth) => (truth ? nothing() : []))
}

/** What clients ask whether they may do it, in the words of the protocol's capabilities, and what it takes. */
const ACTIONS: Readonly<Record<string, ProjectRight>> = {
  'projects/read': 'see',
  'work_packages/read': 'see',
  'memberships/read': 'contribute',
  'work_packages/create': 'contribute',
  'work_packages/update': 'contribute',
  'work_packages/move': 'contribute',
  'projects/update': 'manage',
  'memberships/create': 'manage',
  'memberships/update': 'manage',
  'memberships/destroy': 'manage',
  'projects/create': 'administer',
}
const WIDEST_FIRST: readonly ProjectRight[] = ['see', 'contribute', 'manage', 'administer']

/** Active projects in which the asking user may do any of the actions, all of them, or none. Who may do more may do less. */
export function userActionFilter(): FilterDefinition<'projects'> {
  const compile =
    (truth: boolean, order: readonly ProjectRight[]) => (values: readonly string[], lookups: FilterLookups) => {
      const rights = values.map((value) => (Object.hasOwn(ACTIONS, value) ? ACTIONS[value] : undefined))
      const deciding = order.find((right) => rights.includes(right))
      if (!deciding || rights.includes(undefined)) return `some of ${Object.keys(ACTIONS).join(', ')}`
      return mayAct(lookups.projectsWith(deciding), truth)
    }
  return {
    '=': compile(true, WIDEST_FIRST),
    '&=': compile(true, WIDEST_FIRST.toReversed()),
    '!': compile(false, WIDEST_FIRST),
  }
}

function mayAct(ids: readonly number[] | undefined, truth: boolean): Conditions<'projects'> {
  const active = { column: 'active', comparison: '=', value: truth } as const
  if (!ids) return [active]
  return truth
    ? [{ column: 'id', comparison: 'in', value: ids }, active]
    : [{ anyOf: [{ column: 'id', comparison: 'not in', value: ids }, active] }]
}

/**
 * When anything last changed: the project itself, its work packages, or the time logged on them. There is no column that says so: the
 * rows that have changed since either end of the range are looked for.
 */
export function latestActivityFilter(): FilterDefinition<'projects'> {
  return timeRangeFilter<'projects'>(async ({ from, before }, lookups) => {
    if (!lookups.viewerIsAdmin) return 'only administrators may ask for it'
    const [since, later] = [await changedSince(from, lookups), await changedSince(before, lookups)]
    if (typeof since === 'string') return since
    if (typeof later === 'string') return later
    return [
      ...(from === undefined
        ? []
        : [{ anyOf: [inIds(since), { column: 'updatedAt', comparison: '>=', value: from }] } as const]),
      ...(before === undefined
        ? []
        : ([
            { column: 'id', comparison: 'not in', value: later },
            { column: 'updatedAt', comparison: '<', value: before },
          ] as const)),
    ]
  })
}

/** Projects in the order of that, for everybody: whoever sees a project sees all that is in it. */
export const LATEST_ACTIVITY = {
  column: 'updatedAt',
  orLater: [
    { table: 'workPackages', refersBy: 'projectId', column: 'updatedAt' },
    { table: 'timeEntries', refersBy: 'projectId', column: 'updatedAt' },
  ],
} as const

function inIds(value: readonly number[]) {
  return { column: 'id', comparison: 'in', value } as const
}

async function changedSince(time: number | undefined, lookups: FilterLookups): Promise<readonly number[] | string> {
  if (time === undefined) return []
  const found = await lookups.projectsChangedSince(time)
  if (found.ok) return found.value
  return found.error === 'busy'
    ? 'too much is being looked for, try again in a moment'
    : 'too much has changed since then'
}
