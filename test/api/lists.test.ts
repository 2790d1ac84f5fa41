import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fail } from '../../src/base/result.ts'
import {
  addMember,
  createTestUser,
  href,
  openTestApi,
  overriding,
  PROJECT_ADMIN,
  type Json,
  type TestApi,
} from './support.ts'

let api: TestApi
/** 2026-03-01 is a Sunday: the week that holds it began on Monday the 23rd of February. */
const TODAY = '2026-03-01'
const DAY = 86_400_000

beforeAll(async () => {
  api = await openTestApi()
  await api.create('/api/v3/projects', {
    name: 'Alpha',
    identifier: 'alpha',
    _links: { status: href('project_statuses/on_track') },
  })
  await api.create('/api/v3/projects', { name: 'beta', identifier: 'beta', _links: { parent: href('projects/1') } })
  await api.create('/api/v3/projects', { name: 'Gamma', identifier: 'gamma', _links: { parent: href('projects/2') } })
  await addMember(api, 'alpha', 1)
  const work = (project: string, subject: string, body: object = {}, links: object = {}) =>
    api.create(`/api/v3/projects/${project}/work_packages`, { subject, ...body, _links: links })
  await work('gamma', 'Past', {
    startDate: '2026-02-10',
    dueDate: '2026-02-22',
    estimatedTime: 'PT2H',
    percentageDone: 0,
  })
  await work(
    'alpha',
    'Week',
    { startDate: '2026-02-23', dueDate: TODAY, estimatedTime: 'PT1H30M', percentageDone: 50 },
    {
      ...{ assignee: href('users/1'), priority: href('priorities/4') },
    },
  )
  await work(
    'beta',
    'Next',
    { startDate: '2026-03-02', remainingTime: 'PT30M', percentageDone: 100 },
    {
      ...{ parent: href('work_packages/2'), priority: href('priorities/1'), type: href('types/2') },
    },
  )
  await work('alpha', 'Undated', {}, { parent: href('work_packages/3'), status: href('statuses/12') })
  const entry = (spentOn: string, hours: string) =>
    api.create('/api/v3/time_entries', { spentOn, hours, _links: { entity: href('work_packages/1') } })
  await entry('2026-02-28', 'PT1H')
  await entry(TODAY, 'PT2H')
  await entry('2026-03-02', 'PT3H')
})
afterAll(() => api.close())

type Filter = readonly [name: string, operator: string, values?: readonly string[]]
const filters = (...all: readonly Filter[]) =>
  JSON.stringify(all.map(([name, operator, values = []]) => ({ [name]: { operator, values } })))
async function get(path: string, query: Record<string, string> = {}) {
  const search = new URLSearchParams(query).toString()
  const response = await api.call('GET', `/api/v3/${path}?${search}`)
  return { status: response.statusCode, body: response.json<Json & Record<string, never>>() }
}
const idsOf = (body: Json) => body._embedded.elements.map((element) => element.id)
async function ids(path: string, query: Record<string, string>) {
  const { status, body } = await get(path, query)
  expect([status, body['message']]).toEqual([200, undefined])
  return idsOf(body)
}

