import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ApiStore } from '../../src/api/context.ts'
import type { Mutation } from '../../src/storage/store.ts'
import { addMember, ADMIN_TOKEN, createTestUser, openTestApi, overriding, type TestApi } from './support.ts'

let api: TestApi

beforeAll(async () => {
  api = await openTestApi()
  await api.create('/api/v3/projects', { name: 'Demo', identifier: 'demo' })
})
afterAll(() => api.close())

const get = (path: string, query: Record<string, string> = {}) =>
  api.call('GET', `/api/v3/${path}?${new URLSearchParams(query).toString()}`)
const filters = (count: number, name: string, operator: string, value: string) =>
  JSON.stringify(Array.from({ length: count }, () => ({ [name]: { operator, values: [value] } })))

describe('what a query may ask for at once', () => {
  it.each([
    ['work_packages', 'description', '!~', 5],
    ['work_packages', 'subject', '^', 5],
    ['work_packages', 'search', '**', 5],
    ['work_packages', 'subjectOrId', '**', 5],
    ['work_packages', 'ancestor', '=', 2],
    ['work_packages', 'ancestor', '!', 2],
    ['projects', 'ancestor', '=', 2],
    ['work_packages', 'watcher', '=', 2],
    ['principals', 'member', '!', 2],
    ['projects', 'principal', '=', 2],
  ])('in %s, the filter %s %s comes at most %i times', async (path, name, operator, most) => {
    expect((await get(path, { filters: filters(most, name, operator, '1') })).statusCode).toBe(200)
    for (const valid_subset of ['false', 'true']) {
      const refused = await get(path, { filters: filters(most + 1, name, operator, '1'), valid_subset })
      expect(refused.statusCode).toBe(400)
      expect(refused.json()).toMatchObject({ message: expect.stringContaining(`At most ${most} filters`) as string })
    }
  })

  it('is a name of more words than that', async () => {
    const named = JSON.stringify([{ typeahead: { operator: '**', values: ['Ana Ida Eva Ada Ina Uta'] } }])
    expect((await get('principals', { filters: named })).statusCode).toBe(200)
  })

  it('is a part of a text of at most 255 characters', async () => {
    const look = (length: number) => get('work_packages', { filters: filters(1, 'subject', '~', 'ä'.repeat(length)) })
    expect((await look(255)).statusCode).toBe(200)
    expect((await look(256)).statusCode).toBe(400)
  })
})

