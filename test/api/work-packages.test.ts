import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { addMember, href, openTestApi, type Json, type TestApi } from './support.ts'

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

const inDemo = (subject: string, rest: object = {}) =>
  api.create('/api/v3/projects/demo/work_packages', { subject, ...rest })
const patch = (id: number, body: unknown) => api.call('PATCH', `/api/v3/work_packages/${id}`, body)
const show = async (id: number): Promise<Json> => (await api.call('GET', `/api/v3/work_packages/${id}`)).json()

interface Problem {
  readonly errorIdentifier: string
  readonly message: string
  readonly _embedded?: { readonly details?: { readonly attribute?: string }; readonly errors?: Problem[] }
}

/** `Identifier attribute message` of each problem of an answer. */
function problems(body: Problem): string[] {
  const list = body._embedded?.errors ?? [body]
  return list.map(
    ({ errorIdentifier, message, _embedded }) =>
      `${errorIdentifier.replace(/.*:/, '')} ${_embedded?.details?.attribute ?? '-'}: ${message}`,
  )
}

describe('creating', () => {
  it('takes the defaults, and shows the same afterwards', async () => {
    const created = await inDemo('First')
    expect(created).toMatchObject({
      _type: 'WorkPackage',
      displayId: String(created.id),
      lockVersion: 0,
      subject: 'First',
      _embedded: {
        type: { name: 'Task' },
        status: { name: 'New' },
        priority: { name: 'Normal' },
        author: { login: 'admin' },
      },
    })
    expect(created._links['assignee']).toEqual({ href: null })
    expect(created._embedded).not.toHaveProperty('assignee')
    expect(await show(created.id)).toEqual(created)
  })

  it('reads every writable property', async () => {
    const parent = await inDemo('Parent')
    const created = await api.create('/api/v3/work_packages', {
      subject: 'Full',
      description: { raw: 'Text' },
      scheduleManually: false,
      startDate: '2026-03-02',
      dueDate: '2026-03-10',
      estimatedTime: 'P1DT2H',
      remainingTime: 'PT5H30M',
      percentageDone: 40,
      ignoreNonWorkingDays: true,
      unknown: 'ignored',
      _type: 'WorkPackage',
      _links: {
        project: href('workspaces/demo'),
        type: { href: 'https://projects.example.com/api/v3/types/7' },
        status: href(`statuses/${statusIds['In progress']}`),
        priority: href('priorities/3'),
        assignee: href('users/1'),
        responsible: href('users/1'),
        parent: href(`work_packages/${parent.id}`),
      },
    })
    expect(created).toMatchObject({
      scheduleManually: false,
      startDate: '2026-03-02',
      dueDate: '2026-03-10',
      duration: 'P9D',
      estimatedTime: 'P1DT2H',
      remainingTime: 'PT5H30M',
      percentageDone: 40,
      ignoreNonWorkingDays: true,
    })
    const titles = Object.fromEntries(Object.entries(created._links).map(([name, link]) => [name, link.title]))
    expect(titles).toMatchObject({
      type: 'Bug',
      status: 'In progress',
      priority: 'High',
      assignee: 'Nepenthes Admin',
      parent: 'Parent',
    })
    expect((await show(parent.id))._links['children']).toEqual([
      { href: `/api/v3/work_packages/${created.id}`, title: 'Full' },
    ])
  })

  it.each([
    [{ startDate: '2026-03-06', duration: 'P3D' }, '2026-03-06', '2026-03-10', 'P3D'],
    [{ dueDate: '2026-03-10', duration: 'P3D' }, '2026-03-06', '2026-03-10', 'P3D'],
    [{ startDate: '2026-03-06', dueDate: '2026-03-10' }, '2026-03-06', '2026-03-10', 'P3D'],
    [{ startDate: '2026-03-06', dueDate: '2026-03-10', duration: 'P3D' }, '2026-03-06', '2026-03-10', 'P3D'],
    [{ startDate: '2026-03-06', duration: 'P12D' }, '2026-03-06', '2026-03-23', 'P12D'],
    [{ startDate: '2026-03-06', duration: 'P3D', ignoreNonWorkingDays: true }, '2026-03-06', '2026-03-08', 'P3D'],
    [{ startDate: '2026-03-06' }, '2026-03-06', null, null],
    [{}, null, null, null],
  ])('works out the dates of %j', async (dates, startDate, dueDate, duration) => {
    expect(await inDemo('Dates', dates)).toMatchObject({ startDate, dueDate, duration })
  })

  it('gives milestones one date', async () => {
    const milestone = await inDemo('Milestone', { date: '2026-03-05', _links: { type: href('types/2') } })
    expect(milestone['date']).toBe('2026-03-05')
    for (const name of ['startDate', 'dueDate', 'duration', 'derivedStartDate'])
      expect(milestone).not.toHaveProperty(name)
  })
})

