import { createHash } from 'node:crypto'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { PendingDelivery } from '../../src/storage/records.ts'
import type { ApiStore } from '../../src/api/context.ts'
import type { CommitResult, WriteSet } from '../../src/storage/store.ts'
import { EMBEDDED_EVENTS } from '../../src/resources/vocabulary.ts'
import { addMember, href, openTestApi, overriding, withoutWatching } from './support.ts'
import type { HookSpec, Json, TestApi } from './support.ts'

const all: HookSpec = { name: 'all', events: [...EMBEDDED_EVENTS] }
let open: TestApi | undefined

/** A fresh API, so that ids and times are the same in every run; `deliveries` fills as they become durable. */
async function withWebhooks(webhooks: readonly HookSpec[], wrap?: (store: ApiStore) => ApiStore) {
  const api = (open = await openTestApi({ webhooks }, wrap && { wrap }))
  const deliveries: PendingDelivery[] = []
  api.store.onDeliveries((some) => deliveries.push(...some))
  return { api, deliveries }
}

afterEach(async () => {
  await open?.close()
  open = undefined
})

async function everything(api: TestApi): Promise<void> {
  await api.create('/api/v3/projects', { name: 'Parent' })
  await api.create('/api/v3/projects', {
    name: 'Infra',
    description: { raw: 'Machines & <cables>' },
    _links: { parent: href('projects/1'), status: href('project_statuses/on_track') },
  })
  await addMember(api, 'infra', 1)
  api.clock.advance(60_000)
  await api.call('PATCH', '/api/v3/projects/infra', { statusExplanation: { raw: 'Fine' } })
  await api.create('/api/v3/projects/infra/work_packages', { subject: 'Parent work' })
  await api.create('/api/v3/projects/infra/work_packages', {
    subject: 'Fix login',
    description: { raw: 'First.\n\nSecond.' },
    startDate: '2026-03-02',
    estimatedTime: 'PT8H',
    _links: { assignee: href('users/1'), parent: href('work_packages/1') },
  })
  const comments = '/api/v3/work_packages/1/activities'
  await api.create(comments, { comment: { raw: 'Looks <b>good</b>.\n\nTo me.' } })
  await api.create(comments, { comment: { raw: 'Between us' }, internal: true })
  api.clock.advance(60_000)
  await api.call('PATCH', '/api/v3/work_packages/2', { lockVersion: 0, percentageDone: 20, duration: 'P2D' })
  await api.create('/api/v3/time_entries', {
    hours: 'PT1H30M',
    spentOn: '2026-03-02',
    comment: { raw: 'Logged' },
    _links: { entity: href('work_packages/2'), activity: href('time_entries/activities/3') },
  })
}

describe('the payloads', () => {
  let bodies: Map<string, string>

  beforeAll(async () => {
    const { api, deliveries } = await withWebhooks([all])
    await everything(api)
    bodies = new Map(deliveries.map((delivery) => [delivery.eventName, delivery.body]))
    await api.close()
    open = undefined
  })

  it.each(EMBEDDED_EVENTS)('of %s is as it was', async (name) => {
    const payload = JSON.parse(bodies.get(name) ?? 'null') as Record<string, unknown>
    await expect(`${JSON.stringify(payload, null, 2)}\n`).toMatchFileSnapshot(`golden/${name.replace(':', '-')}.json`)
    const key = name.startsWith('work_package_comment') ? 'activity' : name.split(':')[0]
    expect(Object.keys(payload)).toEqual(['action', key, 'actor'])
    expect(payload['action']).toBe(name)
    expect(payload['actor']).toMatchObject({ _type: 'User', login: 'admin' })
    for (const [, link] of JSON.stringify(payload).matchAll(/"href":"([^"]*)"/g)) expect(link).toMatch(/^\//)
  })
})

describe('the representation in an event', () => {
  it('is the answer the writer got, byte for byte', async () => {
    const { api, deliveries } = await withWebhooks([all])
    const response = await api.call('POST', '/api/v3/projects', { name: 'Demo' })
    expect(deliveries[0]?.body).toContain(`"project":${response.body},"actor":`)
  })

  it('of a comment is the answer too; beside it goes the work package as it is shown from then on', async () => {
    const { api, deliveries } = await withWebhooks([all])
    await api.create('/api/v3/projects', { name: 'Demo' })
    await api.create('/api/v3/projects/1/work_packages', { subject: 'x' })
    api.clock.advance(1_000)
    const response = await api.call('POST', '/api/v3/work_packages/1/activities', { comment: { raw: 'Hello' } })
    const shown = await api.call('GET', '/api/v3/work_packages/1')
    const [updated, comment] = deliveries.slice(2)
    expect([updated?.eventName, comment?.eventName]).toEqual(['work_package:updated', 'work_package_comment:comment'])
    const whole = JSON.stringify(withoutWatching(shown.json<Json>()))
    expect(updated?.body).toContain(`"work_package":${whole},"actor":`)
    expect(comment?.body).toContain(`"activity":${response.body},"actor":`)
    expect(updated?.eventId).not.toBe(comment?.eventId)
  })
})

