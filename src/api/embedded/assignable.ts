import type { Expectation, RecordReader } from '../../storage/store.ts'
import type { UserRecord, WorkPackageRecord } from '../../storage/tables.ts'
import type { ApiError } from '../errors.ts'
import { findMembership, stillMember } from './authority.ts'
import { violation } from './body.ts'

/** The links that give work to people, their columns, and the words for them. */
export const PEOPLE = [
  ['assignee', 'assigneeId', 'Assignee'],
  ['responsible', 'responsibleId', 'Accountable'],
] as const

/** Work is given to members who can log in, or will; administrators are no exception (reference §12.4). */
export function isAssignable({ status }: UserRecord): boolean {
  return status !== 'locked' && status !== 'deleted'
}

/** Judges who is newly chosen; the value is what must still hold. Who was chosen before stays, whatever became of the membership. */
export async function checkPeople(
  store: RecordReader,
  record: WorkPackageRecord,
  current: WorkPackageRecord | undefined,
  errors: ApiError[],
): Promise<Expectation[]> {
  const expect: Expectation[] = []
  for (const [name, column, label] of PEOPLE) {
    const userId = record[column]
    if (userId === null || userId === current?.[column]) continue
    const [user, membership] = await Promise.all([
      store.get('users', userId),
      findMembership(store, record.projectId, userId),
    ])
    if (user && isAssignable(user) && membership) expect.push(stillMember(membership))
    else errors.push(violation(name, `The chosen user is not allowed to be '${label}' for this work package.`))
  }
  return expect
}