describe('what is wrong is told, all of it', () => {
  const link = (name: string, path: string | null) => ({
    _links: { [name]: path === null ? { href: null } : href(path) },
  })
  it.each<[body: object, expected: string[]]>([
    [{}, ["PropertyConstraintViolation subject: Subject can't be blank."]],
    [{ subject: '  ' }, ["PropertyConstraintViolation subject: Subject can't be blank."]],
    [
      { subject: 'x'.repeat(256) },
      ['PropertyConstraintViolation subject: Subject is too long (maximum is 255 characters).'],
    ],
    [
      { subject: 'x', percentageDone: 101 },
      ['PropertyConstraintViolation percentageDone: % Complete must be between 0 and 100.'],
    ],
    [
      { subject: 'x', startDate: '2026-03-02T00:00:00Z' },
      [
        "PropertyFormatError startDate: Invalid format for property 'startDate': Expected format like 'YYYY-MM-DD (ISO 8601 date only)', but got '\"2026-03-02T00:00:00Z\"'.",
      ],
    ],
    [{ subject: 'x', startDate: '2026-02-30' }, [expect.stringMatching(/^PropertyFormatError startDate/) as string]],
    [{ subject: 'x', estimatedTime: '5h' }, [expect.stringMatching(/^PropertyFormatError estimatedTime/) as string]],
    [
      { subject: 'x', startDate: '2026-03-03', dueDate: '2026-03-02' },
      ['PropertyConstraintViolation dueDate: Finish date must be greater than or equal to the start date.'],
    ],
    [
      { subject: 'x', startDate: '2026-03-02', dueDate: '2026-03-03', duration: 'P5D' },
      ['PropertyConstraintViolation duration: Duration does not match the specified dates.'],
    ],
    [{ subject: 'x', ...link('type', 'types/99') }, ['PropertyConstraintViolation type: Type does not exist.']],
    [{ subject: 'x', ...link('status', null) }, ["PropertyConstraintViolation status: Status can't be blank."]],
    [
      { subject: 'x', ...link('assignee', 'users/99') },
      ['PropertyConstraintViolation assignee: Assignee does not exist.'],
    ],
    [
      { subject: 'x', ...link('type', 'statuses/1') },
      [
        "ResourceTypeMismatch type: For property 'type' a link like '/api/v3/types/:id' is expected, but got '/api/v3/statuses/1'.",
      ],
    ],
    [
      { subject: 'x', id: 5, createdAt: '2020-01-01T00:00:00.000Z' },
      [
        'PropertyIsReadOnly id: Id was attempted to be written but is not writable.',
        'PropertyIsReadOnly createdAt: Created at was attempted to be written but is not writable.',
      ],
    ],
    [
      { subject: '', percentageDone: -1, startDate: 5, ...link('priority', 'priorities/99') },
      [
        expect.stringMatching(/^PropertyFormatError startDate/) as string,
        'PropertyConstraintViolation priority: Priority does not exist.',
        "PropertyConstraintViolation subject: Subject can't be blank.",
        'PropertyConstraintViolation percentageDone: % Complete must be between 0 and 100.',
      ],
    ],
  ])('%j', async (body, expected) => {
    const response = await api.call('POST', '/api/v3/projects/demo/work_packages', body)
    expect(response.statusCode).toBe(422)
    expect(problems(response.json())).toEqual(expected)
  })

  it('a project is needed, and one that is not archived', async () => {
    const none = await api.call('POST', '/api/v3/work_packages', { subject: 'x' })
    expect([none.statusCode, problems(none.json())]).toEqual([
      422,
      ["PropertyConstraintViolation project: Project can't be blank."],
    ])
    const unknown = await api.call('POST', '/api/v3/work_packages', {
      subject: 'x',
      ...link('project', 'projects/nope'),
    })
    expect([unknown.statusCode, problems(unknown.json())]).toEqual([
      422,
      ['PropertyConstraintViolation project: Project does not exist.'],
    ])
    const archived = await api.create('/api/v3/projects', { name: 'Archived', active: false })
    const late = await api.call('POST', `/api/v3/projects/${archived.id}/work_packages`, { subject: 'x' })
    expect([late.statusCode, problems(late.json())]).toEqual([
      422,
      ['PropertyConstraintViolation project: Project is archived.'],
    ])
    expect((await api.call('POST', '/api/v3/projects/nope/work_packages', { subject: 'x' })).statusCode).toBe(404)
  })

  it.each([
    [{ _links: [] }, 400, 'BadRequest'],
    [{ _links: { type: '/api/v3/types/1' } }, 400, 'BadRequest'],
    [[], 400, 'InvalidRequestBody'],
    [7, 400, 'InvalidRequestBody'],
  ])('%j', async (body, status, identifier) => {
    const response = await api.call('POST', '/api/v3/projects/demo/work_packages', body)
    expect(response.statusCode).toBe(status)
    expect(response.json<Problem>().errorIdentifier).toMatch(new RegExp(`:${identifier}$`))
  })
})

