import { nothing } from './filter-kinds.ts'
import type { FilterDefinition } from './filters.ts'

const STATUSES: readonly string[] = ['active', 'registered', 'locked', 'invited']
/** As some clients write them. */
const NUMBERED: Readonly<Record<string, string>> = { 1: 'active', 2: 'registered', 3: 'locked', 4: 'invited' }

/**
 * Who is locked, or was only invited, is told to administrators only. Pickers of all clients leave the locked out, so it is no
 * mistake to ask: to everybody else all are active.
 */
export function userStatusFilter(): FilterDefinition<'users'> {
  const compile =
    (comparison: 'in' | 'not in'): FilterDefinition<'users'>[string] =>
    (values, { viewerIsAdmin }) => {
      const words = values.map((value) => NUMBERED[value] ?? value)
      if (words.length === 0 || !words.every((word) => STATUSES.includes(word))) return `one of ${STATUSES.join(', ')}`
      if (viewerIsAdmin) return [{ column: 'status', comparison, value: words }]
      return words.includes('active') === (comparison === 'in') ? [] : nothing()
    }
  return { '=': compile('in'), '!': compile('not in') }
}
