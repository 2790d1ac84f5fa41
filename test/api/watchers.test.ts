import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Expectation } from '../../src/storage/store.ts'
import { addMember, createTestUser, href, openTestApi, overriding, PROJECT_ADMIN, withoutWatching } from './support.ts'
import type { Json, TestApi, TestUser } from './support.ts'

type Who = 'pam' | 'mia' | 'max' | 'vic'
const people = new Map<Who, TestUser>()
const person = (who: Who) => people.get(who) ?? { id: 0, token: '' }

let api: TestApi
/** Of a private project. */
let work: number
/** Of a public one, in which the member works too. */
let open: number

beforeAll(async () => {
  api = await openTestApi({ webhooks: [{ name: 'all', events: ['work_package:updated', 'work_package:created'] }] })
  await api.create('/api/v3/projects', { name: 'Secret' })
  await api.create('/api/v3/projects', { name: 'Open', public: true })
  for (const who of ['pam', 'mia', 'max', 'vic'] as const) people.set(who, await createTestUser(api, who))
  await addMember(api, 'secret', person('pam').id, PROJECT_ADMIN)
  for (const who of ['mia', 'max'] as const) await addMember(api, 'secret', person(who).id)
  await addMember(api, 'open', person('mia').id)
})
afterAll(() => api.close())
beforeEach(async () => {
  work = (await api.create('/api/v3/projects/secret/work_packages', { subject: 'Work' })).id
  open = (await api.create('/api/v3/projects/open/work_packages', { subject: 'Open work' })).id
})

const as = (who: Who | undefined) => (who === undefined ? {} : { token: person(who).token })
const path = (id: number, rest = '') => `/api/v3/work_packages/${id}${rest}`
const watch = (id: number, who: Who, by?: Who) =>
  api.call('POST', path(id, '/watchers'), { user: href(`users/${person(who).id}`) }, as(by))
const unwatch = (id: number, who: Who, by?: Who) =>
  api.call('DELETE', path(id, `/watchers/${person(who).id}`), undefined, as(by))
const get = async (at: string, by?: Who): Promise<Json> => (await api.call('GET', at, undefined, as(by))).json()
const idsOf = (body: Json) => body._embedded.elements.map((element) => element.id)
const watchers = async (id: number, by?: Who) => idsOf(await get(path(id, '/watchers'), by))
const list = async (operator: string, values: unknown[], by?: Who) => {
  const filters = encodeURIComponent(JSON.stringify([{ watcher: { operator, values } }]))
  return get(`/api/v3/work_packages?pageSize=-1&filters=${filters}`, by)
}
const rows = async () =>
  (await api.store.list('watchers', { where: [], orderBy: [], limit: 1000, offset: 0 })).rows.map((row) => row.pair)

