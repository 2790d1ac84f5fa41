import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ApiStore } from '../../src/api/context.ts'
import { optionalDuration } from '../../src/api/v3/representers/formats.ts'
import type { PendingDelivery } from '../../src/storage/records.ts'
import type { Mutation } from '../../src/storage/store.ts'
import type { WorkPackageRecord } from '../../src/storage/tables.ts'
import { seeds } from '../support/effort.ts'
import { seededRandom, type SeededRandom } from '../support/seeded-random.ts'
import { addMember, createTestUser, href, openTestApi, overriding, withoutWatching } from './support.ts'
import type { CallOptions, HookSpec, Json, TestApi, TestUser } from './support.ts'

const MILESTONE = href('types/2')
const HOOK: HookSpec = { name: 'all', events: ['work_package:created', 'work_package:updated'] }
const [CLOSED, REJECTED] = [12, 14]

let api: TestApi
let deliveries: PendingDelivery[]
/** What was read of work packages, other than one by its id. */
let picked: number

beforeEach(async () => {
  picked = 0
  const wrap = (store: ApiStore) =>
    overriding(store, {
      pick(table, columns, query) {
        if (table === 'workPackages') picked += 1
        return store.pick(table, columns, query)
      },
    })
  api = await openTestApi({ webhooks: [HOOK] }, { wrap })
  deliveries = []
  api.store.onDeliveries((some) => deliveries.push(...some))
  await api.create('/api/v3/projects', { name: 'Demo' })
  await api.create('/api/v3/projects', { name: 'Hidden' })
  await exclude(REJECTED)
})
afterEach(() => api.close())

const at = (id: number) => `/api/v3/work_packages/${id}`

async function exclude(id: number, excludedFromTotals = true): Promise<void> {
  const mutation: Mutation = { op: 'update', table: 'statuses', id, changes: { excludedFromTotals } }
  await api.store.commit({ expect: [], mutations: [mutation], events: [] })
}

/** A work package of the project `demo`, below `parent`. */
async function work(parent: number | null, values: object = {}, links: object = {}): Promise<number> {
  const _links = {
    project: href('projects/1'),
    ...links,
    ...(parent !== null && { parent: href(`work_packages/${parent}`) }),
  }
  return (await api.create('/api/v3/work_packages', { subject: 'Work', ...values, _links })).id
}

async function show(id: number, options?: CallOptions): Promise<Json> {
  const response = await api.call('GET', at(id), undefined, options)
  expect(response.statusCode).toBe(200)
  return response.json()
}

async function patch(id: number, values: object): Promise<Json> {
  const { lockVersion } = await show(id)
  const response = await api.call('PATCH', at(id), { lockVersion, ...values })
  expect([response.statusCode, response.body]).toEqual([200, expect.anything()])
  return response.json()
}

type Derived = readonly unknown[]
const NOTHING: Derived = [null, null, null, null, null]

/** First and last date, work, remaining work and percentage. */
function derivedOf(shown: Json | undefined): Derived {
  const names = ['derivedStartDate', 'derivedDueDate', 'derivedEstimatedTime', 'derivedRemainingTime']
  return [...names, 'derivedPercentageDone'].map((name) => shown?.[name])
}

const derived = async (id: number, options?: CallOptions) => derivedOf(await show(id, options))

