import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { href, openTestApi, type Json, type TestApi } from './support.ts'

let api: TestApi

beforeAll(async () => {
  api = await openTestApi()
  await api.create('/api/v3/projects', { name: 'Demo' })
  await api.create('/api/v3/projects', { name: 'Other' })
  await api.create('/api/v3/projects/demo/work_packages', { subject: 'Work' })
})
afterAll(() => api.close())

const entity = href('work_packages/1')
const valid = { hours: 'PT1H30M', spentOn: '2026-03-01', _links: { entity } }
const post = (body: unknown) => api.call('POST', '/api/v3/time_entries', body)
const messages = (body: Json): unknown[] => {
  const errors = (body._embedded as unknown as { errors?: Json[] } | undefined)?.errors
  return (errors ?? [body]).map((error) => error['message'])
}

describe('logging time', () => {
  it('fills in the project and the user, and shows the same afterwards', async () => {
    const body = {
      ...valid,
      comment: { raw: 'a <b>' },
      _links: { entity, activity: href('time_entries/activities/3') },
    }
    const created = await api.create('/api/v3/time_entries', body)
    expect(created).toMatchObject({
      _type: 'TimeEntry',
      ongoing: false,
      hours: 'PT1H30M',
      spentOn: '2026-03-01',
      comment: { format: 'plain', raw: 'a <b>', html: '<p>a &lt;b&gt;</p>' },
      _embedded: {
        project: { name: 'Demo' },
        entity: { subject: 'Work' },
        workPackage: { subject: 'Work' },
        user: { login: 'admin' },
        activity: { _type: 'TimeEntriesActivity', name: 'Development', default: true },
      },
    })
    expect(created._links).toMatchObject({
      project: { title: 'Demo' },
      entity: { href: '/api/v3/work_packages/1', title: 'Work' },
      workPackage: { href: '/api/v3/work_packages/1', title: 'Work' },
      user: { title: 'Nepenthes Admin' },
      activity: { href: '/api/v3/time_entries/activities/3', title: 'Development' },
    })
    expect((await api.call('GET', `/api/v3/time_entries/${created.id}`)).json()).toEqual(created)
  })

  it('reads the older name of the work package link, and adds up', async () => {
    const workPackage = await api.create('/api/v3/projects/demo/work_packages', { subject: 'Summed' })
    const link = href(`work_packages/${workPackage.id}`)
    for (const hours of ['PT30M', 'PT45M'])
      await api.create('/api/v3/time_entries', { ...valid, hours, _links: { workPackage: link } })
    expect((await api.call('GET', link.href)).json()).toMatchObject({ spentTime: 'PT1H15M' })
    const third = await api.create('/api/v3/time_entries', { ...valid, hours: 'PT15M', _links: { workPackage: link } })
    expect(third._embedded['entity']).toMatchObject({ spentTime: 'PT1H30M' })
    await api.call('PATCH', `/api/v3/time_entries/${third.id}`, { hours: 'PT1H' })
    expect((await api.call('GET', link.href)).json()).toMatchObject({ spentTime: 'PT2H15M' })
    await api.call('DELETE', `/api/v3/time_entries/${third.id}`)
    expect((await api.call('GET', link.href)).json()).toMatchObject({ spentTime: 'PT1H15M' })
  })

  it('shows the work package as it is by then, whatever of it has changed since the last entry', async () => {
    const { id } = await api.create('/api/v3/projects/demo/work_packages', { subject: 'Changing' })
    const path = `/api/v3/work_packages/${id}`
    const change = async (body: object, of = path) => {
      const { lockVersion } = (await api.call('GET', of)).json<{ lockVersion?: number }>()
      const changed = await api.call('PATCH', of, { lockVersion, ...body })
      expect(changed.statusCode, changed.body).toBe(200)
    }
    const changes = [
      () => change({ subject: 'Says "spentTime":"PT9H", itself' }),
      () => change({ description: { raw: '{"spentTime":"P1D","x":1}' } }),
      () => change({ _links: { status: href('statuses/4') } }),
      () => change({ _links: { type: href('types/2') } }),
      () => change({ name: 'Renamed' }, '/api/v3/projects/demo'),
      () => change({ firstName: 'Renamed' }, '/api/v3/users/1'),
      () =>
        api.create('/api/v3/projects/demo/work_packages', {
          subject: 'Child',
          _links: { parent: href(`work_packages/${id}`) },
        }),
      () => change({ _links: { parent: href('work_packages/1') } }),
      () => change({ subject: 'The parent' }, '/api/v3/work_packages/1'),
      () => change({ _links: { project: href('projects/other') } }),
    ]
    for (const [i, make] of changes.entries()) {
      await make()
      const entry = await api.create('/api/v3/time_entries', { ...valid, _links: { entity: { href: path } } })
      const { _embedded, ...alone } = (await api.call('GET', path)).json<Json>()
      const { entity: twin, workPackage } = entry._embedded as unknown as Record<string, Json>
      const links = Object.fromEntries(Object.keys(twin?._links ?? {}).map((name) => [name, alone._links[name]]))
      expect(twin, `change ${i}`).toEqual({ ...alone, _links: links })
      expect(workPackage).toEqual(twin)
      expect(twin).toMatchObject({ spentTime: `PT${Math.floor((i + 1) * 1.5)}H${i % 2 === 0 ? '30M' : ''}` })
    }
  })

  it.each([
    [{ ...valid, hours: null }, ["Hours can't be blank."]],
    [{ ...valid, spentOn: null }, ["Date can't be blank."]],
    [{ hours: 'PT1H', spentOn: '2026-03-01' }, ["Logged for can't be blank."]],
    [{}, ["Logged for can't be blank.", "Date can't be blank.", "Hours can't be blank."]],
    [{ ...valid, comment: { raw: 'x'.repeat(1001) } }, ['Comment is too long (maximum is 1000 characters).']],
    [{ ...valid, hours: '-PT1H' }, [expect.stringMatching(/^Invalid format for property 'hours'/) as string]],
    [{ ...valid, _links: { entity: href('work_packages/99') } }, ['Logged for does not exist.']],
    [{ ...valid, _links: { entity, user: href('users/99') } }, ['User does not exist.']],
    [
      { ...valid, _links: { entity, activity: href('time_entries/activities/99') } },
      ['Activity is not set to one of the allowed values.'],
    ],
    [
      { ...valid, _links: { entity, project: href('projects/other') } },
      ['Project must be the one of the work package.'],
    ],
    [
      { ...valid, _links: { entity, activity: href('priorities/1') } },
      [
        "For property 'activity' a link like '/api/v3/time_entries/activities/:id' is expected, but got '/api/v3/priorities/1'.",
      ],
    ],
  ])('refuses %j', async (body, expected) => {
    const response = await post(body)
    expect(response.statusCode).toBe(422)
    expect(messages(response.json())).toEqual(expected)
  })

  it('allows one running timer, which lists hide unless asked for', async () => {
    const timer = { ongoing: true, spentOn: '2026-03-01', _links: { entity } }
    const running = await api.create('/api/v3/time_entries', timer)
    expect(running).toMatchObject({ ongoing: true, hours: null })
    expect(messages((await post(timer)).json())).toEqual(['An ongoing time entry already exists.'])
    const ids = async (query: string) => {
      const body: Json = (await api.call('GET', `/api/v3/time_entries?pageSize=-1${query}`)).json()
      return body._embedded.elements.map((element) => element.id)
    }
    expect(await ids('')).not.toContain(running.id)
    for (const name of ['ongoing', 'ongoing_id']) {
      const ongoing = encodeURIComponent(`[{"${name}":{"operator":"=","values":["t"]}}]`)
      expect(await ids(`&filters=${ongoing}`)).toEqual([running.id])
    }
    const stopped = await api.call('PATCH', `/api/v3/time_entries/${running.id}`, { ongoing: false, hours: 'PT2H' })
    expect(stopped.json()).toMatchObject({ ongoing: false, hours: 'PT2H' })
    expect(await ids('')).toContain(running.id)
  })
})

