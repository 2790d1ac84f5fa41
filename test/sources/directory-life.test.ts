import fc from 'fast-check'
import { appendFileSync, existsSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it, vi } from 'vitest'
import { parseFile } from '../../src/resources/parse.ts'
import { createDirectorySource } from '../../src/sources/directory/source.ts'
import { createFakeClock } from '../support/fake-clock.ts'
import { saveByRename, silentLog, temporaryDirectory, watchDocuments, webhook, write, type Watched } from './watched.ts'
import { tries } from '../support/effort.ts'

describe('time', () => {
  it('lets no half-written file through', async () => {
    const root = temporaryDirectory()
    const clock = createFakeClock()
    write(root, { 'a.yaml': webhook('a', 'whole') })
    const starting = watchDocuments(root, { clock })
    const tick = setInterval(() => clock.advance(5), 1)
    const { says, changes } = await starting
    clearInterval(tick)
    // Parses, and lacks its last document: what an editor that truncates and writes in pieces leaves for a moment.
    write(root, { 'a.yaml': webhook('a', 'half') })
    await vi.waitFor(() => expect(clock.timers).toBeGreaterThan(1))
    clock.advance(19)
    appendFileSync(join(root, 'a.yaml'), '---\n' + webhook('b', 'last'))
    await vi.waitFor(() => {
      clock.advance(5)
      expect(says('b')).toBe('last')
    })
    expect(says('a')).toBe('half')
    expect(changes.slice(1)).toEqual([new Set(['Webhook/a', 'Webhook/b'])])
  })

  it('is all a scan needs to find what no watcher reported', async () => {
    const root = temporaryDirectory()
    const elsewhere = temporaryDirectory()
    const clock = createFakeClock()
    write(elsewhere, { 'one/target': webhook('a', 'one'), 'two/target': webhook('a', 'two') })
    const link = (target: string, name: string) => symlinkSync(join(elsewhere, target, 'target'), join(root, name))
    link('one', 'a.yaml')
    const tick = setInterval(() => clock.advance(5), 1)
    const { says, until } = await watchDocuments(root, { clock })
    link('two', '.saving')
    renameSync(join(root, '.saving'), join(root, 'a.yaml'))
    await until(() => says('a') === 'two')
    clearInterval(tick)
    // Where a link leads that was itself pointed elsewhere is found by a scan.
    saveByRename(join(elsewhere, 'two'), 'target', webhook('a', 'new'))
    await vi.waitFor(() => {
      clock.advance(10_000)
      expect(says('a')).toBe('new')
    })
  })
})

describe('stopping', () => {
  it('leaves nothing running, however early', async () => {
    const root = temporaryDirectory()
    write(root, { 'a.yaml': webhook('a'), 'x/b.yaml': webhook('b') })
    const watchers = () => process.getActiveResourcesInfo().filter((name) => name.startsWith('FSEvent')).length
    // Closed handles leave the event loop's books a turn later, those of earlier tests too.
    await vi.waitFor(() => expect(watchers()).toBe(0))
    for (const stopEarly of [false, true]) {
      const clock = createFakeClock()
      let calls = 0
      const source = createDirectorySource({ root, parse: parseFile, clock, log: silentLog })
      const started = source.start(() => (calls += 1))
      const tick = setInterval(() => clock.advance(5), 1)
      if (!stopEarly) {
        await started
        await vi.waitFor(() => expect(watchers()).toBeGreaterThan(0))
        saveByRename(root, 'a.yaml', webhook('a', 'late'))
      }
      await source.stop()
      clearInterval(tick)
      await started
      const callsAtStop = calls
      expect(clock.timers).toBe(0)
      write(root, { 'c.yaml': webhook('c') })
      clock.advance(60_000)
      await vi.waitFor(() => expect(watchers()).toBe(0))
      expect(calls).toBe(callsAtStop)
    }
  })

  it('has written nothing into the directory', async () => {
    const root = temporaryDirectory()
    write(root, { 'a.yaml': webhook('a'), 'b.yaml': 'kind: [' })
    const before = statSync(root).mtimeMs
    const { source } = await watchDocuments(root)
    await source.stop()
    expect(statSync(root).mtimeMs).toBe(before)
  })
})

const FILES = ['a.yaml', 'b.yaml', 'x/a.yaml', 'x/y/a.yaml', 'z/b.yaml']
const DIRECTORIES = ['x', 'x/y', 'z', 'w']
const file = fc.constantFrom(...FILES)
const directory = fc.constantFrom(...DIRECTORIES)
const names = fc.subarray(['p', 'q', 'r', 's'], { minLength: 1 })
const operation = fc.oneof(
  fc.record({ do: fc.constant('write' as const), path: file, names, version: fc.nat(9) }),
  fc.record({ do: fc.constant('save' as const), path: file, names, version: fc.nat(9) }),
  fc.record({ do: fc.constant('remove' as const), path: file }),
  fc.record({ do: fc.constant('move' as const), path: file, to: file }),
  fc.record({ do: fc.constant('move' as const), path: directory, to: directory }),
  fc.record({ do: fc.constant('remove' as const), path: directory }),
  fc.record({ do: fc.constant('pause' as const) }),
)
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

async function perform(root: string, step: Operation): Promise<void> {
  if (step.do === 'pause') return new Promise((resolve) => setImmediate(resolve))
  const path = join(root, step.path)
  if (step.do === 'remove') return rmSync(path, { recursive: true, force: true })
  if (step.do === 'move') return move(path, join(root, step.to))
  mkdirSync(dirname(path), { recursive: true })
  const text = step.names.map((name) => webhook(name, `${step.path} ${step.version}`)).join('---\n')
  if (step.do === 'write') write(root, { [step.path]: text })
  else saveByRename(root, step.path, text)
}

function move(from: string, to: string): void {
  if (!existsSync(from) || to.startsWith(`${from}/`) || from.startsWith(`${to}/`) || from === to) return
  mkdirSync(dirname(to), { recursive: true })
  if (existsSync(to) && statSync(to).isDirectory()) rmSync(to, { recursive: true })
  renameSync(from, to)
}

/** All there is to see, except who holds a name that is given twice: that depends on who came first. */
function view({ source }: Watched) {
  const problems = source.problems()
  const twice = new Set(problems.map(({ message }) => message.split(' ')[0]))
  return {
    keys: [...source.keys()].sort(),
    documents: [...source.keys()]
      .filter((key) => !twice.has(key))
      .sort()
      .map((key) => source.get(key)),
    problems: problems.length,
  }
}

describe('whatever happens to the files', () => {
  it('ends in what a cold scan would see', { timeout: tries(60_000, 3_600_000) }, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(operation, { minLength: 1, maxLength: 12 }), async (steps) => {
        const root = temporaryDirectory()
        write(root, { 'a.yaml': webhook('p'), 'x/a.yaml': webhook('q') })
        const live = await watchDocuments(root)
        for (const step of steps) await perform(root, step)
        const cold = await watchDocuments(root)
        const expected = JSON.stringify(view(cold))
        await live.until(() => JSON.stringify(view(live)) === expected)
        await Promise.all([live.source.stop(), cold.source.stop()])
      }),
      { numRuns: tries(15, 500) },
    )
  })
})
