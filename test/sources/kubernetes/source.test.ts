import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { KIND_NAMES } from '../../../src/resources/kinds.ts'
import type { Source } from '../../../src/resources/source.ts'
import type { Api } from '../../../src/sources/kubernetes/api.ts'
import { References } from '../../../src/sources/kubernetes/references.ts'
import { createKubernetesSecrets, type KubernetesSecrets } from '../../../src/sources/kubernetes/secrets.ts'
import { createKubernetesSource } from '../../../src/sources/kubernetes/source.ts'
import { apiSettings, installDefinitions, secret, shippedRules, webhook } from '../../support/cluster.ts'
import { openBench, type Bench } from './following.ts'

const USER = { name: 'operator', token: 't' }
const LONG = 'a secret that is long enough'
const signed = (name: string, key = 'secret') => ({ signature: { secretKeyRef: { name, key } } })

let bench: Bench
let source: Source
let secrets: KubernetesSecrets
let changes: string[][]
let turned: string[]
/** What answers about a single Secret wait for, on their way. */
let held: Promise<void> | undefined

const said = (name: string, key = 'secret') => {
  const lookup = secrets.get(name, key)
  return lookup.state === 'found' ? lookup.value.reveal() : lookup.state
}
/** Looks until it holds while time stands still: nothing that a timer does can have helped. */
const soon = (look: () => void) => vi.waitFor(look, { timeout: 10_000, interval: 10 })
/** Tells of these documents, and waits until they are told of. */
const refer = async (...documents: Parameters<typeof put>) => {
  changes.length = 0
  put(...documents)
  const keys = documents.map(({ kind, metadata }) => `${kind}/${metadata?.name}`)
  await soon(() => expect(changes.flat()).toEqual(expect.arrayContaining(keys)))
}
/** Changes a Secret, and waits until the watch has told of it: of Secret `two`, which is referred to, it tells after it. */
const follow = async (changed: Parameters<typeof put>[0]) => {
  put(changed, secret('two', { secret: 'as it is now' }))
  await soon(() => expect(said('two')).toBe('as it is now'))
}
const asked = () => bench.server.requests.count('get', 'secrets')
const start = async () => {
  await source.start((keys) => changes.push([...keys]))
  await secrets.start((names) => turned.push(...names))
}
const put = (...objects: Parameters<Bench['server']['objects']['put']>[0][]) => {
  for (const object of objects) bench.server.objects.put(object)
}

beforeEach(async () => {
  bench = await openBench({ users: [{ ...USER, rules: shippedRules() }] })
  changes = []
  turned = []
  held = undefined
  const references = new References()
  const { api } = bench
  const slow: Api = {
    ...api,
    async call(call) {
      const answer = await api.call(call)
      if (/\/secrets\/[^/]+$/.test(call.path)) await held
      return answer
    },
  }
  secrets = createKubernetesSecrets({ ...bench.parts, api: slow, references })
  source = createKubernetesSource({
    ...bench.parts,
    references,
    look: (wanted) => secrets.look(wanted),
    onObject: () => undefined,
  })
})
afterEach(async () => {
  await source.stop()
  await secrets.stop()
  expect(bench.clock.timers).toBe(0)
  await bench.close()
})

