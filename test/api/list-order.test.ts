import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fail } from '../../src/base/result.ts'
import { filters, idsOf, listsOf, openLists } from './listed.ts'
import { openTestApi, overriding, type TestApi } from './support.ts'

let api: TestApi
const { get, ids } = listsOf(() => api)

beforeAll(async () => {
  api = await openLists()
})
afterAll(() => api.close())

describe('the order of work packages', () => {
  it.each<[by: string, direction: string, found: number[]]>([
    ['priority', 'asc', [3, 1, 4, 2]],
    ['priority', 'desc', [2, 1, 4, 3]],
    ['project', 'asc', [2, 4, 3, 1]],
    ['assignee', 'asc', [2, 1, 3, 4]],
    ['assignee', 'desc', [2, 1, 3, 4]],
    ['status', 'desc', [4, 1, 2, 3]],
    ['estimatedTime', 'desc', [1, 2, 3, 4]],
    ['subject', 'asc', [3, 1, 4, 2]],
    ['due_date', 'desc', [3, 2, 1, 4]],
    ['version', 'desc', [1, 2, 3, 4]],
    ['category', 'asc', [1, 2, 3, 4]],
  ])('by %s %s', async (by, direction, found) => {
    expect(await ids('work_packages', { filters: '[]', sortBy: JSON.stringify([[by, direction]]) })).toEqual(found)
  })

  it('follows a change in another table', async () => {
    const query = { filters: '[]', sortBy: '[["priority","asc"]]' }
    const before = await ids('work_packages', query)
    await api.store.commit({
      ...{ expect: [], events: [] },
      mutations: [{ op: 'update', table: 'priorities', id: 1, changes: { position: 9 } }],
    })
    expect(await ids('work_packages', query)).toEqual([...before.filter((id) => id !== 3), 3])
  })
})

describe('groups and sums', () => {
  it('count by name, in the order of the rows, with the sums of each', async () => {
    const { body } = await get('work_packages', { filters: '[]', groupBy: 'project', showSums: 'true' })
    expect(idsOf(body)).toEqual([2, 4, 3, 1])
    const group = (value: string, count: number, id: number, estimatedTime: string, remainingTime: string) => ({
      ...{ value, count, _links: { valueLink: [{ href: `/api/v3/projects/${id}` }] } },
      sums: { estimatedTime, remainingTime },
    })
    expect(body['groups']).toEqual([
      group('Alpha', 2, 1, 'PT1H30M', 'PT0S'),
      group('beta', 1, 2, 'PT0S', 'PT30M'),
      group('Gamma', 1, 3, 'PT2H', 'PT0S'),
    ])
    expect(body['totalSums']).toEqual({ estimatedTime: 'PT3H30M', remainingTime: 'PT30M' })
    const self = new URLSearchParams(body._links['self']?.href?.split('?')[1])
    expect([...self.keys()]).toEqual(['filters', 'groupBy', 'offset', 'pageSize', 'showSums', 'sortBy'])
  })

  it('put what has no value last, whichever way the groups stand', async () => {
    for (const sortBy of ['[["id","asc"]]', '[["assignee","desc"]]']) {
      const { body } = await get('work_packages', { filters: '[]', groupBy: 'assignee', sortBy })
      expect(body['groups']).toMatchObject([
        { value: 'Nepenthes Admin', count: 1 },
        { value: null, count: 3, _links: { valueLink: [] } },
      ])
      expect(body).not.toHaveProperty('totalSums')
    }
    const { body } = await get('work_packages', { filters: '[]', groupBy: 'project', sortBy: '[["project","desc"]]' })
    expect((body['groups'] as unknown as { value: string }[]).map(({ value }) => value)).toEqual([
      'Gamma',
      'beta',
      'Alpha',
    ])
  })

  it.each(['status', 'type', 'priority', 'assignee', 'author', 'responsible', 'project'])(
    'by %s cover every page',
    async (groupBy) => {
      const { body } = await get('work_packages', { filters: '[]', groupBy, pageSize: '1', offset: '2' })
      const groups = body['groups'] as unknown as { count: number }[]
      expect(groups.reduce((sum, { count }) => sum + count, 0)).toBe(4)
      expect(body).toMatchObject({ total: 4, count: 1 })
    },
  )

  it('by what cannot be grouped by is refused', async () => {
    for (const groupBy of ['subject', 'toString', "status' --"]) {
      const { status, body } = await get('work_packages', { groupBy })
      expect([status, body['message']]).toEqual([
        400,
        expect.stringMatching(/^Cannot group by .*Known attributes: status,/),
      ])
    }
  })
})

