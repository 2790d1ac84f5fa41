import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { renderDetails } from '../../src/api/v3/representers/journal-details.ts'
import type { Mutation } from '../../src/storage/store.ts'
import { addMember, createTestUser, href, openTestApi, PROJECT_ADMIN, type Json, type TestApi } from './support.ts'

let api: TestApi
let statusIds: Record<string, number>

beforeAll(async () => {
  api = await openTestApi()
  await api.create('/api/v3/projects', { name: 'Demo' })
  await api.create('/api/v3/projects', { name: 'Other' })
  await addMember(api, 'demo', 1)
  const statuses: Json = (await api.call('GET', '/api/v3/statuses')).json()
  statusIds = Object.fromEntries(statuses._embedded.elements.map((status) => [String(status['name']), status.id]))
})
afterAll(() => api.close())

type Activity = Json & { readonly details: { readonly format: string; readonly raw: string; readonly html: string }[] }

const work = (rest: object = {}) => api.create('/api/v3/projects/demo/work_packages', { subject: 'Work', ...rest })
const show = async (id: number): Promise<Json> => (await api.call('GET', `/api/v3/work_packages/${id}`)).json()
const post = (id: number | string, body: unknown) => api.call('POST', `/api/v3/work_packages/${id}/activities`, body)
const patch = (id: number, body: unknown) => api.call('PATCH', `/api/v3/activities/${id}`, body)
const comment = (id: number, raw: string, rest: object = {}) =>
  api.create(`/api/v3/work_packages/${id}/activities`, { comment: { raw }, ...rest })
const list = async (id: number): Promise<{ total: number; count: number; elements: Activity[] }> => {
  const body: Json = (await api.call('GET', `/api/v3/work_packages/${id}/activities`)).json()
  return { total: Number(body['total']), count: Number(body['count']), elements: body._embedded.elements as Activity[] }
}
const told = async (id: number) => (await list(id)).elements.map(({ details }) => details.map(({ raw }) => raw))

