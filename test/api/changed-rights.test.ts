import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { ApiStore } from '../../src/api/context.ts'
import type { PendingDelivery } from '../../src/storage/records.ts'
import type { WriteSet } from '../../src/storage/store.ts'
import { asking } from './asking.ts'
import {
  addMember,
  beforeCommit,
  createTestUser,
  href,
  MEMBER,
  openTestApi,
  overriding,
  PROJECT_ADMIN,
} from './support.ts'
import { withoutWatching, type Json, type TestApi, type TestUser } from './support.ts'

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
    const wrap = (store: ApiStore) => {
      const interrupted = beforeCommit(state)(store)
      return overriding(interrupted, {
        commit: (write) => (state.writes.push(write), interrupted.commit(write)),
      })
    }
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
