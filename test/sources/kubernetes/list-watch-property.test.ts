import { describe, expect, it, vi } from 'vitest'
import { ListWatch } from '../../../src/sources/kubernetes/list-watch.ts'
import { webhook } from '../../support/cluster.ts'
import { seeds } from '../../support/effort.ts'
import type { Fault } from '../../support/fake-apiserver/index.ts'
import { seededRandom, type SeededRandom } from '../../support/seeded-random.ts'
import { openBench, type Bench } from './following.ts'

const NAMES = ['a', 'b', 'c', 'd', 'e']
const STEPS = 25

/** Two bytes a character, so that an answer may break off in the middle of one. */
const descriptionOf = (value: number) => `${'ü'.repeat(40)} ${value}`

/** Something that happens in the cluster, to the server, or on the way. */
function happen(bench: Bench, random: SeededRandom, count: number): void {
  const { server, clock } = bench
  const trouble = (fault: Fault) => server.faults.inject({ verb: ['list', 'watch'] }, fault, random.integer(1, 3))
  const [watch] = server.watches
  const name = random.pick(NAMES)
  const change = () => server.objects.put(webhook(name, { description: descriptionOf(count) }))
  const remove = () => server.objects.get('webhooks', name) && server.objects.delete('webhooks', name)
  const afterBytes = random.integer(1, 2500)
  const does: Record<string, () => unknown> = {
    change,
    remove,
    anew: () => (remove(), change()),
    several: () => NAMES.forEach((each) => server.objects.put(webhook(each, { description: descriptionOf(count) }))),
    compact: () => server.compact(),
    bookmark: () => watch?.bookmark(),
    end: () => watch?.end(),
    reset: () => watch?.reset(),
    freeze: () => watch?.freeze(),
    again: () => watch?.event('MODIFIED', { metadata: { name, resourceVersion: '1' } }),
    nonsense: () => watch?.send(random.pick(['{"type"', '\n\n', '{"type":"SURPRISE","object":{}}\n', 'null\n'])),
    status: () => trouble({ kind: 'status', code: random.pick([401, 403, 404, 429, 500, 503, 504]) }),
    gone: () => trouble({ kind: 'gone', as: random.pick(['answer', 'event']) }),
    cut: () => trouble({ kind: 'cut', afterBytes, by: random.pick(['reset', 'end', 'silence']) }),
    breaks: () => trouble({ kind: random.pick(['reset', 'hang']) }),
    seconds: () => clock.advance(random.integer(100, 60_000)),
    hours: () => clock.advance(random.integer(1, 3) * 3_600_000),
  }
  // Changes are what it is all about.
  const usual = ['change', 'remove', 'anew', 'several', 'change', 'remove', 'bookmark', 'seconds', 'seconds']
  does[random.pick([...usual, ...Object.keys(does)])]?.()
}

describe('whatever happens in whatever order', () => {
  it.each(seeds([1, 2], 4, 300))('nothing is lost or made up (seed %i)', async (seed) => {
    const random = seededRandom(seed)
    const bench = await openBench()
    const { server } = bench
    const inCluster = () =>
      Object.fromEntries(
        server.objects
          .list('webhooks', 'default')
          .map(({ metadata, spec }) => [metadata.name, (spec as { description: string }).description]),
      )
    /** What somebody knows who looks only at what is told to have changed. */
    const mirror = new Map<string, string>()
    const watch: ListWatch<string> = new ListWatch({
      ...bench.parts,
      path: '/apis/nepenthes.dev/v1/namespaces/default/webhooks',
      keep: (object) => (object['spec'] as { description: string } | undefined)?.description,
      onChange: (names) => {
        for (const name of names) {
          const now = watch.objects.get(name)
          if (now === undefined) mirror.delete(name)
          else mirror.set(name, now)
        }
      },
    })
    const starting = watch.start()
    for (let count = 0; count < STEPS; count += 1) {
      happen(bench, random, count)
      for (let turn = random.integer(0, 12); turn > 0; turn -= 1) await new Promise(setImmediate)
    }
    server.faults.clear()
    for (const open of server.watches) open.thaw()
    await bench.until(() => expect([watch.synced, Object.fromEntries(watch.objects)]).toEqual([true, inCluster()]))
    await starting
    // And it goes on: no trouble of before keeps what comes after from being told.
    server.objects.put(webhook('a', { description: 'the last' }))
    await bench.until(() => expect(watch.objects.get('a')).toBe('the last'))
    expect([watch.drift, Object.fromEntries(mirror)]).toEqual([0, inCluster()])
    await watch.stop()
    await vi.waitFor(() => expect(server.watches).toEqual([]))
    expect(bench.clock.timers).toBe(0)
    await bench.close()
  })
})