describe('long descriptions', () => {
  const LONG = 262_144
  const write = (method: string, path: string, raw: string, parts: object = {}) =>
    api.call(method, `/api/v3/${path}`, { ...parts, description: { raw } })

  it('have at most 262,144 characters, of work packages and of projects', async () => {
    const work = { subject: 'Long' }
    const created = await write('POST', 'projects/demo/work_packages', 'ä'.repeat(LONG), work)
    expect(created.statusCode).toBe(201)
    const { id } = created.json<{ id: number }>()
    const refused = [
      await write('POST', 'projects/demo/work_packages', 'x'.repeat(LONG + 1), work),
      await write('PATCH', `work_packages/${id}`, 'x'.repeat(LONG + 1), { lockVersion: 0 }),
      await write('PATCH', 'projects/demo', 'x'.repeat(LONG + 1)),
      await api.call('PATCH', '/api/v3/projects/demo', { statusExplanation: { raw: 'x'.repeat(LONG + 1) } }),
    ]
    for (const { statusCode, body } of refused)
      expect([statusCode, body]).toEqual([422, expect.stringMatching(/262144/)])
    await api.call('DELETE', `/api/v3/work_packages/${id}`)
  })

  it('make a page that is too long a 400 that says what to ask for, and 20 of the longest are shown', async () => {
    const row = await longOnes(30)
    const page = (query: Record<string, string>) => get('work_packages', { filters: '[]', ...query })
    const refused = await page({ pageSize: '1000' })
    expect([refused.statusCode, refused.body]).toEqual([400, expect.stringContaining('smaller pages')])
    const bySubject = JSON.stringify([['subject', 'asc']])
    expect((await page({ pageSize: '1000', sortBy: bySubject })).statusCode).toBe(400)
    const shown = await page({ pageSize: '20' })
    expect(shown.json<{ count: number }>().count).toBe(20)
    expect(shown.body.length).toBeGreaterThan(20 * row.description.length)
    expect((await page({ pageSize: '1000', select: 'total' })).json()).toEqual({ total: 30 })
  })

  it('hold nobody up: a page of them is rendered as the client takes it', async () => {
    const address = await api.app.listen({ host: '127.0.0.1', port: 0 })
    const answering = once(api.app.server, 'request') as Promise<[IncomingMessage, ServerResponse]>
    const headers = { authorization: `Bearer ${ADMIN_TOKEN}` }
    const page = await fetch(`${address}/api/v3/work_packages?filters=[]&pageSize=20`, { headers })
    const [, response] = await answering
    expect(response.writableEnded).toBe(false)
    expect((await fetch(`${address}/api/v3/users/me`, { headers })).status).toBe(200)
    expect(response.writableEnded).toBe(false)
    const { count, _embedded } = (await page.json()) as { count: number; _embedded: { elements: unknown[] } }
    expect([count, _embedded.elements.length]).toEqual([20, 20])
  })

  it('are the same in parts of a page', async () => {
    const all = await get('work_packages', { filters: '[]', pageSize: '20' })
    const parts = await get('work_packages', {
      filters: '[]',
      pageSize: '20',
      select: 'total,elements/description,self',
    })
    const { _embedded } = parts.json<{ _embedded: { elements: object[] } }>()
    const elements = all.json<{ _embedded: { elements: { description: object }[] } }>()._embedded.elements
    expect(_embedded.elements).toEqual(elements.map(({ description }) => ({ description })))
    const unknown = await get('work_packages', { filters: '[]', pageSize: '20', select: 'elements/nothing' })
    expect([unknown.statusCode, unknown.body]).toEqual([400, expect.stringContaining('elements/nothing')])
    expect(unknown.body).toContain('elements/description')
  })

  async function longOnes(count: number) {
    const { id } = await api.create('/api/v3/projects/demo/work_packages', { subject: 'Long' })
    const first = await api.store.get('workPackages', id)
    if (!first) throw new Error('it was created')
    const row = { ...first, description: '"'.repeat(LONG) }
    const mutations = Array.from({ length: count - 1 }, (): Mutation => {
      return { op: 'insert', table: 'workPackages', row: { ...row, id: api.store.allocateId('workPackages') } }
    })
    await api.store.commit({ expect: [], mutations, events: [] })
    return row
  }
})

describe('parts of a page', () => {
  it('are fetched and rendered only if they are asked for', async () => {
    const asked: number[] = []
    const wrap = (store: ApiStore) =>
      overriding(store, { search: (table, query) => (asked.push(query.limit), store.search(table, query)) })
    const counting = await openTestApi({}, { wrap })
    await counting.create('/api/v3/projects', { name: 'Demo', identifier: 'demo' })
    for (const subject of ['One', 'Two', 'Three'])
      await counting.create('/api/v3/projects/demo/work_packages', { subject })
    const select = async (names: string) => {
      asked.length = 0
      const path = `/api/v3/work_packages?pageSize=2&offset=2&select=${names}`
      return [(await counting.call('GET', path)).json<object>(), asked[0]]
    }
    expect(await select('total,count,pageSize,offset')).toEqual([{ total: 3, count: 1, pageSize: 2, offset: 2 }, 0])
    expect(await select('count,previousByOffset')).toMatchObject([{ count: 1, _links: {} }, 0])
    expect(await select('schemas,count')).toMatchObject([{ count: 1, _links: { schemas: {} } }, 2])
    expect(await select('elements/id')).toEqual([{ _embedded: { elements: [{ id: 3 }] } }, 2])
    await counting.close()
  })
})