describe('watching', () => {
  it('is answered by 201 and the user, and by 200 when it is so already', async () => {
    const added = await watch(work, 'mia', 'mia')
    expect([added.statusCode, added.json()]).toMatchObject([201, { _type: 'User', id: person('mia').id, login: 'mia' }])
    const again = await watch(work, 'mia', 'max')
    expect([again.statusCode, again.json<Json>()]).toMatchObject([200, { id: person('mia').id, name: 'mia Doe' }])
    expect(again.json<Json>()).not.toHaveProperty('login')
    expect(await get(path(work, '/watchers'), 'max')).toMatchObject({
      ...{ _type: 'Collection', total: 1, count: 1, _embedded: { elements: [{ id: person('mia').id }] } },
      _links: { self: { href: path(work, '/watchers') } },
    })
    for (const answer of [await unwatch(work, 'mia', 'max'), await unwatch(work, 'mia', 'mia')])
      expect([answer.statusCode, answer.body]).toEqual([204, ''])
    expect(await watchers(work)).toEqual([])
  })

  it('by many at once is watching once', async () => {
    const answers = await Promise.all(Array.from({ length: 8 }, () => watch(work, 'mia', 'mia')))
    expect(answers.map((answer) => answer.statusCode).sort()).toEqual([...Array<number>(7).fill(200), 201])
    expect(await watchers(work)).toEqual([person('mia').id])
    const gone = await Promise.all(Array.from({ length: 8 }, () => unwatch(work, 'mia', 'mia')))
    expect(new Set(gone.map((answer) => answer.statusCode))).toEqual(new Set([204]))
  })

  it('is for whoever sees the work package, and their own decision, unless they are members', async () => {
    expect((await watch(open, 'vic', 'vic')).statusCode).toBe(201)
    expect(await watchers(open, 'mia')).toEqual([person('vic').id])
    expect((await watch(open, 'mia', 'vic')).statusCode).toBe(403)
    expect((await unwatch(open, 'vic', 'mia')).statusCode).toBe(204)
    expect((await watch(work, 'vic', 'vic')).statusCode).toBe(404)
    expect((await unwatch(work, 'vic', 'vic')).statusCode).toBe(404)
    const stranger = await watch(work, 'vic', 'mia')
    expect(stranger.statusCode).toBe(404)
    const blind = await watch(work, 'vic', 'pam')
    expect([blind.statusCode, blind.json<Json>()['message']]).toEqual([
      422,
      'User is not allowed to view this resource.',
    ])
  })

  it.each([
    [{}, 422, "User can't be blank."],
    [{ user: { href: null } }, 422, "User can't be blank."],
    [{ user: 7 }, 422, expect.stringMatching(/^Invalid format for property 'user'/)],
    [{ user: href('projects/1') }, 422, expect.stringMatching(/^For property 'user' a link like/)],
    [{ user: href('users/9999') }, 404, 'The requested resource could not be found.'],
    [{ user: href('users/x') }, 404, 'The requested resource could not be found.'],
  ])('is refused: %j', async (body, status, message) => {
    const answer = await api.call('POST', path(work, '/watchers'), body)
    expect([answer.statusCode, answer.json<Json>()['message']]).toEqual([status, message])
  })

  it('is no change: no version, no activity, no event', async () => {
    const events = async () => (await api.store.deliveries({ limit: 1000 })).length
    const before = [await api.store.get('workPackages', work), await events()]
    const activities = await get(path(work, '/activities'))
    api.clock.advance(60_000)
    await watch(work, 'mia', 'mia')
    await unwatch(work, 'mia', 'mia')
    expect([await api.store.get('workPackages', work), await events()]).toEqual(before)
    expect(await get(path(work, '/activities'))).toEqual(activities)
  })

  it('is not begun by somebody who was deleted meanwhile', async () => {
    const expected: Expectation[] = []
    const own = await openTestApi(
      {},
      {
        wrap: (store) =>
          overriding(store, {
            async commit(write) {
              if (write.mutations.some(({ table, op }) => table === 'watchers' && op === 'insert')) {
                expected.push(...write.expect)
                const changes = { status: 'deleted' }
                await store.commit({
                  expect: [],
                  mutations: [{ op: 'update', table: 'users', id: 2, changes }],
                  events: [],
                })
              }
              return store.commit(write)
            },
          }),
      },
    )
    await own.create('/api/v3/projects', { name: 'Open', public: true })
    const { id } = await own.create('/api/v3/projects/open/work_packages', { subject: 'Work' })
    await createTestUser(own, 'gone')
    const answer = await own.call('POST', path(id, '/watchers'), { user: href('users/2') })
    expect([answer.statusCode, expected.length > 0]).toEqual([404, true])
    await own.close()
  })
})

describe('the links of a work package', () => {
  const links = async (by?: Who) => {
    const shown = await get(path(open), by)
    const page = await get(`/api/v3/projects/open/work_packages?pageSize=-1`, by)
    const listed = page._embedded.elements.find((element) => element.id === open)
    expect(listed?._links['watch']).toEqual(shown._links['watch'])
    expect(listed?._links['unwatch']).toEqual(shown._links['unwatch'])
    return shown._links
  }
  const watchLink = (who: Who) => ({
    ...{ href: path(open, '/watchers'), method: 'post', payload: { user: href(`users/${person(who).id}`) } },
  })

  it('lead from watching to not watching and back, each viewer by itself', async () => {
    expect(await links('mia')).toMatchObject({ watch: watchLink('mia') })
    const { href: to = '', payload } = watchLink('mia')
    expect((await api.call('POST', to, payload, as('mia'))).statusCode).toBe(201)
    const watching = await links('mia')
    expect(watching).not.toHaveProperty('watch')
    expect(watching['unwatch']).toEqual({ href: path(open, `/watchers/${person('mia').id}`), method: 'delete' })
    expect(await links('vic')).toMatchObject({ watch: watchLink('vic') })
    expect(await links()).toMatchObject({ watch: { payload: { user: href('users/1') } } })
    await api.call('DELETE', watching['unwatch']?.href ?? '', undefined, as('mia'))
    expect(await links('mia')).toMatchObject({ watch: watchLink('mia') })
  })

  it('are in the answer to a write too, and in no event', async () => {
    const created = await api.call('POST', '/api/v3/projects/open/work_packages', { subject: 'New' })
    const { id, lockVersion, _links } = created.json<Json>()
    expect(_links['watch']).toMatchObject({ href: path(id, '/watchers') })
    await api.call('POST', path(id, '/watchers'), { user: href('users/1') })
    const changed = await api.call('PATCH', path(id), { lockVersion, subject: 'Changed' })
    expect(changed.json()).toEqual(await get(path(id)))
    expect(changed.json<Json>()._links).toHaveProperty('unwatch')
    const [last] = await api.store.deliveries({ limit: 1 })
    const delivery = await api.store.delivery(last?.seq ?? 0)
    const sent = (JSON.parse(delivery?.body ?? '{}') as { work_package: Json }).work_package
    expect(sent).toEqual(withoutWatching(changed.json<Json>()))
  })

  it('show who works there where the watchers are', async () => {
    expect(await links('mia')).toMatchObject({
      watchers: { href: path(open, '/watchers') },
      availableWatchers: { href: path(open, '/available_watchers') },
      addWatcher: {
        href: path(open, '/watchers'),
        method: 'post',
        templated: true,
        payload: { user: href('users/{user_id}') },
      },
      removeWatcher: { href: path(open, '/watchers/{user_id}'), method: 'delete', templated: true },
    })
    const visitor = await links('vic')
    for (const name of ['watchers', 'availableWatchers', 'addWatcher', 'removeWatcher'])
      expect(visitor).not.toHaveProperty(name)
  })
})

