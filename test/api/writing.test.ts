import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ApiStore } from '../../src/api/context.ts'
import { createTestUser, href, openTestApi, overriding, type Json, type TestApi } from './support.ts'

let api: TestApi

beforeAll(async () => {
  api = await openTestApi()
  for (const name of ['Demo', 'Other']) await api.create('/api/v3/projects', { name })
})
afterAll(() => api.close())

const inDemo = (rest: object = {}) => api.create('/api/v3/projects/demo/work_packages', { subject: 'x', ...rest })
const patch = (path: string, body: unknown) => api.call('PATCH', `/api/v3/${path}`, body)
const log = (workPackage: Json, rest: object = {}) =>
  api.create('/api/v3/time_entries', {
    ...{ hours: 'PT1H', spentOn: '2026-03-01', ...rest },
    _links: { entity: href(`work_packages/${workPackage.id}`) },
  })
const identifier = (body: Json) => String(body['errorIdentifier']).replace(/.*:/, '')

describe('the project of the path', () => {
  it.each(['projects', 'workspaces'])('under /%s counts, whatever the body says', async (base) => {
    for (const project of [href('projects/other'), href('projects/nope'), { href: null }]) {
      const body = { subject: 'x', _links: { project } }
      const created = await api.create(`/api/v3/${base}/demo/work_packages`, body)
      expect(created._links['project']).toMatchObject({ title: 'Demo' })
    }
  })
})

describe('a whole representation sent back', () => {
  it('is fine although time was logged and the clock went on meanwhile', async () => {
    const { id } = await inDemo()
    const whole: Json = (await api.call('GET', `/api/v3/work_packages/${id}`)).json()
    await log(whole)
    api.clock.advance(60_000)
    const changed = await patch(`work_packages/${id}`, { ...whole, subject: 'Changed' })
    expect([changed.statusCode, changed.json()]).toMatchObject([200, { subject: 'Changed', spentTime: 'PT1H' }])
  })

  it('is fine although somebody else changed it, where there is no version', async () => {
    const entry = await log(await inDemo())
    const project: Json = (await api.call('GET', '/api/v3/projects/demo')).json()
    api.clock.advance(60_000)
    expect((await patch(`time_entries/${entry.id}`, { hours: 'PT3H' })).statusCode).toBe(200)
    expect((await patch('projects/demo', { public: true })).statusCode).toBe(200)
    expect((await patch(`time_entries/${entry.id}`, { ...entry, spentOn: '2026-03-02' })).statusCode).toBe(200)
    expect((await patch('projects/demo', project)).statusCode).toBe(200)
  })

  it.each(['id', 'createdAt', 'displayId'])('may not bring another %s', async (name) => {
    const whole = await inDemo()
    const refused = await patch(`work_packages/${whole.id}`, { ...whole, [name]: 'another' })
    expect([refused.statusCode, identifier(refused.json())]).toEqual([422, 'PropertyIsReadOnly'])
  })
})

describe('nesting', () => {
  /** A chain of so many work packages, top first. */
  const chain = async (length: number, parent?: Json): Promise<Json[]> => {
    const made: Json[] = parent ? [parent] : []
    for (let n = 0; n < length; n += 1) {
      const above = made.at(-1)
      made.push(await inDemo(above && { _links: { parent: href(`work_packages/${above.id}`) } }))
    }
    return parent ? made.slice(1) : made
  }
  const under = (child: Json, parent: Json) =>
    patch(`work_packages/${child.id}`, {
      lockVersion: child.lockVersion,
      _links: { parent: href(`work_packages/${parent.id}`) },
    })

  it('counts what stands below, and only where the parent changes', async () => {
    const upper = await chain(30)
    const lower = await chain(22)
    const [lowerTop, upperEnd, upperNext] = [lower[0], upper.at(-1), upper.at(-2)] as [Json, Json, Json]
    const tooDeep = await under(lowerTop, upperEnd)
    expect([tooDeep.statusCode, tooDeep.json<Json>()['message']]).toEqual([422, 'Parent is nested too deeply.'])
    expect((await under(lowerTop, upperNext)).statusCode).toBe(200)
    const last = lower.at(-1) as Json
    const deeper = await api.call('POST', '/api/v3/projects/demo/work_packages', {
      subject: 'x',
      _links: { parent: href(`work_packages/${last.id}`) },
    })
    expect(deeper.statusCode).toBe(422)
    // However it came to stand so deep, it can still be edited.
    const sunk = await inDemo()
    const changes = { parentId: last.id, lockVersion: 1 }
    const sink = { op: 'update', table: 'workPackages', id: sunk.id, changes } as const
    await api.store.commit({ expect: [], mutations: [sink], events: [] })
    expect((await patch(`work_packages/${sunk.id}`, { lockVersion: 1, subject: 'Edited' })).statusCode).toBe(200)
  })

  it('of projects likewise', async () => {
    const tops: Json[] = []
    for (let n = 0; n < 2; n += 1) {
      let parent: Json | undefined
      for (let depth = 0; depth < 27; depth += 1) {
        const _links = parent && { parent: href(`projects/${parent.id}`) }
        parent = await api.create('/api/v3/projects', { name: `Level ${n} ${depth}`, ...(_links && { _links }) })
        if (depth === 0 || depth === 26) tops.push(parent)
      }
    }
    const [, end, top] = tops as [Json, Json, Json]
    const refused = await patch(`projects/${top.id}`, { _links: { parent: href(`projects/${end.id}`) } })
    expect([refused.statusCode, refused.json<Json>()['message']]).toEqual([422, 'Subproject of is nested too deeply.'])
  })
})

