import { afterEach, describe, expect, it } from 'vitest'
import type { ApiStore } from '../../src/api/context.ts'
import { addMember, createTestUser, href, openTestApi, overriding, type TestApi, type TestUser } from './support.ts'

/** What happens in the middle of a write, at the worst moment. */

let api: TestApi
let meanwhile:
  { readonly at: (what: string, table: string) => boolean; readonly happen: () => Promise<unknown> } | undefined

/** Lets something happen once, before the next step it is meant for. */
async function open(): Promise<void> {
  const before = async (what: string, table: string) => {
    if (!meanwhile?.at(what, table)) return
    const { happen } = meanwhile
    meanwhile = undefined
    await happen()
  }
  const wrap = (store: ApiStore): ApiStore =>
    overriding(store, {
      get: async (table, id) => (await before('get', table), store.get(table, id)),
      find: async (table, column, value) => (await before('find', table), store.find(table, column, value)),
      commit: async (write) => {
        for (const { op, table } of write.mutations) await before(op, table)
        return store.commit(write)
      },
    })
  api = await openTestApi({}, { wrap })
  for (const name of ['Demo', 'Other']) await api.create('/api/v3/projects', { name })
  await api.create('/api/v3/projects/demo/work_packages', { subject: 'Work' })
}
afterEach(() => api.close())

const step = (what: string, table: string, happen: () => Promise<unknown>) => {
  meanwhile = { at: (...now) => now.join() === `${what},${table}`, happen }
}
const log = (minutes: number) =>
  api.create('/api/v3/time_entries', {
    ...{ hours: `PT${minutes}M`, spentOn: '2026-03-01' },
    _links: { entity: href('work_packages/1') },
  })
const moveWork = () =>
  api.call('PATCH', '/api/v3/work_packages/1', { lockVersion: 0, _links: { project: href('projects/other') } })

describe('time logged while its work package moves into another project', () => {
  it('goes along', async () => {
    await open()
    step('update', 'workPackages', () => log(5))
    expect((await moveWork()).statusCode).toBe(200)
    expect(await api.store.get('timeEntries', 1)).toMatchObject({ projectId: 2, minutes: 5 })
  })
})

describe('a parent that is deleted while a child of it is written', () => {
  it('leaves no work package below nothing', async () => {
    await open()
    step('get', 'types', () => api.call('DELETE', '/api/v3/work_packages/1'))
    const body = { subject: 'Child', _links: { parent: href('work_packages/1') } }
    expect((await api.call('POST', '/api/v3/projects/demo/work_packages', body)).statusCode).toBe(422)
    expect((await api.call('GET', '/api/v3/work_packages')).json()).toMatchObject({ total: 0 })
  })

  it('leaves no project below nothing', async () => {
    await open()
    step('find', 'projects', () => api.call('DELETE', '/api/v3/projects/2'))
    const body = { name: 'Child', identifier: 'child', _links: { parent: href('projects/2') } }
    expect((await api.call('POST', '/api/v3/projects', body)).statusCode).toBe(422)
    expect((await api.call('GET', '/api/v3/projects/child')).statusCode).toBe(404)
  })
})

describe('a work package that is commented on whenever it is about to be deleted', () => {
  it('is deleted, and the comments come too late', async () => {
    await open()
    const comments: Promise<{ statusCode: number }>[] = []
    const comment = async () => {
      let answered = false
      const made = api.call('POST', '/api/v3/work_packages/1/activities', { comment: { raw: 'Wait' } })
      comments.push(made.finally(() => (answered = true)))
      // Who has to wait for the deletion is not waited for.
      for (let turn = 0; turn < 1_000 && !answered; turn += 1) await new Promise((resolve) => setImmediate(resolve))
      step('delete', 'workPackages', comment)
    }
    step('delete', 'workPackages', comment)
    expect((await api.call('DELETE', '/api/v3/work_packages/1')).statusCode).toBe(204)
    meanwhile = undefined
    expect((await Promise.all(comments)).map(({ statusCode }) => statusCode)).toEqual([404])
  })
})

