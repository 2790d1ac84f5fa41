import type { Viewer } from '../context.ts'
import { inVisibleProjects, mayContribute, mayContributeSomewhere, visibleProjects } from '../permissions.ts'
import type { ListDefinition } from './list.ts'
import { datesIntervalFilter, optionalDateFilter, timeFilter } from './query/date-filters.ts'
import {
  ancestorFilter,
  durationFilter,
  idFilter,
  optionalIdFilter,
  parentFilter,
  partFilter,
  percentageFilter,
  searchFilter,
  textFilter,
  unsetFilter,
} from './query/filter-kinds.ts'
import { groupBy, type GroupKey, type GroupTable } from './query/groups.ts'
import {
  milestoneFilter,
  statusFilter,
  subprojectFilter,
  textOrIdFilter,
  watcherFilter,
} from './query/work-package-filters.ts'
import { refusePast } from './query/timestamps.ts'
import { loadWorkPackages } from './related.ts'
import { priorityLink, statusLink, typeLink } from './representers/catalogue.ts'
import { paths } from './representers/hal.ts'
import { workPackageJson } from './representers/json.ts'
import { projectLink } from './representers/project.ts'
import { userLink } from './representers/user.ts'
import { embeddedSchemas, schemasLink } from './schemas.ts'
import { watchedOf, withWatchLinks } from './watching.ts'

const byUser = (column: 'assigneeId' | 'authorId' | 'responsibleId'): GroupKey<'workPackages'> =>
  groupBy(column, 'users', ['firstName', 'lastName'], userLink)

/** People see names and places, so that is what groups and lists are sorted by, not ids. */
const GROUPS = {
  status: groupBy('statusId', 'statuses', ['position'], statusLink),
  type: groupBy('typeId', 'types', ['position'], typeLink),
  priority: groupBy('priorityId', 'priorities', ['position'], priorityLink),
  assignee: byUser('assigneeId'),
  author: byUser('authorId'),
  responsible: byUser('responsibleId'),
  project: groupBy('projectId', 'projects', ['name'], projectLink),
} as const satisfies GroupTable<'workPackages'>

/** By the parent's id. Places of parents out of sight would tell which have the same, and since when. */
function byVisibleParent(viewer: Viewer) {
  const values = visibleProjects(viewer)
  if (!values) return 'parentId' as const
  const by = { table: 'workPackages', columns: ['id'], among: { column: 'projectId', values } } as const
  return { column: 'parentId', by } as const
}

export const WORK_PACKAGES: ListDefinition<'workPackages'> = {
  table: 'workPackages',
  type: 'WorkPackageCollection',
  visible: inVisibleProjects('projectId'),
  filters: {
    id: idFilter('id'),
    status: statusFilter('statusId'),
    type: idFilter('typeId'),
    priority: idFilter('priorityId'),
    author: idFilter('authorId'),
    assignee: optionalIdFilter('assigneeId'),
    assigneeOrGroup: optionalIdFilter('assigneeId'),
    assignedTo: optionalIdFilter('assigneeId'),
    responsible: optionalIdFilter('responsibleId'),
    project: idFilter('projectId'),
    subproject: subprojectFilter(),
    parent: parentFilter('workPackages'),
    ancestor: ancestorFilter('workPackages'),
    milestone: milestoneFilter('typeId'),
    category: unsetFilter(),
    version: unsetFilter(),
    watcher: watcherFilter(),
    subject: textFilter('subject'),
    subjectOrId: textOrIdFilter('subject'),
    description: partFilter('description'),
    search: searchFilter('subject', 'description'),
    typeahead: textOrIdFilter('subject'),
    startDate: optionalDateFilter('startDate'),
    dueDate: optionalDateFilter('dueDate'),
    datesInterval: datesIntervalFilter(),
    percentageDone: percentageFilter('percentageDone'),
    estimatedTime: durationFilter('estimatedMinutes'),
    remainingTime: durationFilter('remainingMinutes'),
    createdAt: timeFilter('createdAt'),
    updatedAt: timeFilter('updatedAt'),
  },
  sort: {
    id: 'id',
    subject: 'subject',
    ...GROUPS,
    parent: byVisibleParent,
    version: null,
    category: null,
    createdAt: 'createdAt',
    updatedAt: 'updatedAt',
    startDate: 'startDate',
    dueDate: 'dueDate',
    percentageDone: 'percentageDone',
    estimatedTime: 'estimatedMinutes',
    remainingTime: 'remainingMinutes',
  },
  sortDefault: [{ column: 'id', descending: false }],
  filtersDefault: [{ name: 'status', operator: 'o', values: [] }],
  groups: GROUPS,
  sums: { estimatedTime: 'estimatedMinutes', remainingTime: 'remainingMinutes' },
  validSubset: true,
  refuse: refusePast,
  fields: [
    ...[
      '_type',
      'id',
      'displayId',
      'lockVersion',
      'subject',
      'description',
      'scheduleManually',
      'startDate',
      'dueDate',
      'date',
    ],
    ...['derivedStartDate', 'derivedDueDate', 'estimatedTime', 'derivedEstimatedTime', 'remainingTime', 'duration'],
    ...['derivedRemainingTime', 'ignoreNonWorkingDays', 'spentTime', 'percentageDone', 'derivedPercentageDone'],
    ...['createdAt', 'updatedAt', 'readonly', 'self', 'schema', 'timeEntries', 'relations', 'attachments', 'category'],
    ...['type', 'priority', 'project', 'status', 'author', 'responsible', 'assignee', 'version', 'budget', 'parent'],
    ...['children', 'ancestors', 'customActions', 'update', 'updateImmediately', 'delete', 'logTime', 'addChild'],
    ...['changeParent', 'activities', 'addComment', 'previewMarkup'],
    ...['watch', 'unwatch', 'watchers', 'availableWatchers', 'addWatcher', 'removeWatcher'],
  ],
  render: async ({ store, memo }, viewer, rows) => {
    const ids = rows.map((row) => row.id)
    const [views, watched] = await Promise.all([loadWorkPackages(store, rows), watchedOf(store, viewer.id, ids)])
    return views.map((view) => () => {
      const { id, projectId } = view.record
      const works = mayContribute(viewer, projectId)
      return withWatchLinks(workPackageJson(memo, view, viewer, false), id, { viewer, watched: watched.has(id), works })
    })
  },
  embedded: async ({ store }, rows) => ({ schemas: await embeddedSchemas(store, rows) }),
  links: (viewer, rows) => ({
    ...(mayContributeSomewhere(viewer) && {
      createWorkPackage: { href: `${paths.workPackages}/form`, method: 'post' },
      createWorkPackageImmediate: { href: paths.workPackages, method: 'post' },
      editWorkPackage: { href: `${paths.workPackages}/{work_package_id}/form`, method: 'post', templated: true },
    }),
    schemas: schemasLink(rows),
    customFields: [],
    representations: [],
  }),
}
