import type { MembershipRecord, ProjectRecord, UserRecord } from '../../../storage/tables.ts'
import type { Viewer } from '../../context.ts'
import { mayManage } from '../../permissions.ts'
import { rolesOf, type Role } from '../../roles.ts'
import { dateTime } from './formats.ts'
import { paths, type Hal, type Link } from './hal.ts'
import { projectLink, renderProject } from './project.ts'
import { renderUser, userLink, userName } from './user.ts'

/** A membership with what its representation shows of others. */
export interface MembershipView {
  readonly record: MembershipRecord
  readonly project: ProjectRecord
  readonly projectAncestors: readonly ProjectRecord[]
  readonly user: UserRecord
}

export function roleLink(role: Role): Link {
  return { href: paths.role(role.id), title: role.name }
}

export function renderRole(role: Role): Hal {
  return { _type: 'Role', id: role.id, name: role.name, _links: { self: roleLink(role) } }
}

/** `embed`: with the embedded twins of its links, as when it is shown by itself. */
export function renderMembership(view: MembershipView, viewer: Viewer, embed: boolean): Hal {
  const { record } = view
  return {
    _type: 'Membership',
    id: record.id,
    createdAt: dateTime(record.createdAt),
    updatedAt: dateTime(record.updatedAt),
    ...(embed && { _embedded: membershipEmbedded(view, viewer) }),
    _links: membershipLinks(view, viewer),
  }
}

function membershipEmbedded({ record, project, projectAncestors, user }: MembershipView, viewer: Viewer): Hal {
  return {
    project: renderProject({ record: project, ancestors: projectAncestors }, viewer, false),
    principal: renderUser(user, viewer),
    roles: rolesOf(record).map(renderRole),
  }
}

function membershipLinks({ record, project, user }: MembershipView, viewer: Viewer): Hal {
  const self = paths.membership(record.id)
  return {
    self: { href: self, title: userName(user) },
    schema: { href: paths.membershipSchema },
    ...(mayManage(viewer, project.id) && {
      update: { href: `${self}/form`, method: 'post' },
      updateImmediately: { href: self, method: 'patch' },
      delete: { href: self, method: 'delete' },
    }),
    project: projectLink(project),
    principal: userLink(user),
    roles: rolesOf(record).map(roleLink),
  }
}
