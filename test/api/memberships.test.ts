import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  addMember,
  createTestUser,
  href,
  MEMBER,
  openTestApi,
  PROJECT_ADMIN,
  type Json,
  type TestApi,
} from './support.ts'

let api: TestApi
let ann: number
let bea: number

beforeAll(async () => {
  api = await openTestApi()
  for (const name of ['One', 'Two']) await api.create('/api/v3/projects', { name })
  ann = (await createTestUser(api, 'ann')).id
  bea = (await createTestUser(api, 'bea')).id
})
afterAll(() => api.close())

const links = (project: string, user: number, ...roles: object[]) => ({
  _links: { project: href(`projects/${project}`), principal: href(`users/${user}`), roles },
})
const post = (body: object) => api.call('POST', '/api/v3/memberships', body)

describe('a membership', () => {
  it('is created, shown, changed and ended', async () => {
    const created = await api.create('/api/v3/memberships', links('one', ann, MEMBER))
    const path = `/api/v3/memberships/${created.id}`
    expect(created).toMatchObject({
      _type: 'Membership',
      createdAt: '2026-03-01T12:00:00.000Z',
      _embedded: {
        project: { name: 'One' },
        principal: { login: 'ann' },
        roles: [{ _type: 'Role', id: 1, name: 'Member' }],
      },
      _links: {
        self: { href: path, title: 'ann Doe' },
        project: { href: '/api/v3/projects/1', title: 'One' },
        principal: { href: `/api/v3/users/${ann}`, title: 'ann Doe' },
        roles: [{ href: '/api/v3/roles/1', title: 'Member' }],
      },
    })
    expect((await api.call('GET', path)).json()).toEqual(created)
    expect((await api.call('PATCH', path, created)).json()).toEqual(created)
    api.clock.advance(1_000)
    const changed = await api.call('PATCH', path, { _links: { roles: [PROJECT_ADMIN, MEMBER, MEMBER] } })
    expect(changed.json()).toMatchObject({
      updatedAt: new Date(api.clock.now()).toISOString(),
      _links: { roles: [{ title: 'Member' }, { title: 'Project admin' }] },
    })
    expect((await api.call('DELETE', path)).statusCode).toBe(204)
    for (const method of ['GET', 'DELETE']) expect((await api.call(method, path)).statusCode).toBe(404)
  })

  it.each<[name: string, body: () => object, messages: string[]]>([
    ['nothing', () => ({}), ["Project can't be blank.", "User can't be blank.", 'Roles need to be assigned.']],
    ['no roles', () => links('one', bea), ['Roles need to be assigned.']],
    ['another role', () => links('one', bea, href('roles/3')), ['Roles has an unassignable role.']],
    [
      'a role that is none',
      () => links('one', bea, href('users/1')),
      [expect.stringMatching(/^For property 'roles'/) as string],
    ],
    ['a project that is not there', () => links('nope', bea, MEMBER), ['Project does not exist.']],
    ['a user that is not there', () => links('one', 999, MEMBER), ['User does not exist.']],
  ])('is refused with %s', async (_, body, messages) => {
    const response = await post(body())
    const answer: Json = response.json()
    const errors = (answer._embedded as unknown as { errors?: Json[] }).errors ?? [answer]
    expect([response.statusCode, errors.map((error) => error['message'])]).toEqual([422, messages])
  })

  it('is refused for a user who is locked', async () => {
    const { id } = await createTestUser(api, 'lou')
    await api.call('POST', `/api/v3/users/${id}/lock`, {})
    expect((await post(links('one', id, MEMBER))).json()).toMatchObject({
      message: 'User cannot be assigned to a project.',
    })
  })

  it('there is one of a user in a project, however many are asked for at once', async () => {
    const { id } = await createTestUser(api, 'uma')
    const answers = await Promise.all(Array.from({ length: 5 }, () => post(links('one', id, MEMBER))))
    expect(answers.map((answer) => answer.statusCode).sort()).toEqual([201, 422, 422, 422, 422])
    expect((await post(links('one', id, PROJECT_ADMIN))).json()).toMatchObject({
      message: 'User has already been taken.',
    })
    expect((await post(links('two', id, MEMBER))).statusCode).toBe(201)
  })

  it('stays where it is and whose it is', async () => {
    const { id } = await addMember(api, 'one', bea)
    for (const _links of [
      { project: href('projects/two') },
      { principal: href(`users/${ann}`) },
      { project: { href: null } },
    ]) {
      const response = await api.call('PATCH', `/api/v3/memberships/${id}`, { _links })
      expect([response.statusCode, String(response.json<Json>()['errorIdentifier']).replace(/.*:/, '')]).toEqual([
        ...[422, 'PropertyIsReadOnly'],
      ])
    }
    const same = { _links: { project: href('workspaces/one'), principal: href(`users/${bea}`) } }
    expect((await api.call('PATCH', `/api/v3/memberships/${id}`, same)).statusCode).toBe(200)
  })

  it('goes with its project', async () => {
    const project = await api.create('/api/v3/projects', { name: 'Doomed' })
    const { id } = await addMember(api, 'doomed', ann)
    expect((await api.call('DELETE', `/api/v3/projects/${project.id}`)).statusCode).toBe(204)
    expect(await api.store.get('memberships', id)).toBeUndefined()
  })
})

