import type { FastifyInstance, FastifyRequest } from 'fastify'
import { Type, type TSchema } from 'typebox'
import { ok, type Result } from '../../base/result.ts'
import type { ProjectRecord, TimeEntryRecord, WorkPackageRecord } from '../../storage/tables.ts'
import type { ApiContext, ApiStore } from '../context.ts'
import { settled, type Draft } from '../embedded/draft.ts'
import { PROJECT_SHAPE } from '../embedded/project-shape.ts'
import { draftNewProject, draftProjectUpdate } from '../embedded/projects.ts'
import { NO_ID } from '../embedded/shape.ts'
import { draftNewTimeEntry, draftTimeEntryUpdate } from '../embedded/time-entries.ts'
import { TIME_ENTRY_SHAPE } from '../embedded/time-entry-shape.ts'
import { WORK_PACKAGE_SHAPE } from '../embedded/work-package-shape.ts'
import { draftNewWorkPackage, draftWorkPackageUpdate } from '../embedded/work-packages.ts'
import type { ApiError } from '../errors.ts'
import { findVisibleProject } from './find.ts'
import { renderForm, type FormView } from './representers/form.ts'
import { paths, type Hal } from './representers/hal.ts'
import { bodySchemaOf } from './representers/schema.ts'
import { halSchema, idParams, projectParams, route, sendResult, viewerOf } from './route.ts'

/** Forms: what a write of the same body would make, judged by the same code, without writing. */

type Request = FastifyRequest<{ Params: { id: string } }>
type Drafted<R> = Promise<Result<Draft<R>, ApiError>>
/** The rest of a form, once it is known what it is about. */
type Place<R> = (draft: Draft<R>) => Omit<FormView<R>, 'draft'> | Promise<Omit<FormView<R>, 'draft'>>

interface FormRoute<R> {
  readonly path: string
  readonly summary: string
  readonly tag: string
  readonly body: TSchema
  readonly params?: TSchema
  readonly errors?: readonly number[]
  draft(request: Request): Drafted<R>
  readonly place: Place<R>
}

const formSchema = halSchema('Form', {
  _embedded: Type.Object(
    {
      payload: Type.Object({}, { additionalProperties: true }),
      schema: Type.Object({}, { additionalProperties: true }),
      validationErrors: Type.Object({}, { additionalProperties: true, description: 'Errors by property.' }),
    },
    { description: 'Without errors there is a link `commit` that takes the payload.' },
  ),
})

function formRoute<R>(app: FastifyInstance, { store }: ApiContext, form: FormRoute<R>): void {
  const { path, summary, tag, body, params, errors = [400] } = form
  const doc = {
    summary,
    tag,
    access: 'user',
    body,
    errors,
    answers: { 200: formSchema },
    ...(params && { params }),
  } as const
  app.post<{ Params: { id: string } }>(path, route(doc), async (request, reply) => {
    const drafted = await settled(() => form.draft(request))
    if (!drafted.ok) return sendResult(reply, drafted)
    const draft = drafted.value
    return sendResult(
      reply,
      ok<Hal>(await renderForm({ store, viewer: viewerOf(request) }, { ...(await form.place(draft)), draft })),
    )
  })
}

export function formRoutes(app: FastifyInstance, context: ApiContext): void {
  projectForms(app, context)
  workPackageForms(app, context)
  timeEntryForms(app, context)
}

function projectForms(app: FastifyInstance, context: ApiContext): void {
  const doc = { tag: 'Projects', body: bodySchemaOf<ProjectRecord>(PROJECT_SHAPE) }
  const place = (path: string, href: string, method: 'post' | 'patch'): Omit<FormView<ProjectRecord>, 'draft'> => ({
    ...{ shape: PROJECT_SHAPE, self: `${path}/form`, commit: { href, method }, schema: paths.workspaceSchema },
  })
  formRoute<ProjectRecord>(app, context, {
    ...{ ...doc, path: '/projects/form', summary: 'Try the creation of a project' },
    draft: (request) => draftNewProject(context, viewerOf(request), request.body),
    place: () => place(paths.projects, paths.projects, 'post'),
  })
  for (const base of ['/projects', '/workspaces']) {
    formRoute<ProjectRecord>(app, context, {
      ...{ ...doc, path: `${base}/:id/form`, summary: 'Try a change of a project' },
      ...{ params: projectParams, errors: [400, 404] },
      draft: (request) => draftProjectUpdate(context, viewerOf(request), request.params.id, request.body),
      place: ({ record }) => place(`${paths.root}${base}/${record.id}`, paths.project(record.id), 'patch'),
    })
  }
}

