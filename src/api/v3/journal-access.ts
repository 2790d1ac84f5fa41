import type { JournalRecord } from '../../storage/tables.ts'
import type { Viewer } from '../context.ts'

/** Who may say, see and change what in the activities of a work package: asked here and nowhere else. */

export function mayComment(viewer: Viewer): boolean {
  return viewer.admin
}

/** Internal comments are written and seen by administrators only. */
export function mayUseInternal(viewer: Viewer): boolean {
  return viewer.admin
}

export function maySee(viewer: Viewer, journal: JournalRecord): boolean {
  return !journal.internal || mayUseInternal(viewer)
}

/** Administrators, and whoever wrote it. */
export function mayEdit(viewer: Viewer, journal: JournalRecord): boolean {
  return viewer.admin || journal.userId === viewer.id
}
