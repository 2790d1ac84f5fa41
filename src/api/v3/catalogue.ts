import type { FastifyInstance } from 'fastify'
import type { TSchema } from 'typebox'
import { ok } from '../../base/result.ts'
import type { RecordReader } from '../../storage/store.ts'
import type { RecordOf } from '../../storage/tables.ts'
import type { ApiContext, Viewer } from '../context.ts'
import { apiError, sendError } from '../errors.ts'
import { seesSomething } from '../permissions.ts'
import { findRow } from './find.ts'
import { renderActivity, renderPriority, renderStatus, renderType } from './representers/catalogue.ts'
import { renderWhole } from './representers/collection.ts'
import { paths, type Hal } from './representers/hal.ts'
import { activitySchema, prioritySchema, statusSchema, typeSchema } from './resource-schemas.ts'
import { idParams, route, sendHal, sendResult, viewerOf, wholeOf } from './route.ts'

export type CatalogueTable = 'types' | 'statuses' | 'priorities' | 'activities'

/** A short list that is never cut into pages. */
export interface Catalogue<T extends CatalogueTable> {
  readonly table: T
  readonly path: string
  readonly name: string
  readonly schema: TSchema
  readonly render: (row: RecordOf<T>) => Hal
}

/** More than any installation has. */
const ROWS_MAX = 1000

export const TYPES: Catalogue<'types'> = {
  table: 'types',
  path: paths.types,
  name: 'Type',
  schema: typeSchema,
  render: renderType,
}
export const STATUSES: Catalogue<'statuses'> = {
  table: 'statuses',
  path: paths.statuses,
  name: 'Status',
  schema: statusSchema,
  render: renderStatus,
}
export const PRIORITIES: Catalogue<'priorities'> = {
  table: 'priorities',
  path: paths.priorities,
  name: 'Priority',
  schema: prioritySchema,
  render: renderPriority,
}
export const ACTIVITIES: Catalogue<'activities'> = {
  table: 'activities',
  path: paths.activities,
  name: 'TimeEntriesActivity',
  schema: activitySchema,
  render: renderActivity,
}

export async function listCatalogue<T extends CatalogueTable>(
  context: ApiContext,
  catalogue: Catalogue<T>,
  path = catalogue.path,
): Promise<Hal> {
  const rows = await catalogueRows(context.store, catalogue.table)
  return renderWhole(
    path,
    rows.map((row) => catalogue.render(row)),
  )
}

export async function catalogueRows<T extends CatalogueTable>(store: RecordReader, table: T): Promise<RecordOf<T>[]> {
  const orderBy = [
    { column: 'position', descending: false },
    { column: 'id', descending: false },
  ] as const
  return (await store.list(table, { where: [], orderBy, limit: ROWS_MAX, offset: 0 })).rows
}

/** `GET` of the list and of one, for each of the short lists. */
export function catalogueRoutes<T extends CatalogueTable>(
  app: FastifyInstance,
  context: ApiContext,
  catalogue: Catalogue<T>,
): void {
  const local = catalogue.path.slice(paths.root.length)
  const doc = { tag: catalogue.name, access: 'user' } as const
  const list = { ...doc, summary: `All of kind ${catalogue.name}`, answers: { 200: wholeOf(catalogue.schema) } }
  // Reference §12.6: these lists are of work packages, and nothing to who sees none.
  const closed = (viewer: Viewer) => catalogue.table !== 'activities' && !seesSomething(viewer)
  app.get(local, route(list), async (request, reply) =>
    closed(viewerOf(request))
      ? sendError(reply, apiError('MissingPermission'))
      : sendHal(reply, 200, await listCatalogue(context, catalogue)),
  )
  const show = { ...doc, summary: `One ${catalogue.name}`, params: idParams, errors: [404] }
  app.get<{ Params: { id: string } }>(
    `${local}/:id`,
    route({ ...show, answers: { 200: catalogue.schema } }),
    async (request, reply) => {
      if (closed(viewerOf(request))) return sendError(reply, apiError('MissingPermission'))
      const row = await findRow(context.store, catalogue.table, request.params.id)
      return sendResult(reply, row.ok ? ok(catalogue.render(row.value)) : row)
    },
  )
}
