import type { Viewer } from '../../context.ts'
import type { JsonMemo } from '../../json-memo.ts'
import { renderProject, type ProjectView } from './project.ts'
import { renderTimeEntry, type TimeEntryView } from './time-entry.ts'
import { renderWorkPackage, type WorkPackageView } from './work-package.ts'

/** Representations as JSON, remembered while every row they show is the same object as before. */

function variantOf(viewer: Viewer, embed: boolean): string {
  return `${embed ? 'whole' : 'element'} for ${viewer.admin ? 'administrators' : viewer.id}`
}

/** What a user may see and do is part of what is shown; the sets are new objects when any of it changes. */
function grantSources({ admin, grants }: Viewer): unknown[] {
  return admin ? [] : [grants.member, grants.projectAdmin, grants.open]
}

export function projectJson(memo: JsonMemo, view: ProjectView, viewer: Viewer, embed: boolean): string {
  const sources = [...grantSources(viewer), ...view.ancestors]
  return memo.json(view.record, variantOf(viewer, embed), sources, () => renderProject(view, viewer, embed))
}

function workPackageSources(view: WorkPackageView): unknown[] {
  const { project, type, status, priority, author, assignee, responsible, parent } = view
  const related = [project, type, status, priority, author, assignee, responsible]
  const chains = [view.projectAncestors, view.ancestors, view.children]
  return [
    ...related,
    ...chains.flatMap((rows) => [rows.length, ...rows]),
    ...(parent ? workPackageSources(parent) : []),
  ]
}

export function workPackageJson(memo: JsonMemo, view: WorkPackageView, viewer: Viewer, embed: boolean): string {
  const sources = [...grantSources(viewer), ...workPackageSources(view)]
  return memo.json(view.record, variantOf(viewer, embed), sources, () => renderWorkPackage(view, viewer, embed))
}

export function timeEntryJson(memo: JsonMemo, view: TimeEntryView, viewer: Viewer, embed: boolean): string {
  const own = [view.workPackage.record, view.user, view.activity]
  const sources = [...grantSources(viewer), ...own, ...workPackageSources(view.workPackage)]
  return memo.json(view.record, variantOf(viewer, embed), sources, () => renderTimeEntry(view, viewer, embed))
}
