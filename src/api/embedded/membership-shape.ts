import type { MembershipRecord } from '../../storage/tables.ts'
import { dateTime } from '../v3/representers/formats.ts'
import { filteredPath, paths } from '../v3/representers/hal.ts'
import { reference } from './body.ts'
import { NO_ID, type Shape } from './shape.ts'
import { PROJECT, USER } from './targets.ts'

/** What a membership consists of: see `Shape`. Who and where make it what it is; only the roles change. */
export const MEMBERSHIP_SHAPE = {
  fields: {
    id: { type: 'Integer', name: 'ID', fixed: true, show: ({ id }) => id },
    createdAt: { type: 'DateTime', name: 'Created on', fixed: true, show: ({ createdAt }) => dateTime(createdAt) },
    updatedAt: { type: 'DateTime', name: 'Updated on' },
  },
  links: {
    project: {
      ...{ type: 'Project', name: 'Project', required: true, once: true, target: PROJECT, column: 'projectId' },
      allowed: { href: ({ id, userId }) => (id === NO_ID ? projectsWithout(userId) : undefined) },
    },
    principal: {
      ...{ type: 'User', name: 'Principal', required: true, once: true, column: 'userId' },
      target: { ...USER, read: reference('users', 'principals') },
      allowed: { href: ({ id, projectId }) => (id === NO_ID ? principalsOutside(projectId) : undefined) },
    },
    roles: { type: '[]Role', name: 'Roles', required: true, several: true, allowed: { href: () => paths.roles } },
  },
} as const satisfies Shape<MembershipRecord>

function projectsWithout(userId: number): string {
  const path = `${paths.memberships}/available_projects`
  return userId === NO_ID ? path : filteredPath(path, 'principal', '!', [String(userId)])
}

function principalsOutside(projectId: number): string {
  return projectId === NO_ID ? paths.principals : filteredPath(paths.principals, 'member', '!', [String(projectId)])
}
