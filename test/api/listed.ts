import { expect } from 'vitest'
import { addMember, href, openTestApi, type Json, type TestApi } from './support.ts'

/** What the tests of lists look through: three projects, four work packages, three time entries. */

/** 2026-03-01 is a Sunday: the week that holds it began on Monday the 23rd of February. */
export const TODAY = '2026-03-01'

export async function openLists(): Promise<TestApi> {
  const api = await openTestApi()
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
  return api
}

export type Filter = readonly [name: string, operator: string, values?: readonly string[]]

/** The `filters` of a query. */
export function filters(...all: readonly Filter[]): string {
  return JSON.stringify(all.map(([name, operator, values = []]) => ({ [name]: { operator, values } })))
}

export const idsOf = (body: Json) => body._embedded.elements.map((element) => element.id)

/** Lists of the API that is open once tests run. */
export function listsOf(api: () => TestApi) {
  const get = async (path: string, query: Record<string, string> = {}) => {
    const search = new URLSearchParams(query).toString()
    const response = await api().call('GET', `/api/v3/${path}?${search}`)
    return { status: response.statusCode, body: response.json<Json & Record<string, never>>() }
  }
  const ids = async (path: string, query: Record<string, string>) => {
    const { status, body } = await get(path, query)
    expect([status, body['message']]).toEqual([200, undefined])
    return idsOf(body)
  }
  return { get, ids }
}
