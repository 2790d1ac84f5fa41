import type { ProjectRecord } from '../../../storage/tables.ts'
import type { Viewer } from '../../context.ts'
import { mayContribute, mayManage, sees } from '../../permissions.ts'
import { dateTime, markdown } from './formats.ts'
import { filteredPath, NO_LINK, paths, undisclosed, type Hal, type Link } from './hal.ts'

export const PROJECT_STATUSES: Readonly<Record<string, string>> = {
  not_started: 'Not started',
  on_track: 'On track',
  at_risk: 'At risk',
  off_track: 'Off track',
  finished: 'Finished',
  discontinued: 'Discontinued',
}

/** A project with what its representation shows of others. */
export interface ProjectView {
  readonly record: ProjectRecord
  /** From the root down to the parent. */
  readonly ancestors: readonly ProjectRecord[]
}

export function projectLink(project: ProjectRecord): Link {
  return { href: paths.project(project.id), title: project.name }
}

/** `embed`: with the embedded twins of its links, as when it is shown or sent by itself. */
export function renderProject(view: ProjectView, viewer: Viewer, embed: boolean): Hal {
  const { record } = view
  const embedded = embed ? projectEmbedded(view, viewer) : {}
  return {
    _type: 'Project',
    id: record.id,
    identifier: record.identifier,
    name: record.name,
    active: record.active,
    public: record.public,
    favorited: false,
    description: markdown(record.description),
    statusExplanation: markdown(record.statusExplanation),
    createdAt: dateTime(record.createdAt),
    updatedAt: dateTime(record.updatedAt),
    ...(Object.keys(embedded).length > 0 && { _embedded: embedded }),
    _links: projectLinks(view, viewer),
  }
}

function projectEmbedded(view: ProjectView, viewer: Viewer): Hal {
  const parent = view.ancestors.at(-1)
  const code = view.record.statusCode
  return {
    ...(parent &&
      sees(viewer, parent.id) && {
        parent: renderProject({ record: parent, ancestors: view.ancestors.slice(0, -1) }, viewer, false),
      }),
    ...(code !== null && { status: renderProjectStatus(code) }),
  }
}

export function renderProjectStatus(code: string): Hal {
  return {
    _type: 'ProjectStatus',
    id: code,
    name: PROJECT_STATUSES[code] ?? code,
    _links: { self: projectStatusLink(code) },
  }
}

export function projectStatusLink(code: string): Link {
  return { href: paths.projectStatus(code), title: PROJECT_STATUSES[code] ?? code }
}

function projectLinks({ record, ancestors }: ProjectView, viewer: Viewer): Hal {
  const self = paths.project(record.id)
  const workspace = paths.workspace(record.id)
  const parent = ancestors.at(-1)
  return {
    self: projectLink(record),
    ...(mayContribute(viewer, record.id) && {
      createWorkPackage: { href: `${workspace}/work_packages/form`, method: 'post' },
      createWorkPackageImmediately: { href: `${workspace}/work_packages`, method: 'post' },
    }),
    workPackages: { href: `${workspace}/work_packages` },
    categories: { href: `${workspace}/categories` },
    versions: { href: `${workspace}/versions` },
    ...(mayContribute(viewer, record.id) && {
      memberships: { href: filteredPath(paths.memberships, 'project', '=', [String(record.id)]) },
    }),
    types: { href: `${workspace}/types` },
    ...(mayManage(viewer, record.id) && {
      update: { href: `${self}/form`, method: 'post' },
      updateImmediately: { href: self, method: 'patch' },
    }),
    ...(viewer.admin && { delete: { href: self, method: 'delete' } }),
    schema: { href: paths.workspaceSchema },
    status: record.statusCode === null ? NO_LINK : projectStatusLink(record.statusCode),
    ancestors: ancestors.map((one) => (sees(viewer, one.id) ? projectLink(one) : undisclosed('ancestor'))),
    parent: parent ? parentLink(parent, viewer) : NO_LINK,
  }
}

function parentLink(parent: ProjectRecord, viewer: Viewer): Link {
  return sees(viewer, parent.id) ? projectLink(parent) : undisclosed('selected parent')
}
