import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Cluster, type Json, openCluster } from './cluster.ts'
import { at, condition, webhook, webhooksPath } from './manifests.ts'

let cluster: Cluster
beforeAll(async () => {
  cluster = await openCluster()
})
afterAll(() => cluster.close())

const path = (rest = '') => webhooksPath(cluster.namespace, rest)
const create = async (name: string, spec: Json = {}, metadata: Json = {}) => {
  const { status, body } = await cluster.request('POST', path(), { body: webhook(name, spec, metadata) })
  expect(status, JSON.stringify(body)).toBe(201)
  return body
}
const get = async (name: string) => (await cluster.request('GET', path(`/${name}`))).body
const put = (name: string, body: unknown) => cluster.request('PUT', path(`/${name}`), { body })
const merge = (name: string, body: unknown) =>
  cluster.request('PATCH', path(`/${name}`), { body, type: 'application/merge-patch+json' })
const names = (list: Json) => (list['items'] as Json[]).map((item) => at(item, 'metadata.name'))

describe('one object', () => {
  test('gets what the server alone writes, and the default status', async () => {
    const object = await create('one', {}, { generation: 7, uid: 'mine', labels: { a: 'b' } })
    expect(at(object, 'metadata.generation')).toBe(1)
    expect(at(object, 'metadata.uid')).toMatch(/^[0-9a-f-]{36}$/)
    expect(at(object, 'metadata.creationTimestamp')).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/)
    expect(object['status']).toEqual({ observedGeneration: -1 })
    expect(await get('one')).toEqual(object)
  })

  test('exists once, in a namespace that exists', async () => {
    await create('once')
    const again = await cluster.request('POST', path(), { body: webhook('once') })
    expect([again.status, again.body['reason']]).toEqual([409, 'AlreadyExists'])
    expect(again.body['message']).toBe('webhooks.nepenthes.dev "once" already exists')
    const nowhere = await cluster.request('POST', webhooksPath('no-such-place'), { body: webhook('once') })
    expect([nowhere.status, nowhere.body['message']]).toEqual([404, 'namespaces "no-such-place" not found'])
  })

  test('counts generations of the spec only', async () => {
    await create('counted')
    const labelled = await merge('counted', { metadata: { labels: { team: 'a' } } })
    expect(at(labelled.body, 'metadata.generation')).toBe(1)
    const changed = await merge('counted', { spec: { enabled: false } })
    expect(at(changed.body, 'metadata.generation')).toBe(2)
  })

  test('keeps status and the rest apart', async () => {
    const object = await create('apart')
    const status = { observedGeneration: 1, conditions: [condition('Ready', 'True')] }
    const spec = { ...(object['spec'] as Json), enabled: false }
    const viaStatus = await cluster.request('PUT', path('/apart/status'), { body: { ...object, spec, status } })
    expect(viaStatus.body).toMatchObject({ spec: object['spec'], status, metadata: { generation: 1 } })
    const viaMain = await put('apart', { ...viaStatus.body, spec, status: { observedGeneration: 99 } })
    expect(viaMain.body).toMatchObject({ spec, status, metadata: { generation: 2 } })
  })

  test('is not written by who read an older one', async () => {
    const old = await create('contested')
    await merge('contested', { spec: { enabled: false } })
    const stale = await put('contested', old)
    expect([stale.status, stale.body['reason']]).toEqual([409, 'Conflict'])
    expect(stale.body['message']).toContain('the object has been modified; please apply your changes')
    const { resourceVersion: _, ...metadata } = old['metadata'] as Json
    const blind = await put('contested', { ...old, metadata })
    expect([blind.status, blind.body['reason']]).toEqual([422, 'Invalid'])
  })

  test('keeps its version when nothing changes', async () => {
    // The first write stores the default of the status, which until then is filled in whenever the object is read.
    const { body: object } = await put('still', await create('still'))
    const same = await put('still', object)
    expect(same.status).toBe(200)
    expect(at(same.body, 'metadata.resourceVersion')).toBe(at(object, 'metadata.resourceVersion'))
  })

  test('is deleted only if it is the one that was meant', async () => {
    const object = await create('meant')
    const options = (uid: unknown) => ({ apiVersion: 'v1', kind: 'DeleteOptions', preconditions: { uid } })
    const other = await cluster.request('DELETE', path('/meant'), { body: options('another') })
    expect(other.status).toBe(409)
    const gone = await cluster.request('DELETE', path('/meant'), { body: options(at(object, 'metadata.uid')) })
    expect([gone.status, gone.body['status']]).toEqual([200, 'Success'])
    expect((await cluster.request('GET', path('/meant'))).body['message']).toBe(
      'webhooks.nepenthes.dev "meant" not found',
    )
  })

  test('waits for its finalizers, and takes no new one meanwhile', async () => {
    await create('held', {}, { finalizers: ['nepenthes.dev/a', 'nepenthes.dev/b'] })
    const marked = await cluster.request('DELETE', path('/held'))
    expect(at(marked.body, 'metadata.deletionTimestamp')).toMatch(/Z$/)
    const more = await merge('held', { metadata: { finalizers: ['nepenthes.dev/c'] } })
    expect(more.status).toBe(422)
    await merge('held', { metadata: { finalizers: ['nepenthes.dev/b'] } })
    expect((await cluster.request('GET', path('/held'))).status).toBe(200)
    await merge('held', { metadata: { finalizers: null } })
    expect((await cluster.request('GET', path('/held'))).status).toBe(404)
  })

  test('is changed by a JSON patch, all of it or none', async () => {
    await create('patched', { projects: ['a', 'b'] })
    const patch = (body: unknown) =>
      cluster.request('PATCH', path('/patched'), { body, type: 'application/json-patch+json' })
    const failed = await patch([
      { op: 'remove', path: '/spec/projects/0' },
      { op: 'test', path: '/spec/projects/0', value: 'a' },
    ])
    expect(failed.status).toBe(422)
    const done = await patch([
      { op: 'test', path: '/spec/projects/0', value: 'a' },
      { op: 'remove', path: '/spec/projects/0' },
      { op: 'add', path: '/metadata/annotations', value: { 'a.example/b': 'c' } },
    ])
    expect(at(done.body, 'spec.projects')).toEqual(['b'])
    expect(at(done.body, 'metadata.annotations')).toMatchObject({ 'a.example/b': 'c' })
  })

  test('takes no strategic merge patch: it is a custom resource', async () => {
    await create('custom')
    const call = { body: {}, type: 'application/strategic-merge-patch+json' }
    expect((await cluster.request('PATCH', path('/custom'), call)).status).toBe(415)
  })
})

