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

/** Refuses a query that asks for too much of what is dear, valid as each of its filters may be; they are given as their conditions. */
export function checkCost<T extends TableName>(
  filters: readonly (readonly (Condition<T> | AnyOf<T>)[])[],
): ApiError | undefined {
  const exceeded = DEAR.find(({ comparisons, most }) => {
    const isDear = ({ comparison }: Condition<T>) => comparisons.includes(comparison)
    const asking = filters.filter((tests) => tests.some((test) => ('anyOf' in test ? test.anyOf : [test]).some(isDear)))
    return asking.length > most
  })
  return exceeded && apiError('InvalidQuery', exceeded.words)
}
