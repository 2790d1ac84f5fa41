import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addMember, createTestUser, href, openTestApi, PROJECT_ADMIN, type Json, type TestApi } from './support.ts'

let api: TestApi
beforeAll(async () => {
  api = await openTestApi()
  await api.create('/api/v3/projects', { name: 'Demo' })
  await api.create('/api/v3/projects', { name: 'Other' })
})
afterAll(() => api.close())

const jane = { login: 'jane', firstName: 'Jane', lastName: 'Doe', email: 'jane@example.net' }
const person = (login: string) => ({ ...jane, login, email: `${login}@example.net` })
const john = person('john')
const path = (id: number | string, rest = '') => `/api/v3/users/${id}${rest}`
const identifier = (body: Json) => String(body['errorIdentifier']).replace(/.*:/, '')
const ids = (body: Json) => body._embedded.elements.map((element) => element.id)

describe('creating a user', () => {
  it('shows all of it to administrators and itself, and a name to others', async () => {
    const created = await api.create('/api/v3/users', { ...jane, language: 'de', password: 'ignored' })
    expect(created).toMatchObject({
      ...jane,
      ...{ _type: 'User', name: 'Jane Doe', admin: false, status: 'active', language: 'de' },
      createdAt: '2026-03-01T12:00:00.000Z',
    })
    expect(created).not.toHaveProperty('password')
    for (const name of [created.id, 'jane', 'JANE']) expect((await api.call('GET', path(name))).json()).toEqual(created)
    const [colleague, boss] = [await createTestUser(api, 'colleague'), await createTestUser(api, 'boss')]
    await addMember(api, 'demo', created.id)
    await addMember(api, 'demo', colleague.id)
    await addMember(api, 'other', boss.id, PROJECT_ADMIN)
    for (const { token } of [colleague, boss]) {
      expect((await api.call('GET', path(created.id), undefined, { token })).json()).toEqual({
        ...{ _type: 'User', id: created.id, name: 'Jane Doe', avatar: '' },
        _links: { self: { href: path(created.id), title: 'Jane Doe' } },
      })
    }
  })

  it.each([
    [
      {},
      ["Username can't be blank.", "First name can't be blank.", "Last name can't be blank.", "Email can't be blank."],
    ],
    [{ ...jane, login: 'JANE', email: 'other@example.net' }, ['Username has already been taken.']],
    [{ ...jane, login: 'other', email: 'Jane@Example.NET' }, ['Email has already been taken.']],
    [{ ...john, login: 'me' }, ['Username is invalid.']],
    [{ ...john, login: 'a/b' }, ['Username is invalid.']],
    [{ ...john, login: ':deleted:7' }, ['Username is invalid.']],
    [{ ...john, login: 'x'.repeat(257) }, ['Username is too long (maximum is 256 characters).']],
    [{ ...john, email: 'nowhere' }, ['Email is invalid.']],
    [{ ...john, language: 'Klingon' }, ['Language is invalid.']],
    [{ ...john, status: 'locked' }, ['Status is not set to one of the allowed values.']],
    [{ ...john, admin: 'yes' }, [expect.stringMatching(/^Invalid format for property 'admin'/)]],
    [{ ...john, id: 7 }, ['Id was attempted to be written but is not writable.']],
  ])('is refused: %j', async (body, messages) => {
    const response = await api.call('POST', '/api/v3/users', body)
    const answer: Json = response.json()
    const errors = (answer._embedded as unknown as { errors?: Json[] }).errors ?? [answer]
    expect([response.statusCode, errors.map((error) => error['message'])]).toEqual([422, messages])
  })

  it('by several at once under one login: one is created', async () => {
    const answers = await Promise.all(
      ['twin', 'Twin', 'TWIN'].map((login, i) =>
        api.call('POST', '/api/v3/users', { ...jane, login, email: `twin${i}@example.net` }),
      ),
    )
    expect(answers.map((answer) => answer.statusCode).sort()).toEqual([201, 422, 422])
  })

  it('by several at once with one address: one is created, and nobody else takes it until that one is deleted', async () => {
    const create = (login: string, email: string) => api.call('POST', '/api/v3/users', { ...jane, login, email })
    const emails = ['post@example.net', 'Post@example.net', 'POST@EXAMPLE.NET']
    const answers = await Promise.all(emails.map((email, i) => create(`post${i}`, email)))
    expect(answers.map((answer) => answer.statusCode).sort()).toEqual([201, 422, 422])
    const holder = answers.find((answer) => answer.statusCode === 201)?.json<Json>().id ?? 0
    const other = (await api.create('/api/v3/users', person('late'))).id
    const take = () => api.call('PATCH', path(other), { email: 'pOsT@example.net' })
    const refused = await take()
    expect([refused.statusCode, refused.json<Json>()['message']]).toEqual([422, 'Email has already been taken.'])
    expect((await api.call('PATCH', path(holder), { email: 'POST@example.net' })).statusCode).toBe(200)
    expect((await api.call('DELETE', path(holder))).statusCode).toBe(202)
    expect((await take()).json()).toMatchObject({ email: 'pOsT@example.net' })
    // Whoever is deleted leaves no address behind that another deleted user could clash with.
    expect((await api.call('DELETE', path(other))).statusCode).toBe(202)
  })
})