describe('available watchers', () => {
  it('are the members who do not watch yet, found by name', async () => {
    await watch(work, 'max')
    const body = await get(path(work, '/available_watchers?sortBy=[["id","asc"]]'), 'mia')
    expect(idsOf(body)).toEqual([person('pam').id, person('mia').id])
    const filters = encodeURIComponent('[{"name":{"operator":"~","values":["PAM"]}}]')
    expect(idsOf(await get(path(work, `/available_watchers?filters=${filters}`), 'mia'))).toEqual([person('pam').id])
    await api.call('POST', `/api/v3/users/${person('pam').id}/lock`, {})
    expect(idsOf(await get(path(work, '/available_watchers')))).toEqual([person('mia').id])
    expect((await watch(work, 'pam')).statusCode).toBe(422)
    await api.call('DELETE', `/api/v3/users/${person('pam').id}/lock`)
  })
})

describe('the filter by watchers', () => {
  it('finds what is watched, or not, by anybody of several', async () => {
    await watch(work, 'max')
    await watch(open, 'mia', 'mia')
    expect(idsOf(await list('=', ['me'], 'mia'))).toContain(open)
    expect(idsOf(await list('!', ['me'], 'mia'))).not.toContain(open)
    const ofMax = idsOf(await list('=', [person('max').id], 'mia'))
    expect([ofMax.includes(work), ofMax.includes(open)]).toEqual([true, false])
    expect(idsOf(await list('=', [person('max').id, 'me'], 'mia'))).toEqual(expect.arrayContaining([work, open]))
    expect(idsOf(await list('!', [person('max').id]))).not.toContain(work)
    for (const values of [[], ['x'], Array.from({ length: 6 }, (_, i) => i + 1)])
      expect(await list('=', values)).toMatchObject({ _type: 'Error' })
  })

  it('says of others no more than the list of watchers would', async () => {
    await watch(open, 'vic', 'vic')
    await watch(open, 'max', 'max')
    const vic = [person('vic').id]
    expect(idsOf(await list('=', vic, 'mia'))).toContain(open)
    expect(idsOf(await list('=', [person('max').id], 'vic'))).toEqual([])
    expect(idsOf(await list('!', [person('max').id], 'vic'))).toContain(open)
  })
})

describe('who does not see the work package any more', () => {
  it('is no watcher until it is seen again', async () => {
    const membership = (await get('/api/v3/memberships?pageSize=-1'))._embedded.elements.find(
      ({ _links }) => _links['principal']?.href?.endsWith(`/${person('max').id}`) === true,
    )
    await watch(work, 'max', 'max')
    expect(await watchers(work, 'mia')).toEqual([person('max').id])
    await api.call('DELETE', `/api/v3/memberships/${membership?.id}`)
    expect(await watchers(work, 'mia')).toEqual([])
    expect(idsOf(await list('=', [person('max').id]))).not.toContain(work)
    expect(idsOf(await list('=', ['me'], 'max'))).not.toContain(work)
    await addMember(api, 'secret', person('max').id)
    expect(await watchers(work, 'mia')).toEqual([person('max').id])
  })
})

describe('deleting', () => {
  it('a work package, or a user, takes their watching along', async () => {
    const child = await api.create('/api/v3/projects/open/work_packages', {
      subject: 'Child',
      _links: { parent: href(`work_packages/${open}`) },
    })
    const { id: gone } = await createTestUser(api, 'leaving')
    for (const id of [open, child.id, work]) await api.call('POST', path(id, '/watchers'), { user: href('users/1') })
    await api.call('POST', path(child.id, '/watchers'), { user: href(`users/${gone}`) })
    await watch(open, 'mia')
    expect((await api.call('DELETE', `/api/v3/users/${gone}`)).statusCode).toBe(202)
    expect((await rows()).filter((pair) => pair.endsWith(`/${gone}`))).toEqual([])
    expect((await api.call('DELETE', path(open))).statusCode).toBe(204)
    const left = (await rows()).map((pair) => Number(pair.split('/')[0]))
    expect(left).toContain(work)
    expect(left.filter((id) => [open, child.id].includes(id))).toEqual([])
  })
})
