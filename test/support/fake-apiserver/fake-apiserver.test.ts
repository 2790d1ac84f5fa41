import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, request } from 'undici'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { createFakeClock } from '../fake-clock.ts'
import {
  ApiError,
  type FakeApiServer,
  type FakeApiServerOptions,
  type KubeObject,
  type Manifest,
  startFakeApiServer,
} from './index.ts'
import { CRDS, type Json, runKubectl } from '../../kubernetes/cluster.ts'
import { at, webhook, webhooksPath } from '../../kubernetes/manifests.ts'

/** What only the fake can do: be troubled. What it has in common with a real server stands in test/kubernetes. */
const clock = createFakeClock()
let server: FakeApiServer
let agent: Agent

async function start(options: FakeApiServerOptions = {}) {
  server = await startFakeApiServer({ clock, ...options })
  for (const name of ['webhooks', 'apisettings'])
    server.objects.put(parse(readFileSync(join(CRDS, `${name}.yaml`), 'utf8')) as Manifest)
  agent = new Agent({ connect: { ...(server.ca !== undefined && { ca: server.ca }) } })
}

async function stop() {
  await agent.destroy()
  await server.close()
}

beforeEach(() => start())
afterEach(stop)

const PATH = webhooksPath('default')

async function call(method: string, path: string, { body, token }: { body?: unknown; token?: string } = {}) {
  const headers = {
    'content-type': 'application/json',
    ...(token !== undefined && { authorization: `Bearer ${token}` }),
  }
  const options = { method, headers, dispatcher: agent, ...(body !== undefined && { body: JSON.stringify(body) }) }
  const answer = await request(server.url + path, options)
  const text = await answer.body.text()
  return { status: answer.statusCode, headers: answer.headers, text, json: () => JSON.parse(text) as Json }
}

/** The text of a watch until it ends, however it ends, or for as long as asked. */
async function watch(query: string) {
  const answer = await request(`${server.url}${PATH}?watch=1&${query}`, { dispatcher: agent })
  const seen = { text: '', end: undefined as string | undefined }
  const over = (async () => {
    try {
      for await (const chunk of answer.body.setEncoding('utf8')) seen.text += String(chunk)
      seen.end = 'ended'
    } catch {
      seen.end = 'broken'
    }
  })()
  const events = () =>
    seen.text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Json)
  return { seen, over, events }
}

const types = (events: readonly Json[]) => events.map(({ type }) => type)

describe('a fault', () => {
  test('is a status, for as many requests as it is meant for', async () => {
    server.faults.inject({ verb: 'list', resource: 'webhooks' }, { kind: 'status', code: 429, retryAfterSeconds: 7 }, 2)
    const [first, other, second, third] = [
      await call('GET', PATH),
      await call('GET', webhooksPath('default', '/x')),
      await call('GET', PATH),
      await call('GET', PATH),
    ]
    expect([first, other, second, third].map(({ status }) => status)).toEqual([429, 404, 429, 200])
    expect(first.headers['retry-after']).toBe('7')
    expect(first.json()).toMatchObject({ reason: 'TooManyRequests', details: { retryAfterSeconds: 7 } })
  })

  test('is a status that no API server wrote', async () => {
    server.faults.inject({}, { kind: 'status', code: 503, body: 'upstream is down' })
    const { status, text } = await call('GET', PATH)
    expect([status, text]).toEqual([503, 'upstream is down'])
    server.faults.clear()
    expect((await call('GET', PATH)).status).toBe(200)
  })

  test('is a reset before the request has any effect, or after', async () => {
    server.faults.inject({ verb: 'create' }, { kind: 'reset' }, 1)
    await expect(call('POST', PATH, { body: webhook('a') })).rejects.toThrow()
    expect(server.objects.get('webhooks', 'a')).toBeUndefined()
    server.faults.inject({ verb: 'create' }, { kind: 'lost' }, 1)
    await expect(call('POST', PATH, { body: webhook('a') })).rejects.toThrow()
    expect(server.objects.get('webhooks', 'a')).toBeDefined()
  })

  test('is silence', async () => {
    server.faults.inject({ verb: 'get' }, { kind: 'hang' }, 1)
    let isOver = false
    const hanging = call('GET', `${PATH}/x`).then(
      () => (isOver = true),
      () => (isOver = true),
    )
    await expect.poll(() => server.requests.count('get', 'webhooks')).toBe(1)
    expect((await call('GET', PATH)).status).toBe(200)
    expect(isOver).toBe(false)
    await stop()
    await hanging
    await start()
  })

  test('is an answer that breaks off', async () => {
    server.objects.put(webhook('a'))
    server.faults.inject({ verb: 'list' }, { kind: 'cut', afterBytes: 40, by: 'reset' }, 1)
    await expect(call('GET', PATH)).rejects.toThrow()
    server.faults.inject({ verb: 'watch' }, { kind: 'cut', afterBytes: 40, by: 'end' }, 1)
    const cut = await watch('')
    await cut.over
    expect([cut.seen.text.length, cut.seen.end]).toEqual([40, 'ended'])
    server.faults.inject({ verb: 'watch' }, { kind: 'cut', afterBytes: 40, by: 'reset' }, 1)
    const reset = await watch('')
    await reset.over
    expect([reset.seen.text.length, reset.seen.end]).toEqual([40, 'broken'])
  })

  test('is slowness', async () => {
    server.faults.inject({ verb: 'list' }, { kind: 'slow', delayMs: 9000 }, 1)
    const timers = clock.timers
    const slow = call('GET', PATH)
    await expect.poll(() => clock.timers).toBe(timers + 1)
    clock.advance(9000)
    expect((await slow).status).toBe(200)
  })

  test('is 410, as an answer or in the stream', async () => {
    server.faults.inject({ verb: 'watch' }, { kind: 'gone', as: 'answer' }, 1)
    expect((await call('GET', `${PATH}?watch=1`)).status).toBe(410)
    server.faults.inject({ verb: 'watch' }, { kind: 'gone', as: 'event' }, 1)
    const { over, events } = await watch('')
    await over
    expect(events()).toMatchObject([{ type: 'ERROR', object: { code: 410, reason: 'Expired' } }])
  })
})

