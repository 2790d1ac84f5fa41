import { setImmediate as nextTurn } from 'node:timers/promises'
import { fail, ok, type Result } from '../../base/result.ts'
import type { Condition, Order, SearchRefusal, SearchResult } from '../../storage/store.ts'
import type { RecordOf, TableName } from '../../storage/tables.ts'
import type { ApiContext, Viewer } from '../context.ts'
import { apiError, tooManyRequests, type ApiError } from '../errors.ts'
import type { VisibleRows } from '../permissions.ts'
import { filterLookups } from './filter-lookups.ts'
import { compileFilters, parseFilters, type Conditions, type FilterInput, type FilterTable } from './query/filters.ts'
import { expandQuery } from './query/eprops.ts'
import { parseGrouping, renderGroups, renderSums, type Grouping } from './query/groups.ts'
import type { GroupTable, SumTable } from './query/groups.ts'
import { parsePage, type Page } from './query/page.ts'
import { checkElements, checkSelected, namesOf, parseSelect, type Selection } from './query/select.ts'
import { byId, parseSort, type SortInput, type SortTable } from './query/sort.ts'
import { namesOfPage, renderPage, renderSelected, type CollectionPage } from './representers/collection.ts'
import type { CollectionJson, RenderElement } from './representers/collection-json.ts'
import type { Hal } from './representers/hal.ts'

/** A paginated collection, told as a table. */
export interface ListDefinition<T extends TableName> {
  readonly table: T
  readonly type?: 'Collection' | 'WorkPackageCollection'
  /** What of the table the viewer may see at all. */
  readonly visible: VisibleRows<T>
  readonly filters: FilterTable<T>
  readonly sort: SortTable<T>
  readonly sortDefault?: readonly Order<T>[]
  /** Filters in force when a request has none; `filters=[]` switches them off. */
  readonly filtersDefault?: readonly FilterInput[]
  /** Conditions that hold unless a filter of this name is given. */
  readonly hidden?: { readonly unless: string; readonly where: readonly Condition<T>[] }
  /** What `groupBy` and `showSums` may ask for. */
  readonly groups?: GroupTable<T>
  readonly sums?: SumTable<T>
  /** What of a query the list cannot answer, where leaving it out would answer something else. */
  readonly refuse?: (query: Readonly<Record<string, unknown>>) => ApiError | undefined
  /** Whether `valid_subset=true` leaves out what is wrong in a query, instead of refusing it. */
  readonly validSubset?: boolean
  /** Names that `select` knows although an element need not have them. */
  readonly fields: readonly string[]
  /** The elements as the list shows them, without embedded twins: what they show is loaded, and rendered later. */
  readonly render: (context: ApiContext, viewer: Viewer, rows: readonly RecordOf<T>[]) => Promise<RenderElement[]>
  readonly links?: (viewer: Viewer, rows: readonly RecordOf<T>[]) => Hal
  /** JSON of what is embedded beside the elements, by name. */
  readonly embedded?: (context: ApiContext, rows: readonly RecordOf<T>[]) => Promise<Readonly<Record<string, string>>>
}

export interface ListRequest<T extends TableName> {
  readonly path: string
  readonly query: Readonly<Record<string, unknown>>
  /** Conditions of the place, such as the project in the path. */
  readonly within?: readonly Condition<T>[]
  /** The project whose list it is. */
  readonly scope?: number
  /** Query properties of the place: the links repeat them. */
  readonly fixed?: Readonly<Record<string, string>>
}

/** A request, understood. */
interface Listing<T extends TableName> {
  readonly page: Page
  readonly where: Conditions<T>
  readonly orderBy: readonly Order<T>[]
  readonly grouping: Grouping<T> | undefined
  /** Names of the sums asked for. */
  readonly sums: readonly string[] | undefined
  readonly selection: Selection | undefined
  /** What every link of the answer repeats: the properties of the query that are in force. */
  readonly effective: Readonly<Record<string, string>>
}