describe('changing a user', () => {
  it('keeps what is not given, and writes nothing when nothing changes', async () => {
    const { id } = await api.create('/api/v3/users', person('change'))
    api.clock.advance(1_000)
    const whole: Json = (await api.call('GET', path(id))).json()
    const same = await api.call('PATCH', path(id), whole)
    expect([same.statusCode, same.json()]).toEqual([200, whole])
    const changed = await api.call('PATCH', path(id), { lastName: 'Roe', login: 'changed' })
    expect(changed.json()).toMatchObject({ name: 'Jane Roe', login: 'changed', email: 'change@example.net' })
    expect(changed.json<Json>()['updatedAt']).toBe(new Date(api.clock.now()).toISOString())
    expect((await api.call('GET', path('changed'))).json()).toEqual(changed.json())
  })

  it('oneself stops at what one is to the program', async () => {
    const { id, token } = await createTestUser(api, 'selfie')
    const patch = (body: object) => api.call('PATCH', path('me'), body, { token })
    expect((await patch({ firstName: 'Self', email: 'self@example.net' })).json()).toMatchObject({ name: 'Self Doe' })
    for (const body of [{ login: 'other' }, { admin: true }, { status: 'locked' }]) {
      const response = await patch(body)
      expect([response.statusCode, identifier(response.json())]).toEqual([422, 'PropertyIsReadOnly'])
    }
    expect(await api.store.get('users', id)).toMatchObject({ login: 'selfie', admin: false, status: 'active' })
    expect((await api.call('PATCH', path(1), { admin: false })).statusCode).toBe(422)
  })

  it.each([
    ['active', 'POST', 200, 'locked'],
    ['locked', 'POST', 200, 'locked'],
    ['locked', 'DELETE', 200, 'active'],
    ['active', 'DELETE', 200, 'active'],
    ['invited', 'POST', 400, 'invited'],
    ['invited', 'DELETE', 400, 'invited'],
  ] as const)('from %s by %s lock answers %i', async (from, method, code, to) => {
    const login = `${from}-${method}-${to}`.toLowerCase()
    const status = from === 'invited' ? from : 'active'
    const { id } = await api.create('/api/v3/users', { ...person(login), status })
    if (from === 'locked') await api.call('POST', path(id, '/lock'), {})
    const response = await api.call(method, path(id, '/lock'), method === 'POST' ? {} : undefined)
    expect(response.statusCode).toBe(code)
    if (code === 400) {
      expect(response.json()).toEqual({
        _type: 'Error',
        errorIdentifier: 'urn:openproject-org:api:v3:errors:InvalidUserStatusTransition',
        message: 'The current user account status does not allow this operation.',
      })
    }
    const shown: Json = (await api.call('GET', path(id))).json()
    expect(shown['status']).toBe(to)
    expect(Object.keys(shown._links).filter((name) => name.endsWith('lock'))).toEqual(
      to === 'invited' ? [] : [to === 'locked' ? 'unlock' : 'lock'],
    )
  })

  it('may invite somebody of whom only the address is known', async () => {
    const invited = await api.create('/api/v3/users', { email: 'ida.may@example.net', status: 'invited' })
    expect(invited).toMatchObject({ login: 'ida.may@example.net', name: 'ida.may @example.net', status: 'invited' })
    const named = { email: 'x@example.net', login: 'x', firstName: 'X', lastName: 'Y', status: 'invited' }
    expect(await api.create('/api/v3/users', named)).toMatchObject({ login: 'x', name: 'X Y' })
    const answers = [{ status: 'invited' }, { email: 'nobody', status: 'invited' }, { email: 'z@example.net' }]
    for (const body of answers) expect((await api.call('POST', '/api/v3/users', body)).statusCode).toBe(422)
  })

  it('may activate who was invited, and make nobody invited again', async () => {
    const { id } = await api.create('/api/v3/users', { ...person('guest'), status: 'invited' })
    const to = async (status: string) => (await api.call('PATCH', path(id), { status })).statusCode
    expect([await to('locked'), await to('nonsense'), await to('active'), await to('invited')]).toEqual([
      ...[400, 400, 200, 400],
    ])
  })

  it('leaves the administrator the program keeps as it is', async () => {
    const { token } = await createTestUser(api, 'root', { admin: true })
    const as = async (method: string, rest: string, body?: object) => {
      const response = await api.call(method, path(1, rest), body, { token })
      return [response.statusCode, response.statusCode < 300 ? '' : identifier(response.json())]
    }
    expect(await as('PATCH', '', { admin: false })).toEqual([422, 'PropertyConstraintViolation'])
    const named = ({ _links }: Json) => Object.keys(_links).filter((name) => /lock|delete|update/.test(name))
    const alone = (await api.call('GET', '/api/v3/users/1')).json<Json>()
    const { elements } = (await api.call('GET', '/api/v3/users')).json<Json>()._embedded
    const changed = (await api.call('PATCH', '/api/v3/users/1', { language: 'en' })).json<Json>()
    for (const shown of [alone, changed, elements.find(({ id }) => id === 1) as Json])
      expect(named(shown)).toEqual(['updateImmediately'])
    expect(named(elements.find(({ id }) => id !== 1) as Json)).toContain('delete')
    expect(await as('PATCH', '', { status: 'locked' })).toEqual([400, 'InvalidUserStatusTransition'])
    expect(await as('POST', '/lock', {})).toEqual([400, 'InvalidUserStatusTransition'])
    expect(await as('DELETE', '')).toEqual([403, 'MissingPermission'])
    expect((await api.call('GET', path('me'))).json()).toMatchObject({ admin: true, status: 'active' })
  })
})

