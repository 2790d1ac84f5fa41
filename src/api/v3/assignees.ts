import type { FastifyInstance } from 'fastify'
import { fail, ok, type Result } from '../../base/result.ts'
import type { ApiContext, Viewer } from '../context.ts'
import { isAssignable } from '../embedded/assignable.ts'
import { apiError, sendError, type ApiError } from '../errors.ts'
import { mayContribute, usersIn } from '../permissions.ts'
import { findVisible, findVisibleProject } from './find.ts'
import { renderWhole } from './representers/collection.ts'
import { paths, type Hal } from './representers/hal.ts'
import { renderUser } from './representers/user.ts'
import { idParams, projectParams, route, sendResult, viewerOf, wholeSchema } from './route.ts'

/** Who may be given work in a project: its members. Never cut into pages (reference §7), so more than anybody picks from is left out. */
const ASSIGNEES_MAX = 5_000

interface ById {
  Params: { id: string }
}

/** Whoever may be given work may be made accountable for it: the same people under both names. */
const NAMES = ['available_assignees', 'available_responsibles'] as const

export function assigneeRoutes(app: FastifyInstance, context: ApiContext): void {
  for (const name of NAMES) {
    for (const base of ['/projects', '/workspaces']) projectRoute(app, context, base, name)
    workPackageRoute(app, context, name)
  }
}

const doc = { tag: 'Work packages', access: 'user', errors: [404], answers: { 200: wholeSchema } } as const

function projectRoute(app: FastifyInstance, context: ApiContext, base: string, name: string): void {
  const inProject = { ...doc, summary: 'Who may be given work in a project', params: projectParams }
  app.get<ById>(`${base}/:id/${name}`, route(inProject), async (request, reply) => {
    const viewer = viewerOf(request)
    const project = await findVisibleProject(context.store, viewer, request.params.id)
    if (!project.ok) return sendError(reply, project.error)
    const path = `${paths.root}${base}/${project.value.id}/${name}`
    return sendResult(reply, await assignees(context, viewer, project.value.id, path))
  })
}

function workPackageRoute(app: FastifyInstance, context: ApiContext, name: string): void {
  const ofWork = { ...doc, summary: 'Who may be given a work package', params: idParams }
  app.get<ById>(`/work_packages/:id/${name}`, route(ofWork), async (request, reply) => {
    const viewer = viewerOf(request)
    const found = await findVisible(context.store, viewer, 'workPackages', request.params.id)
    if (!found.ok) return sendError(reply, found.error)
    const path = `${paths.workPackage(found.value.id)}/${name}`
    return sendResult(reply, await assignees(context, viewer, found.value.projectId, path))
  })
}

/** 403 for who only looks on. */
async function assignees(
  { store }: ApiContext,
  viewer: Viewer,
  projectId: number,
  path: string,
): Promise<Result<Hal, ApiError>> {
  if (!mayContribute(viewer, projectId)) return fail(apiError('MissingPermission'))
  const memberIds = await usersIn(store, viewer, [projectId])
  const { rows } = await store.list('users', {
    where: [{ column: 'id', comparison: 'in', value: [...memberIds] }],
    orderBy: [
      { column: 'firstName', descending: false },
      { column: 'lastName', descending: false },
    ],
    limit: ASSIGNEES_MAX,
    offset: 0,
  })
  return ok(
    renderWhole(
      path,
      rows.filter(isAssignable).map((row) => renderUser(row, viewer)),
    ),
  )
}
