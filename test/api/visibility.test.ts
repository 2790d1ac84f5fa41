import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { ApiStore } from '../../src/api/context.ts'
import type { PendingDelivery } from '../../src/storage/records.ts'
import type { Mutation, WriteSet } from '../../src/storage/store.ts'
import { addMember, createTestUser, href, MEMBER, openTestApi, overriding, PROJECT_ADMIN } from './support.ts'
import { withoutWatching } from './support.ts'
import type { Json, TestApi, TestUser } from './support.ts'

const UNDISCLOSED = 'urn:openproject-org:api:v3:undisclosed'

type Listed = Json & { total: number }
const filters = (name: string, operator: string, values: unknown[] = []) =>
  `filters=${encodeURIComponent(JSON.stringify([{ [name]: { operator, values } }]))}`

/** What the user gets of a path. */
function asking(api: TestApi, { token }: TestUser) {
  const call = (method: string, path: string, body?: unknown) => api.call(method, `/api/v3/${path}`, body, { token })
  return {
    call,
    get: async (path: string): Promise<Listed> => (await call('GET', path)).json(),
    status: async (path: string) => (await call('GET', path)).statusCode,
    ids: async (path: string) => {
      const body: Listed = (await call('GET', path)).json()
      expect(body.total).toBe(body._embedded.elements.length)
      return body._embedded.elements.map((element) => element.id)
    },
  }
}

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
    const wrap = (store: ApiStore) =>
      overriding(store, {
        async commit(write) {
          const { before } = state
          delete state.before
          await before?.()
          return store.commit(write)
        },
      })
    const api = await openTestApi({}, { wrap })
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

describe('the links of actions', () => {
  const ACTIONS = [
    ...['update', 'updateImmediately', 'delete', 'createWorkPackage', 'createWorkPackageImmediately', 'memberships'],
    ...['logTime', 'addChild', 'changeParent', 'createWorkPackageImmediate', 'createTimeEntryImmediately', 'lock'],
  ]
  let api: TestApi
  const users: Record<string, TestUser> = {}
  let time: Record<string, number>

  beforeAll(async () => {
    api = await openTestApi()
    await api.create('/api/v3/projects', { name: 'Open', public: true })
    await api.create('/api/v3/projects/open/work_packages', { subject: 'Work' })
    for (const login of ['pam', 'mia', 'vic']) users[login] = await createTestUser(api, login)
    users['admin'] = await createTestUser(api, 'root', { admin: true })
    await addMember(api, 'open', users['pam']?.id ?? 0, PROJECT_ADMIN)
    await addMember(api, 'open', users['mia']?.id ?? 0)
    const body = { hours: 'PT1H', spentOn: '2026-03-01', _links: { entity: href('work_packages/1') } }
    const { token = '' } = users['mia'] ?? {}
    const own = await api.call('POST', '/api/v3/time_entries', body, { token })
    time = { own: own.json<Json>().id, other: (await api.create('/api/v3/time_entries', body)).id }
  })
  afterAll(() => api.close())

  const changes = ['update', 'updateImmediately', 'delete']
  const work = [...changes, 'logTime', 'addChild', 'changeParent']
  const create = ['createWorkPackage', 'createWorkPackageImmediately', 'memberships']
  it.each<[path: () => string, links: Record<string, string[]>]>([
    [
      () => 'projects/open',
      { admin: [...create, ...changes], pam: [...create, 'update', 'updateImmediately'], mia: create, vic: [] },
    ],
    [() => 'work_packages/1', { admin: work, pam: work, mia: work, vic: [] }],
    [() => `time_entries/${time['own']}`, { admin: changes, pam: changes, mia: changes, vic: [] }],
    [() => `time_entries/${time['other']}`, { admin: changes, pam: changes, mia: [], vic: [] }],
    [
      () => 'work_packages',
      {
        admin: ['createWorkPackage', 'createWorkPackageImmediate'],
        mia: ['createWorkPackage', 'createWorkPackageImmediate'],
        vic: [],
      },
    ],
    [() => 'time_entries', { pam: ['createTimeEntryImmediately'], vic: [] }],
    [() => 'memberships/2', { admin: changes, pam: changes, mia: [] }],
    [
      () => 'users/me',
      { admin: ['memberships', 'updateImmediately', 'lock', 'delete'], mia: ['memberships', 'updateImmediately'] },
    ],
  ])('appear for who may follow them (%#)', async (path, links) => {
    for (const [login, expected] of Object.entries(links)) {
      const user = users[login] ?? { id: 0, token: '' }
      const body: Json = await asking(api, user).get(path())
      const shown = Object.keys(body._links).filter((name) => ACTIONS.includes(name))
      expect([login, shown.sort()]).toEqual([login, [...expected].sort()])
    }
  })
})

