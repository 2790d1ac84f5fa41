import type { FastifyInstance } from 'fastify'
import { Type } from 'typebox'
import { fail, ok, type Result } from '../../base/result.ts'
import type { WorkPackageRecord } from '../../storage/tables.ts'
import type { ApiContext, ApiStore, Viewer } from '../context.ts'
import { MEMBERSHIP_SHAPE } from '../embedded/membership-shape.ts'
import { PROJECT_SHAPE } from '../embedded/project-shape.ts'
import { TIME_ENTRY_SHAPE } from '../embedded/time-entry-shape.ts'
import { USER_SHAPE } from '../embedded/user-shape.ts'
import { apiError, sendError, type ApiError } from '../errors.ts'
import { sees } from '../permissions.ts'
import { sendTagged } from './etag.ts'
import { readRow } from './find.ts'
import { parseFilters } from './query/filters.ts'
import { filteredPath, paths } from './representers/hal.ts'
import { renderSchema, workPackageSchemaText } from './representers/schema.ts'
import { halSchema, idParams, route, sendHal, viewerOf, wholeSchema } from './route.ts'

const tag = 'Schemas'
const answers = { 200: halSchema('Schema'), 304: null }

/** More than any page has resources of different schemas. */
const SCHEMAS_MAX = 1_000

const schemasQuery = Type.Object({
  filters: Type.Optional(Type.String({ description: 'JSON: [{"id": {"operator": "=", "values": ["1-2", "1-3"]}}].' })),
})

/** The schemas by themselves tell no allowed values: those are in the forms. */
export function schemaRoutes(app: FastifyInstance, context: ApiContext): void {
  const shapes = [
    ['/projects/schema', PROJECT_SHAPE, 'What projects consist of'],
    ['/workspaces/schema', PROJECT_SHAPE, 'What projects consist of'],
    ['/time_entries/schema', TIME_ENTRY_SHAPE, 'What time entries consist of'],
    ['/users/schema', USER_SHAPE, 'What users consist of'],
    ['/memberships/schema', MEMBERSHIP_SHAPE, 'What memberships consist of'],
  ] as const
  for (const [path, shape, summary] of shapes) {
    const text = JSON.stringify(renderSchema<never>(shape, paths.root + path))
    app.get(path, route({ summary, tag, access: 'user', answers }), (request, reply) =>
      sendTagged(request, reply, text),
    )
  }
  workPackageSchemaRoutes(app, context)
}

function workPackageSchemaRoutes(app: FastifyInstance, { store }: ApiContext): void {
  const doc = { tag, access: 'user' } as const
  const one = { ...doc, summary: 'What work packages of a project and a type consist of', params: idParams }
  app.get<{ Params: { id: string } }>(
    '/work_packages/schemas/:id',
    route({ ...one, errors: [404], answers }),
    async (request, reply) => {
      const text = await schemaText(store, viewerOf(request), request.params.id)
      return text === undefined ? sendError(reply, apiError('NotFound')) : sendTagged(request, reply, text)
    },
  )
  const some = { ...doc, summary: 'What work packages of some projects and types consist of', errors: [400] }
  app.get<{ Querystring: Record<string, unknown> }>(
    '/work_packages/schemas',
    route({ ...some, querystring: schemasQuery, answers: { 200: wholeSchema } }),
    async (request, reply) => {
      const ids = schemaIds(request.query['filters'])
      if (!ids.ok) return sendError(reply, ids.error)
      const texts = await Promise.all(ids.value.map((id) => schemaText(store, viewerOf(request), id)))
      return sendHal(
        reply,
        200,
        renderSchemas(
          ids.value,
          texts.filter((text) => text !== undefined),
        ),
      )
    },
  )
}

/** The schema `{project}-{type}`; undefined when one of them is not there, for this viewer. */
async function schemaText(store: ApiStore, viewer: Viewer, id: string): Promise<string | undefined> {
  const [project = '', type = '', ...more] = id.split('-')
  const found = await Promise.all([readRow(store, 'projects', project), readRow(store, 'types', type)])
  if (!found[0] || !found[1] || more.length > 0 || !sees(viewer, found[0].id)) return undefined
  return workPackageSchemaText(found[0].id, found[1])
}

function schemaIds(filters: unknown): Result<string[], ApiError> {
  const inputs = parseFilters(filters)
  if (!inputs.ok) return inputs
  const [input, ...more] = inputs.value
  const ids = new Set(input?.values)
  const understood = input?.name === 'id' && input.operator === '=' && more.length === 0 && ids.size <= SCHEMAS_MAX
  if (understood) return ok([...ids])
  const message = `Schemas are asked for by one filter "id" with the operator "=" and at most ${SCHEMAS_MAX} values.`
  return fail(apiError('InvalidQuery', message))
}

function schemasPath(ids: readonly string[]): string {
  return filteredPath(`${paths.workPackages}/schemas`, 'id', '=', ids)
}

function renderSchemas(ids: readonly string[], texts: readonly string[]): string {
  const { length } = texts
  const links = JSON.stringify({ self: { href: schemasPath(ids) } })
  return `{"_type":"Collection","total":${length},"count":${length},"_embedded":{"elements":[${texts.join(',')}]},"_links":${links}}`
}

/** The schemas of the given work packages, each once: its id, and the type it is of. */
function schemasOf(rows: readonly WorkPackageRecord[]): Map<string, WorkPackageRecord> {
  return new Map(rows.map((row) => [`${row.projectId}-${row.typeId}`, row]))
}

/** As JSON, for the list that shows these work packages. */
export async function embeddedSchemas(store: ApiStore, rows: readonly WorkPackageRecord[]): Promise<string> {
  const schemas = schemasOf(rows)
  const texts: string[] = []
  for (const { projectId, typeId } of schemas.values()) {
    const type = await store.get('types', typeId)
    if (type) texts.push(workPackageSchemaText(projectId, type))
  }
  return renderSchemas([...schemas.keys()], texts)
}

export function schemasLink(rows: readonly WorkPackageRecord[]): { href: string } {
  return { href: schemasPath([...schemasOf(rows).keys()]) }
}
