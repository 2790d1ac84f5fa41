import type { TableName } from '../../../storage/tables.ts'
import { parseId } from '../find.ts'
import { ids, nothing, truthFilter } from './filter-kinds.ts'
import type { FilterDefinition, FilterLookups } from './filters.ts'

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
