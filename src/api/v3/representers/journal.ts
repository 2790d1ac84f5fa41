import type { JournalRecord, UserRecord, WorkPackageRecord } from '../../../storage/tables.ts'
import type { Viewer } from '../../context.ts'
import { mayEdit } from '../journal-access.ts'
import { dateTime, markdown } from './formats.ts'
import { paths, type Hal } from './hal.ts'
import type { Detail } from './journal-details.ts'
import { userLink } from './user.ts'
import { renderWorkPackage, workPackageLink, type WorkPackageView } from './work-package.ts'

/** A journal with what its representation shows of others. The protocol calls it an activity, and a comment when it says something. */
export interface JournalView {
  readonly record: JournalRecord
  readonly workPackage: WorkPackageRecord
  readonly user: UserRecord | undefined
  readonly details: readonly Detail[]
}

/** `whole`: the work package as the embedded twin shows it; without it there is none. */
export function renderJournal(view: JournalView, viewer: Viewer, whole?: WorkPackageView): Hal {
  const { record, details } = view
  const retracted = record.notes.trim() === '' && details.length === 0
  return {
    _type: record.notes.trim() === '' && !retracted ? 'Activity' : 'Activity::Comment',
    id: record.id,
    comment: markdown(retracted ? '_The changes were retracted._' : record.notes),
    details,
    version: record.version,
    internal: record.internal,
    createdAt: dateTime(record.createdAt),
    updatedAt: dateTime(record.updatedAt),
    ...(whole && { _embedded: { workPackage: renderWorkPackage(whole, viewer, false) } }),
    _links: journalLinks(view, viewer),
  }
}

function journalLinks({ record, workPackage, user }: JournalView, viewer: Viewer): Hal {
  const self = paths.journal(record.id)
  return {
    self: { href: self },
    workPackage: workPackageLink(workPackage),
    user: user ? userLink(user) : { href: paths.user(record.userId) },
    ...(mayEdit(viewer, record, workPackage) && { update: { href: self, method: 'patch' } }),
  }
}