describe('a project admin', () => {
  it('brings in anybody, in its own projects only', async () => {
    const { id, token } = await createTestUser(api, 'pam')
    const newcomer = await createTestUser(api, 'newcomer')
    await addMember(api, 'one', id, PROJECT_ADMIN)
    const as = (method: string, path: string, body?: object) => api.call(method, `/api/v3/${path}`, body, { token })
    expect((await as('POST', 'memberships', links('one', newcomer.id, MEMBER))).statusCode).toBe(201)
    const secret = await as('POST', 'memberships', links('two', newcomer.id, MEMBER))
    expect([secret.statusCode, secret.json<Json>()['message']]).toEqual([422, 'Project does not exist.'])
    await addMember(api, 'two', id)
    expect((await as('POST', 'memberships', links('two', newcomer.id, MEMBER))).statusCode).toBe(403)
    const under = (parent: string) => as('PATCH', 'projects/one', { _links: { parent: href(`projects/${parent}`) } })
    expect((await under('two')).statusCode).toBe(403)
  })
})

describe('lists', () => {
  it.each<[name: string, operator: string, values: () => unknown[], count: number]>([
    ['project', '=', () => [1], 3],
    ['project', '=', () => [1, 2], 5],
    ['principal', '=', () => [own.ann], 2],
    ['principal', '=', () => ['me'], 0],
    ['role', '=', () => [1], 3],
    ['role', '=', () => [2], 3],
    ['role', '=', () => [1, 2], 5],
  ])('of memberships by %s %s (%#)', async (name, operator, values, count) => {
    const filters = encodeURIComponent(JSON.stringify([{ [name]: { operator, values: values() } }]))
    const body: Json & { total: number } = (await own.api.call('GET', `/api/v3/memberships?filters=${filters}`)).json()
    expect([body.total, body._embedded.elements.length]).toEqual([count, count])
    for (const element of body._embedded.elements) expect(element).not.toHaveProperty('_embedded')
  })

  it('refuses roles there are not', async () => {
    const filters = encodeURIComponent('[{"role":{"operator":"=","values":["9"]}}]')
    expect((await own.api.call('GET', `/api/v3/memberships?filters=${filters}`)).statusCode).toBe(400)
  })

  it('of who may be given work: the members who are not locked, by name', async () => {
    const names = async (path: string) => {
      const body: Json = (await own.api.call('GET', `/api/v3/${path}/available_assignees`)).json()
      expect(body).not.toHaveProperty('pageSize')
      return body._embedded.elements.map((element) => element['name'])
    }
    for (const path of ['projects/one', 'workspaces/1', 'work_packages/1'])
      expect([path, await names(path)]).toEqual([path, ['ann Doe', 'bea Doe']])
    expect(await names('projects/two')).toEqual(['ann Doe', 'bea Doe'])
  })

  it('of projects something may be put into: one’s own that are not archived', async () => {
    for (const kind of ['work_packages', 'time_entries']) {
      const total = async (token?: string) => {
        const path = `/api/v3/${kind}/available_projects`
        const answer = await own.api.call('GET', path, undefined, token === undefined ? {} : { token })
        return answer.json<{ total: number }>().total
      }
      expect([await total(), await total(own.token)]).toEqual([3, 2])
    }
  })

  it('of projects another may be put under: those one runs, but itself and what lies below it', async () => {
    const _links = { parent: href('projects/two') }
    const child = await own.api.create('/api/v3/projects', { name: 'Child', _links })
    await addMember(own.api, 'child', own.ann, PROJECT_ADMIN)
    const names = async (query: string, token?: string) => {
      const path = `/api/v3/projects/available_parent_projects${query}`
      const answer = await own.api.call('GET', path, undefined, token === undefined ? {} : { token })
      const body: Json = answer.json()
      if (answer.statusCode !== 200) return answer.statusCode
      expect(body._links['self']?.href?.includes('of=')).toBe(query !== '')
      return body._embedded.elements.map((element) => element['name'])
    }
    expect(await names('')).toEqual(['One', 'Two', 'Open', 'Child'])
    expect(await names('?of=two')).toEqual(['One', 'Open'])
    expect(await names('', own.token)).toEqual(['Two', 'Child'])
    expect(await names(`?of=${child.id}`, own.token)).toEqual(['Two'])
    expect(await names('?of=archived', own.token)).toBe(404)
  })

  const own = {} as { api: TestApi; ann: number; token: string }
  beforeAll(async () => {
    own.api = await openTestApi()
    for (const name of ['One', 'Two', 'Open', 'Archived'])
      await own.api.create('/api/v3/projects', { name, public: name === 'Open', active: name !== 'Archived' })
    await own.api.create('/api/v3/projects/one/work_packages', { subject: 'Work' })
    const users = []
    for (const login of ['cat', 'bea', 'ann']) users.push(await createTestUser(own.api, login))
    const [cat, bea, ann] = users
    Object.assign(own, { ann: ann?.id, token: ann?.token })
    await addMember(own.api, 'one', ann?.id ?? 0, MEMBER)
    await addMember(own.api, 'one', bea?.id ?? 0, PROJECT_ADMIN)
    await addMember(own.api, 'one', cat?.id ?? 0, MEMBER)
    await addMember(own.api, 'two', ann?.id ?? 0, MEMBER, PROJECT_ADMIN)
    await addMember(own.api, 'two', bea?.id ?? 0, PROJECT_ADMIN)
    await own.api.call('POST', `/api/v3/users/${cat?.id}/lock`, {})
  })
  afterAll(() => own.api.close())
})

