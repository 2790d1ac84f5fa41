import { afterAll, beforeAll, expect, it } from 'vitest'
import { operationFor, operationsOf, type ApiDocument, type Operation } from './fuzz/document.ts'
import { addMember, createTestUser, href, openTestApi, type TestApi } from './support.ts'

/**
 * Every link of every representation leads somewhere: what can be reached from the root is asked for, link by link, and for links
 * with another verb there is a route with it.
 */

interface Link {
  readonly href: string
  readonly method: string
  readonly templated: boolean
  /** Where it was found. */
  readonly from: string
}

let api: TestApi
let operations: Operation[]
const tokens = new Map<string, string>()
/** Users the crawler shares a project with, by name; the others are shown by name only. */
const known = new Map<string, readonly number[]>()

beforeAll(async () => {
  api = await openTestApi()
  for (const name of ['Secret', 'Open', 'Hidden'])
    await api.create('/api/v3/projects', {
      ...{ name, public: name === 'Open' },
      _links: { status: href('project_statuses/on_track'), ...(name === 'Open' && { parent: href('projects/1') }) },
    })
  const [member, visitor] = [await createTestUser(api, 'member'), await createTestUser(api, 'visitor')]
  await addMember(api, 'secret', member.id)
  tokens.set('member', member.token).set('visitor', visitor.token)
  known.set('member', [member.id]).set('visitor', [visitor.id])
  for (const project of ['secret', 'open', 'hidden']) await fill(project, project === 'secret' ? member.id : undefined)
  operations = operationsOf((await api.call('GET', '/api/v3/spec.json')).json<ApiDocument>())
})
afterAll(() => api.close())

/** Work of every kind, with a child in another project, time, a comment and a watcher. */
async function fill(project: string, assignee: number | undefined): Promise<void> {
  const { id } = await api.create(`/api/v3/projects/${project}/work_packages`, {
    subject: 'Work',
    ...(assignee !== undefined && { _links: { assignee: href(`users/${assignee}`) } }),
  })
  const rest = { parent: href(`work_packages/${id}`), type: href('types/2') }
  await api.create('/api/v3/projects/secret/work_packages', { subject: 'Below', _links: rest })
  await api.create(`/api/v3/work_packages/${id}/activities`, { comment: { raw: 'Said' } })
  await api.create(`/api/v3/work_packages/${id}/watchers`, { user: href('users/1') })
  const links = { entity: href(`work_packages/${id}`), activity: href('time_entries/activities/3') }
  await api.create('/api/v3/time_entries', { hours: 'PT1H', spentOn: '2026-03-01', _links: links })
}

/** The root has no links to these (reference §12.1). */
const ENTRIES = ['/api/v3', '/api/v3/projects', '/api/v3/principals']

/** Hrefs that say there is something, without leading there (reference §8). */
const isAddress = (to: unknown): to is string => typeof to === 'string' && !to.startsWith('urn:')

function linksIn(value: unknown, from: string): Link[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]) =>
    name === '_links'
      ? Object.entries(inner as object).flatMap(([link, target]) => readLinks(link, target, from))
      : linksIn(inner, from),
  )
}

interface Target {
  readonly href: unknown
  readonly method?: string
  readonly templated?: boolean
}

function readLinks(name: string, target: unknown, from: string): Link[] {
  return ([target].flat() as Target[]).flatMap(({ href: to, method = 'get', templated = false }) =>
    isAddress(to) ? [{ href: to, method: method.toUpperCase(), templated, from: `${name} of ${from}` }] : [],
  )
}

/** Filled in as a client would. */
const filledIn = ({ href: to, templated }: Link) => (templated ? to.replace(/(\{|%7B)\w+(\}|%7D)/g, '1') : to)

/** Asking changes nothing; a form may be asked for without a body. */
const isAsking = (method: string, url: string) => method === 'GET' || (method === 'POST' && url.endsWith('/form'))

async function crawl(who: string): Promise<{ reached: Set<string>; dead: string[] }> {
  const token = tokens.get(who)
  const options = token === undefined ? {} : { token }
  const reached = new Set<string>()
  const dead: string[] = []
  const todo = ENTRIES.map((path): Link => ({ href: path, method: 'GET', templated: false, from: 'nothing' }))
  for (let link = todo.pop(); link; link = todo.pop()) {
    const url = filledIn(link)
    const at = `${link.method} ${url}`
    if (reached.has(at)) continue
    reached.add(at)
    expect(reached.size).toBeLessThan(5_000)
    if (!operationFor(operations, link.method, url)) dead.push(`${at}: no such route: ${link.from}`)
    if (!isAsking(link.method, url)) continue
    const headers = link.method === 'POST' ? { 'content-type': 'application/json' } : {}
    const response = await api.call(link.method, url, undefined, { ...options, headers })
    if (response.statusCode === 200) todo.push(...linksIn(response.json<unknown>(), url))
    else if (!isStranger(who, url)) dead.push(`${at}: ${response.statusCode}: ${link.from}`)
  }
  return { reached, dead }
}

/** People are named wherever they did something; who they are is shown to those who share a project with them. */
function isStranger(who: string, url: string): boolean {
  const [, id] = /^\/api\/v3\/users\/(\d+)$/.exec(url) ?? []
  return id !== undefined && known.get(who)?.includes(Number(id)) === false
}

it.each([
  ['administrator', 150],
  ['member', 100],
  ['visitor', 40],
])('whatever the %s is shown a link to is there', async (who, least) => {
  const { reached, dead } = await crawl(who)
  expect(dead).toEqual([])
  expect(reached.size).toBeGreaterThan(least)
})
