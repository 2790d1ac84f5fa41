import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Mutation } from '../../src/storage/store.ts'
import { asking, filters, type Listed } from './asking.ts'
import { addMember, beforeCommit, createTestUser, href, openTestApi, PROJECT_ADMIN } from './support.ts'
import type { Json, TestApi } from './support.ts'

const UNDISCLOSED = 'urn:openproject-org:api:v3:undisclosed'

describe('what is not seen', () => {
  let api: TestApi
  let mia: ReturnType<typeof asking>
  let vic: ReturnType<typeof asking>
  /** Ids: the member's project lies under a secret one and over another, work goes across. */
  const ids: Record<string, number> = {}

  beforeAll(async () => {
    api = await openTestApi()
    const project = async (name: string, parent?: number, rest: object = {}) =>
      (ids[name] = (
        await api.create('/api/v3/projects', {
          ...{ name, ...rest },
          ...(parent !== undefined && { _links: { parent: href(`projects/${parent}`) } }),
        })
      ).id)
    await project('top')
    await project('own', ids['top'])
    await project('below', ids['own'])
    await project('open', ids['below'], { public: true })
    await project('archived', undefined, { public: true, active: false })
    const work = async (name: string, at: string, parent?: string) =>
      (ids[name] = (
        await api.create(`/api/v3/projects/${at}/work_packages`, {
          subject: name,
          ...(parent && { _links: { parent: href(`work_packages/${ids[parent]}`) } }),
        })
      ).id)
    await work('above', 'top')
    await work('mine', 'own', 'above')
    await work('child', 'below', 'mine')
    await work('shown', 'open')
    for (const name of ['above', 'mine', 'child', 'shown']) {
      const _links = { entity: href(`work_packages/${ids[name]}`) }
      ids[`time ${name}`] = (
        await api.create('/api/v3/time_entries', { hours: 'PT1H', spentOn: '2026-03-01', _links })
      ).id
    }
    const [member, visitor] = [await createTestUser(api, 'mia'), await createTestUser(api, 'vic')]
    const other = await createTestUser(api, 'olga')
    Object.assign(ids, { mia: member.id, vic: visitor.id, olga: other.id })
    ids['membership'] = (await addMember(api, 'own', member.id)).id
    await addMember(api, 'top', other.id)
    mia = asking(api, member)
    vic = asking(api, visitor)
  })
  afterAll(() => api.close())

  const named = (...names: string[]) => names.map((name) => ids[name])

  it('is neither listed nor counted, whatever is asked', async () => {
    expect(await mia.ids('projects')).toEqual(named('own', 'open'))
    expect(await vic.ids('projects')).toEqual(named('open'))
    expect(await mia.ids('work_packages')).toEqual(named('mine', 'shown'))
    expect(await vic.ids('work_packages?filters=[]')).toEqual(named('shown'))
    expect(await mia.ids('time_entries')).toEqual(named('time mine', 'time shown'))
    expect(await vic.ids('time_entries')).toEqual(named('time shown'))
    for (const [path, name] of [
      ['work_packages', 'project'],
      ['time_entries', 'project'],
      ['projects', 'id'],
    ] as const) {
      expect(await mia.ids(`${path}?${filters(name, '=', [ids['top'], ids['below']])}`)).toEqual([])
      expect(await mia.get(`${path}?pageSize=0&${filters(name, '!', [99])}`)).toMatchObject({ total: 2 })
    }
    expect(await mia.ids(`time_entries?${filters('entity_id', '=', [ids['child']])}`)).toEqual([])
    expect(await mia.ids('memberships')).toEqual(named('membership'))
    expect(await vic.ids('memberships')).toEqual([])
  })

  it('is not there under its own path', async () => {
    for (const name of ['top', 'below', 'archived']) {
      expect([name, await mia.status(`projects/${name}`), await mia.status(`workspaces/${ids[name]}`)]).toEqual([
        ...[name, 404, 404],
      ])
    }
    for (const path of [`work_packages/${ids['above']}`, `time_entries/${ids['time child']}`, `users/${ids['olga']}`])
      expect([path, await mia.status(path)]).toEqual([path, 404])
    expect([await mia.status('users/olga'), await mia.status(`users/${ids['vic']}`)]).toEqual([404, 404])
  })

  it('is not told by links: parents are undisclosed, children are left out', async () => {
    const own = await mia.get('projects/own')
    expect(own._links).toMatchObject({
      parent: { href: UNDISCLOSED, title: expect.stringMatching(/^Undisclosed - /) as string },
      ancestors: [{ href: UNDISCLOSED }],
    })
    expect(own).not.toHaveProperty('_embedded.parent')
    const open = await mia.get('projects/open')
    expect((open._links['ancestors'] as unknown as { href: string }[]).map((link) => link.href)).toEqual([
      ...[UNDISCLOSED, `/api/v3/projects/${ids['own']}`, UNDISCLOSED],
    ])
    for (const work of [
      await mia.get(`work_packages/${ids['mine']}`),
      (await mia.get(`projects/own/work_packages`))._embedded.elements[0],
    ]) {
      expect(work?._links).toMatchObject({ parent: { href: UNDISCLOSED }, ancestors: [], children: [] })
      expect(work).not.toHaveProperty('_embedded.parent')
    }
    for (const body of [own, open, await mia.get(`time_entries/${ids['time mine']}`)])
      expect(JSON.stringify(body)).not.toMatch(/"(top|below|above|child)"/)
    expect((await api.call('GET', `/api/v3/work_packages/${ids['mine']}`)).json()).toMatchObject({
      _links: { parent: { title: 'above' }, ancestors: [{ title: 'above' }], children: [{ title: 'child' }] },
    })
  })

  it('cannot be referred to, and stays when it comes back undisclosed', async () => {
    const path = `work_packages/${ids['mine']}`
    const { lockVersion } = await mia.get(path)
    const parent = href(`work_packages/${ids['child']}`)
    const refused = await mia.call('PATCH', path, { lockVersion, _links: { parent } })
    expect([refused.statusCode, refused.json<Json>()['message']]).toEqual([422, 'Parent does not exist.'])
    const whole = await mia.get(path)
    const sent = await mia.call('PATCH', path, { ...whole, subject: 'mine still' })
    expect([sent.statusCode, sent.json<Json>()._links['parent']?.href]).toEqual([200, UNDISCLOSED])
    expect((await api.call('GET', `/api/v3/${path}`)).json()).toMatchObject({ _links: { parent: { title: 'above' } } })
    const moved = await mia.call('PATCH', path, {
      lockVersion: lockVersion + 1,
      _links: { project: href('projects/below') },
    })
    expect([moved.statusCode, moved.json<Json>()['message']]).toEqual([422, 'Project does not exist.'])
    const toOpen = { lockVersion: lockVersion + 1, _links: { project: href('projects/open') } }
    expect((await mia.call('PATCH', path, toOpen)).statusCode).toBe(403)
  })

  it('is not deleted along with what is above it', async () => {
    expect((await mia.call('DELETE', `work_packages/${ids['mine']}`)).statusCode).toBe(403)
    for (const name of ['mine', 'child'])
      expect((await api.call('GET', `/api/v3/work_packages/${ids[name]}`)).statusCode).toBe(200)
  })

  it('is all there is, for who sees no project at all', async () => {
    const alone = await openTestApi()
    await alone.create('/api/v3/projects', { name: 'Secret' })
    const sam = asking(alone, await createTestUser(alone, 'sam'))
    expect([await sam.status('work_packages'), await sam.ids('projects')]).toEqual([403, []])
    expect([await sam.ids('time_entries'), await sam.status('types')]).toEqual([[], 403])
    await alone.close()
  })
})