describe('filters of work packages', () => {
  it.each<[filter: Filter, found: number[]]>([
    [['dueDate', 't'], [2]],
    [['dueDate', 'w'], [2]],
    [['startDate', 'w'], [2]],
    [['startDate', 't+', ['1']], [3]],
    [['startDate', '<t+', ['1']], [3]],
    [['startDate', '<t+', ['0']], []],
    [['startDate', '>t+', ['1']], [3]],
    [['startDate', '>t+', ['2']], []],
    [['dueDate', 't-', ['7']], [1]],
    [['dueDate', '>t-', ['6']], [2]],
    [
      ['dueDate', '>t-', ['7']],
      [1, 2],
    ],
    [['dueDate', '<t-', ['7']], [1]],
    [
      ['dueDate', '<t-', ['0']],
      [1, 2],
    ],
    [['due_date', '=d', [TODAY]], [2]],
    [['dueDate', '<>d', ['2026-02-22', '2026-02-28']], [1]],
    [['dueDate', '<>d', ['', '2026-02-28']], [1]],
    [
      ['startDate', '<>d', ['2026-02-23', '']],
      [2, 3],
    ],
    [['startDate', '!*'], [4]],
    [['datesInterval', '<>d', ['2026-02-12', '2026-02-13']], [1]],
    [
      ['datesInterval', '<>d', ['2026-02-22', '2026-02-23']],
      [1, 2],
    ],
    [['datesInterval', '<>d', ['2026-03-02', '']], [3]],
    [['datesInterval', '<>d', ['', '2026-02-22']], [1]],
    [
      ['percentageDone', '=', ['0', '100']],
      [1, 3],
    ],
    [
      ['percentage_done', '>=', ['50']],
      [2, 3],
    ],
    [
      ['percentageDone', '<=', ['50']],
      [1, 2],
    ],
    [
      ['percentageDone', '!', ['50']],
      [1, 3, 4],
    ],
    [['percentageDone', '!*'], [4]],
    [['estimatedTime', '=', ['1.5']], [2]],
    [['estimatedTime', '>=', ['PT1H45M']], [1]],
    [
      ['estimatedTime', '*'],
      [1, 2],
    ],
    [['remainingTime', '<=', ['0.5']], [3]],
    [['milestone', '=', ['t']], [3]],
    [
      ['milestone', '!', ['t']],
      [1, 2, 4],
    ],
    [
      ['ancestor', '=', ['2']],
      [3, 4],
    ],
    [
      ['ancestor', '!', ['2', '9']],
      [1, 2],
    ],
    [
      ['parent', '*'],
      [3, 4],
    ],
    [['subjectOrId', '**', ['2']], [2]],
    [['subjectOrId', '**', ['NEXT']], [3]],
    [['typeahead', '**', ['ast']], [1]],
    [['subject', '^', ['u']], [4]],
    [
      ['subject', '!', ['Past']],
      [2, 3, 4],
    ],
    [
      ['createdAt', 't'],
      [1, 2, 3, 4],
    ],
    [
      ['createdAt', 'w'],
      [1, 2, 3, 4],
    ],
    [
      ['createdAt', '>t-', ['1']],
      [1, 2, 3, 4],
    ],
    [['createdAt', '<t-', ['1']], []],
    [
      ['createdOn', '=d', [TODAY]],
      [1, 2, 3, 4],
    ],
    [['createdAt', '=d', ['2026-03-01T12:00:00.001Z']], []],
    [
      ['createdAt', '=d', ['2026-03-01T13:00:00+01:00']],
      [1, 2, 3, 4],
    ],
    [
      ['updatedAt', '<>d', ['2026-03-01T12:00:00Z', '2026-03-01T12:00:00Z']],
      [1, 2, 3, 4],
    ],
    [['updatedAt', '<>d', ['', '2026-02-28']], []],
    [
      ['updatedAt', '<>d', ['', TODAY]],
      [1, 2, 3, 4],
    ],
    [['assignee', '=', ['me']], [2]],
    [['assigned_to_id', '=', ['me']], [2]],
    [
      ['assignee_id', '!*'],
      [1, 3, 4],
    ],
    [['version', '=', ['1']], []],
    [['category_id', '*'], []],
    [
      ['version', '!*'],
      [1, 2, 3, 4],
    ],
    [
      ['category', '!', ['1']],
      [1, 2, 3, 4],
    ],
  ])('%j', async (filter, found) => {
    expect(await ids('work_packages', { filters: filters(filter) })).toEqual(found)
  })

  it('count days from the clock, in UTC', async () => {
    const today = filters(['startDate', 't'])
    api.clock.step(DAY / 2 - 1) // the last millisecond of the first of March
    expect(await ids('work_packages', { filters: today })).toEqual([])
    api.clock.step(1)
    expect(await ids('work_packages', { filters: today })).toEqual([3])
    expect(await ids('work_packages', { filters: filters(['startDate', 'w']) })).toEqual([3])
    api.clock.step(-DAY / 2)
  })

  it.each<[name: string, operator: string, values: string[]]>([
    ['id', '=', ['01']],
    ['id', '=', ['1.0']],
    ['id', '=', ['1e0']],
    ['id', '=', ['-1']],
    ['id', '=', [' 1']],
    ['id', '=', ['9'.repeat(20)]],
    ['dueDate', '=d', ['2026-02-30']],
    ['dueDate', '=d', ['2026-2-1']],
    ['dueDate', '=d', ['2026-02-28T00:00:00Z']],
    ['dueDate', '<>d', ['', '']],
    ['dueDate', '<>d', ['2026-02-28', '2026-03-01', '2026-03-02']],
    ['dueDate', 't-', []],
    ['dueDate', 't-', ['-1']],
    ['dueDate', 't-', ['1.5']],
    ['dueDate', 't+', ['99999']],
    ['createdAt', '=d', ['yesterday']],
    ['createdAt', '=d', ['March 1, 2026']],
    ['createdAt', '=d', ['2026-03-01T12:00:00']],
    ['createdAt', '=d', ['2026-03-01T24:00:00Z']],
    ['createdAt', '=d', ['2026-02-29']],
    ['createdAt', '<>d', ['1', '']],
    ['percentageDone', '>=', ['101']],
    ['percentageDone', '=', []],
    ['percentageDone', '>=', ['1', '2']],
    ['estimatedTime', '>=', ['1h']],
    ['estimatedTime', '=', ['1e3']],
    ['milestone', '=', ['true']],
    ['status', '=', ['x']],
    ['subject', '~', []],
    ['id', '=', Array.from({ length: 1_001 }, (_, i) => String(i + 1))],
  ])('%s %s %j is refused', async (name, operator, values) => {
    const response = await api.call(
      'GET',
      `/api/v3/work_packages?filters=${encodeURIComponent(filters([name, operator, values]))}`,
    )
    expect(response.statusCode).toBe(400)
    expect(response.json<{ message: string }>().message).toContain(`${name} filter has`)
  })

  it.each(['budget', 'customField1', '__proto__', 'constructor', 'hasOwnProperty'])(
    'that nobody has heard of (%s) are refused, and the known ones named',
    async (name) => {
      const { status, body } = await get('work_packages', {
        filters: `[{${JSON.stringify(name)}:{"operator":"=","values":["1"]}}]`,
      })
      expect(status).toBe(400)
      expect(body['message']).toMatch(new RegExp(`^${name} filter does not exist\\. Known filters: id, status, type,`))
    },
  )
})

