import type { UserRecord } from '../../../storage/tables.ts'
import type { Viewer } from '../../context.ts'
import { dateTime } from './formats.ts'
import { filteredPath, paths, type Hal, type Link } from './hal.ts'

export function userName(user: UserRecord): string {
  return `${user.firstName} ${user.lastName}`.trim() || user.login
}

export function userLink(user: UserRecord): Link {
  return { href: paths.user(user.id), title: userName(user) }
}

/** Strangers see a name only; the user and administrators see everything. */
export function renderUser(user: UserRecord, viewer: Viewer): Hal {
  const name = userName(user)
  if (!viewer.admin && viewer.id !== user.id) {
    return { _type: 'User', id: user.id, name, avatar: '', _links: { self: userLink(user) } }
  }
  return {
    _type: 'User',
    id: user.id,
    name,
    createdAt: dateTime(user.createdAt),
    updatedAt: dateTime(user.updatedAt),
    login: user.login,
    admin: user.admin,
    firstName: user.firstName,
    lastName: user.lastName,
    email: user.email,
    avatar: '',
    status: user.status,
    identityUrl: null,
    language: user.language,
    _links: {
      self: { href: paths.user(user.id), title: name },
      memberships: {
        href: filteredPath(paths.memberships, 'principal', '=', [String(user.id)]),
        title: 'Memberships',
      },
      showUser: { href: `/users/${user.id}`, type: 'text/html' },
    },
  }
}