describe('a compaction', () => {
  test('sends watches of older revisions to list again', async () => {
    const from = server.revision
    server.objects.put(webhook('a'))
    server.compact()
    const { over, events } = await watch(`resourceVersion=${from}`)
    await over
    expect(events()).toMatchObject([{ type: 'ERROR', object: { code: 410, reason: 'Expired' } }])
    const now = await watch(`resourceVersion=${server.revision}`)
    server.objects.put(webhook('b'))
    await expect.poll(() => types(now.events())).toEqual(['ADDED'])
  })

  test('ends a list between two pages, with a token to go on in spite of it', async () => {
    for (const name of ['a', 'b', 'c']) server.objects.put(webhook(name))
    const first = (await call('GET', `${PATH}?limit=1`)).json()
    server.compact()
    server.objects.put(webhook('d'))
    server.compact()
    const gone = await call('GET', `${PATH}?limit=1&continue=${String(at(first, 'metadata.continue'))}`)
    expect([gone.status, gone.json()['reason']]).toEqual([410, 'Expired'])
    const rest = (await call('GET', `${PATH}?continue=${String(at(gone.json(), 'metadata.continue'))}`)).json()
    expect((rest['items'] as Json[]).map((item) => at(item, 'metadata.name'))).toEqual(['b', 'c', 'd'])
  })

  test('comes by itself when the journal is full', async () => {
    await stop()
    await start({ journalMax: 5 })
    const from = server.revision
    for (let index = 0; index < 6; index += 1) server.objects.put(webhook(`a${index}`))
    const { over, events } = await watch(`resourceVersion=${from}`)
    await over
    expect(types(events())).toEqual(['ERROR'])
  })

  test('of the whole server: a backup was restored, and its revisions are older', async () => {
    server.jump(server.revision + 1000)
    const from = server.revision
    server.jump(10)
    const { over, events } = await watch(`resourceVersion=${from}&allowWatchBookmarks=true&timeoutSeconds=300`)
    server.objects.put(webhook('a'))
    clock.advance(300_000)
    await over
    expect(events()).toEqual([])
    const list = await call('GET', `${PATH}?resourceVersion=${from}&resourceVersionMatch=NotOlderThan`)
    expect([list.status, at(list.json(), 'details.causes.0.reason')]).toEqual([504, 'ResourceVersionTooLarge'])
  })
})