describe('the resources of a namespace', () => {
  it('are known once every kind was listed, with the generation and annotations the server has', async () => {
    put(apiSettings({ maxPageSize: 5 }), webhook('a', {}, { annotations: { 'nepenthes.dev/resumeAt': 'now' } }))
    expect([source.synced, source.silent('default/a')]).toEqual([false, true])
    await start()
    expect([source.synced, source.silent('default/a')]).toEqual([true, false])
    expect([...source.keys()].sort()).toEqual(['ApiSettings/default', 'Webhook/a'])
    expect(source.get('Webhook/a')?.metadata).toMatchObject({
      generation: 1,
      annotations: { 'nepenthes.dev/resumeAt': 'now' },
    })
  })

  it('do not change by their status', async () => {
    put(webhook('a', {}))
    await start()
    const before = source.get('Webhook/a')
    changes.length = 0
    bench.server.objects.putStatus({ ...webhook('a', {}), status: { observedGeneration: 1 } })
    put(webhook('b', {}))
    await bench.until(() => expect(changes).toEqual([['Webhook/b']]))
    expect(source.get('Webhook/a')).toBe(before)
  })

  it('count as gone once they are being deleted, whoever that waits for', async () => {
    const held = { finalizers: ['example.com/hold'] }
    put(webhook('a', {}, held), webhook('b', {}, held), webhook('c', {}))
    bench.server.objects.delete('webhooks', 'a')
    await start()
    expect([...source.keys()].sort()).toEqual(['Webhook/b', 'Webhook/c'])
    changes.length = 0
    bench.server.objects.delete('webhooks', 'b')
    await bench.until(() => expect(changes).toEqual([['Webhook/b']]))
    expect([source.get('Webhook/b'), [...source.keys()]]).toEqual([undefined, ['Webhook/c']])
    expect(bench.server.objects.list('webhooks', 'default')).toHaveLength(3)
  })

  it('are not known, and nothing is deleted, without their definitions; it recovers', async () => {
    for (const kind of KIND_NAMES) {
      const plural = kind === 'Webhook' ? 'webhooks' : 'apisettings'
      bench.server.objects.delete('customresourcedefinitions', `${plural}.nepenthes.dev`)
    }
    await start()
    expect([source.synced, source.silent('default/a')]).toEqual([false, true])
    expect(source.problems().map(({ code, hint }) => [code, hint.includes('kubectl apply -f crds/')])).toEqual([
      ['DefinitionMissing', true],
      ['DefinitionMissing', true],
    ])
    installDefinitions(bench.server)
    put(webhook('a', {}))
    // Each kind comes back by itself, in any order.
    await bench.until(() => expect([source.synced, source.problems()]).toEqual([true, []]))
    expect(source.get('Webhook/a')).toBeDefined()
  })

  it('are kept while the permission to read them is missing, which says what grants it', async () => {
    const rules = shippedRules().filter(({ resources }) => !resources.includes('webhooks'))
    bench.server.setUsers([{ ...USER, rules }])
    put(webhook('a', {}))
    await start()
    const [problem] = source.problems()
    expect(problem).toMatchObject({ code: 'NotPermitted' })
    expect(problem?.hint).toContain('Grant list and watch on')
    expect(source.silent('default/a')).toBe(true)
    bench.server.setUsers([{ ...USER, rules: shippedRules() }])
    await bench.until(() => expect(source.get('Webhook/a')).toBeDefined())
  })

  it('are kept while the token is not accepted, which is told apart from a lack of rights', async () => {
    bench.server.setUsers([{ ...USER, token: 'another', rules: shippedRules() }])
    put(webhook('a', {}))
    await start()
    const [problem] = source.problems()
    expect(problem).toMatchObject({ code: 'NotPermitted', message: 'may not be read: Unauthorized' })
    expect(problem?.hint).toContain('Renew the token or certificate')
    bench.server.setUsers([{ ...USER, rules: shippedRules() }])
    await bench.until(() => expect(source.get('Webhook/a')).toBeDefined())
  })
})