describe('a work package', () => {
  it('tells of all that is below it, on every level', async () => {
    const top = await work(null, {
      startDate: '2026-01-01',
      dueDate: '2026-12-31',
      estimatedTime: 'PT8H',
      remainingTime: 'PT4H',
    })
    const middle = await work(top, {
      startDate: '2026-03-05',
      dueDate: '2026-03-10',
      estimatedTime: 'PT2H',
      remainingTime: 'PT1H',
    })
    await work(middle, { dueDate: '2026-03-12', estimatedTime: 'PT6H30M' })
    await work(middle, { startDate: '2026-03-03', remainingTime: 'PT30M' })
    await work(top, { date: '2026-03-02', estimatedTime: 'PT30M' }, { type: MILESTONE })
    expect(await derived(top)).toEqual(['2026-03-02', '2026-03-12', 'PT17H', 'PT5H30M', 68])
    expect(await derived(middle)).toEqual(['2026-03-03', '2026-03-12', 'PT8H30M', 'PT1H30M', 82])
  })

  it('that is a milestone tells of work, not of dates', async () => {
    const top = await work(null, { date: '2026-03-02', estimatedTime: 'PT1H' }, { type: MILESTONE })
    await work(top, { startDate: '2026-03-05', estimatedTime: 'PT2H' })
    expect(await derived(top)).toEqual([undefined, undefined, 'PT3H', null, null])
  })

  it('leaves out work in a status that is excluded from totals, its own too, but no dates', async () => {
    const top = await work(null, { estimatedTime: 'PT8H' })
    const middle = await work(
      top,
      { startDate: '2026-03-05', estimatedTime: 'PT2H' },
      { status: href(`statuses/${REJECTED}`) },
    )
    await work(middle, { estimatedTime: 'PT1H', remainingTime: 'PT1H' })
    expect(await derived(top)).toEqual(['2026-03-05', '2026-03-05', 'PT9H', 'PT1H', 89])
    expect(await derived(middle)).toEqual([null, null, 'PT1H', 'PT1H', 0])
  })

  it('tells nothing where there is nothing to tell', async () => {
    const alone = await work(null, { startDate: '2026-03-02', estimatedTime: 'PT8H', remainingTime: 'PT4H' })
    expect(await derived(alone)).toEqual(NOTHING)
    const bare = await work(null)
    await work(bare)
    expect(await derived(bare)).toEqual(NOTHING)
    const rejected = await work(null)
    await work(rejected, { estimatedTime: 'PT8H' }, { status: href(`statuses/${REJECTED}`) })
    expect(await derived(rejected)).toEqual(NOTHING)
    const free = await work(null, { estimatedTime: 'PT0S' })
    await work(free, { remainingTime: 'PT1H' })
    expect(await derived(free)).toEqual([null, null, 'PT0S', 'PT1H', null])
    const over = await work(null, { estimatedTime: 'PT1H' })
    await work(over, { remainingTime: 'PT3H' })
    expect(await derived(over)).toEqual([null, null, 'PT1H', 'PT3H', 0])
  })

  it('tells nobody of what they do not see, and of what they see below it', async () => {
    const mia = await createTestUser(api, 'mia')
    await addMember(api, 'demo', mia.id)
    const top = await work(null, { estimatedTime: 'PT1H' })
    const hidden = { project: href('projects/2') }
    const middle = await work(top, { startDate: '2026-03-01', estimatedTime: 'PT2H' }, hidden)
    expect(await derived(top, { token: mia.token })).toEqual(NOTHING)
    const bottom = await work(middle, { dueDate: '2026-03-09', estimatedTime: 'PT4H' })
    expect(await derived(top)).toEqual(['2026-03-01', '2026-03-09', 'PT7H', null, null])
    expect(await derived(top, { token: mia.token })).toEqual(['2026-03-09', '2026-03-09', 'PT5H', null, null])
    const answer = await api.call('PATCH', at(top), { lockVersion: 0, subject: 'New' }, { token: mia.token })
    expect(derivedOf(answer.json())[2]).toBe('PT5H')
    const body = JSON.parse(deliveries.at(-1)?.body ?? '') as { work_package: Json }
    expect(derivedOf(body.work_package)[2]).toBe('PT7H')
    await addMember(api, 'hidden', mia.id)
    expect(await derived(top, { token: mia.token })).toEqual(['2026-03-01', '2026-03-09', 'PT7H', null, null])
    expect(await derived(bottom)).toEqual(NOTHING)
  })

  it('may be sent back as it was shown', async () => {
    const top = await work(null)
    await work(top, { startDate: '2026-03-05', estimatedTime: 'PT2H', remainingTime: 'PT1H' })
    const shown = await show(top)
    expect(withoutWatching(await patch(top, shown))).toEqual(withoutWatching(shown))
  })
})

