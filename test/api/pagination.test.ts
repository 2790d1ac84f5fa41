import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openTestApi, type Json, type TestApi } from './support.ts'

let api: TestApi
const COUNT = 45

beforeAll(async () => {
  api = await openTestApi()
  for (let n = 1; n <= COUNT; n += 1) await api.create('/api/v3/projects', { name: `Project ${n}` })
})
afterAll(() => api.close())

interface Shown {
  readonly offset: number
  readonly pageSize: number
  readonly count: number
  readonly first?: number
  readonly previous?: number
  readonly next?: number
}

async function page(query: string, maxPageSize = 1000): Promise<Shown> {
  api.configure({ api: { maxPageSize } })
  const response = await api.call('GET', `/api/v3/projects?${query}`)
  expect(response.statusCode).toBe(200)
  const body: Json & { total: number; count: number; pageSize: number; offset: number } = response.json()
  expect(body.total).toBe(COUNT)
  expect(body._embedded.elements).toHaveLength(body.count)
  expect(body._links['self']).toEqual({ href: `/api/v3/projects?offset=${body.offset}&pageSize=${body.pageSize}` })
  expect(body._links['jumpTo']).toEqual({
    href: `/api/v3/projects?offset=%7Boffset%7D&pageSize=${body.pageSize}`,
    templated: true,
  })
  expect(body._links['changeSize']).toEqual({
    href: `/api/v3/projects?offset=${body.offset}&pageSize=%7Bsize%7D`,
    templated: true,
  })
  const offsetOf = (name: string) => Number(/offset=(\d+)/.exec(body._links[name]?.href ?? '')?.[1])
  return {
    offset: body.offset,
    pageSize: body.pageSize,
    count: body.count,
    ...(body._embedded.elements[0] && { first: body._embedded.elements[0].id }),
    ...(body._links['previousByOffset'] && { previous: offsetOf('previousByOffset') }),
    ...(body._links['nextByOffset'] && { next: offsetOf('nextByOffset') }),
  }
}

describe('pages', () => {
  it.each<[query: string, shown: Shown]>([
    ['', { offset: 1, pageSize: 20, count: 20, first: 1, next: 2 }],
    ['offset=2', { offset: 2, pageSize: 20, count: 20, first: 21, previous: 1, next: 3 }],
    ['offset=3', { offset: 3, pageSize: 20, count: 5, first: 41, previous: 2 }],
    ['offset=4', { offset: 4, pageSize: 20, count: 0, previous: 3 }],
    ['offset=99999999999999999999', { offset: 1_000_000_000, pageSize: 20, count: 0, previous: 999_999_999 }],
    ['offset=0', { offset: 1, pageSize: 20, count: 20, first: 1, next: 2 }],
    ['offset=-3', { offset: 1, pageSize: 20, count: 20, first: 1, next: 2 }],
    ['offset=x', { offset: 1, pageSize: 20, count: 20, first: 1, next: 2 }],
    ['offset=2x', { offset: 2, pageSize: 20, count: 20, first: 21, previous: 1, next: 3 }],
    ['pageSize=&offset=', { offset: 1, pageSize: 20, count: 20, first: 1, next: 2 }],
    ['pageSize=7&offset=2', { offset: 2, pageSize: 7, count: 7, first: 8, previous: 1, next: 3 }],
    ['pageSize=45', { offset: 1, pageSize: 45, count: 45, first: 1 }],
    ['pageSize=44', { offset: 1, pageSize: 44, count: 44, first: 1, next: 2 }],
    ['pageSize=0', { offset: 1, pageSize: 0, count: 0, next: 2 }],
    ['pageSize=-1', { offset: 1, pageSize: 1000, count: 45, first: 1 }],
    ['pageSize=1001', { offset: 1, pageSize: 1000, count: 45, first: 1 }],
    ['pageSize=99999999999999999999999', { offset: 1, pageSize: 1000, count: 45, first: 1 }],
  ])('?%s', async (query, shown) => {
    expect(await page(query)).toEqual(shown)
  })

  it.each(['-2', '-10', 'x', '1x', '1.5', ' ', '1e3', '+5'])('a page size of %j is refused', async (size) => {
    const response = await api.call('GET', `/api/v3/projects?pageSize=${encodeURIComponent(size)}`)
    expect(response.statusCode).toBe(400)
    expect(response.json()).toEqual({
      _type: 'Error',
      errorIdentifier: 'urn:openproject-org:api:v3:errors:BadRequest',
      message: 'Bad request: pageSize is invalid',
    })
  })

  it('a page size given twice is refused', async () => {
    expect((await api.call('GET', '/api/v3/projects?pageSize=1&pageSize=2')).statusCode).toBe(400)
  })
})

