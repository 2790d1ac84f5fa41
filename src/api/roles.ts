import type { MembershipRecord } from '../storage/tables.ts'

/** The two roles a membership may grant: fixed, as what they allow is (permissions.ts). */
export interface Role {
  readonly id: number
  readonly name: string
  /** The column of a membership that says whether it has the role. */
  readonly column: 'isMember' | 'isProjectAdmin'
}

export const ROLES: readonly Role[] = [
  { id: 1, name: 'Member', column: 'isMember' },
  { id: 2, name: 'Project admin', column: 'isProjectAdmin' },
]

export function rolesOf(membership: MembershipRecord): Role[] {
  return ROLES.filter(({ column }) => membership[column])
}
