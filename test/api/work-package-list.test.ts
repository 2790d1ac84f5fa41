import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { href, openTestApi, type Json, type TestApi } from './support.ts'

describe('the list of work packages', () => {
  let list: TestApi

  beforeAll(async () => {
    list = await openTestApi()
    const statuses: Json = (await list.call('GET', '/api/v3/statuses')).json()
    const idOf = (name: string) => statuses._embedded.elements.find((status) => status['name'] === name)?.id
    await list.create('/api/v3/projects', { name: 'One' })
    await list.create('/api/v3/projects', { name: 'Two' })
    const make = (project: string, subject: string, status: string) =>
      list.create(`/api/v3/projects/${project}/work_packages`, {
        subject,
        description: { raw: `About ${subject}` },
        _links: { status: href(`statuses/${idOf(status)}`) },
      })
    await make('one', 'Open one', 'New')
    await make('one', 'Closed one', 'Closed')
    await make('two', 'Open two', 'In progress')
    await make('two', 'Rejected two', 'Rejected')
  })
  afterAll(() => list.close())

  const subjects = async (path: string) => {
    const body: Json = (await list.call('GET', `/api/v3/${path}`)).json()
    return body._embedded.elements.map((element) => element['subject'])
  }
  const filtered = (name: string, operator: string, values: string[] = []) =>
    `filters=${encodeURIComponent(JSON.stringify([{ [name]: { operator, values } }]))}`

  it('shows the open ones unless told otherwise, and says by which filter', async () => {
    expect(await subjects('work_packages')).toEqual(['Open one', 'Open two'])
    expect(await subjects('work_packages?filters=[]')).toHaveLength(4)
    const body: Json = (await list.call('GET', '/api/v3/work_packages?pageSize=1')).json()
    expect(body).toMatchObject({ _type: 'WorkPackageCollection', total: 2, count: 1 })
    const self = new URLSearchParams(body._links['self']?.href?.split('?')[1])
    expect(Object.fromEntries(self)).toEqual({
      filters: '[{"status":{"operator":"o","values":[]}}]',
      offset: '1',
      pageSize: '1',
      sortBy: '[["id","asc"]]',
    })
  })

  it.each([
    [filtered('status', 'c'), ['Closed one', 'Rejected two']],
    [filtered('status', '*'), ['Open one', 'Closed one', 'Open two', 'Rejected two']],
    [filtered('status_id', '=', ['1']), ['Open one']],
    [filtered('project', '=', ['2']), ['Open two', 'Rejected two']],
    [filtered('subject', '~', ['ONE']), ['Open one', 'Closed one']],
    [filtered('subject', '!~', ['one']), ['Open two', 'Rejected two']],
    [filtered('search', '**', ['about open']), ['Open one', 'Open two']],
    [filtered('author', '=', ['me']), ['Open one', 'Closed one', 'Open two', 'Rejected two']],
    [filtered('assignee', '!*'), ['Open one', 'Closed one', 'Open two', 'Rejected two']],
    [filtered('id', '=', ['2', '4']) + '&sortBy=[["id","desc"]]', ['Rejected two', 'Closed one']],
  ])('%s', async (query, expected) => {
    expect(await subjects(`work_packages?${query}`)).toEqual(expected)
  })

  it('within a project, under either name', async () => {
    expect(await subjects('projects/one/work_packages')).toEqual(['Open one'])
    expect(await subjects('workspaces/2/work_packages?filters=[]')).toEqual(['Open two', 'Rejected two'])
    expect((await list.call('GET', '/api/v3/projects/nope/work_packages')).statusCode).toBe(404)
  })

  it('leaves the embedded twins out of the elements', async () => {
    const body: Json = (await list.call('GET', '/api/v3/work_packages')).json()
    for (const element of body._embedded.elements) expect(element).not.toHaveProperty('_embedded')
  })
})