describe('the children of a work package', () => {
  const tables: string[] = []
  /** How much was read at once. */
  const read: number[] = []
  const wrap = (store: ApiStore) =>
    overriding(store, {
      list: (table, query) => (tables.push(table), store.list(table, query)),
      async values(...asked) {
        const values = await store.values(...asked)
        read.push(values.size)
        return values
      },
      async pick(table, columns, query) {
        const rows = await store.pick(table, columns, query)
        read.push(rows.length)
        return rows
      },
    })
  let own: TestApi
  let parent: number

  beforeAll(async () => {
    own = await openTestApi({}, { wrap })
    await own.create('/api/v3/projects', { name: 'Demo', identifier: 'demo' })
    parent = (await own.create('/api/v3/projects/demo/work_packages', { subject: 'Parent' })).id
    await own.create('/api/v3/projects/demo/work_packages', { subject: 'Top' })
    await addChildren(1_200)
  })
  afterAll(() => own.close())

  async function addChildren(count: number) {
    const row = await own.store.get('workPackages', parent)
    if (!row) throw new Error('it was created')
    const mutations = Array.from({ length: count }, (): Mutation => {
      const child = { ...row, id: own.store.allocateId('workPackages'), parentId: parent, subject: 'Child' }
      return { op: 'insert', table: 'workPackages', row: child }
    })
    await own.store.commit({ expect: [], mutations, events: [] })
  }
  const put = (top: number | null, lockVersion: number) =>
    own.call('PATCH', `/api/v3/work_packages/${parent}`, {
      lockVersion,
      _links: { parent: { href: top === null ? null : `/api/v3/work_packages/${top}` } },
    })

  it('are linked up to a thousand, and never read whole', async () => {
    tables.length = 0
    const shown = await own.call('GET', `/api/v3/work_packages/${parent}`)
    const { children } = shown.json<{ _links: { children: unknown[] } }>()._links
    expect(children).toHaveLength(1_000)
    expect(children[0]).toEqual({ href: `/api/v3/work_packages/${parent + 2}`, title: 'Child' })
    const listed = await own.call('GET', '/api/v3/work_packages?pageSize=2')
    const elements = listed.json<{ _embedded: { elements: { _links: { children: [] } }[] } }>()._embedded.elements
    expect(elements.map(({ _links }) => _links.children.length)).toEqual([1_000, 0])
    expect((await put(parent + 1, 0)).statusCode).toBe(200)
    expect(tables).not.toContain('workPackages')
  })

  it('can be too many to put their parent below another', async () => {
    expect((await put(null, 1)).statusCode).toBe(200)
    await addChildren(19_000)
    const refused = await put(parent + 1, 2)
    expect([refused.statusCode, refused.body]).toEqual([422, expect.stringContaining('too much is nested below')])
  })

  it('are looked at in bounded pieces before a member deletes their parent', async () => {
    const mia = await createTestUser(own, 'mia')
    await addMember(own, 'demo', mia.id)
    await own.create('/api/v3/projects', { name: 'Hidden' })
    const links = { parent: { href: `/api/v3/work_packages/${parent + 5}` } }
    await own.create('/api/v3/projects/hidden/work_packages', { subject: 'Hidden', _links: links })
    const total = async () =>
      (await own.store.list('workPackages', { where: [], orderBy: [], limit: 0, offset: 0 })).total
    const before = await total()
    read.length = 0
    const refused = await own.call('DELETE', `/api/v3/work_packages/${parent}`, undefined, { token: mia.token })
    expect(refused.statusCode).toBe(403)
    expect(await total()).toBe(before)
    expect(Math.max(...read)).toBeLessThan(3_000)
  })
})

describe('a store that is closed while requests are under way', () => {
  it('makes them answers that say so, not failures', async () => {
    const closing = await openTestApi()
    await closing.create('/api/v3/projects', { name: 'Demo', identifier: 'demo' })
    const work = '/api/v3/projects/demo/work_packages'
    for (const subject of ['One', 'Two', 'Three']) await closing.create(work, { subject })
    const requests = [
      closing.call('DELETE', '/api/v3/projects/demo'),
      closing.call('GET', '/api/v3/work_packages?filters=[]&pageSize=2'),
      closing.call('POST', work, { subject: 'Four' }),
    ]
    await closing.store.close()
    const late = closing.call('GET', '/api/v3/work_packages/2')
    const answers = await Promise.all([...requests, late])
    await closing.close()
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([503, 503, 503, 503])
    for (const answer of answers) {
      expect(answer.headers['retry-after']).toBe('5')
      expect(answer.json<{ errorIdentifier: string }>().errorIdentifier).toMatch(/ServiceUnavailable$/)
    }
    expect(closing.logged).toEqual([])
  })
})