describe('the cap', () => {
  it.each<[query: string, max: number, shown: Shown]>([
    ['', 7, { offset: 1, pageSize: 7, count: 7, first: 1, next: 2 }],
    ['pageSize=20', 7, { offset: 1, pageSize: 7, count: 7, first: 1, next: 2 }],
    ['pageSize=-1', 7, { offset: 1, pageSize: 7, count: 7, first: 1, next: 2 }],
    ['pageSize=5', 7, { offset: 1, pageSize: 5, count: 5, first: 1, next: 2 }],
    ['pageSize=20&offset=7', 7, { offset: 7, pageSize: 7, count: 3, first: 43, previous: 6 }],
    ['', 1, { offset: 1, pageSize: 1, count: 1, first: 1, next: 2 }],
    ['pageSize=10000', 10_000, { offset: 1, pageSize: 10_000, count: 45, first: 1 }],
  ])('?%s under a maximum of %i', async (query, max, shown) => {
    expect(await page(query, max)).toEqual(shown)
  })

  it('changes with the next request after the snapshot does, and the configuration says so', async () => {
    for (const maxPageSize of [10, 3, 500]) {
      api.configure({ api: { maxPageSize } })
      expect((await api.call('GET', '/api/v3/projects?pageSize=400')).json()).toMatchObject({
        pageSize: Math.min(maxPageSize, 400),
      })
      const configuration = await api.call('GET', '/api/v3/configuration')
      expect(configuration.json()).toMatchObject({ maximumAPIV3PageSize: maxPageSize })
    }
  })

  it('walking by nextByOffset sees every element once', async () => {
    api.configure({ api: { maxPageSize: 8 } })
    const seen: number[] = []
    let next: string | null = '/api/v3/projects?pageSize=-1'
    while (next !== null) {
      const body: Json = (await api.call('GET', next)).json()
      seen.push(...body._embedded.elements.map((element) => element.id))
      next = body._links['nextByOffset']?.href ?? null
    }
    expect(seen).toEqual(Array.from({ length: COUNT }, (_, index) => index + 1))
  })
})