describe('what is refused', () => {
  const refused = async (spec: Json, query = '?fieldValidation=Strict') => {
    const { status, body, headers } = await cluster.request('POST', path(query), { body: webhook('refused', spec) })
    const causes = (at(body, 'details.causes') ?? []) as { field: string; reason: string }[]
    return { status, body, headers, causes: causes.map(({ field, reason }) => `${field} ${reason}`) }
  }

  test.each<[string, Json, readonly string[]]>([
    ['a missing field', { events: undefined }, ['spec.events FieldValueRequired']],
    ['an unknown word', { events: ['a'] }, ['spec.events[0] FieldValueNotSupported']],
    ['a number too small', { delivery: { timeoutSeconds: 0 } }, ['spec.delivery.timeoutSeconds FieldValueInvalid']],
    ['a wrong type', { enabled: 'yes' }, ['spec.enabled FieldValueTypeInvalid']],
    ['a text too long', { displayName: 'x'.repeat(256) }, ['spec.displayName FieldValueTooLong']],
    [
      'a list too long',
      { projects: Array.from({ length: 1001 }, (_, i) => `p${i}`) },
      ['spec.projects FieldValueTooMany'],
    ],
    ['a value twice', { projects: ['a', 'a'] }, ['spec.projects[1] FieldValueDuplicate']],
    ['a rule broken', { url: undefined }, ['spec FieldValueInvalid']],
  ])('%s', async (_, spec, expected) => {
    const { status, body, causes } = await refused(spec)
    expect([status, body['reason']]).toEqual([422, 'Invalid'])
    // After some mistakes the server says that it left rules unchecked.
    expect(causes.filter((cause) => !cause.startsWith('<nil>'))).toEqual(expected)
  })

  test('unknown fields: by choice refused, warned about or dropped', async () => {
    const strict = await refused({ urll: 1 })
    expect([strict.status, strict.body['reason']]).toEqual([400, 'BadRequest'])
    expect(strict.body['message']).toContain('strict decoding error: unknown field "spec.urll"')
    const warned = await refused({ urll: 1 }, '?fieldValidation=Warn&dryRun=All')
    expect([warned.status, warned.headers['warning']]).toEqual([201, '299 - "unknown field \\"spec.urll\\""'])
    expect(at(warned.body, 'spec.urll')).toBeUndefined()
    const ignored = await refused({ urll: 1 }, '?fieldValidation=Ignore&dryRun=All')
    expect([ignored.status, ignored.headers['warning']]).toEqual([201, undefined])
    expect((await cluster.request('GET', path('/refused'))).status).toBe(404)
  })

  test('a kind that does not belong there, and a name that is none', async () => {
    const other = await cluster.request('POST', path(), { body: { ...webhook('x'), kind: 'ApiSettings' } })
    expect([other.status, at(other.body, 'details.causes.0.field')]).toEqual([422, 'kind'])
    const named = await cluster.request('POST', path(), { body: webhook('Not_A_Name') })
    expect([named.status, at(named.body, 'details.causes.0.field')]).toEqual([422, 'metadata.name'])
  })

  test('a path that leads nowhere has no Status object', async () => {
    const { status, body } = await cluster.request('GET', '/apis/nepenthes.dev/v1/nothings')
    expect([status, body]).toEqual([404, { text: '404 page not found\n' }])
  })
})

