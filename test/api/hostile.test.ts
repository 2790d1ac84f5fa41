import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Mutation } from '../../src/storage/store.ts'
import { openTestApi, type TestApi } from './support.ts'

let api: TestApi
beforeAll(async () => {
  api = await openTestApi()
})
afterAll(() => api.close())

const link = (href: string) => ({ href: `/api/v3/${href}` })

describe('a request made to hurt', () => {
  it.each([
    ['an object with a toString of its own', [{ toString: 1 }]],
    ['a list within a list', [['1']]],
    ['nothing', [null]],
  ])('by a filter value that is %s is an InvalidQuery', async (_, values) => {
    const filters = encodeURIComponent(JSON.stringify([{ id: { operator: '=', values } }]))
    const response = await api.call('GET', `/api/v3/projects?filters=${filters}`)
    expect(response.statusCode).toBe(400)
    expect(response.json()).toMatchObject({ errorIdentifier: 'urn:openproject-org:api:v3:errors:InvalidQuery' })
  })

  it.each([
    [
      'spelt in four ways',
      30,
      ['datesInterval', 'dates_interval', 'datesIntervalId', 'dates_interval_id'],
      /at most 100/,
    ],
    ['each of several conditions', 90, ['datesInterval'], /too many conditions/],
  ])('by filters without number, %s, is an InvalidQuery', async (_, times, names, message) => {
    const body = { operator: '<>d', values: ['2020-01-01', '2020-01-01'] }
    const filters = Array.from({ length: times }, () => Object.fromEntries(names.map((name) => [name, body])))
    const query = encodeURIComponent(JSON.stringify(filters))
    const response = await api.call('GET', `/api/v3/work_packages?filters=${query}`)
    expect(response.statusCode).toBe(400)
    expect(response.json<{ message: string }>().message).toMatch(message)
  })

  it.each(['constructor', 'toString', '__proto__'])('by the status %s of a user is refused', async (status) => {
    const { id } = await api.create('/api/v3/users', {
      ...{ login: status, email: `${status}@example.net`, firstName: 'A', lastName: 'B', status: 'active' },
    })
    expect((await api.call('PATCH', `/api/v3/users/${id}`, { status })).statusCode).toBe(400)
  })

  it('by a name of thousands of words is an InvalidQuery', async () => {
    const filter = { typeahead: { operator: '**', values: ['a '.repeat(2_000)] } }
    const filters = encodeURIComponent(JSON.stringify([filter]))
    const response = await api.call('GET', `/api/v3/principals?filters=${filters}`)
    expect([response.statusCode, response.body]).toEqual([400, expect.stringContaining('at most 20 words')])
  })

  it('by a link that is megabytes of beginnings is refused without being searched', async () => {
    const href = `${'/api/v3/'.repeat(60_000)}?`
    const response = await api.call('POST', '/api/v3/projects', { name: 'x', _links: { parent: { href } } })
    expect(response.statusCode).toBe(422)
    expect(response.body).toContain('ResourceTypeMismatch')
  })
})

describe('time logged on a work package that moves to another project', () => {
  it('goes along, however much it is', async () => {
    const [from, to] = [
      await api.create('/api/v3/projects', { name: 'From' }),
      await api.create('/api/v3/projects', { name: 'To' }),
    ]
    const { id } = await api.create(`/api/v3/projects/${from.id}/work_packages`, { subject: 'Much' })
    const logged = { hours: 'PT1M', spentOn: '2026-03-01', _links: { entity: link(`work_packages/${id}`) } }
    const first = await api.create('/api/v3/time_entries', logged)
    const row = await api.store.get('timeEntries', first.id)
    const rows = Array.from({ length: 10_050 }, () => ({ ...row, id: api.store.allocateId('timeEntries') }))
    const mutations = rows.map((row) => ({ op: 'insert', table: 'timeEntries', row }) as Mutation)
    await api.store.commit({ expect: [], mutations, events: [] })
    const moved = { lockVersion: 0, _links: { project: link(`projects/${to.id}`) } }
    const during = api.call('POST', '/api/v3/time_entries', logged)
    expect((await api.call('PATCH', `/api/v3/work_packages/${id}`, moved)).statusCode).toBe(200)
    expect((await during).statusCode).toBe(201)
    const where = (projectId: number) => [{ column: 'projectId', comparison: '=', value: projectId }] as const
    const count = async (projectId: number) =>
      (await api.store.list('timeEntries', { where: where(projectId), orderBy: [], limit: 0, offset: 0 })).total
    expect([await count(from.id), await count(to.id)]).toEqual([0, 10_052])
  })

  it('stays with the work package it has gone to meanwhile', async () => {
    for (const name of ['Here', 'There', 'Away'])
      await api.create('/api/v3/projects', { name, identifier: name.toLowerCase() })
    const a = await api.create('/api/v3/projects/here/work_packages', { subject: 'a' })
    const b = await api.create('/api/v3/projects/there/work_packages', { subject: 'b' })
    const away = (await api.call('GET', '/api/v3/projects/away')).json<{ id: number }>().id
    const there = (await api.call('GET', '/api/v3/projects/there')).json<{ id: number }>().id
    for (let round = 0; round < 5; round += 1) {
      const logged = { hours: 'PT1H', spentOn: '2026-03-01', _links: { entity: link(`work_packages/${a.id}`) } }
      const entry = await api.create('/api/v3/time_entries', logged)
      const current = (await api.call('GET', `/api/v3/work_packages/${a.id}`)).json<{ lockVersion: number }>()
      const target = round % 2 === 0 ? 'away' : 'here'
      await Promise.all([
        api.call('PATCH', `/api/v3/time_entries/${entry.id}`, { _links: { entity: link(`work_packages/${b.id}`) } }),
        api.call('PATCH', `/api/v3/work_packages/${a.id}`, {
          lockVersion: current.lockVersion,
          _links: { project: link(`projects/${target}`) },
        }),
      ])
      const stored = await api.store.get('timeEntries', Number(entry.id))
      const home = stored?.workPackageId === Number(b.id) ? there : undefined
      if (home !== undefined) expect(stored?.projectId).toBe(home)
    }
    expect(away).not.toBe(there)
  })
})
