import type {
  PriorityRecord,
  ProjectRecord,
  TypeRecord,
  UserRecord,
  WorkPackageRecord,
} from '../../../storage/tables.ts'
import type { Viewer } from '../../context.ts'
import { mayContribute, sees } from '../../permissions.ts'
import { priorityLink, renderPriority, renderStatus, renderType, statusLink, typeLink } from './catalogue.ts'
import { derive, type Derived, type Family } from './derived.ts'
import { dateTime, duration, markdown, optionalDuration } from './formats.ts'
import { filteredPath, NO_LINK, paths, previewLink, undisclosed, type Hal, type Link } from './hal.ts'
import { projectLink, renderProject } from './project.ts'
import { renderUser, userLink } from './user.ts'
import { daysBetween } from './working-days.ts'

/** What a link to another work package shows, and to whom. */
export type WorkPackageRelative = Pick<WorkPackageRecord, 'id' | 'projectId' | 'subject'>

/** A work package with what its representation shows of others. */
export interface WorkPackageView extends Family {
  readonly record: WorkPackageRecord
  readonly project: ProjectRecord
  readonly projectAncestors: readonly ProjectRecord[]
  readonly type: TypeRecord
  readonly priority: PriorityRecord
  readonly author: UserRecord
  readonly assignee: UserRecord | undefined
  readonly responsible: UserRecord | undefined
  /** From the root down to the parent. */
  readonly ancestors: readonly WorkPackageRecord[]
  readonly children: readonly WorkPackageRelative[]
  /** The parent as its embedded twin shows it; loaded only where twins are shown. */
  readonly parent: WorkPackageView | undefined
}

export function workPackageLink(workPackage: Pick<WorkPackageRecord, 'id' | 'subject'>): Link {
  return { href: paths.workPackage(workPackage.id), title: workPackage.subject }
}

/** `embed`: with the embedded twins of its links, as when it is shown or sent by itself; elements of lists go without. */
export function renderWorkPackage(view: WorkPackageView, viewer: Viewer, embed: boolean): Hal {
  const { record, type } = view
  const derived = derive(view, viewer)
  return {
    _type: 'WorkPackage',
    id: record.id,
    displayId: String(record.id),
    lockVersion: record.lockVersion,
    subject: record.subject,
    description: markdown(record.description),
    scheduleManually: record.scheduleManually,
    ...(type.isMilestone ? { date: record.dueDate } : renderDates(record, derived)),
    estimatedTime: optionalDuration(record.estimatedMinutes),
    derivedEstimatedTime: optionalDuration(derived.estimatedMinutes),
    ...(record.remainingMinutes !== null && { remainingTime: duration(record.remainingMinutes) }),
    derivedRemainingTime: optionalDuration(derived.remainingMinutes),
    ...(!type.isMilestone && { duration: workPackageDuration(record) }),
    ignoreNonWorkingDays: record.ignoreNonWorkingDays,
    spentTime: duration(record.spentMinutes),
    percentageDone: record.percentageDone,
    derivedPercentageDone: derived.percentageDone,
    createdAt: dateTime(record.createdAt),
    updatedAt: dateTime(record.updatedAt),
    readonly: view.status.isReadonly,
    ...(embed && { _embedded: workPackageEmbedded(view, viewer) }),
    _links: workPackageLinks(view, viewer),
  }
}

function renderDates({ startDate, dueDate }: WorkPackageRecord, derived: Derived): Hal {
  return { startDate, dueDate, derivedStartDate: derived.startDate, derivedDueDate: derived.dueDate }
}

/** In days (`P3D`), derived from the dates; null unless both are set. */
export function workPackageDuration(record: WorkPackageRecord): string | null {
  if (record.startDate === null || record.dueDate === null) return null
  return `P${daysBetween(record.startDate, record.dueDate, record.ignoreNonWorkingDays)}D`
}

function emptyCollection(href: string): Hal {
  return { _type: 'Collection', total: 0, count: 0, _embedded: { elements: [] }, _links: { self: { href } } }
}

function workPackageEmbedded(view: WorkPackageView, viewer: Viewer): Hal {
  const self = paths.workPackage(view.record.id)
  return {
    attachments: emptyCollection(`${self}/attachments`),
    relations: emptyCollection(`${self}/relations`),
    type: renderType(view.type),
    priority: renderPriority(view.priority),
    project: renderProject({ record: view.project, ancestors: view.projectAncestors }, viewer, false),
    status: renderStatus(view.status),
    author: renderUser(view.author, viewer),
    ...(view.responsible && { responsible: renderUser(view.responsible, viewer) }),
    ...(view.assignee && { assignee: renderUser(view.assignee, viewer) }),
    ...(view.parent &&
      sees(viewer, view.parent.record.projectId) && { parent: renderWorkPackage(view.parent, viewer, false) }),
    customActions: [],
  }
}

function workPackageLinks(view: WorkPackageView, viewer: Viewer): Hal {
  const { record } = view
  const self = paths.workPackage(record.id)
  const parent = view.ancestors.at(-1)
  const writable = mayContribute(viewer, record.projectId)
  return {
    self: workPackageLink(record),
    ...(writable && { update: { href: `${self}/form`, method: 'post' } }),
    schema: { href: paths.workPackageSchema(record.projectId, record.typeId) },
    ...(writable && workPackageActions(record, self)),
    activities: { href: paths.workPackageActivities(record.id) },
    timeEntries: { href: filteredPath(paths.timeEntries, 'entity_id', '=', [String(record.id)]) },
    relations: { href: `${self}/relations` },
    attachments: { href: `${self}/attachments` },
    category: NO_LINK,
    type: typeLink(view.type),
    priority: priorityLink(view.priority),
    project: projectLink(view.project),
    status: statusLink(view.status),
    author: userLink(view.author),
    responsible: view.responsible ? userLink(view.responsible) : NO_LINK,
    assignee: view.assignee ? userLink(view.assignee) : NO_LINK,
    version: NO_LINK,
    budget: NO_LINK,
    parent: parent ? parentLink(parent, viewer) : NO_LINK,
    children: visibleLinks(view.children, viewer),
    ancestors: visibleLinks(view.ancestors, viewer),
    customActions: [],
  }
}

function parentLink(parent: WorkPackageRecord, viewer: Viewer): Link {
  return sees(viewer, parent.projectId) ? workPackageLink(parent) : undisclosed('selected parent')
}

/** Relatives in other projects may be out of sight. */
function visibleLinks(workPackages: readonly WorkPackageRelative[], viewer: Viewer): Link[] {
  return workPackages.filter(({ projectId }) => sees(viewer, projectId)).map(workPackageLink)
}

function workPackageActions(record: WorkPackageRecord, self: string): Hal {
  return {
    updateImmediately: { href: self, method: 'patch' },
    delete: { href: self, method: 'delete' },
    logTime: { href: paths.timeEntries, method: 'post', title: `Log time on work package '${record.subject}'` },
    addChild: {
      href: `${paths.workspace(record.projectId)}/work_packages`,
      method: 'post',
      title: `Add child of ${record.subject}`,
    },
    changeParent: { href: self, method: 'patch', title: `Change parent of ${record.subject}` },
    addComment: { href: paths.workPackageActivities(record.id), method: 'post', title: 'Add comment' },
    previewMarkup: previewLink(self),
  }
}
