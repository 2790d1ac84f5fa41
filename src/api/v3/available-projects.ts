import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import type { ApiContext } from '../context.ts'
import { apiError, sendError } from '../errors.ts'
import { manageable, mayContribute, mayManageSomewhere, workable } from '../permissions.ts'
import { findVisible, findVisibleProject } from './find.ts'
import { listPage, type ListDefinition } from './list.ts'
import { PROJECTS } from './projects.ts'
import { paths } from './representers/hal.ts'
import { idParams, pageQuery, pageSchema, route, sendResult, viewerOf } from './route.ts'

/** The projects something can be put into: those the viewer works in, archived ones left out. */
const WORKABLE: ListDefinition<'projects'> = { ...PROJECTS, visible: workable }
/** The projects another can be put under: those the viewer runs. */
const MANAGEABLE: ListDefinition<'projects'> = { ...PROJECTS, visible: manageable }

const PLACES = [
  [paths.workPackages, 'Work packages', 'Projects a work package may be put into'],
  [paths.timeEntries, 'Time entries', 'Projects time may be logged in'],
] as const

interface Listing {
  Querystring: Record<string, unknown>
}

export function availableProjectRoutes(app: FastifyInstance, context: ApiContext): void {
  const doc = { access: 'user', querystring: pageQuery, answers: { 200: pageSchema } } as const
  for (const [base, tag, summary] of PLACES) {
    const path = `${base}/available_projects`
    const local = path.slice(paths.root.length)
    app.get<Listing>(local, route({ ...doc, summary, tag, errors: [400, 429] }), async (request, reply) =>
      sendResult(reply, await listPage(context, viewerOf(request), WORKABLE, { path, query: request.query })),
    )
  }
  moveRoute(app, context)
  parentRoute(app, context)
  peopleRoute(app, context)
}

/** The projects one may bring people into: for whoever runs any. */
function peopleRoute(app: FastifyInstance, context: ApiContext): void {
  const doc = { access: 'user', querystring: pageQuery, answers: { 200: pageSchema }, errors: [400, 429] } as const
  const path = `${paths.memberships}/available_projects`
  app.get<Listing>(
    '/memberships/available_projects',
    route({ ...doc, summary: 'Projects somebody may be made a member of', tag: 'Memberships' }),
    async (request, reply) => {
      const viewer = viewerOf(request)
      if (!mayManageSomewhere(viewer)) return sendError(reply, apiError('MissingPermission'))
      return sendResult(reply, await listPage(context, viewer, MANAGEABLE, { path, query: request.query }))
    },
  )
}

/** Whoever may move it, and only they, are told where to: its own project is among the answers. */
function moveRoute(app: FastifyInstance, context: ApiContext): void {
  const doc = {
    summary: 'Projects a work package may be moved to',
    tag: 'Work packages',
    access: 'user',
    params: idParams,
    errors: [400, 404, 429],
    querystring: pageQuery,
    answers: { 200: pageSchema },
  } as const
  app.get<Listing & { Params: { id: string } }>(
    '/work_packages/:id/available_projects',
    route(doc),
    async (request, reply) => {
      const viewer = viewerOf(request)
      const found = await findVisible(context.store, viewer, 'workPackages', request.params.id)
      if (!found.ok) return sendError(reply, found.error)
      if (!mayContribute(viewer, found.value.projectId)) return sendError(reply, apiError('MissingPermission'))
      const place = { path: `${paths.workPackage(found.value.id)}/available_projects`, query: request.query }
      return sendResult(reply, await listPage(context, viewer, WORKABLE, place))
    },
  )
}

/** `of`: the project that is to be put under one of them; neither itself nor what lies below it will do. */
function parentRoute(app: FastifyInstance, context: ApiContext): void {
  const of = Type.Optional(Type.String({ description: 'The project to be put under one of them: id or identifier.' }))
  const doc = {
    summary: 'Projects a project may be put under',
    tag: 'Projects',
    access: 'user',
    errors: [400, 404, 429],
    querystring: Type.Object({ ...pageQuery.properties, of }),
    answers: { 200: pageSchema },
  } as const
  app.get<Listing>('/projects/available_parent_projects', route(doc), async (request, reply) => {
    const viewer = viewerOf(request)
    const { of, ...query } = request.query
    const place = { path: `${paths.projects}/available_parent_projects`, query }
    if (typeof of !== 'string') return sendResult(reply, await listPage(context, viewer, MANAGEABLE, place))
    const project = await findVisibleProject(context.store, viewer, of)
    if (!project.ok) return sendResult(reply, project)
    const { id } = project.value
    const within = [
      { column: 'id', comparison: '!=', value: id },
      { column: 'parentId', comparison: 'not below', value: [id] },
    ] as const
    return sendResult(reply, await listPage(context, viewer, MANAGEABLE, { ...place, within, fixed: { of } }))
  })
}