describe('a parent that goes between two reads', () => {
  it.each([
    ['workPackages', 'projects/1/work_packages', { subject: 'x', _links: { parent: href('work_packages/1') } }],
    ['projects', 'projects', { name: 'x', _links: { parent: href('projects/2') } }],
  ] as const)('of %s is not there', async (table, path, body) => {
    let found = 0
    const vanishing = (store: ApiStore) =>
      overriding(store, {
        async get(asked, id) {
          const row = await store.get(asked, id)
          const sought = asked === table && `${body._links.parent.href}`.endsWith(`/${id}`)
          return sought && armed && (found += 1) > 1 ? undefined : row
        },
      })
    let armed = false
    const other = await openTestApi({}, { wrap: vanishing })
    for (const name of ['One', 'Two']) await other.create('/api/v3/projects', { name })
    await other.create('/api/v3/projects/1/work_packages', { subject: 'Parent' })
    armed = true
    const response = await other.call('POST', `/api/v3/${path}`, body)
    expect([response.statusCode, response.json<Json>()['message']]).toEqual([
      422,
      expect.stringMatching(/does not exist/),
    ])
    await other.close()
  })
})

describe('dates', () => {
  it.each([
    [{ dueDate: '0001-02-01', duration: 'P90000D' }, 'duration'],
    [{ startDate: '9999-01-01', duration: 'P90000D', ignoreNonWorkingDays: true }, 'duration'],
    [{ startDate: '0000-12-31' }, 'startDate'],
    [{ date: '0000-01-01', _links: { type: href('types/2') } }, 'date'],
  ])('%j is outside of the years there are', async (dates, attribute) => {
    const response = await api.call('POST', '/api/v3/projects/demo/work_packages', { subject: 'x', ...dates })
    expect([response.statusCode, response.json()]).toMatchObject([
      422,
      {
        errorIdentifier: 'urn:openproject-org:api:v3:errors:PropertyConstraintViolation',
        message: 'Dates must be within the years 0001 to 9999.',
        _embedded: { details: { attribute } },
      },
    ])
  })

  it('at the ends of them are dates', async () => {
    const longest = { startDate: '0001-01-01', dueDate: '9999-12-31', ignoreNonWorkingDays: true }
    const created = await inDemo(longest)
    expect(created).toMatchObject({ ...longest, duration: 'P3652059D' })
    expect((await patch(`work_packages/${created.id}`, created)).statusCode).toBe(200)
    expect(await inDemo({ startDate: '9999-12-30', duration: 'P2D', ignoreNonWorkingDays: true })).toMatchObject({
      dueDate: '9999-12-31',
    })
    const early = await api.call('POST', '/api/v3/time_entries', { spentOn: '0000-05-05' })
    expect(early.body).toContain('Dates must be within the years 0001 to 9999.')
  })
})

describe('a time entry', () => {
  it('refuses a project that is not its work package’s, changed or not', async () => {
    const work = await inDemo()
    const entry = await log(work)
    const contradicting = await patch(`time_entries/${entry.id}`, { _links: { project: href('projects/other') } })
    expect([contradicting.statusCode, contradicting.json<Json>()['message']]).toEqual([
      422,
      'Project must be the one of the work package.',
    ])
    const agreeing = await patch(`time_entries/${entry.id}`, { _links: { project: href('projects/demo') } })
    expect(agreeing.statusCode).toBe(200)
  })
})