describe('roles', () => {
  it('are two, listed and one by one', async () => {
    const body: Json = (await api.call('GET', '/api/v3/roles')).json()
    expect(body._embedded.elements.map((role) => [role.id, role['name']])).toEqual([
      [1, 'Member'],
      [2, 'Project admin'],
    ])
    for (const role of body._embedded.elements)
      expect((await api.call('GET', role._links['self']?.href ?? '')).json()).toEqual(role)
    for (const id of ['0', '3', 'x', '01']) expect((await api.call('GET', `/api/v3/roles/${id}`)).statusCode).toBe(404)
  })
})

describe('the form of a membership', () => {
  type Schema = Json & Record<string, { writable: boolean; _links: { allowedValues: { href: string } } }>
  const form = async (path: string, body: object) => {
    const answer = await api.call('POST', `/api/v3/memberships${path}/form`, body)
    expect(answer.statusCode).toBe(200)
    const { _embedded, _links } = answer.json<Json>()
    const { payload, validationErrors, schema } = _embedded as unknown as Record<
      'payload' | 'validationErrors',
      Json
    > & {
      schema: Schema
    }
    return { payload, errors: Object.keys(validationErrors), schema, commit: _links['commit'] }
  }

  it('says what is missing and where to look for it', async () => {
    const { payload, errors, schema, commit } = await form('', {})
    expect(payload).toEqual({ _links: { project: { href: null }, principal: { href: null }, roles: [] } })
    expect(errors.sort()).toEqual(['principal', 'project', 'roles'])
    expect(commit).toBeUndefined()
    const where = ['project', 'principal', 'roles'].map((name) => schema[name]?._links.allowedValues.href)
    expect(where).toEqual(['/api/v3/memberships/available_projects', '/api/v3/principals', '/api/v3/roles'])
    const named = await form('', links('two', ann))
    for (const name of ['project', 'principal'])
      expect((await api.call('GET', named.schema[name]?._links.allowedValues.href ?? '')).statusCode).toBe(200)
  })

  it('gives what to commit, which makes the membership', async () => {
    const { payload, errors, commit } = await form('', links('two', ann, MEMBER))
    expect([errors, commit]).toEqual([[], { href: '/api/v3/memberships', method: 'post' }])
    expect(payload._links).toMatchObject({ project: { title: 'Two' }, principal: { title: 'ann Doe' } })
    const made = await api.create('/api/v3/memberships', payload)
    expect(made._links['roles']).toEqual([{ href: '/api/v3/roles/1', title: 'Member' }])
    expect((await form('', links('two', ann, MEMBER))).errors).toEqual(['principal'])
  })

  it('of a change is about the roles alone', async () => {
    const { id, _links } = await addMember(api, 'two', bea)
    expect(_links).toMatchObject({ update: { href: `/api/v3/memberships/${id}/form`, method: 'post' } })
    const { payload, errors, schema, commit } = await form(`/${id}`, { _links: { roles: [PROJECT_ADMIN] } })
    expect([payload, errors]).toEqual([
      { _links: { roles: [{ href: '/api/v3/roles/2', title: 'Project admin' }] } },
      [],
    ])
    expect([schema['project']?.writable, schema['principal']?.writable, schema['roles']?.writable]).toEqual([
      ...[false, false, true],
    ])
    expect(commit).toEqual({ href: `/api/v3/memberships/${id}`, method: 'patch' })
    const changed = await api.call('PATCH', commit?.href ?? '', payload)
    expect(changed.json<Json>()._links['roles']).toEqual(payload._links['roles'])
    expect((await form(`/${id}`, { _links: { roles: [] } })).errors).toEqual(['roles'])
  })
})
