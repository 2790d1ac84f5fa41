import type { ActivityRecord, TimeEntryRecord, UserRecord } from '../../../storage/tables.ts'
import type { Viewer } from '../../context.ts'
import { mayContribute, mayManage } from '../../permissions.ts'
import { activityLink } from './catalogue.ts'
import { dateTime, optionalDuration, plain } from './formats.ts'
import { NO_LINK, paths, type Hal } from './hal.ts'
import { projectLink } from './project.ts'
import { userLink } from './user.ts'
import { workPackageLink, type WorkPackageView } from './work-package.ts'

/** A time entry with what its representation shows of others; its project is the work package's. */
export interface TimeEntryView {
  readonly record: TimeEntryRecord
  readonly workPackage: WorkPackageView
  readonly user: UserRecord
  readonly activity: ActivityRecord | undefined
}

/** As an element of a list: without embedded twins. */
export function renderTimeEntry(view: TimeEntryView, viewer: Viewer): Hal {
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
    _links: timeEntryLinks(view, viewer),
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