describe('Secrets', () => {
  it('are those with the label, the keys that are referred to; others are told apart', async () => {
    put(secret('open', { secret: LONG, other: 'x' }), secret('closed', { secret: LONG }, { open: false }))
    put(webhook('a', signed('open')), webhook('b', signed('closed')), webhook('c', signed('none')))
    put(webhook('d', signed('open', 'absent')))
    await start()
    expect([said('open'), said('closed'), said('none'), said('open', 'absent')]).toEqual([
      LONG,
      'not-permitted',
      'not-found',
      'key-missing',
    ])
  })

  it('are looked up before a new document is told of, so that it never seems to lack them', async () => {
    await start()
    put(secret('open', { secret: LONG }), secret('closed', { secret: LONG }, { open: false }))
    changes.length = 0
    put(webhook('a', signed('open')), webhook('b', signed('closed')))
    const answers: Record<string, string> = {}
    // Time stands still: the look-up is waited for a second at most.
    await vi.waitFor(
      () => {
        for (const key of changes.flat()) answers[key] ??= said(key === 'Webhook/a' ? 'open' : 'closed')
        expect(answers).toEqual({ 'Webhook/a': LONG, 'Webhook/b': 'not-permitted' })
      },
      { timeout: 10_000, interval: 10 },
    )
  })

  it('that only a spec in force still reads are kept, from the start on, until it no longer does', async () => {
    put(secret('one', { secret: LONG, other: LONG }), webhook('a', signed('one', 'other')))
    secrets.inForce?.('Webhook/a', [{ name: 'one', key: 'secret' }])
    await start()
    expect(said('one')).toBe(LONG)
    put(secret('one', { secret: 'another', other: LONG }))
    await bench.until(() => expect(said('one')).toBe('another'))
    secrets.inForce?.('Webhook/a', [])
    put(secret('one', { secret: 'a third', other: 'changed' }))
    await bench.until(() => expect([said('one', 'other'), said('one')]).toEqual(['changed', 'unreadable']))
  })

  it('change when rotated, labelled, unlabelled, deleted and made', async () => {
    put(secret('one', { secret: LONG }), webhook('a', signed('one')))
    await start()
    const turns = async (change: () => void, expected: string) => {
      turned.length = 0
      change()
      await bench.until(() => expect([said('one'), turned.includes('one')]).toEqual([expected, true]))
    }
    await turns(() => put(secret('one', { secret: 'another' })), 'another')
    await turns(() => put(secret('one', { secret: 'another' }, { open: false })), 'not-permitted')
    await turns(() => put(secret('one', { secret: 'another' })), 'another')
    await turns(() => bench.server.objects.delete('secrets', 'one'), 'not-found')
    await turns(() => put(secret('one', { secret: LONG }, { open: false })), 'not-permitted')
  })

  it('a change of what nobody refers to is no change', async () => {
    put(secret('one', { secret: LONG, other: 'a' }), webhook('a', signed('one')))
    await start()
    put(secret('one', { secret: LONG, other: 'b' }), secret('two', { secret: LONG }), secret('one', { secret: 'new' }))
    await bench.until(() => expect(said('one')).toBe('new'))
    expect(turned.filter((name) => name === 'one')).toHaveLength(1)
  })

  it('without permission they cannot be read, which is not the same as missing; what was known is kept by whoever asked', async () => {
    const rules = shippedRules().filter(({ resources }) => !resources.includes('secrets'))
    bench.server.setUsers([{ ...USER, rules }])
    put(secret('one', { secret: LONG }), webhook('a', signed('one')))
    await start()
    expect(secrets.get('one', 'secret')).toMatchObject({ state: 'unreadable' })
    expect(JSON.stringify(secrets.get('one', 'secret'))).toContain('grant get, list and watch on secrets')
    bench.server.setUsers([{ ...USER, rules: shippedRules() }])
    await bench.until(() => expect([said('one'), turned.includes('one')]).toEqual([LONG, true]))
  })

  it('are all told of once the first list succeeds after all, those too that are not in it', async () => {
    bench.server.faults.inject({ verb: 'list', resource: 'secrets' }, { kind: 'status', code: 503 }, 1)
    put(secret('open', { secret: LONG }), secret('closed', { secret: LONG }, { open: false }))
    put(webhook('a', signed('open')), webhook('b', signed('closed')), webhook('c', signed('none')))
    await start()
    const names = ['open', 'closed', 'none']
    expect(names.map((name) => said(name))).toEqual(['unreadable', 'unreadable', 'unreadable'])
    await bench.until(() => expect(turned).toContain('open'))
    await soon(() => expect(turned).toEqual(expect.arrayContaining(names)))
    expect(names.map((name) => said(name))).toEqual([LONG, 'not-permitted', 'not-found'])
  })

  it('bytes that are no text are malformed, never guessed', async () => {
    put(
      { ...secret('one', {}), data: { secret: Buffer.from([0xff, 0xfe]).toString('base64') } },
      webhook('a', signed('one')),
    )
    await start()
    expect(said('one')).toBe('malformed')
  })
})