describe('a page', () => {
  it('shows two parents, one above the other, beside others', async () => {
    const top = await work(null, { estimatedTime: 'PT1H' })
    const middle = await work(top, { estimatedTime: 'PT2H' })
    const bottom = await work(middle, { startDate: '2026-03-05', estimatedTime: 'PT4H' })
    await work(bottom, { estimatedTime: 'PT8H' })
    const filters = JSON.stringify([{ id: { operator: '=', values: [top, middle, await work(null)] } }])
    const page = await api.call('GET', `/api/v3/work_packages?filters=${encodeURIComponent(filters)}`)
    expect(page.json<Json>()._embedded.elements.map(derivedOf)).toEqual([
      ['2026-03-05', '2026-03-05', 'PT15H', null, null],
      ['2026-03-05', '2026-03-05', 'PT14H', null, null],
      NOTHING,
    ])
  })

  it('costs one read of what is below it if that is nothing, as does logging time', async () => {
    const alone = await work(null)
    await work(null)
    picked = 0
    expect((await api.call('GET', '/api/v3/work_packages')).json<Json>()._embedded.elements).toHaveLength(2)
    expect(picked).toBe(1)
    const _links = { entity: href(`work_packages/${alone}`) }
    await api.create('/api/v3/time_entries', { hours: 'PT1H', spentOn: '2026-03-01', _links })
    expect(picked).toBe(2)
  })

  it('derives nothing when more than 10,000 are below what it shows', async () => {
    const [top, other] = [await work(null), await work(null)]
    await work(top, { estimatedTime: 'PT1H' })
    const below = await work(other, { estimatedTime: 'PT1H' })
    await addBelow(below, 9_998)
    const shown = async () =>
      (await api.call('GET', '/api/v3/work_packages?pageSize=2')).json<Json>()._embedded.elements
    expect((await shown()).map((element) => derivedOf(element)[2])).toEqual(['PT1H', 'P6DT23H38M'])
    await addBelow(below, 1)
    expect((await shown()).map(derivedOf)).toEqual([NOTHING, NOTHING])
    expect((await derived(top))[2]).toBe('PT1H')
    expect((await derived(other))[2]).toBe('P6DT23H39M')
    await addBelow(other, 1)
    expect(await derived(other)).toEqual(NOTHING)
  })
})

/** So many of a minute each, below others of them, ten below each. */
async function addBelow(parent: number, count: number): Promise<void> {
  const row = await api.store.get('workPackages', parent)
  const ids: number[] = [parent]
  const mutations = Array.from({ length: count }, (_, n): Mutation => {
    const id = api.store.allocateId('workPackages')
    ids.push(id)
    const values = { id, parentId: ids[Math.floor(n / 10)] ?? null, estimatedMinutes: 1 }
    return { op: 'insert', table: 'workPackages', row: { ...(row as WorkPackageRecord), ...values } }
  })
  await api.store.commit({ expect: [], mutations, events: [] })
}

describe('work packages in a loop', () => {
  it('are each shown with the others below', async () => {
    const ids = [await work(null, { estimatedTime: 'PT1H' }), await work(null, { estimatedTime: 'PT2H' })]
    const [one = 0, two = 0] = ids
    for (const [id, parentId] of [[one, two] as const, [two, one] as const]) {
      const mutation: Mutation = { op: 'update', table: 'workPackages', id, changes: { parentId } }
      await api.store.commit({ expect: [], mutations: [mutation], events: [] })
    }
    expect([(await derived(one))[2], (await derived(two))[2]]).toEqual(['PT3H', 'PT3H'])
    const page = (await api.call('GET', '/api/v3/work_packages')).json<Json>()
    expect(page._embedded.elements.map((element) => derivedOf(element)[2])).toEqual(['PT3H', 'PT3H'])
  })
})