describe('deleting a user', () => {
  it('leaves what it wrote to be read, and nothing of the person', async () => {
    const { id, token } = await createTestUser(api, 'leaver', { lastName: 'Personal' })
    await addMember(api, 'demo', id)
    const work = await api.call('POST', '/api/v3/projects/demo/work_packages', { subject: 'Left' }, { token })
    const _links = { entity: href(`work_packages/${work.json<Json>().id}`) }
    const time = { hours: 'PT1H', spentOn: '2026-03-01', _links }
    const entry = await api.call('POST', '/api/v3/time_entries', time, { token })
    const deleted = await api.call('DELETE', path(id))
    expect([deleted.statusCode, deleted.body]).toEqual([202, ''])

    for (const [kind, made, link] of [
      ['work_packages', work, 'author'],
      ['time_entries', entry, 'user'],
    ] as const) {
      const shown: Json = (await api.call('GET', `/api/v3/${kind}/${made.json<Json>().id}`)).json()
      expect(shown._links[link]).toEqual({ href: path(id), title: 'Deleted user' })
      expect(shown._embedded[link]).toMatchObject({ name: 'Deleted user', status: 'deleted', email: '' })
    }
    const row = JSON.stringify(await api.store.get('users', id))
    expect(row).not.toMatch(/leaver|personal/i)
    const where = [{ column: 'userId', comparison: '=', value: id }] as const
    for (const table of ['tokens', 'memberships'] as const)
      expect((await api.store.list(table, { where, orderBy: [], limit: 1, offset: 0 })).total).toBe(0)
    for (const list of ['users', 'principals'])
      expect(ids((await api.call('GET', `/api/v3/${list}?pageSize=-1`)).json())).not.toContain(id)
    expect((await api.call('GET', path('me'), undefined, { token })).statusCode).toBe(401)
  })

  it('is for good: it is not changed, locked or deleted again, and its login is free', async () => {
    const { id } = await api.create('/api/v3/users', person('once'))
    await api.call('DELETE', path(id))
    const statuses = [
      await api.call('PATCH', path(id), { status: 'active' }),
      await api.call('DELETE', path(id, '/lock')),
      await api.call('DELETE', path(id)),
      await api.call('POST', '/api/v3/memberships', {
        _links: { project: href('projects/demo'), principal: href(`users/${id}`), roles: [PROJECT_ADMIN] },
      }),
    ].map((response) => response.statusCode)
    expect(statuses).toEqual([404, 400, 404, 422])
    expect((await api.create('/api/v3/users', person('once'))).id).not.toBe(id)
  })

  it('while it is being made a member leaves no membership behind', async () => {
    for (let round = 0; round < 5; round += 1) {
      const { id } = await api.create('/api/v3/users', person(`race-${round}`))
      const _links = { project: href('projects/demo'), principal: href(`users/${id}`), roles: [PROJECT_ADMIN] }
      const [deleted, added] = await Promise.all([
        api.call('DELETE', path(id)),
        api.call('POST', '/api/v3/memberships', { _links }),
      ])
      expect(deleted.statusCode).toBe(202)
      expect([201, 422]).toContain(added.statusCode)
      expect(await api.store.find('memberships', 'pair', `1/${id}`)).toBeUndefined()
    }
  })
})