describe('what a write of a work package leaves', () => {
  it('is an activity with what it changed, by whom and when', async () => {
    const created = await work({ description: { raw: 'Text' } })
    const { id } = created
    api.clock.advance(1_000)
    const changed = await api.call('PATCH', `/api/v3/work_packages/${id}`, {
      lockVersion: 0,
      subject: 'Work & <more>',
      _links: { status: href(`statuses/${statusIds['In progress']}`), assignee: href('users/1') },
    })
    expect(changed.statusCode).toBe(200)
    const { elements, ...counts } = await list(id)
    expect(counts).toEqual({ total: 2, count: 2 })
    expect(elements[0]).toMatchObject({
      _type: 'Activity',
      version: 1,
      internal: false,
      createdAt: created['createdAt'],
    })
    expect(elements[0]?.details.map(({ raw }) => raw)).toEqual([
      'Type set to Task',
      'Project set to Demo',
      'Subject set to Work',
      'Description set',
      'Status set to New',
      'Priority set to Normal',
      'Author set to Nepenthes Admin',
    ])
    expect(elements[1]).toEqual({
      _type: 'Activity',
      id: elements[1]?.id,
      comment: { format: 'markdown', raw: '', html: '' },
      details: [
        {
          format: 'custom',
          raw: 'Subject changed from Work to Work & <more>',
          html: '<strong>Subject</strong> changed from <i>Work</i> to <i>Work &amp; &lt;more&gt;</i>',
        },
        {
          format: 'custom',
          raw: 'Status changed from New to In progress',
          html: '<strong>Status</strong> changed from <i>New</i> to <i>In progress</i>',
        },
        {
          format: 'custom',
          raw: 'Assignee set to Nepenthes Admin',
          html: '<strong>Assignee</strong> set to <i>Nepenthes Admin</i>',
        },
      ],
      version: 2,
      internal: false,
      createdAt: new Date(api.clock.now()).toISOString(),
      updatedAt: new Date(api.clock.now()).toISOString(),
      _links: {
        self: { href: `/api/v3/activities/${elements[1]?.id}` },
        workPackage: { href: `/api/v3/work_packages/${id}`, title: 'Work & <more>' },
        user: { href: '/api/v3/users/1', title: 'Nepenthes Admin' },
        update: { href: `/api/v3/activities/${elements[1]?.id}`, method: 'patch' },
      },
    })
  })

  it('tells every kind of change', async () => {
    const parent = await work({ subject: 'Parent' })
    const { id } = await work({ startDate: '2026-03-02', estimatedTime: 'PT8H', description: { raw: 'a' } })
    await api.call('PATCH', `/api/v3/work_packages/${id}`, {
      ...{ lockVersion: 0, startDate: null, dueDate: '2026-03-10', estimatedTime: 'P1DT2H', remainingTime: 'PT30M' },
      ...{ percentageDone: 20, scheduleManually: false, ignoreNonWorkingDays: true, description: { raw: 'b' } },
      _links: { parent: href(`work_packages/${parent.id}`), project: href('projects/other') },
    })
    await api.call('PATCH', `/api/v3/work_packages/${id}`, {
      ...{ lockVersion: 1, description: { raw: '' }, remainingTime: 'PT0S', scheduleManually: true },
      _links: { parent: { href: null } },
    })
    const [, second, third] = await told(id)
    expect(second).toEqual([
      'Project changed from Demo to Other',
      'Description changed',
      'Start date deleted (2026-03-02)',
      'Finish date set to 2026-03-10',
      `Parent set to #${parent.id}: Parent`,
      'Work changed from 8h to 26h',
      'Remaining work set to 30m',
      '% Complete set to 20%',
      'Manual scheduling deactivated',
      'Working days changed from working days only to include non-working days',
    ])
    expect(third).toEqual([
      'Description deleted',
      `Parent deleted (#${parent.id}: Parent)`,
      'Remaining work changed from 30m to 0h',
      'Manual scheduling activated',
    ])
    await api.call('DELETE', `/api/v3/work_packages/${parent.id}`)
    expect((await told(id))[2]).toContain(`Parent deleted (#${parent.id})`)
  })

  it('strikes out what is gone, and breaks the line of what is long', () => {
    const [gone] = renderDetails({ startDate: ['2026-03-02', null] }, () => '')
    expect(gone?.html).toBe('<strong>Start date</strong> deleted (<strike><i>2026-03-02</i></strike>)')
    const [long] = renderDetails({ subject: ['x'.repeat(100), 'y'] }, () => '')
    expect(long?.raw).toBe(`Subject changed from ${'x'.repeat(100)} \nto y`)
    expect(long?.html).toBe(`<strong>Subject</strong> changed from <i>${'x'.repeat(100)}</i> <br/>to <i>y</i>`)
  })

  it('is nothing when nothing changes, and nothing comes of logged time', async () => {
    const { id } = await work()
    await api.call('PATCH', `/api/v3/work_packages/${id}`, { lockVersion: 0, subject: 'Work' })
    const entity = href(`work_packages/${id}`)
    await api.create('/api/v3/time_entries', { hours: 'PT1H', spentOn: '2026-03-01', _links: { entity } })
    expect((await list(id)).total).toBe(1)
  })

  it('a comment given with a change is not read: it is no property of a work package', async () => {
    const { id } = await work()
    await api.call('PATCH', `/api/v3/work_packages/${id}`, { lockVersion: 0, subject: 'New', comment: { raw: 'Why' } })
    expect((await list(id)).elements.map((activity) => activity['_type'])).toEqual(['Activity', 'Activity'])
  })
})

