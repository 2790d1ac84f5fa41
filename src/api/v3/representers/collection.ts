import type { Page } from '../query/page.ts'
import type { Hal, Link } from './hal.ts'

/** A page of a collection, ready to be shown. */
export interface CollectionPage {
  readonly type?: 'Collection' | 'WorkPackageCollection'
  readonly path: string
  /** Effective query properties besides offset and pageSize: echoed in every link. */
  readonly query: Readonly<Record<string, string>>
  readonly page: Page
  readonly total: number
  /** JSON of each element. */
  readonly elements: readonly string[]
  readonly links?: Hal
  /** JSON of what is embedded beside the elements, by name. */
  readonly embedded?: Readonly<Record<string, string>>
}

/** The page as JSON, around the elements' own. Reference §7: offset is a page number, and links carry the effective values. */
export function renderPage(collection: CollectionPage): string {
  const { page, total, elements, embedded = {} } = collection
  const type = collection.type ?? 'Collection'
  const links = JSON.stringify({ ...pageLinks(collection), ...collection.links })
  const beside = Object.entries(embedded).map(([name, json]) => `,"${name}":${json}`)
  return (
    `{"_type":"${type}","total":${total},"count":${elements.length},"pageSize":${page.size},"offset":${page.offset},` +
    `"_embedded":{"elements":[${elements.join(',')}]${beside.join('')}},"_links":${links}}`
  )
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

/** A collection that is never cut into pages: the short lists. `total` is more than the elements when there are too many to show. */
export function renderWhole(path: string, elements: readonly Hal[], total = elements.length): Hal {
  return {
    _type: 'Collection',
    total,
    count: elements.length,
    _embedded: { elements },
    _links: { self: { href: path } },
  }
}