describe('filters of other lists', () => {
  it.each<[path: string, filter: Filter, found: number[]]>([
    ['time_entries', ['spent_on', 't'], [2]],
    ['time_entries', ['spent_on', 't-', ['1']], [1]],
    ['time_entries', ['spentOn', '>t+', ['1']], [3]],
    ['time_entries', ['spent_on', '<>d', ['2026-02-28', TODAY]], [1, 2]],
    ['time_entries', ['entity_type', '=', ['WorkPackage']], [1, 2, 3]],
    ['time_entries', ['entity_type', '!', ['WorkPackage']], []],
    ['time_entries', ['entity_id', '=', ['1']], [1, 2, 3]],
    ['time_entries', ['work_package', '!', ['1']], []],
    ['time_entries', ['user', '=', ['me']], [1, 2, 3]],
    ['time_entries', ['project_id', '=', ['3']], [1, 2, 3]],
    ['time_entries', ['activity_id', '!*'], [1, 2, 3]],
    ['time_entries', ['activity_id', '*'], []],
    ['time_entries', ['ongoing', '=', ['t']], []],
    ['time_entries', ['updated_at', 't'], [1, 2, 3]],
    ['projects', ['ancestor', '=', ['1']], [2, 3]],
    ['projects', ['ancestor', '!', ['2']], [1, 2]],
    ['projects', ['parent_id', '!*'], [1]],
    ['projects', ['project_status_code', '=', ['on_track']], [1]],
    ['projects', ['project_status_code', '!*'], [2, 3]],
    ['projects', ['visible', '=', ['me']], [1, 2, 3]],
    ['projects', ['typeahead', '**', ['BET']], [2]],
    ['projects', ['name_and_identifier', '~', ['amm']], [3]],
    ['projects', ['principal', '=', ['1']], [1]],
    ['projects', ['principal', '!', ['me', '99']], [2, 3]],
    ['projects', ['type_id', '=', ['1', '99']], [1, 2, 3]],
    ['projects', ['type_id', '=', ['99']], []],
    ['projects', ['type_id', '!', ['1']], []],
    ['projects', ['type_id', '!', ['99']], [1, 2, 3]],
    ['projects', ['favorited', '=', ['t']], []],
    ['projects', ['templated', '=', ['f']], [1, 2, 3]],
    ['projects', ['user_action', '=', ['work_packages/create']], [1, 2, 3]],
    ['projects', ['user_action', '!', ['memberships/create', 'projects/update']], []],
    ['projects', ['latest_activity_at', 't'], [1, 2, 3]],
    ['projects', ['latest_activity_at', '<>d', ['', '2026-02-28']], []],
    ['users', ['group', '=', ['1']], []],
    ['users', ['status', '=', ['active']], [1]],
    ['users', ['name', '~', ['nepen']], [1]],
    ['users', ['login', '!', ['nobody']], [1]],
    ['users', ['any_name_attribute', '**', ['example.net']], [1]],
  ])('%s by %j', async (path, filter, found) => {
    expect(await ids(path, { filters: filters(filter) })).toEqual(found)
  })

  it('find projects by what one may do in them', async () => {
    const own = await openTestApi()
    const names = ['Mine', 'Run', 'Open', 'Closed', 'Old']
    for (const name of names) await own.create('/api/v3/projects', { name, public: name === 'Open' })
    const mia = await createTestUser(own, 'mia')
    for (const name of ['mine', 'old']) await addMember(own, name, mia.id)
    await addMember(own, 'run', mia.id, PROJECT_ADMIN)
    await own.call('PATCH', '/api/v3/projects/old', { active: false })
    const found = async (operator: string, ...actions: string[]) => {
      const query = encodeURIComponent(filters(['user_action', operator, actions]))
      const answer = await own.call('GET', `/api/v3/projects?filters=${query}`, undefined, { token: mia.token })
      return answer.statusCode === 200 ? idsOf(answer.json<Json>()) : answer.statusCode
    }
    expect(await found('=', 'projects/read')).toEqual([1, 2, 3])
    expect(await found('=', 'work_packages/create', 'memberships/create')).toEqual([1, 2])
    expect(await found('=', 'memberships/create')).toEqual([2])
    expect(await found('&=', 'work_packages/create', 'memberships/create')).toEqual([2])
    expect(await found('&=', 'projects/read', 'work_packages/create')).toEqual([1, 2])
    expect(await found('!', 'memberships/create')).toEqual([1, 3, 5])
    expect(await found('=', 'projects/create')).toEqual([])
    expect([await found('='), await found('=', 'bees/keep')]).toEqual([400, 400])
    await own.close()
  })

  it('find projects by when anything last changed in them, for administrators', async () => {
    const own = await openTestApi()
    const mia = await createTestUser(own, 'mia')
    for (const name of ['Still', 'Worked', 'Timed']) await own.create('/api/v3/projects', { name })
    const { id } = await own.create('/api/v3/projects/timed/work_packages', { subject: 'Work' })
    own.clock.advance(2 * DAY)
    await own.create('/api/v3/projects/worked/work_packages', { subject: 'Later' })
    own.clock.advance(2 * DAY)
    await own.create('/api/v3/time_entries', {
      ...{ hours: 'PT1H', spentOn: TODAY },
      _links: { entity: href(`work_packages/${id}`) },
    })
    const found = async (operator: string, ...values: string[]) => {
      const query = encodeURIComponent(filters(['latest_activity_at', operator, values]))
      return idsOf((await own.call('GET', `/api/v3/projects?filters=${query}`)).json<Json>())
    }
    expect(await found('t')).toEqual([3])
    expect(await found('t-', '2')).toEqual([2])
    expect(await found('>t-', '2')).toEqual([2, 3])
    expect(await found('<t-', '1')).toEqual([1, 2])
    expect(await found('<>d', TODAY, '2026-03-03')).toEqual([1, 2])
    const sorted = async (order: string, options = {}) => {
      const query = encodeURIComponent(JSON.stringify([['latest_activity_at', order]]))
      return idsOf((await own.call('GET', `/api/v3/projects?sortBy=${query}`, undefined, options)).json<Json>())
    }
    expect([await sorted('asc'), await sorted('desc')]).toEqual([
      [1, 2, 3],
      [3, 2, 1],
    ])
    await own.call('PATCH', '/api/v3/projects/still', { public: true })
    expect([await sorted('asc'), await sorted('asc', { token: mia.token })]).toEqual([[2, 1, 3], [1]])
    const path = `/api/v3/projects?filters=${encodeURIComponent(filters(['latest_activity_at', 't']))}`
    expect((await own.call('GET', path, undefined, { token: mia.token })).statusCode).toBe(400)
    await own.close()
  })

  it('say no more of what others may see than nothing', async () => {
    expect((await get('projects', { filters: filters(['visible', '=', ['2']]) })).status).toBe(400)
  })
})

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