describe('a comment', () => {
  it('is shown as it was answered, and by the links of the work package', async () => {
    const { id, _links: links } = await work()
    api.clock.advance(60_000)
    const created = await api.create(links['addComment']?.href ?? '', { comment: { raw: 'a <b>' } })
    expect(created).toMatchObject({
      _type: 'Activity::Comment',
      comment: { format: 'markdown', raw: 'a <b>', html: '<p class="op-uc-p">a &lt;b&gt;</p>' },
      details: [],
      version: 2,
      internal: false,
      _embedded: { workPackage: { _type: 'WorkPackage', id } },
    })
    expect((await api.call('GET', created._links['self']?.href ?? '')).json()).toEqual(created)
    const listed: Json = (await api.call('GET', links['activities']?.href ?? '')).json()
    const { _embedded: _whole, ...element } = created
    expect(listed._embedded.elements[1]).toEqual(element)
  })

  it('moves the time of the work package, not its lockVersion', async () => {
    const { id } = await work()
    api.clock.advance(60_000)
    await comment(id, 'Later')
    expect(await show(id)).toMatchObject({ lockVersion: 0, updatedAt: new Date(api.clock.now()).toISOString() })
    const changed = await api.call('PATCH', `/api/v3/work_packages/${id}`, { lockVersion: 0, subject: 'Still mine' })
    expect([changed.statusCode, changed.json<Json>().lockVersion]).toEqual([200, 1])
    expect((await list(id)).elements.map((activity) => activity['version'])).toEqual([1, 2, 3])
  })

  it('by fifty at once all get through, numbered without gaps, beside changes and logged time', async () => {
    const { id } = await work()
    const entity = href(`work_packages/${id}`)
    const answers = await Promise.all([
      ...Array.from({ length: 50 }, (_, n) => post(id, { comment: { raw: `${n}` } })),
      api.call('PATCH', `/api/v3/work_packages/${id}`, { lockVersion: 0, subject: 'Meanwhile' }),
      api.call('POST', '/api/v3/time_entries', { hours: 'PT1H', spentOn: '2026-03-01', _links: { entity } }),
    ])
    expect(answers.map((answer) => answer.statusCode)).toEqual([...Array.from({ length: 50 }, () => 201), 200, 201])
    const { elements } = await list(id)
    expect(elements.map((activity) => activity['version'])).toEqual(Array.from({ length: 52 }, (_, n) => n + 1))
    expect(new Set(elements.map((activity) => activity.id)).size).toBe(52)
  })

  it.each([
    ['nothing', {}, 422, "Comment can't be blank."],
    ['blank', { comment: { raw: ' \n' } }, 422, "Comment can't be blank."],
    ['null', { comment: null }, 422, "Comment can't be blank."],
    ['too long', { comment: { raw: 'x'.repeat(65_537) } }, 422, 'Comment is too long (maximum is 65536 characters).'],
    ['a number', { comment: { raw: 5 } }, 422, expect.stringContaining("Invalid format for property 'comment'")],
    [
      'internal by a word',
      { comment: { raw: 'x' }, internal: 'yes' },
      422,
      expect.stringContaining("Invalid format for property 'internal'"),
    ],
    ['no object', [], 400, 'The request body must be a JSON object.'],
  ])('that is %s is refused', async (_, body, status, message) => {
    const response = await post(1, body)
    expect([response.statusCode, response.json<Json>()['message']]).toEqual([status, message])
  })

  it('of nothing is not found', async () => {
    const statuses = [
      await post(9_999, { comment: { raw: 'x' } }),
      await post('x', { comment: { raw: 'x' } }),
      await api.call('GET', '/api/v3/work_packages/9999/activities'),
      await api.call('GET', '/api/v3/activities/9999'),
      await patch(9_999, { comment: { raw: 'x' } }),
    ].map((response) => response.statusCode)
    expect(statuses).toEqual([404, 404, 404, 404, 404])
  })

  it('is edited in place, said to a change too, and taken back', async () => {
    const { id } = await work()
    const { id: said, ...before } = await comment(id, 'First')
    const updatedAt = (await show(id))['updatedAt']
    api.clock.advance(5_000)
    const edited = await patch(said, { comment: { raw: 'Second' } })
    expect(edited.json()).toMatchObject({
      comment: { raw: 'Second' },
      version: 2,
      createdAt: before['createdAt'],
      updatedAt: new Date(api.clock.now()).toISOString(),
    })
    expect((await api.call('GET', `/api/v3/activities/${said}`)).json()).toEqual(edited.json())
    expect((await show(id))['updatedAt']).toBe(updatedAt)
    const [change] = (await list(id)).elements
    const explained = await patch(change?.id ?? 0, { comment: 'Because' })
    expect(explained.json()).toMatchObject({ _type: 'Activity::Comment', comment: { raw: 'Because' }, version: 1 })
    const taken = await patch(said, { comment: { raw: '' } })
    expect(taken.json()).toMatchObject({ comment: { raw: '_The changes were retracted._' }, details: [] })
    const same = await patch(said, {})
    expect([same.statusCode, same.json()]).toEqual([200, taken.json()])
  })

  it('goes with its work package, and leaves nothing', async () => {
    const { id } = await work()
    const { id: said } = await comment(id, 'Gone')
    expect((await api.call('DELETE', `/api/v3/work_packages/${id}`)).statusCode).toBe(204)
    expect((await api.call('GET', `/api/v3/activities/${said}`)).statusCode).toBe(404)
    expect((await stored(id)).total).toBe(0)
  })
})

const stored = (workPackageId: number) => {
  const where = [{ column: 'workPackageId', comparison: '=', value: workPackageId }] as const
  return api.store.list('journals', { where, orderBy: [], limit: 10_000, offset: 0 })
}

describe('the collections a work package links to', () => {
  it.each(['activities', 'relations', 'attachments'])(
    '%s answer, and are empty where nothing is kept',
    async (name) => {
      const { id, _links: links } = await work()
      const response = await api.call('GET', links[name]?.href ?? '')
      expect([response.statusCode, response.json<Json>()['_type']]).toEqual([200, 'Collection'])
      const count = name === 'activities' ? 1 : 0
      const self = { href: `/api/v3/work_packages/${id}/${name}` }
      expect(response.json()).toMatchObject({ total: count, count, _links: { self } })
      expect(response.json<Json>()._embedded.elements).toHaveLength(count)
    },
  )
})