describe('a list', () => {
  beforeAll(async () => {
    for (const [index, team] of ['a', 'a', 'b', 'c'].entries())
      await create(`listed-${index}`, { enabled: index !== 1 }, { labels: { team, suite: 'list' } })
    await create('listed-bare', {}, { labels: { suite: 'list' } })
  })

  test.each([
    ['team=a', [0, 1]],
    ['team==b', [2]],
    ['team!=a', ['bare', 2, 3]],
    ['team in (b,c)', [2, 3]],
    ['team notin (a, b)', ['bare', 3]],
    ['team', [0, 1, 2, 3]],
    ['!team', ['bare']],
    ['team=a,suite=list', [0, 1]],
  ])('with the label selector %s', async (selector, expected) => {
    const query = `?labelSelector=${encodeURIComponent(`suite=list,${selector}`)}`
    const { body } = await cluster.request('GET', path(query))
    expect(names(body).sort()).toEqual(expected.map((name) => `listed-${name}`).sort())
  })

  test.each([
    ['metadata.name=listed-1', [1]],
    ['spec.enabled=false', [1]],
    ['spec.enabled!=true', ['bare', 1]],
    ['spec.url=https://receiver.example/hooks,spec.enabled=false', [1]],
    ['spec.displayName=nobody', []],
  ])('with the field selector %s', async (selector, expected) => {
    const query = `?labelSelector=suite%3Dlist&fieldSelector=${encodeURIComponent(selector)}`
    const { body } = await cluster.request('GET', path(query))
    expect(names(body).sort()).toEqual(expected.map((name) => `listed-${name}`).sort())
  })

  test('knows no other fields to select by', async () => {
    const { status, body } = await cluster.request('GET', path('?fieldSelector=spec.description%3Dx'))
    expect([status, body['message']]).toEqual([
      400,
      expect.stringContaining('field label not supported: spec.description'),
    ])
  })

  test('comes in pages of one and the same moment', async () => {
    const page = (query: string) => cluster.request('GET', path(`?labelSelector=suite%3Dlist&limit=2${query}`))
    const first = (await page('')).body
    await create('listed-00', {}, { labels: { suite: 'list' } })
    await create('listed-9', {}, { labels: { suite: 'list' } })
    const seen = names(first)
    let next = at(first, 'metadata.continue') as string | undefined
    while (next) {
      const { body } = await page(`&continue=${encodeURIComponent(next)}`)
      expect(at(body, 'metadata.resourceVersion')).toBe(at(first, 'metadata.resourceVersion'))
      seen.push(...names(body))
      next = at(body, 'metadata.continue') as string | undefined
    }
    expect(seen).toEqual(['listed-0', 'listed-1', 'listed-2', 'listed-3', 'listed-bare'])
  })

  test('comes as metadata, or as a table', async () => {
    const metadata = 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1'
    const { body: partial } = await cluster.request('GET', path('?labelSelector=team%3Db'), { accept: metadata })
    expect(partial['kind']).toBe('PartialObjectMetadataList')
    expect(Object.keys((partial['items'] as Json[])[0] ?? {}).sort()).toEqual(['apiVersion', 'kind', 'metadata'])
    const table = 'application/json;as=Table;g=meta.k8s.io;v=v1'
    const { body } = await cluster.request('GET', path('?labelSelector=team%3Db'), { accept: table })
    const columns = (body['columnDefinitions'] as Json[]).map(({ name, priority }) => [name, priority])
    expect(columns).toEqual([
      ['Name', 0],
      ['Endpoint', 0],
      ['Ready', 0],
      ['Delivering', 0],
      ['Reason', 0],
      ['Last Success', 1],
      ['Pending', 1],
      ['Age', 0],
    ])
    expect(at(body, 'rows.0.cells.0')).toBe('listed-2')
  })
})