describe('changing', () => {
  it('needs the current lockVersion and raises it', async () => {
    const { id } = await inDemo('Locked')
    for (const body of [{ subject: 'A' }, { lockVersion: 1, subject: 'A' }, { lockVersion: '1', subject: 'A' }]) {
      const refused = await patch(id, body)
      expect(refused.statusCode).toBe(409)
      expect(problems(refused.json())).toEqual([
        'UpdateConflict -: Could not update the resource because of conflicting modifications.',
      ])
    }
    api.clock.advance(1_234)
    const changed = await patch(id, { lockVersion: '0', subject: 'B' })
    expect(changed.json()).toMatchObject({
      lockVersion: 1,
      subject: 'B',
      updatedAt: new Date(api.clock.now()).toISOString(),
    })
    expect(await show(id)).toEqual(changed.json())
  })

  it.each([
    [{ startDate: null }, null, '2026-03-10', null],
    [{ duration: null }, '2026-03-06', null, null],
    [{ dueDate: '2026-03-11', duration: null }, null, '2026-03-11', null],
    [{ startDate: '2026-03-05', duration: null }, '2026-03-05', null, null],
    [{ duration: 'P5D' }, '2026-03-06', '2026-03-12', 'P5D'],
  ])('of dates by %j leaves unset what is unset', async (dates, startDate, dueDate, duration) => {
    const { id } = await inDemo('Dates', { startDate: '2026-03-06', dueDate: '2026-03-10' })
    const changed = await patch(id, { lockVersion: 0, ...dates })
    expect(changed.json()).toMatchObject({ startDate, dueDate, duration })
  })

  const CONTRADICTED = "date can't be null as"
  it.each([
    [{ startDate: null, duration: 'P2D' }, 'duration: Duration needs a start date or a finish date.'],
    [{ dueDate: null, duration: 'P2D' }, 'duration: Duration needs a start date or a finish date.'],
    [
      { startDate: null, dueDate: '2026-03-10', duration: 'P2D' },
      `startDate: Start ${CONTRADICTED} finish date and duration are known.`,
    ],
    [
      { startDate: '2026-03-06', dueDate: null, duration: 'P2D' },
      `dueDate: Finish ${CONTRADICTED} start date and duration are known.`,
    ],
  ])('of dates by %j contradicts itself', async (dates, problem) => {
    const { id } = await inDemo('Dates', { startDate: '2026-03-06', dueDate: '2026-03-10' })
    const refused = await patch(id, { lockVersion: 0, ...dates })
    expect([refused.statusCode, problems(refused.json())]).toEqual([422, [`PropertyConstraintViolation ${problem}`]])
    expect(await show(id)).toMatchObject({ startDate: '2026-03-06', dueDate: '2026-03-10' })
  })

  it('that changes nothing writes nothing', async () => {
    const before = await inDemo('Same', { startDate: '2026-03-02' })
    api.clock.advance(1_000)
    const body = { lockVersion: 0, subject: 'Same', startDate: '2026-03-02', _links: { type: href('types/1') } }
    const same = await patch(before.id, body)
    expect([same.statusCode, same.json()]).toEqual([200, before])
  })

  it('takes a whole representation back, and refuses changed read-only values', async () => {
    const before = await inDemo('Whole', { dueDate: '2026-03-02' })
    const back = await patch(before.id, { ...before, subject: 'Whole too' })
    expect([back.statusCode, back.json<Json>().lockVersion]).toEqual([200, 1])
    const forged = await patch(before.id, { lockVersion: 1, id: 77 })
    expect(problems(forged.json())).toEqual([
      'PropertyIsReadOnly id: Id was attempted to be written but is not writable.',
    ])
  })

  it('unsets references with a null href', async () => {
    const created = await inDemo('Assigned', { _links: { assignee: href('users/1') } })
    const changed = await patch(created.id, { lockVersion: 0, _links: { assignee: { href: null } } })
    expect(changed.json<Json>()._links['assignee']).toEqual({ href: null })
  })

  it('cannot make a work package its own ancestor', async () => {
    const top = await inDemo('Top')
    const child = await inDemo('Child', { _links: { parent: href(`work_packages/${top.id}`) } })
    const loop = await patch(top.id, { lockVersion: 0, _links: { parent: href(`work_packages/${child.id}`) } })
    expect(problems(loop.json())).toEqual([
      'PropertyConstraintViolation parent: Parent must not be the work package itself or one of its children.',
    ])
    const itself = await patch(top.id, { lockVersion: 0, _links: { parent: href(`work_packages/${top.id}`) } })
    expect(itself.statusCode).toBe(422)
  })

  it('of two that would close a loop together, one is refused', async () => {
    const [a, b] = [await inDemo('A'), await inDemo('B')]
    const under = (parent: Json) => ({ lockVersion: 0, _links: { parent: href(`work_packages/${parent.id}`) } })
    const answers = await Promise.all([patch(a.id, under(b)), patch(b.id, under(a))])
    expect(answers.map((answer) => answer.statusCode).sort()).toEqual([200, 422])
  })

  it('moves the time logged on it into the other project', async () => {
    const { id } = await inDemo('Moving')
    const entry = await api.create('/api/v3/time_entries', {
      hours: 'PT1H',
      spentOn: '2026-03-01',
      _links: { entity: href(`work_packages/${id}`) },
    })
    expect((await patch(id, { lockVersion: 0, _links: { project: href('projects/other') } })).statusCode).toBe(200)
    const moved: Json = (await api.call('GET', `/api/v3/time_entries/${entry.id}`)).json()
    expect(moved._links['project']).toMatchObject({ title: 'Other' })
    const filters = encodeURIComponent(JSON.stringify([{ project: { operator: '=', values: ['2'] } }]))
    expect((await api.call('GET', `/api/v3/time_entries?filters=${filters}`)).json()).toMatchObject({ total: 1 })
  })

  it('by twenty at once from the same version: one wins, the others are told', async () => {
    const { id } = await inDemo('Contended')
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, n) => patch(id, { lockVersion: 0, subject: `By ${n}` })),
    )
    const statuses = answers.map((answer) => answer.statusCode)
    expect(statuses.filter((status) => status === 200)).toHaveLength(1)
    expect(statuses.filter((status) => status === 409)).toHaveLength(19)
    const winner = answers.find((answer) => answer.statusCode === 200)
    expect(await show(id)).toEqual(winner?.json())
  })
})

