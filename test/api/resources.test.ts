import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { href, openTestApi, type Json, type TestApi } from './support.ts'

let api: TestApi

beforeAll(async () => {
  api = await openTestApi()
})
afterAll(() => api.close())

describe('projects', () => {
  it('are created with a derived identifier, read by both names, changed, and deleted with all in them', async () => {
    const parent = await api.create('/api/v3/projects', {
      name: 'Ümbrella & Söhne',
      description: { raw: 'A <b>\n\nB' },
    })
    expect(parent).toMatchObject({
      _type: 'Project',
      identifier: 'umbrella-sohne',
      active: true,
      public: false,
      description: {
        format: 'markdown',
        raw: 'A <b>\n\nB',
        html: '<p class="op-uc-p">A &lt;b&gt;</p>\n<p class="op-uc-p">B</p>',
      },
      createdAt: '2026-03-01T12:00:00.000Z',
    })
    const child = await api.create('/api/v3/projects', {
      name: 'Child',
      _links: { parent: href('projects/umbrella-sohne'), status: href('project_statuses/on_track') },
    })
    expect(child._links).toMatchObject({
      parent: { href: `/api/v3/projects/${parent.id}`, title: 'Ümbrella & Söhne' },
      status: { href: '/api/v3/project_statuses/on_track', title: 'On track' },
      ancestors: [{ href: `/api/v3/projects/${parent.id}`, title: 'Ümbrella & Söhne' }],
    })
    expect(child._embedded).toMatchObject({
      parent: { id: parent.id },
      status: { _type: 'ProjectStatus', id: 'on_track' },
    })
    for (const path of ['projects/child', 'workspaces/child', `projects/${child.id}`]) {
      expect((await api.call('GET', `/api/v3/${path}`)).json()).toEqual(child)
    }
    const archived = await api.call('PATCH', '/api/v3/projects/child', { active: false })
    expect(archived.json()).toMatchObject({ id: child.id, active: false })

    const workPackage = await api.create(`/api/v3/projects/${parent.id}/work_packages`, { subject: 'Doomed' })
    await api.create('/api/v3/time_entries', {
      hours: 'PT1H',
      spentOn: '2026-03-01',
      _links: { entity: href(`work_packages/${workPackage.id}`) },
    })
    const deleted = await api.call('DELETE', `/api/v3/projects/${parent.id}`)
    expect([deleted.statusCode, deleted.body]).toEqual([204, ''])
    for (const path of [
      `projects/${parent.id}`,
      'projects/child',
      `work_packages/${workPackage.id}`,
      'time_entries/1',
    ]) {
      expect((await api.call('GET', `/api/v3/${path}`)).statusCode).toBe(404)
    }
  })
})

it('lists', async () => {
  const list = await api.call('GET', '/api/v3/statuses')
  const body: Json = list.json()
  expect(body._embedded.elements).toHaveLength(14)
})