describe('a change of what somebody may do', () => {
  let api: TestApi | undefined
  afterEach(() => api?.close())

  /** A private project with one work package, and a user who is nothing there; `before` runs ahead of the next commit. */
  async function scene() {
    const state: { before?: () => Promise<unknown>; writes: WriteSet[] } = { writes: [] }
    const wrap = (store: ApiStore) =>
      overriding(store, {
        async commit(write) {
          const { before } = state
          delete state.before
          await before?.()
          state.writes.push(write)
          return store.commit(write)
        },
      })
    const opened = (api = await openTestApi(
      { webhooks: [{ name: 'all', events: ['work_package:updated'] }] },
      { wrap },
    ))
    await opened.create('/api/v3/projects', { name: 'Secret' })
    await opened.create('/api/v3/projects/secret/work_packages', { subject: 'Work' })
    const user = await createTestUser(opened, 'mia')
    return { api: opened, user, mia: asking(opened, user), state }
  }

  it('is in force with the next request', async () => {
    const { api, user, mia } = await scene()
    const seen = async () => [await mia.status('work_packages/1'), (await mia.get('projects')).total]
    const change = async (method: string, path: string, body?: object) =>
      expect((await api.call(method, `/api/v3/${path}`, body)).statusCode).toBeLessThan(300)
    expect(await seen()).toEqual([404, 0])
    const { id } = await addMember(api, 'secret', user.id)
    expect(await seen()).toEqual([200, 1])
    const may = async () => Object.keys((await mia.get('projects/secret'))._links).includes('updateImmediately')
    expect([await may(), (await mia.call('PATCH', 'projects/secret', { name: 'X' })).statusCode]).toEqual([false, 403])
    await change('PATCH', `memberships/${id}`, { _links: { roles: [MEMBER, PROJECT_ADMIN] } })
    expect([await may(), (await mia.call('PATCH', 'projects/secret', { name: 'X' })).statusCode]).toEqual([true, 200])
    await change('DELETE', `memberships/${id}`)
    expect(await seen()).toEqual([404, 0])
    await change('PATCH', 'projects/secret', { public: true })
    expect([await seen(), await may()]).toEqual([[200, 1], false])
    await change('PATCH', 'projects/secret', { active: false })
    expect(await seen()).toEqual([404, 0])
    await change('PATCH', `users/${user.id}`, { admin: true })
    expect([await seen(), await may()]).toEqual([[200, 1], true])
  })

  it('in the middle of a write is decided by the store: the write is refused, and nothing of it is kept', async () => {
    const { api, user, mia, state } = await scene()
    const { id } = await addMember(api, 'secret', user.id)
    state.before = () => api.call('DELETE', `/api/v3/memberships/${id}`)
    const answer = await mia.call('PATCH', 'work_packages/1', { lockVersion: 0, subject: 'Late' })
    expect(answer.statusCode).toBe(404)
    expect((await api.call('GET', '/api/v3/work_packages/1')).json()).toMatchObject({ subject: 'Work', lockVersion: 0 })
    const again = await addMember(api, 'secret', user.id, PROJECT_ADMIN)
    state.before = () => api.call('PATCH', `/api/v3/memberships/${again.id}`, { _links: { roles: [MEMBER] } })
    expect((await mia.call('PATCH', 'projects/secret', { name: 'Late' })).statusCode).toBe(403)
    expect((await api.call('GET', '/api/v3/projects/secret')).json()).toMatchObject({ name: 'Secret' })
  })

  it('keeps work from being given to who has just left', async () => {
    const { api, user, state } = await scene()
    const { id } = await addMember(api, 'secret', user.id)
    state.before = () => api.call('DELETE', `/api/v3/memberships/${id}`)
    const assigned = { lockVersion: 0, _links: { assignee: href(`users/${user.id}`) } }
    const answer = await api.call('PATCH', '/api/v3/work_packages/1', assigned)
    expect([answer.statusCode, answer.json<Json>()['message']]).toEqual([
      422,
      "The chosen user is not allowed to be 'Assignee' for this work package.",
    ])
  })

  it('by work that moves out of sight while time is logged on it keeps the time away', async () => {
    const state: { afterRead?: () => Promise<unknown> } = {}
    const wrap = (store: ApiStore) =>
      overriding(store, {
        async get(table, id) {
          const row = await store.get(table, id)
          const { afterRead } = state
          if (table !== 'workPackages' || !afterRead) return row
          delete state.afterRead
          await afterRead()
          return row
        },
      })
    const opened = (api = await openTestApi({}, { wrap }))
    for (const name of ['Here', 'Away']) await opened.create('/api/v3/projects', { name })
    await opened.create('/api/v3/projects/here/work_packages', { subject: 'Work' })
    const user = await createTestUser(opened, 'mia')
    await addMember(opened, 'here', user.id)
    const away = { lockVersion: 0, _links: { project: href('projects/away') } }
    state.afterRead = () => opened.call('PATCH', '/api/v3/work_packages/1', away)
    const _links = { entity: href('work_packages/1') }
    const time = { hours: 'PT1H', spentOn: '2026-03-01', _links }
    expect((await asking(opened, user).call('POST', 'time_entries', time)).statusCode).toBe(422)
    expect((await opened.call('GET', '/api/v3/time_entries')).json()).toMatchObject({ total: 0 })
  })

  it('keeps who is deleted meanwhile from becoming a member', async () => {
    const { api, user, state } = await scene()
    state.before = () => api.call('DELETE', `/api/v3/users/${user.id}`)
    const _links = { project: href('projects/secret'), principal: href(`users/${user.id}`), roles: [MEMBER] }
    const answer = await api.call('POST', '/api/v3/memberships', { _links })
    expect([answer.statusCode, answer.json<Json>()['message']]).toEqual([422, 'User cannot be assigned to a project.'])
    expect(await api.store.find('memberships', 'pair', `1/${user.id}`)).toBeUndefined()
  })

  it('to a login that is taken meanwhile is told so', async () => {
    const { api, user, state } = await scene()
    state.before = () => createTestUser(api, 'Wanted')
    const answer = await api.call('PATCH', `/api/v3/users/${user.id}`, { login: 'wanted' })
    expect([answer.statusCode, answer.json<Json>()['message']]).toEqual([422, 'Username has already been taken.'])
  })

  it('leaves work with whom it was given to', async () => {
    const { api, user } = await scene()
    const { id } = await addMember(api, 'secret', user.id)
    const assigned = { lockVersion: 0, _links: { assignee: href(`users/${user.id}`) } }
    await api.call('PATCH', '/api/v3/work_packages/1', assigned)
    await api.call('DELETE', `/api/v3/memberships/${id}`)
    const whole: Json = (await api.call('GET', '/api/v3/work_packages/1')).json()
    expect(whole._links['assignee']?.title).toBe('mia Doe')
    expect((await api.call('PATCH', '/api/v3/work_packages/1', { ...whole, subject: 'Still' })).statusCode).toBe(200)
  })

  it('never shows in an event: receivers get what administrators see', async () => {
    const { api, user, mia } = await scene()
    const deliveries: PendingDelivery[] = []
    api.store.onDeliveries((some) => deliveries.push(...some))
    await addMember(api, 'secret', user.id)
    await mia.call('PATCH', 'work_packages/1', { lockVersion: 0, subject: 'By a member' })
    const { work_package } = JSON.parse(deliveries[0]?.body ?? 'null') as { work_package: Json }
    expect(work_package).toEqual(withoutWatching((await api.call('GET', '/api/v3/work_packages/1')).json<Json>()))
    expect(work_package._embedded['author']).toMatchObject({ login: 'admin' })
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
