import type { JournalRecord, WorkPackageRecord } from '../../storage/tables.ts'
import type { Viewer } from '../context.ts'
import type { Right } from '../embedded/authority.ts'
import { mayContribute, mayManage } from '../permissions.ts'

/** Who may see and change what in the activities of a work package: asked here and nowhere else. */

type Place = Pick<WorkPackageRecord, 'projectId'>

/** Internal comments are written and seen by who runs the project. */
export function mayUseInternal(viewer: Viewer, { projectId }: Place): boolean {
  return mayManage(viewer, projectId)
}

export function maySee(viewer: Viewer, journal: JournalRecord, place: Place): boolean {
  return !journal.internal || mayUseInternal(viewer, place)
}

/** What it takes to write a comment. */
export function rightToComment(internal: boolean): Right {
  return internal ? 'manage' : 'contribute'
}

/** What it takes to change one: whoever wrote it works in the project, anybody else runs it. */
export function rightToEdit(viewer: Viewer, { userId, internal }: JournalRecord): Right {
  return userId === viewer.id && !internal ? 'contribute' : 'manage'
}

export function mayEdit(viewer: Viewer, journal: JournalRecord, { projectId }: Place): boolean {
  return rightToEdit(viewer, journal) === 'manage' ? mayManage(viewer, projectId) : mayContribute(viewer, projectId)
}