describe('a change', () => {
  const eventOf = () => (JSON.parse(deliveries.at(-1)?.body ?? '') as { work_package: Json }).work_package

  it('of a parent is answered and sent with what is derived from then on', async () => {
    const top = await work(null, { estimatedTime: 'PT1H' })
    await work(top, { estimatedTime: 'PT2H' })
    expect((await derived(top))[2]).toBe('PT3H')
    const answer = await patch(top, { estimatedTime: 'PT8H', remainingTime: 'PT1H' })
    expect(derivedOf(answer)).toEqual([null, null, 'PT10H', 'PT1H', 90])
    expect(eventOf()).toEqual(withoutWatching(answer))
    expect(await show(top)).toEqual(answer)
  })

  it('of one below is shown by those above at once, in its own answer and event too', async () => {
    const [top, other] = [await work(null, { estimatedTime: 'PT1H' }), await work(null)]
    const middle = await work(top, { estimatedTime: 'PT2H' })
    const _embedded = { parent: { derivedEstimatedTime: 'PT3H', _links: { children: [{ title: 'Work' }] } } }
    expect(eventOf()).toMatchObject({ _embedded })
    await work(middle, { startDate: '2026-03-05', estimatedTime: 'PT4H' })
    expect((await derived(top))[2]).toBe('PT7H')

    const changed = await patch(middle, { estimatedTime: 'PT8H', subject: 'Renamed' })
    expect(derivedOf(changed._embedded['parent'])).toEqual(['2026-03-05', '2026-03-05', 'PT13H', null, null])
    expect([await show(middle), eventOf()]).toEqual([changed, withoutWatching(changed)])
    expect((await derived(top))[2]).toBe('PT13H')

    const moved = await patch(middle, { _links: { parent: href(`work_packages/${other}`) } })
    expect(derivedOf(moved._embedded['parent'])).toEqual(['2026-03-05', '2026-03-05', 'PT12H', null, null])
    expect([await show(middle), eventOf()]).toEqual([moved, withoutWatching(moved)])
    expect(await derived(top)).toEqual(NOTHING)
    expect((await derived(other))[2]).toBe('PT12H')

    expect((await api.call('DELETE', at(middle))).statusCode).toBe(204)
    expect(await derived(other)).toEqual(NOTHING)
  })

  it('of a status, or of the status of one below, is shown at once', async () => {
    const top = await work(null, { estimatedTime: 'PT1H' })
    const below = await work(top, { estimatedTime: 'PT2H' }, { status: href(`statuses/${CLOSED}`) })
    expect((await derived(top))[2]).toBe('PT3H')
    await exclude(CLOSED)
    expect((await derived(top))[2]).toBe('PT1H')
    await exclude(CLOSED, false)
    expect((await derived(top))[2]).toBe('PT3H')
    const answer = await patch(below, { _links: { status: href(`statuses/${REJECTED}`) } })
    expect(derivedOf(answer._embedded['parent'])[2]).toBe('PT1H')
    expect((await derived(top))[2]).toBe('PT1H')
  })

  it('is shown by the next time entry of those above', async () => {
    const top = await work(null, { estimatedTime: 'PT1H' })
    const below = await work(top, { estimatedTime: 'PT2H' })
    const timed = { hours: 'PT1H', spentOn: '2026-03-01', _links: { entity: href(`work_packages/${top}`) } }
    const logged = async () => (await api.create('/api/v3/time_entries', timed))._embedded['entity']
    expect((await logged())?.['derivedEstimatedTime']).toBe('PT3H')
    await patch(below, { estimatedTime: 'PT4H' })
    expect(await logged()).toMatchObject({ derivedEstimatedTime: 'PT5H', spentTime: 'PT2H' })
  })
})

const STEPS = 60
const STATUSES = [1, CLOSED, REJECTED]

/** What is to be shown, worked out the long way. */
function expected(
  rows: readonly WorkPackageRecord[],
  row: WorkPackageRecord,
  excluded: number[],
  sees: number[],
): Derived {
  const isBelow = (other: WorkPackageRecord): boolean =>
    other.parentId === row.id || rows.some((between) => between.id === other.parentId && isBelow(between))
  const below = rows.filter((other) => sees.includes(other.projectId) && isBelow(other))
  if (below.length === 0) return NOTHING
  const dates = below.flatMap(({ startDate, dueDate }) => [startDate, dueDate]).filter((date) => date !== null)
  const sum = (column: 'estimatedMinutes' | 'remainingMinutes') => {
    const counted = [row, ...below].filter(({ statusId }) => !excluded.includes(statusId))
    const values = counted.map((other) => other[column]).filter((value) => value !== null)
    return values.length > 0 ? values.reduce((all, value) => all + value) : null
  }
  const [estimated, remaining] = [sum('estimatedMinutes'), sum('remainingMinutes')]
  const done = estimated && remaining !== null ? Math.round(100 - (100 * remaining) / estimated) : null
  const percentage = done === null ? null : Math.max(0, done)
  const [first, last] = [dates.sort().at(0) ?? null, dates.at(-1) ?? null]
  return [first, last, optionalDuration(estimated), optionalDuration(remaining), percentage]
}