describe('what is asked for to find out', () => {
  let api: TestApi
  let mia: ReturnType<typeof asking>
  let paula: ReturnType<typeof asking>
  let nobody: ReturnType<typeof asking>
  const ids: Record<string, number> = {}

  beforeAll(async () => {
    api = await openTestApi()
    const { id: top } = await api.create('/api/v3/projects', { name: 'SECRET project' })
    const parent = href(`projects/${top}`)
    const { id: own } = await api.create('/api/v3/projects', { name: 'Own', _links: { parent } })
    const { id: above } = await api.create(`/api/v3/projects/${top}/work_packages`, { subject: 'SECRET work' })
    const links = { parent: href(`work_packages/${above}`) }
    const { id: mine } = await api.create('/api/v3/projects/own/work_packages', { subject: 'Mine', _links: links })
    const [member, admin, alone, stranger] = [
      await createTestUser(api, 'mia'),
      await createTestUser(api, 'paula'),
      await createTestUser(api, 'nobody'),
      await createTestUser(api, 'SECRET'),
    ]
    await addMember(api, 'own', member.id)
    await addMember(api, 'own', admin.id, PROJECT_ADMIN)
    Object.assign(ids, { top, own, above, mine, mia: member.id, stranger: stranger.id })
    mia = asking(api, member)
    paula = asking(api, admin)
    nobody = asking(api, alone)
  })
  afterAll(() => api.close())

  it.each([
    ['a work package', () => mia, () => `work_packages/${ids['mine']}`, { lockVersion: 0, subject: 'New' }],
    ['a project', () => paula, () => `projects/${ids['own']}`, { name: 'New' }],
  ])('the form of %s does not tell of its parent, and its payload is taken', async (_, who, path, body) => {
    const form = await who().call('POST', `${path()}/form`, body)
    expect(form.body).not.toContain('SECRET')
    const { payload } = form.json<Json>()._embedded
    expect((await who().call('PATCH', path(), payload)).statusCode).toBe(200)
  })

  it.each([
    ['a work package', () => mia, () => `work_packages/${ids['mine']}`, 'work_packages', 'above'],
    ['a project', () => paula, () => `projects/${ids['own']}`, 'projects', 'top'],
  ])('the parent of %s is not found by trying ids', async (_, who, path, namespace, hidden) => {
    const { lockVersion } = await who().get(path())
    const trying = async (method: string, where: string, id: number | undefined) => {
      const body = { lockVersion, _links: { parent: href(`${namespace}/${id}`) } }
      const answer = await who().call(method, where, body)
      const { message, _embedded } = answer.json<Json>()
      return [answer.statusCode, message, _embedded?.['validationErrors']]
    }
    for (const [method, where] of [
      ['POST', `${path()}/form`],
      ['PATCH', path()],
    ] as const) {
      const found = await trying(method, where, ids[hidden])
      expect(found).toEqual(await trying(method, where, 9_999))
      expect(JSON.stringify(found)).toContain('does not exist.')
    }
  })

  it.each([
    ['work_packages', 'assignee'],
    ['time_entries', 'user'],
  ])('the form of %s does not tell who somebody is', async (path, link) => {
    const _links = { [link]: href(`users/${ids['stranger']}`) }
    const form = await nobody.call('POST', `${path}/form`, { _links })
    expect([form.statusCode, form.body.includes('SECRET')]).toEqual([200, false])
  })

  it('the order of parents out of sight is that of none', async () => {
    const work = async (project: string, subject: string, parent?: number) => {
      const _links = parent === undefined ? {} : { parent: href(`work_packages/${parent}`) }
      return (await api.create(`/api/v3/projects/${project}/work_packages`, { subject, _links })).id
    }
    const seen = await work('own', 'Parent in sight')
    const [older, newer] = [await work(String(ids['top']), 'SECRET 1'), await work(String(ids['top']), 'SECRET 2')]
    const below = [await work('own', 'a', newer), await work('own', 'b', older), await work('own', 'c', seen)]
    const id = `filters=${encodeURIComponent(JSON.stringify([{ id: { operator: '=', values: below } }]))}`
    for (const direction of ['asc', 'desc'])
      expect(await mia.ids(`work_packages?${id}&sortBy=[["parent","${direction}"]]`)).toEqual([
        below[2],
        below[0],
        below[1],
      ])
    const all = await api.call('GET', `/api/v3/work_packages?${id}&sortBy=[["parent","asc"]]&select=elements/id`)
    const shown = all.json<Json>()._embedded.elements.map((element) => element.id)
    expect(shown).toEqual([below[2], below[1], below[0]])
  })

  it('people one does not know of are the same as nobody', async () => {
    const assigning = async (id: number) => {
      const body = { subject: 'x', _links: { assignee: href(`users/${id}`) } }
      const answer = await mia.call('POST', 'projects/own/work_packages', body)
      return [answer.statusCode, answer.json<Json>()['message']]
    }
    expect(await assigning(ids['stranger'] ?? 0)).toEqual(await assigning(9_999))
    for (const login of ['paula', 'SECRET', 'xyz'])
      expect([login, await mia.status(`users/${login}`)]).toEqual([login, 404])
    expect(await mia.status('users/mia')).toBe(200)
  })

  it.each(['parent', 'ancestor'])('the filter %s finds nothing below what is out of sight', async (name) => {
    const below = (id: number) =>
      `filters=${encodeURIComponent(JSON.stringify([{ [name]: { operator: '=', values: [String(id)] } }]))}`
    expect(await mia.ids(`work_packages?${below(ids['above'] ?? 0)}`)).toEqual([])
    expect(await mia.ids(`projects?${below(ids['top'] ?? 0)}`)).toEqual([])
  })

  it('the filter principal tells of whom one works with, and of nobody else', async () => {
    const { id: open } = await api.create('/api/v3/projects', { name: 'Open', public: true })
    await addMember(api, 'open', ids['stranger'] ?? 0)
    await addMember(api, 'open', ids['mia'] ?? 0)
    const of = (id: number | undefined) =>
      `projects?filters=${encodeURIComponent(JSON.stringify([{ principal: { operator: '=', values: [String(id)] } }]))}`
    expect(await mia.ids(of(ids['stranger']))).toEqual([open])
    expect(await mia.ids(of(ids['mia']))).toEqual([ids['own'], open])
    expect(await nobody.ids(of(ids['stranger']))).toEqual([])
    expect(await paula.ids(of(ids['mia']))).toEqual([ids['own']])
  })

  it('whether somebody is locked is told to administrators only', async () => {
    const { id } = await createTestUser(api, 'lola')
    await addMember(api, 'own', id)
    await api.call('POST', `/api/v3/users/${id}/lock`, {})
    const by = (operator: string, ...values: string[]) => `principals?${filters('status', operator, values)}`
    const told = async (path: string) => (await api.call('GET', `/api/v3/${path}`)).json<Listed>().total
    expect([await told(by('=', 'locked')), await told(by('=', '3'))]).toEqual([1, 1])
    const everybody = await mia.ids('principals')
    expect(everybody).toContain(id)
    for (const path of [by('!', 'locked'), by('!', '3'), by('=', 'active', 'locked')])
      expect(await mia.ids(path)).toEqual(everybody)
    for (const path of [by('=', 'locked'), by('=', '3'), by('!', 'active')]) expect(await mia.ids(path)).toEqual([])
    expect(await mia.status(by('=', 'asleep'))).toBe(400)
  })
})