describe('a watch', () => {
  const listVersion = async () => at((await cluster.request('GET', path())).body, 'metadata.resourceVersion') as string
  const told = ({ type, object }: Json) => `${String(type)} ${String(at(object, 'metadata.name'))}`
  const take = async (events: AsyncGenerator<Json>, count: number) => {
    const taken: Json[] = []
    for await (const event of events) {
      taken.push(event)
      if (taken.length === count) break
    }
    return taken
  }

  test('goes on where a list ended, in order', async () => {
    const from = await listVersion()
    await create('watched')
    await merge('watched', { spec: { enabled: false } })
    await cluster.request('DELETE', path('/watched'))
    const events = await take(cluster.watch(path(`?watch=1&resourceVersion=${from}`)), 3)
    expect(events.map(told)).toEqual(['ADDED watched', 'MODIFIED watched', 'DELETED watched'])
    const versions = events.map(({ object }) => Number(at(object, 'metadata.resourceVersion')))
    expect(versions).toEqual([...versions].sort((a, b) => a - b))
  })

  test('tells what comes while it is open', async () => {
    const from = await listVersion()
    const events = cluster.watch(path(`?watch=true&resourceVersion=${from}`))
    const first = events.next()
    await create('live')
    expect(told((await first).value as Json)).toBe('ADDED live')
    await events.return(undefined)
  })

  test('that selects sees objects come into sight and leave it', async () => {
    const from = await listVersion()
    await create('sighted')
    await merge('sighted', { metadata: { labels: { seen: 'yes' } } })
    await merge('sighted', { spec: { enabled: false } })
    await merge('sighted', { metadata: { labels: { seen: null } } })
    await create('unseen')
    const query = `?watch=1&resourceVersion=${from}&labelSelector=seen%3Dyes&timeoutSeconds=1`
    const events = await take(cluster.watch(path(query)), 9)
    expect(events.map(told)).toEqual(['ADDED sighted', 'MODIFIED sighted', 'DELETED sighted'])
  })

  test('from a version that is yet to come tells nothing until it has; a list says that it has not', async () => {
    const future = String(Number(await listVersion()) + 1_000_000)
    const events = cluster.watch(path(`?watch=1&resourceVersion=${future}&allowWatchBookmarks=true&timeoutSeconds=1`))
    const first = events.next()
    await create('untold')
    expect(await first).toEqual({ done: true, value: undefined })
    const query = `?limit=1&resourceVersion=${future}&resourceVersionMatch=NotOlderThan`
    const { status, body } = await cluster.request('GET', path(query))
    expect([status, at(body, 'details.causes.0.reason')]).toEqual([504, 'ResourceVersionTooLarge'])
  })

  test('can begin with all there is, and say where that ends', async () => {
    await create('initial')
    const query =
      '?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&fieldSelector=metadata.name%3Dinitial'
    const [added, bookmark] = await take(cluster.watch(path(query)), 2)
    expect(told(added ?? {})).toBe('ADDED initial')
    expect(bookmark?.['type']).toBe('BOOKMARK')
    expect(at(bookmark, 'object.metadata.annotations')).toEqual({ 'k8s.io/initial-events-end': 'true' })
  })
})

