import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ListWatch } from '../../../src/sources/kubernetes/list-watch.ts'
import { webhook } from '../../support/cluster.ts'
import { ApiError, type Fault, type FaultMatch } from '../../support/fake-apiserver/index.ts'
import { openBench, type Bench } from './following.ts'

let bench: Bench
let watch: ListWatch<string>
/** Every name that was told, in order. */
let told: string[]
let driftExpected: number

const put = (name: string, url: string) => bench.server.objects.put(webhook(name, { url: `https://${url}.example/` }))
const remove = (name: string) => bench.server.objects.delete('webhooks', name)
const kept = () => Object.fromEntries(watch.objects)
const inCluster = () =>
  Object.fromEntries(
    bench.server.objects
      .list('webhooks', 'default')
      .map(({ metadata, spec }) => [metadata.name, (spec as { url: string }).url]),
  )
const converged = () => bench.until(() => expect(kept()).toEqual(inCluster()))
const watching = () => vi.waitFor(() => expect(bench.server.watches).toHaveLength(1), { timeout: 5_000, interval: 5 })
/** Not those of one object, which only ask how far the server has come. */
const lists = () =>
  bench.server.requests.all.filter(({ verb, query }) => verb === 'list' && query.get('limit') !== '1').length
const current = () => {
  const [open] = bench.server.watches
  if (!open) throw new Error('nobody watches')
  return open
}

function follow(): ListWatch<string> {
  return new ListWatch({
    ...bench.parts,
    path: '/apis/nepenthes.dev/v1/namespaces/default/webhooks',
    keep: (object) => (object.spec as { url: string }).url,
    onChange: (names) => told.push(...names),
  })
}

beforeEach(async () => {
  bench = await openBench()
  told = []
  driftExpected = 0
  put('a', 'one')
  put('b', 'one')
  watch = follow()
})
afterEach(async () => {
  await watch.stop()
  await bench.close()
  expect(watch.drift).toBe(driftExpected)
})

describe('in fair weather', () => {
  it('lists, then follows each change, telling each once', async () => {
    await watch.start()
    expect([watch.synced, kept()]).toEqual([true, inCluster()])
    await watching()
    put('a', 'two')
    put('c', 'one')
    remove('b')
    await converged()
    expect(told.sort()).toEqual(['a', 'a', 'b', 'b', 'c'])
    expect(bench.server.requests.count('list', 'webhooks')).toBe(1)
  })

  it('reads in pages', async () => {
    for (let index = 0; index < 1100; index += 1) put(`w${index}`, 'one')
    await watch.start()
    expect(watch.objects.size).toBe(1102)
    expect(bench.server.requests.count('list', 'webhooks')).toBe(3)
  })

  it('opens a watch that ends again where it came to, without a list', async () => {
    await watch.start()
    await watching()
    put('a', 'two')
    await converged()
    current().end()
    put('b', 'two')
    await converged()
    expect(told.filter((name) => name === 'a')).toHaveLength(2)
    expect(lists()).toBe(1)
  })

  it('nothing runs once stopped, whenever that is', async () => {
    const starting = watch.start()
    await watch.stop()
    await starting
    put('z', 'one')
    expect([bench.clock.timers, told]).toEqual([0, []])
    await vi.waitFor(() => expect(bench.server.watches).toHaveLength(0))
  })
})

/** What may go wrong with a request; whatever it is, all ends as it would have without. */
const FAULTS: [string, FaultMatch, Fault, number][] = [
  ['500 on the list', { verb: 'list' }, { kind: 'status', code: 500 }, 3],
  ['503 on the list, with Retry-After', { verb: 'list' }, { kind: 'status', code: 503, retryAfterSeconds: 5 }, 2],
  ['a page that is no API server', { verb: 'list' }, { kind: 'status', code: 200, body: '{"hello":"world"}' }, 1],
  ['text that is no JSON', { verb: 'list' }, { kind: 'status', code: 200, body: '<html>' }, 1],
  ['a list reset', { verb: 'list' }, { kind: 'reset' }, 2],
  ['a list cut short', { verb: 'list' }, { kind: 'cut', afterBytes: 300, by: 'end' }, 1],
  ['a list that never comes', { verb: 'list' }, { kind: 'hang' }, 1],
  ['a list that stops half-way', { verb: 'list' }, { kind: 'cut', afterBytes: 300, by: 'silence' }, 1],
  ['504 on the list', { verb: 'list' }, { kind: 'status', code: 504 }, 2],
  ['a slow list', { verb: 'list' }, { kind: 'slow', delayMs: 20 }, 1],
  ['410 on the list', { verb: 'list' }, { kind: 'gone', as: 'answer' }, 2],
  ['401 once', { verb: 'list' }, { kind: 'status', code: 401 }, 1],
  ['403 for a while', { verb: 'list' }, { kind: 'status', code: 403 }, 4],
  ['404 for a while', { verb: 'list' }, { kind: 'status', code: 404 }, 4],
  ['429 on the watch', { verb: 'watch' }, { kind: 'status', code: 429, retryAfterSeconds: 2 }, 2],
  ['503 on the watch', { verb: 'watch' }, { kind: 'status', code: 503 }, 3],
  ['403 on the watch', { verb: 'watch' }, { kind: 'status', code: 403 }, 2],
  ['410 as the answer to the watch', { verb: 'watch' }, { kind: 'gone', as: 'answer' }, 2],
  ['410 as an event of the watch', { verb: 'watch' }, { kind: 'gone', as: 'event' }, 2],
  ['a watch reset', { verb: 'watch' }, { kind: 'reset' }, 3],
  ['a watch that never opens', { verb: 'watch' }, { kind: 'hang' }, 1],
  ['a watch cut in the middle of a line', { verb: 'watch' }, { kind: 'cut', afterBytes: 100, by: 'reset' }, 2],
  ['a watch that ends in the middle of a line', { verb: 'watch' }, { kind: 'cut', afterBytes: 500, by: 'end' }, 2],
]