describe('a Secret that is there before anything refers to it', () => {
  it('is asked for each key that is referred to, when it is; a key it lacks is asked for once', async () => {
    put(secret('one', { secret: LONG, auth: 'token', more: 'x' }))
    await start()
    await refer(webhook('a', signed('one')))
    expect(said('one')).toBe(LONG)
    await refer(webhook('b', signed('one', 'auth')))
    expect([said('one'), said('one', 'auth')]).toEqual([LONG, 'token'])
    await refer(webhook('c', signed('one', 'absent')))
    expect([said('one', 'absent'), asked()]).toEqual(['key-missing', 2])
    secrets.inForce?.('Webhook/d', [{ name: 'one', key: 'more' }])
    expect(said('one', 'more')).toBe('unreadable')
    await soon(() => expect(turned).toEqual(['one']))
    expect(said('one', 'more')).toBe('x')
  })

  it('is asked again if that failed: by what refers to it next, or after a while', async () => {
    const outage = (times: number) =>
      bench.server.faults.inject({ verb: 'get', resource: 'secrets' }, { kind: 'status', code: 503 }, times)
    put(secret('one', { secret: LONG, auth: 'token' }))
    await start()
    outage(1)
    await refer(webhook('a', signed('one')))
    expect(said('one')).toBe('unreadable')
    await refer(webhook('b', signed('one')))
    expect([said('one'), turned]).toEqual([LONG, ['one']])
    turned.length = 0
    outage(2)
    await refer(webhook('c', signed('one', 'auth')))
    expect(said('one', 'auth')).toBe('unreadable')
    await bench.until(() => expect(turned).toEqual(['one']))
    expect([said('one'), said('one', 'auth')]).toEqual([LONG, 'token'])
  })

  it('is never believed to be as it was before the watch told of it', async () => {
    const both = webhook('a', { ...signed('one'), tls: { ca: { secretKeyRef: { name: 'one', key: 'ca' } } } })
    put(secret('one', { secret: LONG, ca: 'old' }), secret('two', { secret: 'as it was' }))
    put(webhook('a', signed('one')), webhook('b', signed('two')))
    await start()
    await refer(both)
    expect(said('one', 'ca')).toBe('old')
    await refer(webhook('a', signed('one')))
    await follow(secret('one', { secret: LONG, ca: 'new' }))
    await refer(both)
    expect(said('one', 'ca')).toBe('new')
  })

  it('nor by an answer that was on its way when the watch did', async () => {
    put(secret('one', { secret: LONG }), secret('two', { secret: 'as it was' }), webhook('b', signed('two')))
    await start()
    const { promise, resolve } = Promise.withResolvers<void>()
    held = promise
    put(webhook('a', signed('one')))
    await soon(() => expect(bench.server.requests.all.at(-1)).toMatchObject({ verb: 'get', status: 200 }))
    await follow(secret('one', { secret: LONG }, { open: false }))
    resolve()
    await soon(() => expect(changes.flat()).toContain('Webhook/a'))
    expect(said('one')).toBe('not-permitted')
  })

  it('is asked again, and told of, as soon as the watch is well again', async () => {
    put(secret('one', { secret: LONG }))
    await start()
    const watches = () => bench.server.watches.filter(({ resource }) => resource === 'secrets')
    await soon(() => expect(watches()).toHaveLength(1))
    for (const watch of watches()) watch.reset()
    await soon(() => expect(bench.clock.untilNext).toBeLessThan(30_000))
    bench.server.faults.inject({ verb: 'get', resource: 'secrets' }, { kind: 'status', code: 503 }, 1)
    await refer(webhook('a', signed('one')))
    expect([said('one'), turned]).toEqual(['unreadable', []])
    bench.clock.advance(bench.clock.untilNext)
    await soon(() => expect(turned).toEqual(['one']))
    expect(said('one')).toBe(LONG)
  })

  it('is forgotten, value by value, once nothing refers to it any more', async () => {
    const both = webhook('a', { ...signed('one'), tls: { ca: { secretKeyRef: { name: 'one', key: 'ca' } } } })
    put(secret('one', { secret: LONG, ca: 'x' }), secret('two', { secret: LONG }), webhook('b', signed('two')))
    await start()
    await refer(both)
    await refer(webhook('a', signed('one')), webhook('b', {}))
    bench.clock.advance(30_000)
    const values = [said('one'), said('one', 'ca'), said('two')]
    expect(values).toEqual([LONG, 'unreadable', 'unreadable'])
    await refer(both, webhook('b', signed('two')))
    expect([said('one', 'ca'), said('two'), turned]).toEqual(['x', LONG, []])
  })
})