describe('built-in kinds', () => {
  test('a lease that is gone comes back by an update of it, whatever its version was', async () => {
    const leases = `/apis/coordination.k8s.io/v1/namespaces/${cluster.namespace}/leases`
    const metadata = { name: 'gone', resourceVersion: '1' }
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata, spec: { holderIdentity: 'a' } }
    const { status, body } = await cluster.request('PUT', `${leases}/gone`, { body: lease })
    expect([status, at(body, 'spec.holderIdentity')]).toEqual([201, 'a'])
  })

  test('a lease is taken by one of two', async () => {
    const leases = `/apis/coordination.k8s.io/v1/namespaces/${cluster.namespace}/leases`
    const lease = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', metadata: { name: 'leader' }, spec: {} }
    const { body: created } = await cluster.request('POST', leases, { body: lease })
    const take = (holderIdentity: string) =>
      cluster.request('PUT', `${leases}/leader`, {
        body: { ...created, spec: { holderIdentity, leaseDurationSeconds: 15 } },
      })
    const both = await Promise.all([take('a'), take('b')])
    expect(both.map(({ status }) => status).sort()).toEqual([200, 409])
  })

  test('an event is the same in both of its versions', async () => {
    const events = `/apis/events.k8s.io/v1/namespaces/${cluster.namespace}/events`
    const regarding = {
      apiVersion: 'nepenthes.dev/v1',
      kind: 'Webhook',
      name: 'x',
      namespace: cluster.namespace,
      uid: 'u-1',
    }
    const event = {
      apiVersion: 'events.k8s.io/v1',
      kind: 'Event',
      metadata: { name: 'x.1' },
      eventTime: '2026-03-01T12:00:00.000000Z',
      reportingController: 'nepenthes.dev/operator',
      reportingInstance: 'pod-1',
      action: 'Reconcile',
      reason: 'Programmed',
      type: 'Normal',
      note: 'said once',
      regarding,
    }
    expect((await cluster.request('POST', events, { body: event })).status).toBe(201)
    const query = `?fieldSelector=${encodeURIComponent('involvedObject.uid=u-1')}`
    const { body } = await cluster.request('GET', `/api/v1/namespaces/${cluster.namespace}/events${query}`)
    expect((body['items'] as Json[])[0]).toMatchObject({ message: 'said once', involvedObject: regarding })
    // What it says stays; only how often it was said may change.
    const patch = (body: Json) =>
      cluster.request('PATCH', `${events}/x.1`, { body, type: 'application/merge-patch+json' })
    const lastObservedTime = '2026-03-01T12:01:00.000000Z'
    expect((await patch({ note: 'said otherwise' })).status).toBe(422)
    expect((await patch({ series: { count: 1, lastObservedTime } })).status).toBe(422)
    expect((await patch({ series: { count: 2, lastObservedTime } })).status).toBe(200)
  })

  test('a Secret keeps base64, and takes plain text', async () => {
    const secrets = `/api/v1/namespaces/${cluster.namespace}/secrets`
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 's' }, stringData: { a: 'plain' } }
    const { body } = await cluster.request('POST', secrets, { body: secret })
    expect(body).toMatchObject({ type: 'Opaque', data: { a: Buffer.from('plain').toString('base64') } })
    expect(body['stringData']).toBeUndefined()
    const broken = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 't' }, data: { a: '!' } }
    expect((await cluster.request('POST', secrets, { body: broken })).status).toBe(400)
  })
})