/** The values of a request that may be refused, for a nesting that makes no sense say. */
function someValues(random: SeededRandom, ids: readonly number[]): object {
  const day = () => random.pick([null, `2026-03-${random.integer(10, 28)}`])
  const time = () => random.pick([null, 'PT0S', `PT${random.integer(1, 90)}M`])
  const links = {
    parent: random.pick([{ href: null }, ...ids.map((id) => href(`work_packages/${id}`))]),
    project: href(`projects/${random.integer(1, 2)}`),
    status: href(`statuses/${random.pick(STATUSES)}`),
  }
  const all = { startDate: day(), dueDate: day(), estimatedTime: time(), remainingTime: time(), _links: links }
  return Object.fromEntries(Object.entries(all).filter(() => random.fraction() < 0.7))
}

describe('whatever becomes of a forest', () => {
  async function someChange(random: SeededRandom, ids: readonly number[]): Promise<void> {
    const [id, chance] = [random.pick([0, ...ids]), random.fraction()]
    const values = someValues(random, ids)
    if (chance < 0.4 || id === 0) {
      await api.call('POST', '/api/v3/projects/1/work_packages', { subject: 'Work', ...values })
    } else if (chance < 0.9) {
      const { lockVersion } = await show(id)
      const answer = await api.call('PATCH', at(id), { lockVersion, ...values })
      if (answer.statusCode === 200) expect(await show(id)).toEqual(answer.json())
    } else if (chance < 0.95) {
      expect((await api.call('DELETE', at(id))).statusCode).toBe(204)
    } else {
      await exclude(random.pick(STATUSES), random.fraction() < 0.5)
    }
  }

  async function everyRow<T extends 'workPackages' | 'statuses'>(table: T) {
    return (await api.store.list(table, { where: [], orderBy: [], limit: 1_000, offset: 0 })).rows
  }

  /** Compares all that is shown by itself, as a parent and in a list. */
  async function check(token: string | undefined, sees: number[]): Promise<void> {
    const [rows, statuses] = [await everyRow('workPackages'), await everyRow('statuses')]
    const excluded = statuses.filter((status) => status.excludedFromTotals).map(({ id }) => id)
    const options = token === undefined ? {} : { token }
    const shown = rows.filter(({ projectId }) => sees.includes(projectId))
    const wanted = new Map(shown.map((row) => [row.id, expected(rows, row, excluded, sees)]))
    for (const { id } of shown) {
      const whole = await show(id, options)
      const { parent } = whole._embedded
      expect(derivedOf(whole)).toEqual(wanted.get(id))
      if (parent) expect(derivedOf(parent)).toEqual(wanted.get(parent.id))
    }
    const page = await api.call('GET', '/api/v3/work_packages?filters=[]&pageSize=100', undefined, options)
    const elements = page.json<Json>()._embedded.elements
    expect(elements.map((element) => [element.id, derivedOf(element)])).toEqual([...wanted])
  }

  it.each(seeds([1], 1, 40))('everybody is shown what is derived from all they see (seed %i)', async (seed) => {
    const random = seededRandom(seed)
    const mia: TestUser = await createTestUser(api, 'mia')
    await addMember(api, 'demo', mia.id)
    for (let step = 1; step <= STEPS; step += 1) {
      await someChange(
        random,
        (await everyRow('workPackages')).map(({ id }) => id),
      )
      if (step % 10 !== 0) continue
      await check(undefined, [1, 2])
      await check(mia.token, [1])
    }
  })
})