describe('deliveries', () => {
  it('there is one for each webhook that matches, of one event, and an id without a dot', async () => {
    const { api, deliveries } = await withWebhooks([
      all,
      { name: 'by-identifier', events: ['project:created'], projects: ['demo'] },
      { name: 'by-id-and-identifier', events: ['project:created'], projects: ['1', 'demo'] },
      { name: 'another-project', events: ['project:created'], projects: ['other'] },
      { name: 'another-event', events: ['project:updated'] },
      { name: 'switched-off', events: ['project:created'], enabled: false },
    ])
    await api.create('/api/v3/projects', { name: 'Demo' })
    expect(deliveries.map(({ webhook }) => webhook).sort()).toEqual(['all', 'by-id-and-identifier', 'by-identifier'])
    expect(new Set(deliveries.map(({ eventId, eventSeq }) => `${eventId} ${eventSeq}`)).size).toBe(1)
    expect(deliveries[0]).toMatchObject({
      eventId: expect.stringMatching(/^evt_[0-9a-f]{32}$/) as string,
      eventName: 'project:created',
      projectId: 1,
      state: 'pending',
      occurredAt: api.clock.now(),
    })
  })

  it('of work packages and time follow the project of the work package', async () => {
    const { api, deliveries } = await withWebhooks([{ ...all, projects: ['two'] }])
    for (const name of ['One', 'Two']) {
      const project = await api.create('/api/v3/projects', { name })
      const workPackage = await api.create(`/api/v3/projects/${project.id}/work_packages`, { subject: name })
      const entity = { href: `/api/v3/work_packages/${workPackage.id}` }
      await api.create('/api/v3/time_entries', { hours: 'PT1H', spentOn: '2026-03-01', _links: { entity } })
    }
    expect(deliveries.map(({ eventName, projectId }) => `${eventName} ${projectId}`)).toEqual([
      'project:created 2',
      'work_package:created 2',
      'time_entry:created 2',
    ])
  })

  it('none is stored, and no event either, when no webhook wants it', async () => {
    const seen: WriteSet[] = []
    const { api, deliveries } = await withWebhooks([{ name: 'w', events: ['time_entry:created'] }], (store) =>
      overriding(store, { commit: (write) => (seen.push(write), store.commit(write)) }),
    )
    await api.create('/api/v3/projects', { name: 'Demo' })
    expect(seen.map(({ events }) => events)).toEqual([[]])
    expect(deliveries).toEqual([])
  })

  it('come in the same commit as the change', async () => {
    const seen: WriteSet[] = []
    const { api } = await withWebhooks([all], (store) =>
      overriding(store, { commit: (write) => (seen.push(write), store.commit(write)) }),
    )
    await api.create('/api/v3/projects', { name: 'Demo' })
    expect(seen).toHaveLength(1)
    expect(seen[0]?.mutations).toHaveLength(1)
    expect(seen[0]?.events).toMatchObject([{ name: 'project:created', projectId: 1, webhooks: ['all'] }])
  })

  it('a comment and what it does to the work package are one commit, each event with the webhooks that want it', async () => {
    const seen: WriteSet[] = []
    const { api } = await withWebhooks(
      [
        { name: 'comments', events: ['work_package_comment:comment'] },
        { name: 'both', events: ['work_package_comment:comment', 'work_package:updated'] },
        { name: 'internal', events: ['work_package_comment:internal_comment'] },
        { name: 'elsewhere', events: ['work_package_comment:comment'], projects: ['other'] },
      ],
      (store) => overriding(store, { commit: (write) => (seen.push(write), store.commit(write)) }),
    )
    await api.create('/api/v3/projects', { name: 'Demo' })
    await api.create('/api/v3/projects/1/work_packages', { subject: 'x' })
    await api.create('/api/v3/work_packages/1/activities', { comment: { raw: 'Hello' } })
    await api.create('/api/v3/work_packages/1/activities', { comment: { raw: 'Psst' }, internal: true })
    const events = seen.map((write) => write.events.map(({ name, webhooks }) => `${name} to ${webhooks.join(' ')}`))
    expect(events).toEqual([
      [],
      [],
      ['work_package:updated to both', 'work_package_comment:comment to comments both'],
      ['work_package:updated to both', 'work_package_comment:internal_comment to internal'],
    ])
    expect(seen[2]?.mutations.map(({ op, table }) => `${op} ${table}`)).toEqual([
      'update workPackages',
      'insert journals',
    ])
  })

  it('none comes of refusals, of changes that change nothing, of time changed, of deletions', async () => {
    const { api, deliveries } = await withWebhooks([all])
    await everything(api)
    const before = deliveries.length
    const statuses = [
      await api.call('POST', '/api/v3/projects', { name: '' }),
      await api.call('PATCH', '/api/v3/projects/infra', { name: 'Infra' }),
      await api.call('PATCH', '/api/v3/work_packages/2', { lockVersion: 0, subject: 'Late' }),
      await api.call('PATCH', '/api/v3/work_packages/2', { lockVersion: 1, subject: 'Fix login' }),
      await api.call('PATCH', '/api/v3/time_entries/1', { hours: 'PT3H' }),
      await api.call('POST', '/api/v3/work_packages/1/activities', { comment: { raw: ' ' } }),
      await api.call('PATCH', '/api/v3/activities/3', { comment: { raw: 'Said otherwise' } }),
      await api.call('DELETE', '/api/v3/projects/infra'),
    ].map((response) => response.statusCode)
    expect(statuses).toEqual([422, 200, 409, 200, 200, 422, 200, 204])
    expect(deliveries).toHaveLength(before)
  })

  it('the webhooks of the snapshot in force at the write are the ones that count', async () => {
    const { api, deliveries } = await withWebhooks([])
    await api.create('/api/v3/projects', { name: 'Before' })
    api.configure({ webhooks: [all] })
    await api.create('/api/v3/projects', { name: 'After' })
    api.configure({ webhooks: [] })
    await api.create('/api/v3/projects', { name: 'Later' })
    expect(deliveries.map(({ projectId }) => projectId)).toEqual([2])
  })
})