describe('filters and order', () => {
  const names = async (query: Record<string, unknown>) => {
    api.configure({})
    const search = new URLSearchParams(Object.entries(query).map(([key, value]) => [key, JSON.stringify(value)]))
    const body: Json = (await api.call('GET', `/api/v3/projects?pageSize=-1&${search.toString()}`)).json()
    return body._embedded.elements.map((element) => element['name'])
  }
  const filter = (name: string, operator: string, values: string[]) => ({ [name]: { operator, values } })

  it('combine with AND', async () => {
    const filters = [filter('name_and_identifier', '~', ['PROJECT 4']), filter('id', '!', ['4', '41'])]
    expect(await names({ filters })).toEqual(['Project 40', 'Project 42', 'Project 43', 'Project 44', 'Project 45'])
  })

  it.each<[filter: object, names: string[]]>([
    [filter('nameAndIdentifier', '=', ['project-7']), ['Project 7']],
    [filter('name_and_identifier', '=', ['Project 7']), ['Project 7']],
    [filter('id', '=', ['3', '5']), ['Project 3', 'Project 5']],
    [filter('active', '=', ['f']), []],
    [filter('public', '!', ['f']), []],
    [filter('parent_id', '*', []), []],
    [filter('created_at', '=d', ['2026-02-28']), []],
  ])('%j', async (one, expected) => {
    expect(await names({ filters: [one] })).toEqual(expected)
  })

  it('sort, the id settling ties', async () => {
    const filters = [filter('id', '=', ['2', '10', '1'])]
    expect(await names({ filters, sortBy: [['name', 'asc']] })).toEqual(['Project 1', 'Project 10', 'Project 2'])
    expect(
      await names({
        filters,
        sortBy: [
          ['public', 'desc'],
          ['id', 'desc'],
        ],
      }),
    ).toEqual(['Project 10', 'Project 2', 'Project 1'])
    expect(await names({ filters, sortBy: ['created_at:desc'] })).toEqual(['Project 1', 'Project 2', 'Project 10'])
  })

  it('are repeated in every link', async () => {
    const filters = JSON.stringify([filter('active', '=', ['t'])])
    const sortBy = JSON.stringify([['name', 'desc']])
    const search = new URLSearchParams({ filters, sortBy }).toString()
    const body: Json = (await api.call('GET', `/api/v3/projects?${search}`)).json()
    for (const name of ['self', 'jumpTo', 'changeSize', 'nextByOffset']) {
      const link = new URLSearchParams(body._links[name]?.href?.split('?')[1])
      expect([...link.keys()]).toEqual(['filters', 'offset', 'pageSize', 'sortBy'])
      expect([link.get('filters'), link.get('sortBy')]).toEqual([filters, sortBy])
    }
  })

  it.each<[query: string, message: unknown]>([
    ['filters=nope', 'The filters property is not a JSON array of filter objects.'],
    ['filters={}', 'The filters property is not a JSON array of filter objects.'],
    ['filters=[1]', 'The filters property is not a JSON array of filter objects.'],
    ['filters=[{"active":null}]', "active filter has no operator ''. Known operators: = !."],
    [
      'filters=[{"active":{"operator":"~","values":["t"]}}]',
      "active filter has no operator '~'. Known operators: = !.",
    ],
    ['filters=[{"active":{"operator":"=","values":["yes"]}}]', 'active filter has invalid values: write "t" or "f".'],
    ['filters=[{"id":{"operator":"=","values":["x"]}}]', 'id filter has invalid values: ids are whole numbers.'],
    ['filters=[{"id":{"operator":"=","values":[]}}]', 'id filter has invalid values: at least one is needed.'],
    [
      'filters=[{"toString":{"operator":"=","values":["x"]}}]',
      expect.stringMatching(/^toString filter does not exist\. Known filters: id, active,/),
    ],
    ['sortBy=nope', 'The sortBy property is not a JSON array of ["attribute", "asc" or "desc"] pairs.'],
    ['sortBy=[["name","up"]]', 'The sortBy property is not a JSON array of ["attribute", "asc" or "desc"] pairs.'],
    [
      'sortBy=[["constructor","asc"]]',
      expect.stringMatching(/^Cannot sort by constructor\. Known attributes: id, name,/),
    ],
  ])('%s is an InvalidQuery', async (query, message) => {
    const response = await api.call('GET', `/api/v3/projects?${query}`)
    expect(response.statusCode).toBe(400)
    expect(response.json()).toMatchObject({
      errorIdentifier: 'urn:openproject-org:api:v3:errors:InvalidQuery',
      message,
    })
  })

  it('several that are wrong are all named', async () => {
    const filters = JSON.stringify([filter('foo', '=', ['1']), filter('active', '=', ['1'])])
    const response = await api.call('GET', `/api/v3/projects?filters=${encodeURIComponent(filters)}`)
    expect(response.statusCode).toBe(400)
    const body: Json = response.json()
    expect(body['errorIdentifier']).toBe('urn:openproject-org:api:v3:errors:MultipleErrors')
    expect((body._embedded as unknown as { errors: unknown[] }).errors).toHaveLength(2)
  })
})