describe('whatever goes wrong, the objects come to be as they are in the cluster', () => {
  it.each(FAULTS)('%s', async (_name, match, fault, times) => {
    bench.server.faults.inject(match, fault, times)
    const starting = watch.start()
    put('a', 'two')
    await bench.until(() => expect(watch.synced).toBe(true))
    await starting
    put('b', 'two')
    remove('a')
    put('c', 'one')
    await converged()
    await bench.until(() => expect(watch.trouble).toBeUndefined())
    expect(bench.server.sockets.length).toBeLessThanOrEqual(2)
  })

  it.each([
    ['list', 1_400],
    ['list', 1_401],
    ['watch', 1_400],
    ['watch', 1_401],
  ] as const)(
    'a %s cut in the middle of a character (after %i bytes: of two in a row one is)',
    async (verb, afterBytes) => {
      const long = `two/${'ü'.repeat(900)}`
      if (verb === 'list') put('0', long)
      bench.server.faults.inject({ verb }, { kind: 'cut', afterBytes, by: 'reset' }, 1)
      const starting = watch.start()
      await bench.until(() => expect(watch.synced).toBe(true))
      await starting
      put('0', `${long}ü`)
      await converged()
    },
  )

  it('a name as long as names may be', async () => {
    await watch.start()
    put('n'.repeat(253), 'one')
    await converged()
  })

  it('a page forgotten by the server in the middle of a list', async () => {
    for (let index = 0; index < 600; index += 1) put(`w${index}`, 'one')
    bench.server.faults.inject(
      { verb: 'list', when: ({ query }) => query.has('continue') },
      { kind: 'gone', as: 'answer' },
      1,
    )
    await watch.start()
    await bench.until(() => expect(watch.objects.size).toBe(602))
    expect(watch.trouble).toBeUndefined()
  })

  it('a server that is away while things are deleted and forgotten', async () => {
    await watch.start()
    await bench.server.stop()
    remove('a')
    put('b', 'two')
    bench.server.compact()
    await bench.until(() => expect(watch.trouble?.kind).toBe('unavailable'))
    expect(kept()).toHaveProperty('a')
    await bench.server.restart()
    await converged()
  })

  it('a server restored from an older backup', async () => {
    await watch.start()
    await watching()
    bench.server.jump(3)
    current().reset()
    bench.server.compact()
    put('d', 'one')
    await converged()
  })

  it('a server restored from an older backup, that has forgotten nothing since', async () => {
    for (let index = 0; index < 5; index += 1) put(`w${index}`, 'one')
    await watch.start()
    await watching()
    bench.server.jump(3)
    current().reset()
    remove('a')
    put('d', 'one')
    await converged()
    expect(watch.objects.has('a')).toBe(false)
  })

  it('a connection that says nothing more, once there was a bookmark', async () => {
    await watch.start()
    await watching()
    current().bookmark()
    await bench.until(() => expect(bench.clock.timers).toBe(2))
    current().freeze()
    put('a', 'two')
    bench.clock.advance(180_000)
    await converged()
    expect(lists()).toBe(1)
  })

  it.each([
    ['a line that is no JSON', '{"type":"ADDED","obj\n'],
    ['an event of an unknown type', '{"type":"SURPRISE","object":{"metadata":{"name":"a"}}}\n'],
    ['a bookmark without a version', '{"type":"BOOKMARK","object":{}}\n'],
    ['an empty line', '\n'],
    ['a line that does not end', 'x'.repeat(5 * 1024 * 1024)],
  ])('%s', async (_name, text) => {
    await watch.start()
    await watching()
    current().send(text)
    put('a', 'two')
    await converged()
  })

  it('events told twice, in one piece, out of turn, and a bookmark that is late', async () => {
    await watch.start()
    await watching()
    const before = bench.server.revision
    const object = bench.server.objects.get('webhooks', 'a')
    put('a', 'two')
    remove('b')
    await converged()
    const again = (type: string) => `${JSON.stringify({ type, object })}\n`
    current().send(again('ADDED') + again('MODIFIED'))
    current().bookmark(String(before))
    put('c', 'one')
    await converged()
    expect(told.sort()).toEqual(['a', 'a', 'b', 'b', 'c'])
    current().end()
    put('d', 'one')
    await converged()
    expect(told.sort()).toEqual(['a', 'a', 'b', 'b', 'c', 'd'])
  })

  it('a server that forgets nearly everything at once', async () => {
    await watch.start()
    for (let round = 0; round < 3; round += 1) {
      await watching()
      put(`w${round}`, 'one')
      bench.server.compact()
      current().reset()
      put('a', `round-${round}`)
      bench.server.compact()
      await converged()
    }
  })

  it('a server that keeps ten changes only', async () => {
    await watch.stop()
    await bench.close()
    bench = await openBench({ journalMax: 10 })
    watch = follow()
    await watch.start()
    for (let round = 0; round < 3; round += 1) {
      await watching()
      current().reset()
      for (let index = 0; index < 30; index += 1) put(`w${index % 7}`, `round-${round}-${index}`)
      remove(`w${round}`)
      await converged()
    }
  })

  it.each([
    ['of its own kind', new ApiError(500, 'InternalError', 'oops')],
    ['410', new ApiError(410, 'Expired', 'too old')],
    ['429', new ApiError(429, 'TooManyRequests', 'slow down', { retryAfterSeconds: 1 })],
  ])('an ERROR event (%s)', async (_name, error) => {
    await watch.start()
    await watching()
    current().fail(error)
    put('a', 'two')
    remove('b')
    await converged()
  })

  it('an answer that is no list deletes nothing', async () => {
    await watch.start()
    await watching()
    const restore = bench.server.faults.inject({ verb: 'list' }, { kind: 'status', code: 200, body: '{"items":[]}' })
    current().fail(new ApiError(410, 'Expired', 'too old'))
    await bench.until(() => expect(watch.trouble?.message).toBe('the answer is not a list'))
    expect(kept()).toEqual(inCluster())
    restore()
    await bench.until(() => expect(watch.trouble).toBeUndefined())
  })

  it('keeps what was known while permission or definition is missing', async () => {
    await watch.start()
    await watching()
    const restore = bench.server.faults.inject({ resource: 'webhooks' }, { kind: 'status', code: 403 })
    current().reset()
    await bench.until(() => expect(watch.trouble?.kind).toBe('forbidden'))
    expect(kept()).toEqual(inCluster())
    restore()
    put('a', 'two')
    await converged()
  })
})

