import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { filters, idsOf, listsOf, openLists, TODAY, type Filter } from './listed.ts'
import { addMember, createTestUser, href, openTestApi, PROJECT_ADMIN, type Json, type TestApi } from './support.ts'

const DAY = 86_400_000
let api: TestApi
const { get, ids } = listsOf(() => api)

beforeAll(async () => {
  api = await openLists()
})
afterAll(() => api.close())

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
    own.clock.advance(DAY)
    await own.call('PATCH', `/api/v3/work_packages/${id}`, { lockVersion: 0, subject: 'Mended' })
    own.clock.advance(DAY)
    await own.create('/api/v3/projects/worked/work_packages', { subject: 'Latest' })
    expect(await sorted('desc')).toEqual([2, 3, 1])
    own.clock.advance(DAY)
    await own.call('PATCH', '/api/v3/projects/still', { public: true })
    expect([await sorted('asc'), await sorted('asc', { token: mia.token })]).toEqual([[3, 2, 1], [1]])
    const path = `/api/v3/projects?filters=${encodeURIComponent(filters(['latest_activity_at', 't']))}`
    expect((await own.call('GET', path, undefined, { token: mia.token })).statusCode).toBe(400)
    await own.close()
  })

  it('say no more of what others may see than nothing', async () => {
    expect((await get('projects', { filters: filters(['visible', '=', ['2']]) })).status).toBe(400)
  })
})
