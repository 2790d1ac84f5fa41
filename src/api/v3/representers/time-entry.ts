import type { ActivityRecord, TimeEntryRecord, UserRecord } from '../../../storage/tables.ts'
import type { Viewer } from '../../context.ts'
import { mayContribute, mayManage } from '../../permissions.ts'
import { activityLink, renderActivity } from './catalogue.ts'
import { dateTime, optionalDuration, plain } from './formats.ts'
import { NO_LINK, paths, type Hal } from './hal.ts'
import { projectLink, renderProject } from './project.ts'
import { renderUser, userLink } from './user.ts'
import { renderWorkPackage, workPackageLink, type WorkPackageView } from './work-package.ts'

/** A time entry with what its representation shows of others; its project is the work package's. */
export interface TimeEntryView {
  readonly record: TimeEntryRecord
  readonly workPackage: WorkPackageView
  readonly user: UserRecord
  readonly activity: ActivityRecord | undefined
}

export function renderTimeEntry(view: TimeEntryView, viewer: Viewer, embed: boolean): Hal {
  const { record } = view
  return {
    _type: 'TimeEntry',
    id: record.id,
    ongoing: record.ongoing,
    comment: plain(record.comment),
    spentOn: record.spentOn,
    hours: optionalDuration(record.minutes),
    createdAt: dateTime(record.createdAt),
    updatedAt: dateTime(record.updatedAt),
    ...(embed && { _embedded: timeEntryEmbedded(view, viewer) }),
    _links: timeEntryLinks(view, viewer),
  }
}

/** `entity` is the name of today, `workPackage` the older one that receivers still read: the same object twice. */
function timeEntryEmbedded(view: TimeEntryView, viewer: Viewer): Hal {
  const { project, projectAncestors } = view.workPackage
  const entity = renderWorkPackage(view.workPackage, viewer, false)
  return {
    project: renderProject({ record: project, ancestors: projectAncestors }, viewer, false),
    entity,
    workPackage: entity,
    user: renderUser(view.user, viewer),
    ...(view.activity && { activity: renderActivity(view.activity) }),
  }
}

/** One's own time as a member; everybody's as a project admin. */
function mayChange({ record, workPackage: { project } }: TimeEntryView, viewer: Viewer): boolean {
  return mayManage(viewer, project.id) || (record.userId === viewer.id && mayContribute(viewer, project.id))
}

function timeEntryLinks(view: TimeEntryView, viewer: Viewer): Hal {
  const self = paths.timeEntry(view.record.id)
  const entity = workPackageLink(view.workPackage.record)
  return {
    self: { href: self },
    ...(mayChange(view, viewer) && {
      updateImmediately: { href: self, method: 'patch' },
      update: { href: `${self}/form`, method: 'post' },
      delete: { href: self, method: 'delete' },
    }),
    schema: { href: paths.timeEntrySchema },
    project: projectLink(view.workPackage.project),
    entity,
    workPackage: entity,
    user: userLink(view.user),
    activity: view.activity ? activityLink(view.activity) : NO_LINK,
  }
}