describe('select', () => {
  it('leaves only what was asked for', async () => {
    const select = 'total,elements/id,elements/subject,elements/self,elements/assignee,self'
    const { body } = await get('work_packages', { filters: filters(['id', '=', ['2']]), select })
    expect(Object.keys(body)).toEqual(['total', '_embedded', '_links'])
    expect(Object.keys(body._links)).toEqual(['self'])
    expect(new URLSearchParams(body._links['self']?.href?.split('?')[1]).get('select')).toBe(select)
    expect(body._embedded.elements).toEqual([
      {
        ...{ id: 2, subject: 'Week' },
        _links: {
          self: { href: '/api/v3/work_packages/2', title: 'Week' },
          assignee: { href: '/api/v3/users/1', title: 'Nepenthes Admin' },
        },
      },
    ])
  })

  it.each(['projects', 'work_packages', 'users', 'time_entries'])('of everything in %s is everything', async (path) => {
    const [whole, all] = [await get(path), await get(path, { select: '*,elements/*' })]
    expect(all.body._embedded).toEqual(whole.body._embedded)
    expect((await get(path, { select: 'total' })).body).toEqual({ total: whole.body['total'] })
  })

  it.each([
    ['foo', /^The requested select of foo is not supported\. Supported are _type, total, count,/],
    ['total,elements/foo', /^The requested select of elements\/foo is not supported\. Supported are elements\/_type,/],
    ['elements', /^The requested select of elements is/],
    ['__proto__', /^The requested select of __proto__ is/],
    ['', /^The select property is not a list/],
    ['total,,self', /^The select property is not a list/],
    ['elements/', /^The select property is not a list/],
  ])('of %j is an InvalidSignal', async (select, message) => {
    for (const path of ['projects', 'work_packages']) {
      const { status, body } = await get(path, { select })
      expect(status).toBe(400)
      expect(body).toMatchObject({
        errorIdentifier: 'urn:openproject-org:api:v3:errors:InvalidSignal',
        message: expect.stringMatching(message) as string,
      })
    }
  })

  it('knows every field of the elements, also when there are none', async () => {
    for (const path of ['projects', 'work_packages', 'users', 'time_entries']) {
      const [element] = (await get(path)).body._embedded.elements
      const { _links, ...properties } = element ?? { _links: {} }
      const select = [...Object.keys(properties), ...Object.keys(_links)].map((name) => `elements/${name}`).join()
      const none = filters(['id', '=', ['999']])
      expect(await get(path, { filters: none, select })).toMatchObject({
        status: 200,
        body: { _embedded: { elements: [] } },
      })
    }
  })
})

describe('valid_subset', () => {
  const wrong = {
    filters: filters(['id', '=', ['1', '2']], ['nope', '=', ['1']], ['dueDate', '=d', ['soon']]),
    sortBy: '[["nope","asc"],["id","desc"]]',
    groupBy: 'nope',
  }

  it('leaves out what is wrong, and says what is in force', async () => {
    expect((await get('work_packages', wrong)).status).toBe(400)
    const { status, body } = await get('work_packages', { ...wrong, valid_subset: 'true' })
    expect([status, idsOf(body)]).toEqual([200, [2, 1]])
    expect(Object.fromEntries(new URLSearchParams(body._links['self']?.href?.split('?')[1]))).toEqual({
      filters: filters(['id', '=', ['1', '2']]),
      sortBy: '[["id","desc"]]',
      ...{ offset: '1', pageSize: '20' },
    })
  })

  it('is for work packages only, and makes no sense of what is no JSON', async () => {
    const query = { filters: filters(['nope', '=', ['1']]), valid_subset: 'true' }
    expect((await get('projects', query)).status).toBe(400)
    expect((await get('work_packages', { filters: 'nope', valid_subset: 'true' })).status).toBe(400)
  })
})

describe('a list made to hurt', () => {
  const HOSTILE = [
    "'; DROP TABLE users; --",
    '" OR 1=1 --',
    '%',
    '_',
    '\u0000',
    '1) UNION SELECT hash FROM tokens --',
    '🐛'.repeat(50),
  ]

  it.each(HOSTILE)('by %j changes nothing and finds nothing', async (text) => {
    for (const name of ['subject', 'search', 'subjectOrId', 'description', 'typeahead']) {
      const operator = ['search', 'subjectOrId', 'typeahead'].includes(name) ? '**' : '~'
      const { status, body } = await get('work_packages', { filters: filters([name, operator, [text]]) })
      expect([name, status, body['total']]).toEqual([name, 200, 0])
    }
    for (const name of ['id', 'dueDate', 'createdAt', 'percentageDone', 'estimatedTime', 'milestone', 'ancestor']) {
      const operator = name === 'dueDate' || name === 'createdAt' ? '=d' : '='
      expect((await get('work_packages', { filters: filters([name, operator, [text]]) })).status).toBe(400)
    }
    const parts = [{ sortBy: JSON.stringify([[text, 'asc']]) }, { groupBy: text }, { select: text }]
    for (const part of parts) expect((await get('work_packages', part)).status, JSON.stringify(part)).toBe(400)
    expect((await get('users')).body['total']).toBe(1)
  })

  it('is refused in words when it takes too long, or too many do', async () => {
    const refusing = async (refusal: 'too slow' | 'busy' | 'too many groups') => {
      const wrap = (store: Parameters<typeof overriding>[0]) =>
        overriding(store, { search: () => Promise.resolve(fail(refusal)) })
      const other = await openTestApi({}, { wrap })
      const response = await other.call('GET', '/api/v3/work_packages')
      await other.close()
      return [response.statusCode, response.headers['retry-after'], response.json<{ message: string }>().message]
    }
    expect(await refusing('too slow')).toEqual([
      400,
      undefined,
      expect.stringContaining('Narrow it with filters on ids'),
    ])
    expect(await refusing('too many groups')).toEqual([400, undefined, expect.stringContaining('too many groups')])
    expect(await refusing('busy')).toEqual([429, '2', expect.stringContaining('Try again in a moment')])
  })
})
