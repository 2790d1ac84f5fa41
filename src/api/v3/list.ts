import { fail, ok, type Result } from '../../base/result.ts'
import type { Condition, ListQuery } from '../../storage/store.ts'
import type { RecordOf, TableName } from '../../storage/tables.ts'
import type { ApiContext, Viewer } from '../context.ts'
import type { ApiError } from '../errors.ts'
import { usersIn, type VisibleRows } from '../permissions.ts'
import { compileFilters, parseFilters, type FilterInput, type FilterTable } from './query/filters.ts'
import { parsePage } from './query/page.ts'
import { parseSort, type SortTable } from './query/sort.ts'
import { renderPage } from './representers/collection.ts'
import type { Hal } from './representers/hal.ts'

/** A paginated collection, told as a table. */
export interface ListDefinition<T extends TableName> {
  readonly table: T
  readonly type?: 'Collection' | 'WorkPackageCollection'
  /** What of the table the viewer may see at all. */
  readonly visible: VisibleRows<T>
  readonly filters: FilterTable<T>
  readonly sort: SortTable<T>
  readonly sortDefault?: ListQuery<T>['orderBy']
  /** Filters in force when a request has none; `filters=[]` switches them off. */
  readonly filtersDefault?: readonly FilterInput[]
  /** Conditions that hold unless a filter of this name is given. */
  readonly hidden?: { readonly unless: string; readonly where: readonly Condition<T>[] }
  /** JSON of the elements as the list shows them, without embedded twins. */
  readonly render: (context: ApiContext, viewer: Viewer, rows: readonly RecordOf<T>[]) => Promise<string[]>
  readonly links?: (viewer: Viewer, rows: readonly RecordOf<T>[]) => Hal
  /** JSON of what is embedded beside the elements, by name. */
  readonly embedded?: (context: ApiContext, rows: readonly RecordOf<T>[]) => Promise<Readonly<Record<string, string>>>
}

export interface ListRequest<T extends TableName> {
  readonly path: string
  readonly query: Readonly<Record<string, unknown>>
  /** Conditions of the place, such as the project in the path. */
  readonly within?: readonly Condition<T>[]
  /** Query properties of the place: the links repeat them. */
  readonly fixed?: Readonly<Record<string, string>>
}

export async function listPage<T extends TableName>(
  context: ApiContext,
  viewer: Viewer,
  definition: ListDefinition<T>,
  request: ListRequest<T>,
): Promise<Result<string, ApiError>> {
  const page = parsePage(request.query, context.snapshots.current.api.maxPageSize)
  if (!page.ok) return page
  const orderBy = parseSort(definition.sort, request.query['sortBy'], definition.sortDefault)
  if (!orderBy.ok) return orderBy
  const where = await conditions(context, viewer, definition, request)
  if (!where.ok) return fail(where.error)
  const { offset, size } = page.value
  const found = await context.store.list(definition.table, {
    where: where.value,
    orderBy: orderBy.value,
    limit: size,
    offset: (offset - 1) * size,
  })
  const elements = await definition.render(context, viewer, found.rows)
  const { type, links, embedded } = definition
  return ok(
    renderPage({
      ...(type && { type }),
      path: request.path,
      query: { ...effectiveQuery(definition, request.query), ...request.fixed },
      page: page.value,
      total: found.total,
      elements,
      ...(links && { links: links(viewer, found.rows) }),
      ...(embedded && { embedded: await embedded(context, found.rows) }),
    }),
  )
}

async function conditions<T extends TableName>(
  context: ApiContext,
  viewer: Viewer,
  definition: ListDefinition<T>,
  { query, within = [] }: ListRequest<T>,
): Promise<Result<Condition<T>[], ApiError>> {
  const inputs =
    query['filters'] === undefined ? ok([...(definition.filtersDefault ?? [])]) : parseFilters(query['filters'])
  if (!inputs.ok) return inputs
  const lookups = {
    viewerId: viewer.id,
    closedStatusIds: () => closedStatusIds(context),
    usersIn: (projectIds: readonly number[]) => usersIn(context.store, viewer, projectIds),
  }
  const compiled = await compileFilters(definition.filters, inputs.value, lookups)
  if (!compiled.ok) return compiled
  const { hidden } = definition
  const hide = hidden && !inputs.value.some((input) => input.name === hidden.unless) ? hidden.where : []
  return ok([...(await definition.visible(viewer, context.store)), ...within, ...compiled.value, ...hide])
}

async function closedStatusIds({ store }: ApiContext): Promise<number[]> {
  const query = {
    where: [{ column: 'isClosed', comparison: '=', value: true }],
    orderBy: [],
    limit: 1000,
    offset: 0,
  } as const
  const { rows } = await store.list('statuses', query)
  return rows.map((row) => row.id)
}

/** What every link of the answer repeats: the filters and the order in force. */
function effectiveQuery<T extends TableName>(
  definition: ListDefinition<T>,
  query: Readonly<Record<string, unknown>>,
): Record<string, string> {
  const filters = definition.filtersDefault?.map(({ name, ...body }) => ({ [name]: body }))
  const order = definition.sortDefault?.map(({ column, descending }) => [column, descending ? 'desc' : 'asc'])
  return {
    ...(filters && { filters: JSON.stringify(filters) }),
    ...(order && { sortBy: JSON.stringify(order) }),
    ...(typeof query['filters'] === 'string' && { filters: query['filters'] }),
    ...(typeof query['sortBy'] === 'string' && { sortBy: query['sortBy'] }),
  }
}