describe('what is not one’s own to decide', () => {
  it('is where the time of others goes', async () => {
    const api = await openTestApi()
    const [mia, paul] = [await createTestUser(api, 'mia'), await createTestUser(api, 'paul')]
    for (const name of ['Here', 'There']) await api.create('/api/v3/projects', { name })
    await addMember(api, 'here', mia.id)
    await addMember(api, 'here', paul.id, PROJECT_ADMIN)
    await addMember(api, 'there', paul.id)
    const work = await api.create('/api/v3/projects/here/work_packages', { subject: 'Here' })
    const other = await api.create('/api/v3/projects/there/work_packages', { subject: 'There' })
    const entity = href(`work_packages/${work.id}`)
    const logged = await asking(api, mia).call('POST', 'time_entries', {
      hours: 'PT1H',
      spentOn: '2026-03-01',
      _links: { entity },
    })
    const path = `time_entries/${logged.json<Json>().id}`
    const move = () => asking(api, paul).call('PATCH', path, { _links: { entity: href(`work_packages/${other.id}`) } })
    expect((await move()).statusCode).toBe(403)
    await api.close()
  })

  it('is what stands above one’s own work where one only looks on', async () => {
    const api = await openTestApi()
    const vic = await createTestUser(api, 'vic')
    await api.create('/api/v3/projects', { name: 'Open', public: true })
    await api.create('/api/v3/projects', { name: 'Own' })
    await addMember(api, 'own', vic.id)
    const { id } = await api.create('/api/v3/projects/open/work_packages', { subject: 'Theirs' })
    const body = { subject: 'Mine', _links: { parent: href(`work_packages/${id}`) } }
    expect((await asking(api, vic).call('POST', 'projects/own/work_packages', body)).statusCode).toBe(403)
    await api.close()
  })

  it('is a deletion once the membership it rests on has ended', async () => {
    const state: { before?: (() => Promise<unknown>) | undefined } = {}
    const api = await openTestApi({}, { wrap: beforeCommit(state) })
    const mia = await createTestUser(api, 'mia')
    await api.create('/api/v3/projects', { name: 'Own' })
    for (const path of ['time_entries/1', 'work_packages/1']) {
      const { id } = await addMember(api, 'own', mia.id)
      if (path === 'time_entries/1') {
        await api.create('/api/v3/projects/own/work_packages', { subject: 'Work' })
        const _links = { entity: href('work_packages/1') }
        await asking(api, mia).call('POST', 'time_entries', { hours: 'PT1H', spentOn: '2026-03-01', _links })
      }
      state.before = () => api.call('DELETE', `/api/v3/memberships/${id}`)
      expect([path, (await asking(api, mia).call('DELETE', path)).statusCode]).toEqual([path, 403])
      expect((await api.call('GET', `/api/v3/${path}`)).statusCode).toBe(200)
    }
    await api.close()
  })
})