describe('deleting', () => {
  it('takes children and time along', async () => {
    const top = await inDemo('Gone')
    const child = await inDemo('Gone too', { _links: { parent: href(`work_packages/${top.id}`) } })
    const entry = await api.create('/api/v3/time_entries', {
      hours: 'PT1H',
      spentOn: '2026-03-01',
      _links: { entity: href(`work_packages/${child.id}`) },
    })
    expect((await api.call('DELETE', `/api/v3/work_packages/${top.id}`)).statusCode).toBe(204)
    for (const path of [`work_packages/${top.id}`, `work_packages/${child.id}`, `time_entries/${entry.id}`]) {
      expect((await api.call('GET', `/api/v3/${path}`)).statusCode).toBe(404)
    }
    expect((await api.call('DELETE', `/api/v3/work_packages/${top.id}`)).statusCode).toBe(404)
  })

  it('gets its turn among those who go on changing it, commenting on it and logging time on it', async () => {
    const { id } = await inDemo('Busy')
    const path = `/api/v3/work_packages/${id}`
    const timed = { hours: 'PT1H', spentOn: '2026-03-01', _links: { entity: href(`work_packages/${id}`) } }
    const requests = [
      () => api.call('POST', `${path}/activities`, { comment: { raw: 'Busy' } }),
      () => api.call('POST', '/api/v3/time_entries', timed),
      async () => {
        const { lockVersion } = await show(id)
        return api.call('PATCH', path, { lockVersion, percentageDone: (lockVersion ?? 0) % 100 })
      },
    ]
    let answers = 0
    let gone = false
    const busy = [...requests, ...requests, ...requests].map(async (request) => {
      for (let i = 0; i < 200 && !gone; i += 1) {
        await request()
        answers += 1
      }
    })
    while (answers < 20) await new Promise((resolve) => setImmediate(resolve))
    const deleted = await api.call('DELETE', path)
    gone = true
    await Promise.all(busy)
    expect(deleted.statusCode).toBe(204)
    for (const table of ['journals', 'timeEntries'] as const) {
      const where = [{ column: 'workPackageId', comparison: '=', value: id }] as const
      expect((await api.store.list(table, { where, orderBy: [], limit: 1, offset: 0 })).total).toBe(0)
    }
  })

  it('and logging time on it at the same moment leaves nothing behind', async () => {
    const { id } = await inDemo('Race')
    const log = () =>
      api.call('POST', '/api/v3/time_entries', {
        hours: 'PT1H',
        spentOn: '2026-03-01',
        _links: { entity: href(`work_packages/${id}`) },
      })
    const [deleted, ...logged] = await Promise.all([
      api.call('DELETE', `/api/v3/work_packages/${id}`),
      ...Array.from({ length: 10 }, log),
    ])
    expect(deleted.statusCode).toBe(204)
    for (const answer of logged) expect([201, 422]).toContain(answer.statusCode)
    const where = [{ column: 'workPackageId', comparison: '=', value: id }] as const
    expect((await api.store.list('timeEntries', { where, orderBy: [], limit: 1, offset: 0 })).total).toBe(0)
  })
})