describe('a watch under way', () => {
  const open = async (query = 'allowWatchBookmarks=true') => {
    const watching = await watch(`resourceVersion=${server.revision}&${query}`)
    const [handle] = server.watches
    if (!handle) throw new Error('no watch is open')
    return { ...watching, handle }
  }

  test('gets bookmarks once a minute, and whatever a test makes up', async () => {
    const { events, handle, seen } = await open()
    clock.advance(60_000)
    handle.bookmark('3')
    handle.bookmark('3')
    handle.event('SURPRISE', {})
    handle.send('{"type":"ADD')
    await expect.poll(() => seen.text.endsWith('ADD')).toBe(true)
    expect(types(events())).toEqual(['BOOKMARK', 'BOOKMARK', 'BOOKMARK', 'SURPRISE'])
    expect(events().map(({ object }) => at(object, 'metadata.resourceVersion'))).toEqual([
      String(server.revision),
      '3',
      '3',
      undefined,
    ])
  })

  test('ends in time, by an error, or by a broken connection', async () => {
    const timed = await open('timeoutSeconds=30')
    clock.advance(30_000)
    await timed.over
    const failed = await open()
    failed.handle.fail(new ApiError(500, 'InternalError', 'etcd has no leader'))
    await failed.over
    const broken = await open()
    broken.handle.reset()
    await broken.over
    expect([timed, failed, broken].map(({ seen }) => seen.end)).toEqual(['ended', 'ended', 'broken'])
    expect(types(failed.events())).toEqual(['ERROR'])
    expect(server.watches).toEqual([])
  })

  test('falls silent, and tells later what it missed', async () => {
    const { events, handle } = await open()
    handle.freeze()
    server.objects.put(webhook('a'))
    await call('GET', PATH)
    expect(events()).toEqual([])
    handle.thaw()
    await expect.poll(() => types(events())).toEqual(['ADDED'])
  })

  test('ends with the definition of what it watches, once that changes or goes', async () => {
    const definition = server.objects.get('customresourcedefinitions', 'webhooks.nepenthes.dev') as Manifest
    const changed = await open()
    server.objects.put({ ...definition, spec: { ...(definition['spec'] as Json), preserveUnknownFields: false } })
    await changed.over
    server.objects.put(webhook('a'))
    const removed = await open()
    server.objects.delete('customresourcedefinitions', 'webhooks.nepenthes.dev')
    await removed.over
    expect(types(removed.events())).toEqual(['DELETED'])
    expect((await call('GET', PATH)).status).toBe(404)
  })
})

describe('the server', () => {
  test('stops and comes back where it was, with all it had', async () => {
    server.objects.put(webhook('a'))
    const watching = await watch('')
    const { port, revision } = server
    await server.stop()
    await watching.over
    expect([watching.seen.end, server.sockets.length]).toEqual(['broken', 0])
    await expect(call('GET', PATH)).rejects.toThrow()
    await server.restart()
    expect([server.port, server.revision]).toEqual([port, revision])
    expect((await call('GET', `${PATH}/a`)).status).toBe(200)
  })

  test('counts requests, and knows who made them', async () => {
    await call('GET', PATH)
    await call('GET', PATH)
    await call('POST', PATH, { body: webhook('a') })
    await call('PATCH', `${PATH}/a/status`)
    expect(server.requests.count('list', 'webhooks')).toBe(2)
    expect(server.requests.count('patch', 'webhooks/status')).toBe(1)
    expect(server.requests.count('patch', 'webhooks')).toBe(0)
    expect(server.requests.count()).toBe(4)
    expect(server.requests.all[2]).toMatchObject({ user: 'system:admin', namespace: 'default', status: 201 })
  })

  test('is arranged and looked at without any request', () => {
    server.objects.put(webhook('a', { enabled: false }))
    server.objects.putStatus({ ...webhook('a'), status: { observedGeneration: 1 } })
    expect(server.objects.get('webhooks', 'a')).toMatchObject({
      spec: { enabled: false },
      status: { observedGeneration: 1 },
    })
    expect(() => server.objects.put(webhook('b', { urll: 1 }))).toThrow('unknown field "spec.urll"')
    server.objects.delete('webhooks', 'a')
    expect(server.objects.list('webhooks')).toEqual([])
    expect(server.requests.count()).toBe(0)
  })

  test('takes its time from the clock', () => {
    const { metadata } = server.objects.put(webhook('a'))
    expect(Date.parse(metadata.creationTimestamp ?? '')).toBe(Math.floor(clock.now() / 1000) * 1000)
  })
})

describe('what a cluster does by itself', () => {
  const owned = (name: string, owner: KubeObject) => {
    const { apiVersion, kind, metadata } = owner
    return webhook(name, {}, { ownerReferences: [{ apiVersion, kind, name: metadata.name, uid: metadata.uid }] })
  }
  const left = () => server.objects.list('webhooks').map(({ metadata }) => metadata.name)

  test.each([
    ['Background', []],
    ['Foreground', []],
    ['Orphan', ['dependent']],
  ])('deleting an owner (%s) leaves %j', async (propagationPolicy, expected) => {
    server.objects.put(owned('dependent', server.objects.put(webhook('owner'))))
    await call('DELETE', `${PATH}/owner`, { body: { kind: 'DeleteOptions', apiVersion: 'v1', propagationPolicy } })
    expect(left()).toEqual(expected)
    expect(server.objects.get('webhooks', 'dependent')?.metadata.ownerReferences ?? []).toEqual([])
  })

  test('empties a namespace before it goes, and waits for who holds something in it', async () => {
    server.objects.put({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } })
    server.objects.put(webhook('free', {}, { namespace: 'team' }))
    server.objects.put(webhook('held', {}, { namespace: 'team', finalizers: ['nepenthes.dev/hold'] }))
    await call('DELETE', '/api/v1/namespaces/team')
    expect(server.objects.get('namespaces', 'team')).toMatchObject({ status: { phase: 'Terminating' } })
    expect(left()).toEqual(['held'])
    const more = await call('POST', webhooksPath('team'), { body: webhook('more') })
    expect([more.status, more.json()['message']]).toEqual([403, expect.stringContaining('it is being terminated')])
    const held = server.objects.get('webhooks', 'held', 'team')
    server.objects.put(webhook('held', {}, { ...held?.metadata, finalizers: [] }))
    expect([left(), server.objects.get('namespaces', 'team')]).toEqual([[], undefined])
  })
})

