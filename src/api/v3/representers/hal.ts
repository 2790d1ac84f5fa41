/** A HAL object under construction; keys keep the order they are written in. */
export type Hal = Record<string, unknown>

export interface Link {
  readonly href: string | null
  readonly title?: string
  readonly method?: 'post' | 'patch' | 'delete'
  readonly templated?: boolean
  readonly type?: string
}

/** An unset reference: the link stays, its href is null, and it has no embedded twin. */
export const NO_LINK: Link = { href: null }

/** Writing it back keeps the value (reference §8). */
export const UNDISCLOSED = 'urn:openproject-org:api:v3:undisclosed'

/** There is something, which the viewer may not see. */
export function undisclosed(what: string): Link {
  return { href: UNDISCLOSED, title: `Undisclosed - The ${what} is invisible because of lacking permissions.` }
}

const BASE = '/api/v3'

/** Every path the API puts into a link, relative to the host. */
export const paths = {
  root: BASE,
  configuration: `${BASE}/configuration`,
  projects: `${BASE}/projects`,
  project: (id: number | string) => `${BASE}/projects/${id}`,
  workspaces: `${BASE}/workspaces`,
  workspace: (id: number) => `${BASE}/workspaces/${id}`,
  workspaceSchema: `${BASE}/workspaces/schema`,
  projectStatus: (code: string) => `${BASE}/project_statuses/${code}`,
  workPackages: `${BASE}/work_packages`,
  workPackage: (id: number) => `${BASE}/work_packages/${id}`,
  workPackageActivities: (id: number) => `${BASE}/work_packages/${id}/activities`,
  workPackageWatchers: (id: number) => `${BASE}/work_packages/${id}/watchers`,
  workPackageAvailableWatchers: (id: number) => `${BASE}/work_packages/${id}/available_watchers`,
  workPackageSchema: (projectId: number, typeId: number) => `${BASE}/work_packages/schemas/${projectId}-${typeId}`,
  timeEntries: `${BASE}/time_entries`,
  timeEntry: (id: number) => `${BASE}/time_entries/${id}`,
  timeEntrySchema: `${BASE}/time_entries/schema`,
  journal: (id: number) => `${BASE}/activities/${id}`,
  activities: `${BASE}/time_entries/activities`,
  activity: (id: number) => `${BASE}/time_entries/activities/${id}`,
  users: `${BASE}/users`,
  user: (id: number | string) => `${BASE}/users/${id}`,
  types: `${BASE}/types`,
  type: (id: number) => `${BASE}/types/${id}`,
  statuses: `${BASE}/statuses`,
  status: (id: number) => `${BASE}/statuses/${id}`,
  priorities: `${BASE}/priorities`,
  priority: (id: number) => `${BASE}/priorities/${id}`,
  memberships: `${BASE}/memberships`,
  membership: (id: number) => `${BASE}/memberships/${id}`,
  membershipSchema: `${BASE}/memberships/schema`,
  roles: `${BASE}/roles`,
  role: (id: number) => `${BASE}/roles/${id}`,
  principals: `${BASE}/principals`,
  relations: `${BASE}/relations`,
  renderMarkdown: `${BASE}/render/markdown`,
  weekDays: `${BASE}/days/week`,
  nonWorkingDays: `${BASE}/days/non_working`,
} as const

/** Where a text about something, at `href`, is shown as it would look. */
export function previewLink(href: string): Link {
  return { href: `${paths.renderMarkdown}?context=${href}`, method: 'post' }
}

/** A path with a `filters` query of one filter, as links carry it. */
export function filteredPath(path: string, name: string, operator: string, values: readonly string[]): string {
  return `${path}?filters=${encodeURIComponent(JSON.stringify([{ [name]: { operator, values } }]))}`
}