describe('a user of thousands of projects', () => {
  it('sees all of them, and what is in them', async () => {
    const api = await openTestApi()
    const user = await createTestUser(api, 'mia')
    const template = await api.store.get('projects', (await api.create('/api/v3/projects', { name: 'One' })).id)
    const work = await api.create('/api/v3/projects/one/work_packages', { subject: 'Here' })
    const workRow = await api.store.get('workPackages', work.id)
    if (!template || !workRow) throw new Error('the templates are there')
    const times = { createdAt: 0, updatedAt: 0 }
    const mutations = Array.from({ length: 6_000 }, (_, n): Mutation[] => {
      const projectId = api.store.allocateId('projects')
      const id = api.store.allocateId('memberships')
      const pair = `${projectId}/${user.id}`
      const membership = { id, projectId, userId: user.id, pair, isMember: true, isProjectAdmin: false, ...times }
      return [
        { op: 'insert', table: 'projects', row: { ...template, id: projectId, identifier: `p-${n}` } },
        {
          op: 'insert',
          table: 'workPackages',
          row: { ...workRow, id: api.store.allocateId('workPackages'), projectId },
        },
        ...(n < 3_000 ? [{ op: 'insert', table: 'memberships', row: membership } as const] : []),
      ]
    }).flat()
    await api.store.commit({ expect: [], mutations, events: [] })
    const mia = asking(api, user)
    for (const path of ['projects', 'work_packages', 'memberships'])
      expect([path, (await mia.get(`${path}?pageSize=20`)).total]).toEqual([path, 3_000])
    expect((await mia.get('work_packages?offset=150')).total).toBe(3_000)
    expect(await mia.status(`work_packages/${work.id}`)).toBe(404)
    await api.close()
  })
})