describe('a write that meets another', () => {
  /** Lets `before` run once, between the reads of the next write and its commit. */
  function interleaving() {
    const state: { before: (() => Promise<unknown>) | undefined; commits: number } = { before: undefined, commits: 0 }
    const wrap = (store: ApiStore): ApiStore =>
      overriding(store, {
        async commit(write: WriteSet): Promise<CommitResult> {
          const { before } = state
          state.before = undefined
          await before?.()
          state.commits += 1
          return store.commit(write)
        },
      })
    return { state, wrap }
  }

  it('reads again, so that the payload shows the project as it was at the commit', async () => {
    const { state, wrap } = interleaving()
    const { api, deliveries } = await withWebhooks([{ name: 'w', events: ['work_package:created'] }], wrap)
    await api.create('/api/v3/projects', { name: 'Old name' })
    state.before = () => api.call('PATCH', '/api/v3/projects/1', { name: 'New name' })
    const created = await api.create('/api/v3/projects/1/work_packages', { subject: 'x' })
    expect(created._links['project']).toMatchObject({ title: 'New name' })
    expect((JSON.parse(deliveries[0]?.body ?? '') as { work_package: Json }).work_package).toEqual(
      withoutWatching(created),
    )
    expect(state.commits).toBe(4)
  })

  it('of two projects with one identifier the second is told so', async () => {
    const { state, wrap } = interleaving()
    const { api } = await withWebhooks([all], wrap)
    state.before = () => api.create('/api/v3/projects', { name: 'First', identifier: 'same' })
    const second = await api.call('POST', '/api/v3/projects', { name: 'Second', identifier: 'same' })
    expect([second.statusCode, second.json<{ message: string }>().message]).toEqual([
      422,
      'Identifier has already been taken.',
    ])
  })

  it('gives up after a few tries, with a conflict', async () => {
    const conflict: CommitResult = {
      outcome: 'conflict',
      expectation: { kind: 'row', table: 'projects', id: 1, values: {} },
    }
    let commits = 0
    const { api } = await withWebhooks([all], (store) =>
      overriding(store, { commit: async () => ((commits += 1), conflict) }),
    )
    const response = await api.call('POST', '/api/v3/projects', { name: 'Never' })
    expect([response.statusCode, commits]).toEqual([409, 5])
  })

  it('is told to come back when the store cannot write', async () => {
    const { api } = await withWebhooks([all], (store) =>
      overriding(store, { commit: async () => ({ outcome: 'unavailable', reason: 'ENOSPC' }) }),
    )
    const response = await api.call('POST', '/api/v3/projects', { name: 'Full' })
    expect([response.statusCode, response.headers['retry-after']]).toEqual([503, '5'])
    expect(response.json()).toEqual({
      _type: 'Error',
      errorIdentifier: 'urn:openproject-org:api:v3:errors:ServiceUnavailable',
      message: 'The service cannot store changes just now. Try again later.',
    })
    expect(api.logged.join()).toContain('ENOSPC')
  })

  it('many at once on one work package all get through', async () => {
    const { api, deliveries } = await withWebhooks([{ name: 'w', events: ['time_entry:created'] }])
    await api.create('/api/v3/projects', { name: 'Demo' })
    await api.create('/api/v3/projects/1/work_packages', { subject: 'x' })
    const body = { hours: 'PT1M', spentOn: '2026-03-01', _links: { entity: href('work_packages/1') } }
    const answers = await Promise.all(Array.from({ length: 50 }, () => api.call('POST', '/api/v3/time_entries', body)))
    expect(answers.map((answer) => answer.statusCode)).toEqual(Array.from({ length: 50 }, () => 201))
    expect(new Set(deliveries.map(({ body }) => createHash('sha256').update(body).digest('hex'))).size).toBe(50)
    expect((await api.call('GET', '/api/v3/work_packages/1')).json()).toMatchObject({ spentTime: 'PT50M' })
  })
})

afterAll(() => open?.close())