describe('changing and listing', () => {
  it('changes what is given, without a version', async () => {
    const { id } = await api.create('/api/v3/time_entries', valid)
    const changed = await api.call('PATCH', `/api/v3/time_entries/${id}`, {
      comment: { raw: 'later' },
      spentOn: '2026-03-03',
    })
    expect(changed.json()).toMatchObject({ comment: { raw: 'later' }, spentOn: '2026-03-03', hours: 'PT1H30M' })
    expect((await api.call('PATCH', '/api/v3/time_entries/999', {})).statusCode).toBe(404)
    expect((await api.call('DELETE', '/api/v3/time_entries/x')).statusCode).toBe(404)
  })

  it('by two at once, on different properties, keeps both changes', async () => {
    const { id } = await api.create('/api/v3/time_entries', valid)
    const path = `/api/v3/time_entries/${id}`
    const answers = await Promise.all([
      api.call('PATCH', path, { comment: { raw: 'both' } }),
      api.call('PATCH', path, { hours: 'PT7H' }),
      api.call('PATCH', path, { spentOn: '2026-03-07' }),
    ])
    expect(answers.map((answer) => answer.statusCode)).toEqual([200, 200, 200])
    expect((await api.call('GET', path)).json()).toMatchObject({
      comment: { raw: 'both' },
      hours: 'PT7H',
      spentOn: '2026-03-07',
    })
  })

  it.each([
    ['entity_id', '=', ['1']],
    ['workPackage', '=', ['1']],
    ['user', '=', ['me']],
    ['spent_on', '<>d', ['2026-03-07', '']],
  ])('filters by %s', async (name, operator, values) => {
    const filters = encodeURIComponent(
      JSON.stringify([{ [name]: { operator, values } }, { entity_type: { operator: '=', values: ['WorkPackage'] } }]),
    )
    const body: Json & { total: number } = (
      await api.call('GET', `/api/v3/time_entries?filters=${filters}&sortBy=[["hours","desc"]]`)
    ).json()
    expect(body.total).toBeGreaterThan(0)
    expect(body._embedded.elements[0]?.['hours']).toBe('PT7H')
  })
})