function workPackageForms(app: FastifyInstance, context: ApiContext): void {
  const doc = { tag: 'Work packages', body: bodySchemaOf<WorkPackageRecord>(WORK_PACKAGE_SHAPE) }
  formRoute<WorkPackageRecord>(app, context, {
    ...{ ...doc, path: '/work_packages/form', summary: 'Try the creation of a work package' },
    draft: (request) => draftNewWorkPackage(context, viewerOf(request), request.body),
    place: ({ record }) => newWorkPackagePlace(context.store, record, paths.workPackages),
  })
  for (const base of ['/projects', '/workspaces']) {
    formRoute<WorkPackageRecord>(app, context, {
      ...{ ...doc, path: `${base}/:id/work_packages/form`, summary: 'Try the creation of a work package in a project' },
      ...{ params: projectParams, errors: [400, 404] },
      async draft(request) {
        const viewer = viewerOf(request)
        const project = await findVisibleProject(context.store, viewer, request.params.id)
        if (!project.ok) return project
        return draftNewWorkPackage(context, viewer, request.body, { within: project.value })
      },
      place: ({ record }) =>
        newWorkPackagePlace(context.store, record, `${paths.root}${base}/${record.projectId}/work_packages`),
    })
  }
  formRoute<WorkPackageRecord>(app, context, {
    ...{ ...doc, path: '/work_packages/:id/form', summary: 'Try a change of a work package; without a body, just ask' },
    ...{ params: idParams, errors: [400, 404, 409] },
    draft: (request) => draftWorkPackageUpdate(context, viewerOf(request), request.params.id, request.body),
    async place({ record }) {
      const href = paths.workPackage(record.id)
      return {
        ...(await workPackagePlace(context.store, record)),
        self: `${href}/form`,
        commit: { href, method: 'patch' },
      }
    },
  })
}

async function newWorkPackagePlace(store: ApiStore, record: WorkPackageRecord, href: string) {
  const commit = { href, method: 'post' } as const
  return { ...(await workPackagePlace(store, record)), self: `${href}/form`, commit }
}

async function workPackagePlace(store: ApiStore, { projectId, typeId }: WorkPackageRecord) {
  const type = await store.get('types', typeId)
  return {
    shape: WORK_PACKAGE_SHAPE,
    schema: projectId === NO_ID ? null : paths.workPackageSchema(projectId, typeId),
    milestone: type?.isMilestone ?? false,
  }
}

function timeEntryForms(app: FastifyInstance, context: ApiContext): void {
  const doc = { tag: 'Time entries', body: bodySchemaOf<TimeEntryRecord>(TIME_ENTRY_SHAPE) }
  const place = (href: string, method: 'post' | 'patch'): Omit<FormView<TimeEntryRecord>, 'draft'> => ({
    ...{ shape: TIME_ENTRY_SHAPE, self: `${href}/form`, commit: { href, method }, schema: paths.timeEntrySchema },
  })
  formRoute<TimeEntryRecord>(app, context, {
    ...{ ...doc, path: '/time_entries/form', summary: 'Try to log time' },
    draft: (request) => draftNewTimeEntry(context, viewerOf(request), request.body),
    place: () => place(paths.timeEntries, 'post'),
  })
  formRoute<TimeEntryRecord>(app, context, {
    ...{ ...doc, path: '/time_entries/:id/form', summary: 'Try a change of a time entry' },
    ...{ params: idParams, errors: [400, 404] },
    draft: (request) => draftTimeEntryUpdate(context, viewerOf(request), request.params.id, request.body),
    place: ({ record }) => place(paths.timeEntry(record.id), 'patch'),
  })
}
