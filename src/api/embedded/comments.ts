import { fail, ok, type Result } from '../../base/result.ts'
import type { EventName } from '../../resources/vocabulary.ts'
import type { Expectation } from '../../storage/store.ts'
import type { JournalRecord, WorkPackageRecord } from '../../storage/tables.ts'
import type { ApiContext, Viewer } from '../context.ts'
import { apiError, combineErrors, type ApiError } from '../errors.ts'
import { findRow, findVisible } from '../v3/find.ts'
import { sees } from '../permissions.ts'
import { maySee, rightToComment, rightToEdit } from '../v3/journal-access.ts'
import { loadJournal } from '../v3/journals.ts'
import { loadWorkPackage } from '../v3/related.ts'
import { renderJournal } from '../v3/representers/journal.ts'
import { renderWorkPackage, type WorkPackageView } from '../v3/representers/work-package.ts'
import { authorize } from './authority.ts'
import { boolean, formattable, readBody, violation } from './body.ts'
import { failed, VANISHED } from './draft.ts'
import { journalUnchanged, surroundingsUnchanged, workPackageUnchanged } from './expectations.ts'
import { newJournal } from './journals.ts'
import { readPresent, type Parsed } from './shape.ts'
import { write, type WritePlan } from './write.ts'

const COMMENT_MAX = 65_536

const FIELDS = { comment: formattable, internal: boolean }

const TOO_LONG = `Comment is too long (maximum is ${COMMENT_MAX} characters).`

function readComment(raw: unknown): Result<{ notes: string | undefined; internal: boolean }, ApiError> {
  const body = readBody(raw)
  if (!body.ok) return body
  const errors: ApiError[] = []
  const read = readPresent(body.value.fields, FIELDS, (parse) => parse, errors) as Parsed<typeof FIELDS>
  const { comment, internal = false } = read
  if ((comment?.length ?? 0) > COMMENT_MAX) errors.push(violation('comment', TOO_LONG))
  const refused = failed(errors)
  return refused ? fail(combineErrors(refused.error)) : ok({ notes: comment, internal })
}

/** A comment is a journal that says something: it changes the work package's time, not its `lockVersion`. */
export async function createComment(
  context: ApiContext,
  viewer: Viewer,
  workPackageId: string,
  raw: unknown,
): Promise<Result<string, ApiError>> {
  const input = readComment(raw)
  if (!input.ok) return input
  const { notes = '', internal } = input.value
  const plan = async (): Promise<Result<WritePlan, ApiError>> => {
    const found = await findVisible(context.store, viewer, 'workPackages', workPackageId)
    if (!found.ok) return found
    const authorized = await authorize(context.store, viewer, rightToComment(internal), found.value.projectId)
    if (!authorized.ok) return authorized
    if (notes.trim() === '') return fail(violation('comment', "Comment can't be blank."))
    return planComment(context, viewer, found.value, { notes, internal, authorized: authorized.value })
  }
  return write(context, viewer, plan, `workPackages/${workPackageId}`)
}

async function planComment(
  context: ApiContext,
  viewer: Viewer,
  current: WorkPackageRecord,
  { authorized, ...note }: { notes: string; internal: boolean; authorized: readonly Expectation[] },
): Promise<Result<WritePlan, ApiError>> {
  const changes = { revision: current.revision + 1, updatedAt: context.clock.now() }
  const work = await loadWorkPackage(context.store, { ...current, ...changes })
  // Something it cannot be without was deleted since, and itself with it.
  if (!work) return fail(VANISHED)
  const record = newJournal(context, viewer, work.record, note)
  const view = { record, workPackage: work.record, user: viewer, details: [] }
  const name: EventName = `work_package_comment:${note.internal ? 'internal_comment' : 'comment'}`
  return ok({
    expect: [...authorized, workPackageUnchanged(current), ...surroundingsUnchanged(work)],
    mutations: [
      { op: 'update', table: 'workPackages', id: current.id, changes },
      { op: 'insert', table: 'journals', row: record },
    ],
    events: [
      { name: 'work_package:updated', key: 'work_package', project: work.project, render: whole(work) },
      { name, key: 'activity', project: work.project },
    ],
    render: (viewer) => renderJournal(view, viewer, work),
  })
}

function whole(work: WorkPackageView) {
  return (viewer: Viewer) => renderWorkPackage(work, viewer, true)
}

/** Changes what was said, not when; no event happens. An empty text takes it back. */
export async function updateComment(
  context: ApiContext,
  viewer: Viewer,
  id: string,
  raw: unknown,
): Promise<Result<string, ApiError>> {
  const input = readComment(raw)
  if (!input.ok) return input
  const plan = async (): Promise<Result<WritePlan, ApiError>> => {
    const found = await findJournal(context, viewer, id)
    if (!found.ok) return found
    const { record: current, work } = found.value
    const right = rightToEdit(viewer, current)
    const authorized = await authorize(context.store, viewer, right, work.record.projectId)
    if (!authorized.ok) return authorized
    const { notes = current.notes } = input.value
    const changes = { notes, updatedAt: context.clock.now() }
    const view = await loadJournal(context.store, viewer, work.record, { ...current, ...changes })
    return ok({
      expect: [...authorized.value, journalUnchanged(current)],
      mutations: notes === current.notes ? [] : [{ op: 'update', table: 'journals', id: current.id, changes }],
      render: (viewer) => renderJournal(view, viewer, work),
    })
  }
  return write(context, viewer, plan, `journals/${id}`)
}

/** A journal the viewer may see, with its work package. */
export async function findJournal(
  { store }: ApiContext,
  viewer: Viewer,
  id: string,
): Promise<Result<{ record: JournalRecord; work: WorkPackageView }, ApiError>> {
  const found = await findRow(store, 'journals', id)
  const row = found.ok ? await store.get('workPackages', found.value.workPackageId) : undefined
  const visible = found.ok && row && sees(viewer, row.projectId) && maySee(viewer, found.value, row)
  if (!visible) return fail(apiError('NotFound'))
  const work = await loadWorkPackage(store, row)
  return work ? ok({ record: found.value, work }) : fail(apiError('NotFound'))
}
