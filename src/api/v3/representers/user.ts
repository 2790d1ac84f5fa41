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
    email: user.email ?? '',
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
    },
  }
}

/** A user shown by itself or in a list, with what the viewer may do to it; embedded twins go without. `kept`: nobody may lock or delete it. */
export function renderUserActions(user: UserRecord, viewer: Viewer, kept: boolean): Hal {
  const hal = renderUser(user, viewer)
  const self = paths.user(user.id)
  const lock = `${self}/lock`
  const { status, login } = user
  const edits = viewer.admin || viewer.id === user.id
  const removable = viewer.admin && !kept
  if (status === 'deleted' || !edits) return hal
  return {
    ...hal,
    _links: {
      ...(hal['_links'] as Hal),
      updateImmediately: { href: self, title: `Update ${login}`, method: 'patch' },
      ...(removable && {
        ...(status === 'active' && { lock: { href: lock, title: `Set lock on ${login}`, method: 'post' } }),
        ...(status === 'locked' && { unlock: { href: lock, title: `Remove lock on ${login}`, method: 'delete' } }),
        delete: { href: self, title: `Delete ${login}`, method: 'delete' },
      }),
    },
  }
}

/** The one way there is yet: times in UTC, comments oldest first, no notifications. Without a user: of whoever asks. */
export function renderPreferences(user?: UserRecord): Hal {
  const owner = user ? userLink(user) : { href: null }
  return {
    _type: 'UserPreferences',
    timeZone: 'Etc/UTC',
    commentSortDescending: false,
    autoHidePopups: true,
    notifications: [],
    _links: { self: { href: `${paths.user(user?.id ?? 'me')}/preferences` }, user: owner },
  }
}
