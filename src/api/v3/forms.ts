import type { FastifyInstance } from 'fastify'
import type { MembershipRecord, ProjectRecord, TimeEntryRecord, WorkPackageRecord } from '../../storage/tables.ts'
import type { ApiContext, ApiStore } from '../context.ts'
import { MEMBERSHIP_SHAPE } from '../embedded/membership-shape.ts'
import { draftMembershipUpdate, draftNewMembership } from '../embedded/memberships.ts'
import { PROJECT_SHAPE } from '../embedded/project-shape.ts'
import { draftNewProject, draftProjectUpdate } from '../embedded/projects.ts'
import { NO_ID } from '../embedded/shape.ts'
import { draftNewTimeEntry, draftTimeEntryUpdate } from '../embedded/time-entries.ts'
import { TIME_ENTRY_SHAPE } from '../embedded/time-entry-shape.ts'
import { WORK_PACKAGE_SHAPE } from '../embedded/work-package-shape.ts'
import { draftNewWorkPackage, draftWorkPackageUpdate } from '../embedded/work-packages.ts'
import { rolesOf } from '../roles.ts'
import { findVisibleProject } from './find.ts'
import { formRoute } from './form-route.ts'
import type { FormView } from './representers/form.ts'
import { paths } from './representers/hal.ts'
import { roleLink } from './representers/membership.ts'
import { bodySchemaOf } from './representers/schema.ts'
import { idParams, projectParams, viewerOf } from './route.ts'

export function formRoutes(app: FastifyInstance, context: ApiContext): void {
  projectForms(app, context)
  workPackageForms(app, context)
  timeEntryForms(app, context)
  membershipForms(app, context)
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
        about: href,
        self: `${href}/form`,
        commit: { href, method: 'patch' },
      }
    },
  })
}

async function newWorkPackagePlace(store: ApiStore, record: WorkPackageRecord, href: string) {
  const commit = { href, method: 'post' } as const
  const about = record.projectId === NO_ID ? {} : { about: paths.project(record.projectId) }
  return { ...(await workPackagePlace(store, record)), ...about, self: `${href}/form`, commit }
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

function membershipForms(app: FastifyInstance, context: ApiContext): void {
  const doc = { tag: 'Memberships', body: bodySchemaOf<MembershipRecord>(MEMBERSHIP_SHAPE) }
  const place = (
    href: string,
    method: 'post' | 'patch',
    record: MembershipRecord,
  ): Omit<FormView<MembershipRecord>, 'draft'> => ({
    ...{ shape: MEMBERSHIP_SHAPE, self: `${href}/form`, commit: { href, method }, schema: paths.membershipSchema },
    listed: { roles: rolesOf(record).map(roleLink) },
  })
  formRoute<MembershipRecord>(app, context, {
    ...{ ...doc, path: '/memberships/form', summary: 'Try to make a user a member of a project' },
    ...{ errors: [400, 404] },
    draft: (request) => draftNewMembership(context, viewerOf(request), request.body),
    place: ({ record }) => place(paths.memberships, 'post', record),
  })
  formRoute<MembershipRecord>(app, context, {
    ...{ ...doc, path: '/memberships/:id/form', summary: 'Try a change of the roles of a membership' },
    ...{ params: idParams, errors: [400, 404] },
    draft: (request) => draftMembershipUpdate(context, viewerOf(request), request.params.id, request.body),
    place: ({ record }) => place(paths.membership(record.id), 'patch', record),
  })
}
