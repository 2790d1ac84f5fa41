import { operationsOf, type ApiDocument } from './document.ts'

/** What answers of the API have shown: where a request made from it has a chance to be a good one. */
export interface Known {
  readonly document: ApiDocument
  /** Hrefs by the name of their link; under `self` all that are resources. */
  readonly hrefs: ReadonlyMap<string, readonly string[]>
  /** Names of properties and links, as filters and orders are named after them. */
  readonly names: readonly string[]
}

/** Asks everything that needs no more than its path, and looks at what comes back. */
export async function learn(document: ApiDocument, ask: (path: string) => Promise<unknown>): Promise<Known> {
  const hrefs = new Map<string, Set<string>>()
  const names = new Set<string>()
  for (const { method, path } of operationsOf(document))
    if (method === 'GET' && !path.includes('{')) look(await ask(path), hrefs, names)
  return { document, hrefs: new Map([...hrefs].map(([name, found]) => [name, [...found]])), names: [...names] }
}

function look(value: unknown, hrefs: Map<string, Set<string>>, names: Set<string>): void {
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value) && '_type' in value && value._type !== 'Error') for (const name in value) names.add(name)
  for (const [name, inner] of Object.entries(value)) {
    if (name === '_links') lookAtLinks(inner as Record<string, unknown>, hrefs, names)
    else look(inner, hrefs, names)
  }
}

function lookAtLinks(links: Record<string, unknown>, hrefs: Map<string, Set<string>>, names: Set<string>): void {
  for (const [name, target] of Object.entries(links)) {
    names.add(name)
    for (const { href } of [target].flat() as { href?: unknown }[]) {
      if (typeof href !== 'string' || href.includes('?')) continue
      const found = hrefs.get(name) ?? new Set()
      hrefs.set(name, found.add(href))
    }
  }
}

/** What stood in the place of the path's last variable in any href. */
export function knownIds({ hrefs }: Known, path: string): string[] {
  const pattern = new RegExp(`^${path.replace(/\{\w+\}/g, '([^/]+)')}(?:/|$)`)
  const ids = [...hrefs.values()].flat().map((href) => pattern.exec(href)?.at(-1))
  return [...new Set(ids.filter((id) => id !== undefined))]
}
