import type { AnyOf, Comparison, Condition } from '../../../storage/store.ts'
import type { TableName } from '../../../storage/tables.ts'
import { apiError, type ApiError } from '../../errors.ts'

/** What is dear for every row: going through its texts, and working out all that stands below another. */
const DEAR: readonly { readonly comparisons: readonly Comparison[]; readonly most: number; readonly words: string }[] =
  [
    {
      comparisons: ['contains', 'not contains', 'starts with'],
      most: 5,
      words: 'At most 5 filters of a query may look for a part of a text.',
    },
    { comparisons: ['below', 'not below'], most: 2, words: 'At most 2 filters of a query may ask for ancestors.' },
  ]

/** Of these filters each looks up beforehand what it stands for. */
const LOOKED_UP: readonly string[] = ['watcher', 'member', 'principal', 'latestActivityAt']
const LOOKED_UP_MAX = 2
/** Every row is held against every condition, and SQLite takes no more than a thousand. */
const CONDITIONS_MAX = 300

/** Refuses a query that asks for too much to be looked up; `names` of its filters, undefined for unknown ones. */
export function checkAsked(names: readonly (string | undefined)[]): ApiError | undefined {
  const asking = names.filter((name) => name !== undefined && LOOKED_UP.includes(name))
  const words = `At most ${LOOKED_UP_MAX} filters of a query may ask who watches or is a member, or for the latest activity.`
  return asking.length > LOOKED_UP_MAX ? apiError('InvalidQuery', words) : undefined
}

/** Refuses a query that asks for too much of what is dear, valid as each of its filters may be; they are given as their conditions. */
export function checkCost<T extends TableName>(
  filters: readonly (readonly (Condition<T> | AnyOf<T>)[])[],
): ApiError | undefined {
  const tests = filters.flat().flatMap((test) => ('anyOf' in test ? test.anyOf : [test]))
  if (tests.length > CONDITIONS_MAX) {
    return apiError('InvalidQuery', 'The filters of this query come to too many conditions. Ask for fewer.')
  }
  const exceeded = DEAR.find(({ comparisons, most }) => {
    const isDear = ({ comparison }: Condition<T>) => comparisons.includes(comparison)
    const asking = filters.filter((tests) => tests.some((test) => ('anyOf' in test ? test.anyOf : [test]).some(isDear)))
    return asking.length > most
  })
  return exceeded && apiError('InvalidQuery', exceeded.words)
}