describe('access', () => {
  const reader = {
    verbs: ['get', 'list', 'watch'],
    apiGroups: ['nepenthes.dev'],
    resources: ['webhooks'],
    namespaces: ['default'],
  }
  const one = {
    verbs: ['get'],
    apiGroups: [''],
    resources: ['secrets'],
    resourceNames: ['mine'],
    namespaces: ['default'],
  }
  const users = [{ name: 'operator', token: 'first', rules: [reader, one] }]

  test.each<[string, string, number]>([
    ['GET', PATH, 200],
    ['GET', `${PATH}?watch=1&timeoutSeconds=0`, 200],
    ['POST', PATH, 403],
    ['PATCH', `${PATH}/a/status`, 403],
    ['GET', webhooksPath('other'), 403],
    ['GET', '/apis/nepenthes.dev/v1/webhooks', 403],
    ['GET', '/apis/nepenthes.dev/v1/namespaces/default/apisettings', 403],
    ['GET', '/api/v1/namespaces/default/secrets/mine', 404],
    ['GET', '/api/v1/namespaces/default/secrets/other', 403],
    ['GET', '/api/v1/namespaces/default/secrets', 403],
    ['GET', '/apis', 200],
  ])('%s %s is %i', async (method, path, expected) => {
    server.setUsers(users)
    const calling = call(method, path, { token: 'first', ...(method !== 'GET' && { body: webhook('a') }) })
    await expect.poll(() => server.requests.count()).toBe(1)
    clock.advance(1)
    expect((await calling).status).toBe(expected)
  })

  test('says who may not do what', async () => {
    server.setUsers(users)
    const { text } = await call('DELETE', `${PATH}/a`, { token: 'first' })
    expect(JSON.parse(text)).toMatchObject({
      reason: 'Forbidden',
      message:
        'webhooks.nepenthes.dev "a" is forbidden: User "operator" cannot delete resource "webhooks" in API group "nepenthes.dev" in the namespace "default"',
    })
  })

  test('needs the token of now, which may be another one from one moment on', async () => {
    server.setUsers(users)
    expect((await call('GET', PATH)).status).toBe(401)
    server.setUsers([{ name: 'operator', token: 'second', rules: [reader] }])
    expect((await call('GET', PATH, { token: 'first' })).status).toBe(401)
    expect((await call('GET', PATH, { token: 'second' })).status).toBe(200)
  })

  test('goes over TLS, where kubectl sends a token at all', async () => {
    await stop()
    await start({ tls: true, users })
    const home = mkdtempSync(join(tmpdir(), 'nepenthes-kubectl-'))
    const kubeconfig = server.kubeconfig(join(home, 'config'))
    const kubectl = (args: string) => runKubectl(args.split(' '), { home, kubeconfig })
    expect((await kubectl('get webhooks')).stderr).toBe('No resources found in default namespace.\n')
    expect((await kubectl('get secrets')).stderr).toBe(
      'Error from server (Forbidden): secrets is forbidden: User "operator" cannot list resource "secrets" in API group "" in the namespace "default"\n',
    )
    expect((await kubectl('auth can-i watch webhooks')).stdout).toBe('yes\n')
    expect((await kubectl('auth can-i delete webhooks')).stdout).toBe('no\n')
    server.setUsers([])
    expect((await kubectl('get webhooks')).stderr).toContain('You must be logged in to the server')
    rmSync(home, { recursive: true })
  })

  test('is what a kubeconfig says', async () => {
    await stop()
    await start({ tls: true, users })
    const directory = mkdtempSync(join(tmpdir(), 'nepenthes-kubeconfig-'))
    const config = parse(readFileSync(server.kubeconfig(join(directory, 'config')), 'utf8')) as Json
    rmSync(directory, { recursive: true })
    expect(at(config, 'users.0.user.token')).toBe('first')
    expect(at(config, 'clusters.0.cluster.server')).toBe(server.url)
  })
})