describe('comments of several people', () => {
  it('are written by members, internal ones by who runs the project, who alone sees them', async () => {
    const project = await api.create('/api/v3/projects', { name: 'Shared' })
    const [mia, paul, leo] = [
      await createTestUser(api, 'mia'),
      await createTestUser(api, 'paul'),
      await createTestUser(api, 'leo'),
    ]
    await addMember(api, 'shared', mia.id)
    await addMember(api, 'shared', leo.id)
    await addMember(api, 'shared', paul.id, PROJECT_ADMIN)
    const { id } = await api.create(`/api/v3/projects/${project.id}/work_packages`, { subject: 'Work' })
    const path = `/api/v3/work_packages/${id}/activities`
    const say = (user: { token: string }, raw: string, internal = false) =>
      api.call('POST', path, { comment: { raw }, internal }, { token: user.token })
    const open = (await say(mia, 'For all')).json<Json>()
    const internal = (await say(paul, 'For us', true)).json<Json>()
    expect((await say(mia, 'Me too', true)).statusCode).toBe(403)
    const seen = async (user: { token: string }) => {
      const answer = (await api.call('GET', path, undefined, { token: user.token })).json<Json>()
      return [answer['total'], ...answer._embedded.elements.map((one) => (one['comment'] as { raw: string }).raw)]
    }
    expect(await seen(mia)).toEqual([2, '', 'For all'])
    expect(await seen(paul)).toEqual([3, '', 'For all', 'For us'])
    const edit = async (user: { token: string }, one: Json) =>
      (await api.call('PATCH', `/api/v3/activities/${one.id}`, { comment: { raw: 'x' } }, { token: user.token }))
        .statusCode
    expect([await edit(mia, open), await edit(leo, open), await edit(paul, open)]).toEqual([200, 403, 200])
    expect([await edit(mia, internal), await edit(paul, internal)]).toEqual([404, 200])
  })

  it('name nothing that is out of sight', async () => {
    const user = await createTestUser(api, 'nora')
    for (const name of ['Seen', 'Unseen']) await api.create('/api/v3/projects', { name })
    await addMember(api, 'seen', user.id)
    const hidden = await api.create('/api/v3/projects/unseen/work_packages', { subject: 'Nobody knows' })
    const { id } = await api.create('/api/v3/projects/unseen/work_packages', { subject: 'Comes along' })
    const links = { project: href('projects/seen'), parent: href(`work_packages/${hidden.id}`) }
    await api.call('PATCH', `/api/v3/work_packages/${id}`, { lockVersion: 0, _links: links })
    const answer = await api.call('GET', `/api/v3/work_packages/${id}/activities`, undefined, { token: user.token })
    expect(answer.statusCode).toBe(200)
    expect(answer.body).toContain('Project changed from (undisclosed) to Seen')
    expect(answer.body).not.toContain('Unseen')
    expect(answer.body).not.toContain('Nobody knows')
    const orphan = { lockVersion: 1, _links: { parent: { href: null } } }
    expect((await api.call('PATCH', `/api/v3/work_packages/${id}`, orphan)).statusCode).toBe(200)
    const before = await api.call('GET', `/api/v3/work_packages/${id}/activities`, undefined, { token: user.token })
    expect((await api.call('DELETE', `/api/v3/work_packages/${hidden.id}`)).statusCode).toBe(204)
    const after = await api.call('GET', `/api/v3/work_packages/${id}/activities`, undefined, { token: user.token })
    expect(after.body).toBe(before.body)
    const told = await api.call('GET', `/api/v3/work_packages/${id}/activities`)
    expect(told.body).toContain(`Parent deleted (#${hidden.id})`)
  })
})

describe('thousands of activities', () => {
  /** Journals as a long life would have left them. */
  async function longLived(notes: string, count: number): Promise<number> {
    const { id } = await work()
    const [first] = (await stored(id)).rows
    const mutations = Array.from({ length: count }, (_, n): Mutation[] =>
      first
        ? [
            {
              op: 'insert',
              table: 'journals',
              row: { ...first, id: api.store.allocateId('journals'), version: n + 2, notes },
            },
          ]
        : [],
    )
    await api.store.commit({ expect: [], mutations: mutations.flat(), events: [] })
    return id
  }

  it('are shown by the latest thousand, and counted whole', async () => {
    const { total, count, elements } = await list(await longLived('x', 2_499))
    expect([total, count, elements.length]).toEqual([2_500, 1_000, 1_000])
    expect([elements[0]?.['version'], elements.at(-1)?.['version']]).toEqual([1_501, 2_500])
  })

  it('are fewer when they are long', async () => {
    const { total, count } = await list(await longLived('x'.repeat(100_000), 250))
    expect([total, count]).toEqual([251, 100])
  })

  it('go with their work package', async () => {
    const id = await longLived('x', 1_700)
    expect((await api.call('DELETE', `/api/v3/work_packages/${id}`)).statusCode).toBe(204)
    expect((await stored(id)).total).toBe(0)
  })
})
