import type { UserRecord } from '../../../storage/tables.ts'
import type { Viewer } from '../../context.ts'
import type { JsonMemo } from '../../json-memo.ts'
import { renderActivity } from './catalogue.ts'
import { duration } from './formats.ts'
import { renderProject, type ProjectView } from './project.ts'
import { renderTimeEntry, type TimeEntryView } from './time-entry.ts'
import { renderUser } from './user.ts'
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

/** Children are among the descendants, unless these are too many to be known; no statuses of theirs are known then. */
function workPackageSources(view: WorkPackageView): unknown[] {
  const { project, type, status, priority, author, assignee, responsible, parent } = view
  const related = [project, type, status, priority, author, assignee, responsible]
  const below = [view.descendants ?? view.children, view.descendantStatuses]
  const chains = [view.projectAncestors, view.ancestors, ...below]
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
  const render = () => (embed ? wholeTimeEntryJson(memo, view, viewer) : renderTimeEntry(view, viewer))
  return memo.json(view.record, variantOf(viewer, embed), sources, render)
}

/**
 * With the embedded twins, put together from their own JSON: thousands are logged a second, of which only the entry and the work
 * package's time are new. `entity` is the name of today, `workPackage` the older one that receivers still read.
 */
export function wholeTimeEntryJson(memo: JsonMemo, view: TimeEntryView, viewer: Viewer): string {
  const { workPackage, user, activity } = view
  const { _links, ...own } = renderTimeEntry(view, viewer)
  const project = projectJson(
    memo,
    { record: workPackage.project, ancestors: workPackage.projectAncestors },
    viewer,
    false,
  )
  const entity = entityJson(memo, workPackage, viewer)
  const twins =
    `{"project":${project},"entity":${entity},"workPackage":${entity},"user":${userJson(memo, user, viewer)}` +
    `${activity ? `,"activity":${memo.json(activity, 'element', [], () => renderActivity(activity))}` : ''}}`
  return `${JSON.stringify(own).slice(0, -1)},"_embedded":${twins},"_links":${JSON.stringify(_links)}}`
}

/** With each entry logged the row is another, and the same but for the time spent: only that is written anew. */
function entityJson(memo: JsonMemo, view: WorkPackageView, viewer: Viewer): string {
  const { spentMinutes, ...columns } = view.record
  const sources = [...grantSources(viewer), ...Object.values(columns), ...workPackageSources(view)]
  const name = `workPackages/${view.record.id} ${variantOf(viewer, false)}`
  const text = memo.json(name, '', sources, () => renderWorkPackage(view, viewer, false))
  return withSpentTime(text, spentMinutes)
}

/** The first time this stands in the text it is the property: inside a string its quotes would be escaped. */
const SPENT_TIME = '"spentTime":'

function withSpentTime(text: string, minutes: number): string {
  const at = text.indexOf(SPENT_TIME) + SPENT_TIME.length
  return `${text.slice(0, at)}"${duration(minutes)}"${text.slice(text.indexOf(',', at))}`
}

/** Of whoever writes, as they see themselves. */
export function actorJson(memo: JsonMemo, viewer: Viewer): string {
  const { grants: _, ...columns } = viewer
  return memo.json(`actors/${viewer.id}`, '', Object.values(columns), () => renderUser(viewer, viewer))
}

function userJson(memo: JsonMemo, user: UserRecord, viewer: Viewer): string {
  return memo.json(user, variantOf(viewer, false), [], () => renderUser(user, viewer))
}
