import { expect, it } from 'vitest'
import { addMember, createTestUser, href, openTestApi, type Json } from './support.ts'

/** A member of two projects, of which one is archived, beside a public one. */
async function scene() {
  const api = await openTestApi()
  for (const name of ['Own', 'Past', 'Open']) await api.create('/api/v3/projects', { name, public: name === 'Open' })
  const { id, token } = await createTestUser(api, 'mia')
  const work: Record<string, number> = {}
  for (const project of ['own', 'past', 'open']) {
    if (project !== 'open') await addMember(api, project, id)
    work[project] = (await api.create(`/api/v3/projects/${project}/work_packages`, { subject: project })).id
  }
  await api.call('PATCH', '/api/v3/projects/past', { active: false })
  const get = async (path: string, by: string | undefined = token): Promise<Json> =>
    (await api.call('GET', `/api/v3/${path}`, undefined, { token: by })).json()
  const idsOf = (body: Json) => body._embedded.elements.map((element) => element.id)
  return { api, token, work, get, idsOf }
}

it('time is offered to be logged on what it may be logged on', async () => {
  const { api, token, work, get, idsOf } = await scene()
  const offered = await get('time_entries/available_work_packages')
  expect(idsOf(offered)).toEqual([work['own']])
  expect(offered._links['self']?.href).toMatch(/^\/api\/v3\/time_entries\/available_work_packages\?/)
  for (const [project, status] of [
    ['own', 201],
    ['past', 422],
    ['open', 403],
  ] as const) {
    const entity = href(`work_packages/${work[project]}`)
    const body = { hours: 'PT1H', spentOn: '2026-03-01', _links: { entity } }
    expect((await api.call('POST', '/api/v3/time_entries', body, { token })).statusCode, project).toBe(status)
  }
  const filters = encodeURIComponent('[{"typeahead":{"operator":"**","values":["nothing"]}}]')
  expect(idsOf(await get(`time_entries/available_work_packages?filters=${filters}`))).toEqual([])
  const all: Json = (await api.call('GET', '/api/v3/time_entries/available_work_packages')).json()
  expect(idsOf(all)).toEqual([work['own'], work['open']])
  await api.close()
})

it('a work package is offered the projects it may be moved to', async () => {
  const { api, token, work, get, idsOf } = await scene()
  const offered = await get(`work_packages/${work['past']}/available_projects`)
  expect(offered._embedded.elements.map((element) => element['identifier'])).toEqual(['own'])
  const [to = 0] = idsOf(offered)
  const body = { lockVersion: 0, _links: { project: href(`projects/${to}`) } }
  expect((await api.call('PATCH', `/api/v3/work_packages/${work['past']}`, body, { token })).statusCode).toBe(200)
  await api.close()
})
