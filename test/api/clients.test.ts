import { deflateSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addMember, createTestUser, href, openTestApi, type Json, type TestApi } from './support.ts'

/** What clients written for other servers of the protocol ask for. */

let api: TestApi

beforeAll(async () => {
  api = await openTestApi()
  await api.create('/api/v3/projects', { name: 'Top' })
  await api.create('/api/v3/projects', { name: 'Below', _links: { parent: href('projects/1') } })
  await api.create('/api/v3/projects', { name: 'Deeper', _links: { parent: href('projects/2') } })
  for (const project of ['top', 'below', 'deeper'])
    await api.create(`/api/v3/projects/${project}/work_packages`, { subject: `In ${project}` })
})
afterAll(() => api.close())

const get = async (path: string) => {
  const answer = await api.call('GET', `/api/v3/${path}`)
  expect([path, answer.statusCode]).toEqual([path, 200])
  return answer.json<Json & { total: number }>()
}
const ids = ({ _embedded }: Json) => _embedded.elements.map(({ id }) => id)

const pack = (query: unknown) => encodeURIComponent(deflateSync(JSON.stringify(query)).toString('base64'))

describe('lists of what this backend keeps none of', () => {
  it.each(['versions', 'relations', 'groups', 'placeholder_users', 'queries', 'news', 'documents', 'notifications'])(
    '%s: a page without elements, whatever is asked',
    async (name) => {
      const filters = encodeURIComponent('[{"name":{"operator":"~","values":["x"]}}]')
      expect(await get(`${name}?pageSize=5000&offset=2&filters=${filters}`)).toMatchObject({
        ...{ _type: 'Collection', total: 0, count: 0, pageSize: 1000, offset: 2, _embedded: { elements: [] } },
        _links: { self: { href: `/api/v3/${name}?offset=2&pageSize=1000` } },
      })
      expect((await api.call('GET', `/api/v3/${name}?pageSize=x`)).statusCode).toBe(400)
      expect((await api.call('GET', `/api/v3/${name}/1`)).statusCode).toBe(404)
    },
  )
})

describe('the days of the week', () => {
  it('say which are worked', async () => {
    const week = await get('days/week')
    const days = week._embedded.elements as unknown as { name: string; working: boolean }[]
    expect(days.filter(({ working }) => !working).map(({ name }) => name)).toEqual(['Saturday', 'Sunday'])
    expect(await get('days/week/1')).toEqual(days[0])
    expect(await get('days/non_working')).toMatchObject({ total: 0 })
    for (const day of ['0', '8', 'x']) expect((await api.call('GET', `/api/v3/days/week/${day}`)).statusCode).toBe(404)
  })
})

describe('a query in `eprops`', () => {
  it('counts as if it stood in the path', async () => {
    const query = { filters: '[{"project":{"operator":"=","values":["2"]}}]', pageSize: 7, sortBy: [['id', 'desc']] }
    const page = await get(`work_packages?pageSize=5&eprops=${pack(query)}`)
    expect([ids(page), page['pageSize']]).toEqual([[2], 7])
    expect(page._links['self']?.href).toContain('sortBy=%5B%5B%22id%22%2C%22desc%22%5D%5D')
    expect(ids(await get(`projects?eprops=${pack({ offset: 2, pageSize: 2 })}`))).toEqual([3])
  })

  it.each([
    ['no base64', '*'],
    ['nothing compressed', encodeURIComponent(Buffer.from('{}').toString('base64'))],
    ['no object', pack([1])],
    ['more than any query', pack({ filters: 'x'.repeat(2_000_000) })],
  ])('that is %s is refused', async (_, eprops) => {
    const refused = await api.call('GET', `/api/v3/work_packages?eprops=${eprops}`)
    expect([refused.statusCode, refused.json<Json>()['message']]).toEqual([400, 'Bad request: eprops is invalid'])
  })
})

describe('the work packages of a project', () => {
  it('come with those of the projects below it, as far as they are in sight, unless that is declined', async () => {
    for (const [asked, first, second, total] of [
      ['?pageSize=2', [1, 2], [3], 3],
      ['?includeSubprojects=true&pageSize=2', [1, 2], [3], 3],
      ['?includeSubprojects=false&pageSize=2&filters=[]', [1], [], 1],
    ] as const) {
      const page = await get(`projects/1/work_packages${asked}`)
      expect([ids(page), page.total]).toEqual([first, total])
      const next = page._links['jumpTo']?.href ?? ''
      const path = next.replace('/api/v3/', '').replace('%7Boffset%7D', '2').replace('{offset}', '2')
      expect(ids(await get(path)), path).toEqual(second)
    }
    const below = (operator: string, ...values: string[]) =>
      encodeURIComponent(JSON.stringify([{ subprojectId: { operator, values } }]))
    for (const [filters, shown] of [
      [below('=', '3'), [1, 3]],
      [below('=', '99'), [1]],
      [below('!', '3', '1'), [1, 2]],
      [below('*'), [1, 2, 3]],
      [below('!*'), [1]],
    ] as const)
      expect(ids(await get(`projects/1/work_packages?filters=${filters}`)), decodeURIComponent(filters)).toEqual(shown)
    expect((await api.call('GET', `/api/v3/work_packages?filters=${below('*')}`)).statusCode).toBe(400)
    const mia = await createTestUser(api, 'mia')
    for (const project of ['top', 'deeper']) await addMember(api, project, mia.id)
    const path = '/api/v3/projects/1/work_packages'
    const seen = await api.call('GET', path, undefined, { token: mia.token })
    expect(ids(seen.json<Json>())).toEqual([1, 3])
  })
})

describe('work packages as they were', () => {
  const past = encodeURIComponent('2020-01-01T00:00:00Z')
  it.each([
    `work_packages?timestamps=${past}`,
    `work_packages?timestamps=${past},PT0S`,
    `work_packages?eprops=${pack({ timestamps: 'P-1D' })}`,
    `projects/1/work_packages?timestamps=garbage`,
    `work_packages/1?timestamps=P-1Y`,
  ])('cannot be asked for: %s', async (path) => {
    const refused = await api.call('GET', `/api/v3/${path}`)
    expect(refused.statusCode).toBe(400)
    expect(refused.json<Json>()['message']).toMatch(/^timestamps: only the present/)
  })

  it('are not meant by those who ask for now', async () => {
    for (const path of [
      'work_packages?timestamps=PT0S',
      'work_packages?timestamps=',
      'work_packages/1?timestamps=PT0S',
    ])
      expect((await api.call('GET', `/api/v3/${path}`)).statusCode, path).toBe(200)
  })
})

describe('other names', () => {
  it('of lists lead to the same', async () => {
    expect(ids(await get('workspaces?filters=[]'))).toEqual(ids(await get('projects?filters=[]')))
    for (const path of ['projects/1', 'workspaces/1', 'work_packages/1']) {
      const [assignees, responsibles] = [
        await get(`${path}/available_assignees`),
        await get(`${path}/available_responsibles`),
      ]
      expect(ids(responsibles)).toEqual(ids(assignees))
    }
  })

  it('of filters and orders find the same', async () => {
    const named = encodeURIComponent('[{"name":{"operator":"~","values":["e"]}}]')
    expect(ids(await get(`projects?filters=${named}&sortBy=[["identifier","desc"]]`))).toEqual([3, 2])
  })
})