describe('what many write at once', () => {
  const MANY = 20
  const many = (method: string, path: () => string, body: (n: number) => object) =>
    Array.from({ length: MANY }, (_, n) => api.call(method, `/api/v3/${path()}`, body(n)))
  const answered = async (...asked: ReturnType<typeof many>[]) =>
    [...new Set((await Promise.all(asked.flat())).map(({ statusCode }) => statusCode))].sort()
  const described = (n: number) => ({ description: { raw: `Described ${n}` } })
  const ids: Record<string, number> = {}

  beforeAll(async () => {
    const work = await inDemo()
    const user = await createTestUser(api, 'mia')
    const said = await api.create(`/api/v3/work_packages/${work.id}/activities`, { comment: { raw: 'Said' } })
    const entry = await log(work)
    Object.assign(ids, { user: user.id, said: said.id, entry: entry.id, work: work.id })
  })

  it.each<[what: string, path: () => string, body: (n: number) => object]>([
    ['a project', () => 'projects/1', described],
    ['a time entry', () => `time_entries/${ids['entry']}`, (n) => ({ hours: `PT${n + 2}H` })],
    ['a user', () => `users/${ids['user']}`, (n) => ({ firstName: `Mia ${n}` })],
    ['a comment', () => `activities/${ids['said']}`, (n) => ({ comment: { raw: `Said ${n}` } })],
  ])('is written by all of them: %s', async (_, path, body) => {
    expect(await answered(many('PATCH', path, body))).toEqual([200])
  })

  it('is one project, by its id and by its identifier', async () => {
    const asked = ['projects/1', 'projects/demo'].map((path) => many('PATCH', () => path, described))
    expect(await answered(...asked)).toEqual([200])
  })

  it('keeps nobody from writing in the project', async () => {
    const project = many('PATCH', () => 'projects/1', described)
    const created = many(
      'POST',
      () => 'projects/1/work_packages',
      () => ({ subject: 'x' }),
    )
    expect(await answered(project, created)).toEqual([200, 201])
  })

  it('keeps nobody from writing what is in it', async () => {
    const asked = [
      many('PATCH', () => 'projects/1', described),
      many(
        'PATCH',
        () => `time_entries/${ids['entry']}`,
        (n) => ({ hours: `PT${n + 1}M` }),
      ),
      many(
        'POST',
        () => `work_packages/${ids['work']}/activities`,
        (n) => ({ comment: { raw: `${n}` } }),
      ),
    ]
    expect(await answered(...asked)).toEqual([200, 201])
  })
})

describe('what several write without a pause, each row in others’ way', () => {
  it('is written by all of them', async () => {
    const { id } = await inDemo()
    const entry = await log(await inDemo({ _links: { parent: href(`work_packages/${id}`) } }))
    const work = entry._links['entity']?.href ?? ''
    const steps: ((n: number) => ReturnType<typeof patch>)[] = [
      (n) => patch('projects/1', { description: { raw: `${n}` } }),
      (n) => patch(`time_entries/${entry.id}`, { hours: `PT${n + 1}M` }),
      (n) => api.call('POST', `${work}/activities`, { comment: { raw: `${n}` } }),
      () => api.call('POST', '/api/v3/projects/1/work_packages', { subject: 'x', _links: { parent: { href: work } } }),
    ]
    const statuses = new Set<number>()
    const person = async (step: (typeof steps)[number], first: number) => {
      for (let n = first; n < first + 20; n += 1) statuses.add((await step(n)).statusCode)
    }
    await Promise.all(steps.flatMap((step) => [0, 100, 200, 300].map((first) => person(step, first))))
    expect([...statuses].sort()).toEqual([200, 201])
  })
})

describe('what is written like an id or a date but is none', () => {
  it.each(['types/01', 'types/+1', 'types/1.0', 'types/1e0', 'types/%31', 'types/0', 'types/-1', 'types/1 '])(
    'a link to %s leads nowhere',
    async (path) => {
      const body = { subject: 'x', _links: { type: href(path) } }
      const response = await api.call('POST', '/api/v3/projects/demo/work_packages', body)
      expect([response.statusCode, response.json<Json>()['message']]).toEqual([422, 'Type does not exist.'])
    },
  )

  it.each(['2026-02-30', '2026-13-01', '2026-00-10', '2025-02-29', '2026-2-3', '+002026-02-03', '２０２６-02-03'])(
    '%s is no date',
    async (spentOn) => {
      const response = await api.call('POST', '/api/v3/time_entries', { spentOn, hours: 'PT1H' })
      expect(response.statusCode).toBe(422)
      expect(response.body).toContain('PropertyFormatError')
    },
  )
})

describe('half a surrogate pair', () => {
  it.each([
    ['projects', '{"name":"a\\ud800"}', 'name'],
    ['projects', '{"name":"a","description":{"raw":"\\udc00b"}}', 'description'],
    ['projects/demo/work_packages', '{"subject":"\\ud83d"}', 'subject'],
  ])('in a text of %s is refused, not changed', async (path, body, attribute) => {
    const response = await api.call('POST', `/api/v3/${path}`, body)
    expect([response.statusCode, response.json()]).toMatchObject([
      422,
      {
        errorIdentifier: 'urn:openproject-org:api:v3:errors:PropertyFormatError',
        _embedded: { details: { attribute } },
      },
    ])
  })

  it('in a link leads nowhere', async () => {
    const body = '{"name":"a","_links":{"parent":{"href":"/api/v3/projects/\\ud800"}}}'
    expect((await api.call('POST', '/api/v3/projects', body)).statusCode).toBe(422)
  })

  it('is none with its other half', async () => {
    const created = await api.create('/api/v3/projects', '{"name":"\\ud83d\\udc1b \\u0000"}')
    expect((await api.call('GET', `/api/v3/projects/${created.id}`)).json()).toMatchObject({ name: '🐛 \u0000' })
  })
})
