import type { RecordOf, TableName } from '../../storage/tables.ts'
import type { Viewer } from '../context.ts'
import { sees } from '../permissions.ts'
import { catalogueRows, type Catalogue, type CatalogueTable } from '../v3/catalogue.ts'
import { findVisibleProject, readRow, readVisible } from '../v3/find.ts'
import { NO_LINK, paths, undisclosed, type Link } from '../v3/representers/hal.ts'
import { PROJECT_STATUSES, projectLink, renderProjectStatus, projectStatusLink } from '../v3/representers/project.ts'
import { userLink } from '../v3/representers/user.ts'
import { workPackageLink } from '../v3/representers/work-package.ts'
import { reference } from './body.ts'
import type { AnyOf, Target } from './shape.ts'

/** What the links of requests may lead to. */

function rowTarget<T extends TableName>(
  table: T,
  namespace: string,
  linkOf: (row: RecordOf<T>) => Link,
  usable: (row: RecordOf<T>) => boolean = () => true,
  shown: (viewer: Viewer, row: RecordOf<T>) => boolean = () => true,
): Target {
  return {
    read: reference(namespace),
    async find({ store }, segment) {
      const row = await readRow(store, table, segment)
      return row && usable(row) ? row.id : undefined
    },
    async link({ store, viewer }, value) {
      const row = await store.get(table, Number(value))
      if (!row) return NO_LINK
      return shown(viewer, row) ? linkOf(row) : undisclosed('selected parent')
    },
  }
}

export const USER = rowTarget('users', 'users', userLink)

export const WORK_PACKAGE: Target = {
  ...rowTarget('workPackages', 'work_packages', workPackageLink, undefined, (viewer, row) =>
    sees(viewer, row.projectId),
  ),
  find: async ({ store, viewer }, segment) => (await readVisible(store, viewer, 'workPackages', segment))?.id,
}

/** By id or identifier, under its older and its newer name. */
export const PROJECT: Target = {
  ...rowTarget('projects', 'projects', projectLink, undefined, (viewer, row) => sees(viewer, row.id)),
  read: reference('projects', 'workspaces'),
  async find({ store, viewer }, segment) {
    const project = await findVisibleProject(store, viewer, segment)
    return project.ok ? project.value.id : undefined
  },
}

export const PROJECT_STATUS: Target = {
  read: reference('project_statuses'),
  find: async (_search, code) => (Object.hasOwn(PROJECT_STATUSES, code) ? code : undefined),
  link: async (_store, code) => projectStatusLink(String(code)),
}

export const anyProjectStatus: AnyOf = {
  list: async () => Object.keys(PROJECT_STATUSES).map(renderProjectStatus),
}

/** A row of a short list; what is no longer active stays where it is, and is not chosen anew. */
export function catalogueTarget<T extends CatalogueTable>({ table, path, render }: Catalogue<T>): Target {
  const namespace = path.slice(paths.root.length + 1)
  return rowTarget(table, namespace, (row) => (render(row)['_links'] as { self: Link }).self, isActive)
}

export function anyOf<T extends CatalogueTable>({ table, render }: Catalogue<T>): AnyOf {
  return { list: async (store) => (await catalogueRows(store, table)).filter(isActive).map(render) }
}

function isActive(row: object): boolean {
  return !('isActive' in row) || row.isActive === true
}