describe('principals', () => {
  it.each<[filter: object, logins: string[]]>([
    [{ id: { operator: '=', values: ['me'] } }, ['admin']],
    [{ type: { operator: '=', values: ['User', 'Group'] } }, ['admin', 'ann', 'bea', 'cat']],
    [{ type: { operator: '=', values: ['Group'] } }, []],
    [{ type: { operator: '!', values: ['PlaceholderUser'] } }, ['admin', 'ann', 'bea', 'cat']],
    [{ status: { operator: '=', values: ['locked'] } }, ['cat']],
    [{ member: { operator: '=', values: ['1'] } }, ['ann', 'bea']],
    [{ member: { operator: '=', values: ['1', '2'] } }, ['ann', 'bea', 'cat']],
    [{ member: { operator: '!', values: ['2'] } }, ['admin', 'bea']],
    [{ name: { operator: '~', values: ['BEA d'] } }, ['bea']],
    [{ any_name_attribute: { operator: '~', values: ['doe an'] } }, ['ann']],
    [{ typeahead: { operator: '**', values: ['doe'] } }, ['ann', 'bea', 'cat']],
    [{ typeahead: { operator: '**', values: ['example.net'] } }, []],
  ])('by %j', async (filter, logins) => {
    const own = await openTestApi()
    for (const name of ['One', 'Two']) await own.create('/api/v3/projects', { name })
    const users = await Promise.all(['ann', 'bea', 'cat'].map((login) => createTestUser(own, login)))
    const [ann, bea, cat] = users.map(({ id }) => id)
    for (const [project, id] of [
      ['one', ann],
      ['one', bea],
      ['two', ann],
      ['two', cat],
    ] as const)
      await addMember(own, project, id ?? 0)
    await own.call('POST', path(cat ?? 0, '/lock'), {})
    const answer = await own.call('GET', `/api/v3/principals?filters=${encodeURIComponent(JSON.stringify([filter]))}`)
    const body: Json = answer.json()
    expect(body._embedded.elements.map((element) => element['login']).sort()).toEqual(logins)

    const { token = '' } = users[1] ?? {}
    const seen: Json = (await own.call('GET', '/api/v3/principals', undefined, { token })).json()
    expect(ids(seen).sort()).toEqual([ann, bea].sort())
    const elsewhere = `/api/v3/principals?filters=${encodeURIComponent('[{"member":{"operator":"=","values":["2"]}}]')}`
    expect((await own.call('GET', elsewhere, undefined, { token })).json()).toMatchObject({ total: 0 })
    await own.close()
  })
})

describe('preferences', () => {
  it('are found where every link to them leads', async () => {
    const root: Json = (await api.call('GET', '/api/v3')).json()
    const configuration: Json = (await api.call('GET', '/api/v3/configuration')).json()
    const shown = await Promise.all(
      [root._links, configuration._links, { userPreferences: { href: '/api/v3/my_preferences' } }].map(async (links) =>
        (await api.call('GET', links['userPreferences']?.href ?? '')).json<Json>(),
      ),
    )
    for (const body of shown) expect(body).toEqual(shown[0])
    expect(shown[0]).toMatchObject({ _type: 'UserPreferences', timeZone: 'Etc/UTC', notifications: [] })
    const embedded = configuration._embedded.userPreferences
    const self = { href: '/api/v3/users/me/preferences' }
    expect(embedded).toEqual({ ...shown[0], _links: { self, user: { href: null } } })
  })
})