export async function listPage<T extends TableName>(
  context: ApiContext,
  viewer: Viewer,
  definition: ListDefinition<T>,
  request: ListRequest<T>,
): Promise<Result<CollectionJson, ApiError>> {
  const query = expandQuery(request.query)
  if (!query.ok) return query
  const impossible = definition.refuse?.(query.value)
  if (impossible) return fail(impossible)
  const understood = await understand(context, viewer, definition, { ...request, query: query.value })
  if (!understood.ok) return understood
  const listing = understood.value
  const found = await search(context, viewer, definition, listing)
  if (!found.ok) return fail(refused(found.error))
  const { rows, total } = found.value
  const elements = wantsElements(listing) ? await definition.render(context, viewer, rows) : []
  const { type, links, embedded } = definition
  const collection = {
    ...(type && { type }),
    path: request.path,
    query: listing.effective,
    page: listing.page,
    total,
    count: wantsElements(listing) ? elements.length : countOf(listing.page, total),
    ...(await totals(context, listing, found.value)),
    elements,
    ...(links && { links: links(viewer, rows) }),
    ...(embedded && wantsEmbedded(listing) && { embedded: await embedded(context, rows) }),
  }
  return listing.selection ? selected(definition, collection, listing.selection) : ok(renderPage(collection))
}

function wantsElements({ selection }: { selection: Selection | undefined }): boolean {
  return selection === undefined || selection.elements !== undefined
}

/** Links of some lists name what the elements have; the others are known without them. */
function wantsRows(listing: { selection: Selection | undefined }): boolean {
  const withoutRows = namesOfPage({})
  return wantsElements(listing) || [...(listing.selection?.collection ?? [])].some((name) => !withoutRows.has(name))
}

/** How many elements the page has, by arithmetic. */
function countOf({ offset, size }: Page, total: number): number {
  return Math.min(size, Math.max(0, total - (offset - 1) * size))
}

/** What stands beside the elements is part of everything, and cannot be asked for by itself. */
function wantsEmbedded({ selection }: { selection: Selection | undefined }): boolean {
  return selection === undefined || selection.collection.has('*')
}

async function understand<T extends TableName>(
  context: ApiContext,
  viewer: Viewer,
  definition: ListDefinition<T>,
  request: ListRequest<T>,
): Promise<Result<Listing<T>, ApiError>> {
  const { query } = request
  const validSubset = definition.validSubset === true && query['valid_subset'] === 'true'
  const page = parsePage(query, context.snapshots.current.api.maxPageSize)
  if (!page.ok) return page
  const selection = parseSelect(query['select'])
  if (!selection.ok) return selection
  const arranged = arrange(definition, viewer, query, validSubset)
  if (!arranged.ok) return arranged
  const filters = await conditions(context, viewer, definition, request, validSubset)
  if (!filters.ok) return filters
  const { effective, ...arrangement } = arranged.value
  return ok({
    page: page.value,
    where: filters.value.where,
    ...arrangement,
    selection: selection.value,
    effective: {
      ...effectiveFilters(definition, query, validSubset ? filters.value.valid : undefined),
      ...effective,
      ...(selection.value && { select: String(query['select']) }),
      ...request.fixed,
    },
  })
}

type Arrangement<T extends TableName> = Pick<Listing<T>, 'orderBy' | 'grouping' | 'sums' | 'effective'>

/** The order, and what is added up. */
function arrange<T extends TableName>(
  definition: ListDefinition<T>,
  viewer: Viewer,
  query: ListRequest<T>['query'],
  validSubset: boolean,
): Result<Arrangement<T>, ApiError> {
  const { sort, sortDefault = [], groups = {}, sums } = definition
  const sorts = query['sortBy'] === undefined ? ok(undefined) : parseSort(sort, viewer, query['sortBy'], validSubset)
  if (!sorts.ok) return sorts
  const parsed = parseGrouping(groups, query['groupBy'], sorts.value ?? [], validSubset)
  if (!parsed.ok) return parsed
  const grouping = parsed.value
  const showSums = sums !== undefined && query['showSums'] === 'true'
  return ok({
    orderBy: [
      ...(grouping ? [grouping.order] : []),
      ...(sorts.value?.map(({ order }) => order) ?? sortDefault),
      byId<T>(),
    ],
    grouping,
    sums: showSums ? Object.keys(sums) : undefined,
    effective: {
      ...effectiveSort(definition, query, validSubset ? sorts.value : undefined),
      ...(grouping && { groupBy: grouping.attribute }),
      ...(showSums && { showSums: 'true' }),
    },
  })
}

async function conditions<T extends TableName>(
  context: ApiContext,
  viewer: Viewer,
  definition: ListDefinition<T>,
  { query, within = [], scope }: ListRequest<T>,
  validSubset: boolean,
): Promise<Result<{ where: Conditions<T>; valid: readonly FilterInput[] }, ApiError>> {
  const inputs =
    query['filters'] === undefined ? ok([...(definition.filtersDefault ?? [])]) : parseFilters(query['filters'])
  if (!inputs.ok) return inputs
  const lookups = filterLookups(context, viewer, scope)
  const compiled = await compileFilters(definition.filters, inputs.value, lookups, validSubset)
  if (!compiled.ok) return compiled
  const { valid, names } = compiled.value
  const { hidden } = definition
  const hide = hidden && !names.has(hidden.unless) ? hidden.where : []
  const visible = await definition.visible(viewer, context.store)
  return ok({ where: [...visible, ...within, ...compiled.value.where, ...hide], valid })
}