describe('a list after a gap', () => {
  it('tells only what changed, what was deleted among it', async () => {
    await watch.start()
    await watching()
    told.length = 0
    await bench.server.stop()
    put('b', 'two')
    remove('a')
    put('c', 'one')
    bench.server.compact()
    await bench.server.restart()
    await converged()
    expect(told.sort()).toEqual(['a', 'b', 'c'])
  })
})

describe('what watching has led to is compared with the cluster, some time after the last list', () => {
  /** The watch has begun on this side too: what waits for its answer is done with its timer. */
  async function listening(): Promise<void> {
    await watching()
    put('z', 'one')
    await converged()
  }

  /** The watch comes to its end at the version the server has now, an hour later. */
  async function endLater(): Promise<void> {
    const timers = bench.clock.timers
    current().bookmark()
    await vi.waitFor(() => expect(bench.clock.timers).toBe(timers + 1))
    bench.clock.advance(60 * 60_000)
  }

  it('and finds nothing', async () => {
    await watch.start()
    await watching()
    put('a', 'two')
    await converged()
    await endLater()
    await bench.until(() => expect(bench.server.requests.count('list', 'webhooks')).toBe(2))
    expect(bench.server.requests.all.filter(({ query }) => query.get('resourceVersionMatch') === 'Exact')).toHaveLength(
      1,
    )
    put('b', 'two')
    await converged()
  })

  it('or what was never told: that is counted, and made up for', async () => {
    for (let index = 0; index < 600; index += 1) put(`w${index}`, 'one')
    await watch.start()
    await listening()
    current().lose()
    put('a', 'two')
    remove('b')
    put('c', 'one')
    await endLater()
    await converged()
    driftExpected = 3
    put('a', 'three')
    await converged()
  })

  it('or cannot tell, because the server has forgotten: then it is only made up for', async () => {
    await watch.start()
    await listening()
    current().lose()
    put('a', 'two')
    const timers = bench.clock.timers
    current().bookmark()
    await vi.waitFor(() => expect(bench.clock.timers).toBe(timers + 1))
    put('c', 'one')
    bench.server.compact()
    bench.clock.advance(60 * 60_000)
    await converged()
  })
})
