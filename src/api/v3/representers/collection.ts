import type { Page } from '../query/page.ts'
import { pick, type Selection } from '../query/select.ts'
import { CollectionJson, type RenderElement } from './collection-json.ts'
import type { Hal, Link } from './hal.ts'

/** A page of a collection, ready to be shown. */
export interface CollectionPage {
  readonly type?: 'Collection' | 'WorkPackageCollection'
  readonly path: string
  /** Effective query properties besides offset and pageSize: echoed in every link. */
  readonly query: Readonly<Record<string, string>>
  readonly page: Page
  readonly total: number
  /** Elements of the page, whether they are wanted or not. */
  readonly count: number
  readonly groups?: readonly Hal[]
  readonly totalSums?: Hal
  readonly elements: readonly RenderElement[]
  readonly links?: Hal
  /** JSON of what is embedded beside the elements, by name. */
  readonly embedded?: Readonly<Record<string, string>>
}

/** The page as JSON, around the elements' own. Reference §7: offset is a page number, and links carry the effective values. */
export function renderPage(collection: CollectionPage): CollectionJson {
  const { page, total, count, elements, embedded = {} } = collection
  const type = collection.type ?? 'Collection'
  return new CollectionJson(
    `{"_type":"${type}","total":${total},"count":${count},"pageSize":${page.size},"offset":${page.offset},` +
      `${renderTotals(collection)}"_embedded":{"elements":[`,
    elements,
    `]${besideElements(embedded)}},"_links":${JSON.stringify(allLinks(collection))}}`,
  )
}

function besideElements(embedded: Readonly<Record<string, string>>): string {
  return Object.entries(embedded)
    .map(([name, json]) => `,"${name}":${json}`)
    .join('')
}

function renderTotals({ groups, totalSums }: CollectionPage): string {
  if (!groups && !totalSums) return ''
  return `${JSON.stringify({ ...(groups && { groups }), ...(totalSums && { totalSums }) }).slice(1, -1)},`
}

function allLinks(collection: CollectionPage): Hal {
  return { ...pageLinks(collection), ...collection.links }
}

/** What a page may have besides its elements, by name. */
export function namesOfPage({ links = {} }: Pick<CollectionPage, 'links'>): ReadonlySet<string> {
  const own = ['_type', 'total', 'count', 'pageSize', 'offset', 'groups', 'totalSums']
  const paging = ['self', 'jumpTo', 'changeSize', 'previousByOffset', 'nextByOffset']
  return new Set([...own, ...paging, ...Object.keys(links)])
}

/** The part of the page that was selected. */
export function renderSelected(
  collection: CollectionPage,
  { collection: wanted, elements }: Selection,
): CollectionJson {
  const { type = 'Collection', page, total, count, groups, totalSums, embedded = {} } = collection
  const { _links, ...properties } = pick(
    {
      ...{ _type: type, total, count, pageSize: page.size, offset: page.offset },
      ...(groups && { groups }),
      ...(totalSums && { totalSums }),
      _links: allLinks(collection),
    },
    wanted,
  )
  const before = members(properties)
  const after = _links === undefined ? [] : members({ _links })
  const beside = besideElements(embedded)
  if (!elements) {
    const embeds = beside === '' ? [] : [`"_embedded":{${beside.slice(1)}}`]
    return new CollectionJson(`{${[...before, ...embeds, ...after].join(',')}}`, [], '')
  }
  return new CollectionJson(
    `{${[...before, '"_embedded":{"elements":['].join(',')}`,
    collection.elements,
    `${[`]${beside}}`, ...after].join(',')}}`,
    (json) => JSON.stringify(pick(JSON.parse(json) as Hal, elements)),
  )
}

/** What stands between the braces of the object, if anything does. */
function members(hal: Hal): string[] {
  return Object.keys(hal).length === 0 ? [] : [JSON.stringify(hal).slice(1, -1)]
}

function pageLinks({ path, query, page, total }: CollectionPage): Record<string, Link> {
  const href = (offset: number | string, size: number | string) =>
    `${path}?${queryString({ ...query, offset: String(offset), pageSize: String(size) })}`
  return {
    self: { href: href(page.offset, page.size) },
    jumpTo: { href: href('{offset}', page.size), templated: true },
    changeSize: { href: href(page.offset, '{size}'), templated: true },
    ...(page.offset > 1 && { previousByOffset: { href: href(page.offset - 1, page.size) } }),
    ...(page.offset * page.size < total && { nextByOffset: { href: href(page.offset + 1, page.size) } }),
  }
}

/** Keys in alphabetical order, as clients have always seen them. */
function queryString(query: Readonly<Record<string, string>>): string {
  return Object.keys(query)
    .sort()
    .map((key) => `${encodeURIComponent(key)}=${encodeURIComponent(query[key] ?? '')}`)
    .join('&')
}

/** A collection that is never cut into pages: the short lists. */
export function renderWhole(path: string, elements: readonly Hal[]): Hal {
  return {
    _type: 'Collection',
    total: elements.length,
    count: elements.length,
    _embedded: { elements },
    _links: { self: { href: path } },
  }
}

/** The same of elements that may be long; `total` is more than the elements when there are too many to show. */
export function renderLongWhole(path: string, elements: readonly RenderElement[], total: number): CollectionJson {
  return new CollectionJson(
    `{"_type":"Collection","total":${total},"count":${elements.length},"_embedded":{"elements":[`,
    elements,
    `]},"_links":${JSON.stringify({ self: { href: path } })}}`,
  )
}