function search<T extends TableName>(
  { store }: ApiContext,
  viewer: Viewer,
  { table, sums }: ListDefinition<T>,
  listing: Listing<T>,
): Promise<Result<SearchResult<T>, SearchRefusal>> {
  const { where, orderBy, grouping, sums: asked } = listing
  const { offset, size } = listing.page
  const query = {
    where,
    orderBy,
    limit: wantsRows(listing) ? size : 0,
    offset: (offset - 1) * size,
    ...(grouping && { groupBy: grouping.key.column }),
    ...(sums && asked && { sums: Object.values(sums) }),
  }
  return store.search(table, query, String(viewer.id))
}

/** How often a client that was told to come again should. */
const BUSY_SECONDS = 2

function refused(refusal: SearchRefusal): ApiError {
  switch (refusal) {
    case 'busy':
      return tooManyRequests(
        'Too many lists that take long are asked for at once. Try again in a moment, or narrow the list.',
        BUSY_SECONDS,
      )
    case 'too many groups':
      return apiError(
        'InvalidQuery',
        'There are too many groups to show. Narrow the list with filters, or group by less.',
      )
    case 'too large':
      return apiError(
        'InvalidQuery',
        'The texts on this page are too long for one answer. Ask for smaller pages: those of 20 elements are always shown.',
      )
    case 'too slow':
      return apiError(
        'InvalidQuery',
        'This list takes longer than the server allows. Narrow it with filters on ids (project, parent, assignee, work package), ' +
          'sort it by id, ask for an earlier page, or leave grouping and sums out.',
      )
  }
}

async function totals<T extends TableName>(
  { store }: ApiContext,
  { grouping, sums }: Listing<T>,
  found: SearchResult<T>,
): Promise<Pick<CollectionPage, 'groups' | 'totalSums'>> {
  const groups = grouping && found.groups ? await renderGroups(store, grouping, found.groups, sums) : undefined
  return {
    ...(groups && { groups }),
    ...(sums && found.sums && { totalSums: renderSums(sums, found.sums) }),
  }
}

/** Known is what the definition lists, and what the elements at hand have. */
async function selected<T extends TableName>(
  { fields }: ListDefinition<T>,
  collection: CollectionPage,
  selection: Selection,
): Promise<Result<CollectionJson, ApiError>> {
  const listed = new Set(fields)
  const error =
    checkSelected(selection.collection, '', namesOfPage(collection)) ??
    (checkElements(selection, listed) &&
      checkElements(selection, new Set([...listed, ...(await shownNames(collection))])))
  return error ? fail(error) : ok(renderSelected(collection, selection))
}

/** Elements may be long: others have their turn between them. */
async function shownNames({ elements }: CollectionPage): Promise<ReadonlySet<string>> {
  const names = new Set<string>()
  for (const render of elements) {
    for (const name of namesOf(JSON.parse(render()) as Hal)) names.add(name)
    await nextTurn()
  }
  return names
}

function effectiveFilters<T extends TableName>(
  { filtersDefault }: ListDefinition<T>,
  query: Readonly<Record<string, unknown>>,
  valid: readonly FilterInput[] | undefined,
): Record<string, string> {
  if (typeof query['filters'] === 'string' && !valid) return { filters: query['filters'] }
  const filters = typeof query['filters'] === 'string' ? valid : filtersDefault
  return filters ? { filters: JSON.stringify(filters.map(({ name, ...body }) => ({ [name]: body }))) } : {}
}

function effectiveSort<T extends TableName>(
  { sortDefault }: ListDefinition<T>,
  query: Readonly<Record<string, unknown>>,
  valid: readonly SortInput<T>[] | undefined,
): Record<string, string> {
  if (typeof query['sortBy'] === 'string' && !valid) return { sortBy: query['sortBy'] }
  const direction = ({ descending }: Order<T>) => (descending ? 'desc' : 'asc')
  const pairs =
    valid?.map(({ attribute, order }) => [attribute, direction(order)]) ??
    sortDefault?.map((order) => [order.column, direction(order)])
  return pairs ? { sortBy: JSON.stringify(pairs) } : {}
}