describe('while a project is being deleted', () => {
  it('a work package that moves out stays, with all that hangs below it', async () => {
    await open()
    await log(5)
    await api.create('/api/v3/projects/other/work_packages', {
      subject: 'Child',
      _links: { parent: href('work_packages/1') },
    })
    step('delete', 'journals', moveWork)
    expect((await api.call('DELETE', '/api/v3/projects/demo')).statusCode).toBe(204)
    for (const path of ['work_packages/1', 'work_packages/2', 'time_entries/1'])
      expect((await api.call('GET', `/api/v3/${path}`)).statusCode).toBe(200)
    expect((await api.call('GET', '/api/v3/work_packages/1/activities')).json()).toMatchObject({ total: 2 })
  })

  it('a subproject that moves out stays', async () => {
    await open()
    const below = { name: 'Below', _links: { parent: href('projects/demo') } }
    const { id } = await api.create('/api/v3/projects', below)
    await addMember(api, 'below', (await createTestUser(api, 'mia')).id)
    step('delete', 'memberships', () =>
      api.call('PATCH', `/api/v3/projects/${id}`, { _links: { parent: { href: null } } }),
    )
    expect((await api.call('DELETE', '/api/v3/projects/demo')).statusCode).toBe(204)
    expect((await api.call('GET', `/api/v3/projects/${id}`)).statusCode).toBe(200)
    expect(api.projectChanges.at(-1)).toEqual(['1', 'demo'])
  })
})

describe('while a member deletes what is in projects of its own', () => {
  let mia: TestUser

  /** Work package 1 with 2 below it in the member's project, 3 in one that is hidden from it, and an entry of its time. */
  async function openFamily(): Promise<void> {
    await open()
    mia = await createTestUser(api, 'mia')
    await addMember(api, 'demo', mia.id)
    await api.create('/api/v3/projects/demo/work_packages', { subject: 'Child', _links: { parent: WORK } })
    await api.create('/api/v3/projects/other/work_packages', { subject: 'Hidden' })
    const time = { hours: 'PT1H', spentOn: '2026-03-01', _links: { entity: href('work_packages/2') } }
    await call('POST', 'time_entries', time)
  }
  const WORK = href('work_packages/1')
  const call = (method: string, path: string, body?: object) =>
    api.call(method, `/api/v3/${path}`, body, { token: mia.token })
  const change = (path: string, body: object) => () => api.call('PATCH', `/api/v3/${path}`, body)
  const move = (id: number, _links: object) => change(`work_packages/${id}`, { lockVersion: 0, _links })
  const left = async () => {
    const found = await api.store.list('workPackages', { where: [], orderBy: [], limit: 9, offset: 0 })
    return found.rows.map(({ id }) => id)
  }
  const [toDemo, toOther] = [{ project: href('projects/demo') }, { project: href('projects/other') }]

  it.each([
    ['the work package itself moves away: it stays', () => move(1, toOther), [1, 2, 3]],
    ['what is below it moves away: it stays', () => move(2, toOther), [1, 2, 3]],
    ['another is put below it: it stays', () => move(3, { parent: WORK }), [1, 3]],
  ])('%s', async (_, happening, expected) => {
    await openFamily()
    step('delete', 'timeEntries', happening())
    expect((await call('DELETE', 'work_packages/1')).statusCode).toBe(403)
    expect(await left()).toEqual(expected)
  })

  it('what moves between them goes with it', async () => {
    await openFamily()
    await addMember(api, 'other', mia.id)
    await move(3, { parent: WORK })()
    step('delete', 'timeEntries', move(2, toOther))
    expect((await call('DELETE', 'work_packages/1')).statusCode).toBe(204)
    expect(await left()).toEqual([])
  })

  it('the work package that moves between them is a conflict', async () => {
    await openFamily()
    await addMember(api, 'other', mia.id)
    await move(3, { parent: WORK })()
    step('delete', 'timeEntries', move(1, toOther))
    expect((await call('DELETE', 'work_packages/1')).statusCode).toBe(409)
    expect(await left()).toEqual([1, 2, 3])
    expect((await call('DELETE', 'work_packages/1')).statusCode).toBe(204)
  })

  it('time that becomes another’s stays', async () => {
    await openFamily()
    step('find', 'memberships', change('time_entries/1', { _links: { user: href('users/1') } }))
    expect((await call('DELETE', 'time_entries/1')).statusCode).toBe(409)
    expect(await api.store.get('timeEntries', 1)).toMatchObject({ userId: 1 })
  })

  it('an administrator’s deletion follows the work package wherever it goes', async () => {
    await openFamily()
    await move(3, { parent: WORK })()
    step('delete', 'timeEntries', async () => {
      await move(1, toOther)()
      await move(3, toDemo)()
    })
    expect((await api.call('DELETE', '/api/v3/work_packages/1')).statusCode).toBe(204)
    expect(await left()).toEqual([])
  })
})
