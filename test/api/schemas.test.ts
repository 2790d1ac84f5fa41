import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addMember, href, openTestApi, withoutWatching, type Json, type TestApi } from './support.ts'

let api: TestApi

beforeAll(async () => {
  api = await openTestApi()
  await api.create('/api/v3/projects', { name: 'Demo' })
  await api.create('/api/v3/projects', { name: 'Other' })
  await api.create('/api/v3/projects/demo/work_packages', { subject: 'Work', remainingTime: 'PT1H' })
  await api.create('/api/v3/projects/demo/work_packages', { subject: 'Stone', _links: { type: href('types/2') } })
  await api.create('/api/v3/projects/other/work_packages', { subject: 'Elsewhere', remainingTime: 'PT1H' })
  await addMember(api, 'demo', 1)
  await api.create('/api/v3/time_entries', {
    ...{ hours: 'PT1H', spentOn: '2026-03-01' },
    _links: { entity: href('work_packages/1') },
  })
})
afterAll(() => api.close())

const get = async (path: string): Promise<Json> => (await api.call('GET', path)).json()
const filtered = (ids: string[]) => encodeURIComponent(JSON.stringify([{ id: { operator: '=', values: ids } }]))

/** Links that are no properties: what can be done, and what leads elsewhere. */
const ACTIONS =
  /^(self|schema|update|updateImmediately|delete|createWorkPackage.*|workPackages|categories|versions|memberships|types|ancestors|logTime|addChild|changeParent|timeEntries|activities|addComment|previewMarkup|relations|attachments|children|customActions|workPackage)$/

describe('the schema of a representation', () => {
  it.each(['projects/1', 'work_packages/1', 'work_packages/2', 'time_entries/1', 'memberships/1'])(
    'is linked by %s and describes all of it, and no more',
    async (path) => {
      const shown = withoutWatching(await get(`/api/v3/${path}`))
      const schema = await get(shown._links['schema']?.href ?? '')
      const described = Object.keys(schema).filter((name) => !name.startsWith('_'))
      const values = Object.keys(shown).filter((name) => !name.startsWith('_'))
      const links = Object.keys(shown._links).filter((name) => !ACTIONS.test(name))
      const optional = path === 'work_packages/2' ? ['remainingTime'] : []
      expect(described.sort()).toEqual([...values, ...links, ...optional].sort())
      expect(schema).toMatchObject({ _type: 'Schema', _dependencies: [], _links: { self: shown._links['schema'] } })
      expect(JSON.stringify(schema)).not.toContain('allowedValues')
    },
  )

  it.each([
    ['project', 'projects/schema'],
    ['work_package', 'work_packages/schemas/1-1'],
    ['time_entry', 'time_entries/schema'],
  ])('of a %s is as it was', async (name, path) => {
    const text = `${JSON.stringify(await get(`/api/v3/${path}`), null, 2)}\n`
    await expect(text).toMatchFileSnapshot(`golden/schema-${name}.json`)
  })

  it('is sent once: 304 while it is the same', async () => {
    for (const path of ['projects/schema', 'workspaces/schema', 'time_entries/schema', 'work_packages/schemas/1-1']) {
      const first = await api.call('GET', `/api/v3/${path}`)
      const etag = String(first.headers['etag'])
      expect(etag).toMatch(/^"[\w-]{43}"$/)
      for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
        const again = await api.call('GET', `/api/v3/${path}`, undefined, { headers: { 'if-none-match': known } })
        expect([again.statusCode, again.body, again.headers['etag']]).toEqual([304, '', etag])
      }
      const other = await api.call('GET', `/api/v3/${path}`, undefined, { headers: { 'if-none-match': '"other"' } })
      expect([other.statusCode, other.body]).toEqual([200, first.body])
    }
  })

  it.each(['1-99', '99-1', '1', '1-1-1', '01-1', 'x-y', 'demo-1', '-'])('%s is not there', async (id) => {
    expect((await api.call('GET', `/api/v3/work_packages/schemas/${id}`)).statusCode).toBe(404)
  })
})

describe('schemas of work packages', () => {
  it('are listed by id, those that exist', async () => {
    const list = await get(`/api/v3/work_packages/schemas?filters=${filtered(['1-1', '2-7', '1-99', '1-1'])}`)
    expect(list).toMatchObject({ _type: 'Collection', total: 2, count: 2 })
    const one = await get('/api/v3/work_packages/schemas/2-7')
    expect(list._embedded.elements[1]).toEqual(one)
    expect((await get(list._links['self']?.href ?? ''))._embedded).toEqual(list._embedded)
  })

  it.each([
    '',
    '?filters=nope',
    `?filters=${encodeURIComponent('[{"type":{"operator":"=","values":["1"]}}]')}`,
    `?filters=${encodeURIComponent('[{"id":{"operator":"!","values":["1-1"]}}]')}`,
    `?filters=${filtered(Array.from({ length: 1_001 }, (_, n) => `1-${n}`))}`,
  ])('are asked for by one filter: %#', async (query) => {
    const response = await api.call('GET', `/api/v3/work_packages/schemas${query}`)
    expect([response.statusCode, response.json()]).toMatchObject([
      400,
      { errorIdentifier: 'urn:openproject-org:api:v3:errors:InvalidQuery' },
    ])
  })

  it('come with the list, each once', async () => {
    const list = await get('/api/v3/work_packages?filters=[]')
    const schemas = list._embedded['schemas'] as Json
    expect(schemas).toMatchObject({ _type: 'Collection', total: 3 })
    const paths = schemas._embedded.elements.map((schema) => schema._links['self']?.href)
    expect(paths.sort()).toEqual(['1-1', '1-2', '2-1'].map((id) => `/api/v3/work_packages/schemas/${id}`))
    expect(new Set(list._embedded.elements.map((element) => element._links['schema']?.href))).toEqual(new Set(paths))
    const linked = await get(list._links['schemas']?.href ?? '')
    expect(linked._embedded).toEqual(schemas._embedded)
    const none = await get('/api/v3/work_packages?filters=[]&pageSize=0')
    expect(none._embedded['schemas']).toMatchObject({ total: 0, _embedded: { elements: [] } })
  })
})
