import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { LINKS_MAX, LinkTargets, TARGET_DIRECTORIES_MAX } from '../../src/sources/directory/link-targets.ts'
import { createFakeClock } from '../support/fake-clock.ts'
import { saveByRename, silentLog, temporaryDirectory, watchDocuments, webhook, write } from './watched.ts'

/** On a clock that moves only to let files settle, so that no scan, which is 30 seconds away, comes to anybody's help. */
async function watchStill(root: string) {
  const clock = createFakeClock()
  const settling = setInterval(() => clock.untilNext < 5_000 && clock.advance(5), 1)
  onTestFinished(() => clearInterval(settling))
  return watchDocuments(root, { clock })
}

describe('a file that is a link', () => {
  it.each([
    ['renamed over', (directory: string) => saveByRename(directory, 'a.yaml', webhook('a', 'new'))],
    ['written in place', (directory: string) => writeFileSync(join(directory, 'a.yaml'), webhook('a', 'new'))],
  ])('says what its target says once that is %s, wherever it is', async (_, save) => {
    const root = temporaryDirectory()
    const elsewhere = temporaryDirectory()
    write(elsewhere, { 'a.yaml': webhook('a', 'old') })
    symlinkSync(join(elsewhere, 'a.yaml'), join(root, 'linked.yaml'))
    const { until, says } = await watchStill(root)
    expect(says('a')).toBe('old')
    save(elsewhere)
    await until(() => says('a') === 'new')
  })

  it('and its target, a file of the tree that is none of its own', async () => {
    const root = temporaryDirectory()
    write(root, { 'shared.txt': webhook('a', 'old') })
    mkdirSync(join(root, 'teams'))
    symlinkSync('../shared.txt', join(root, 'teams', 'a.yaml'))
    const { until, says } = await watchStill(root)
    saveByRename(root, 'shared.txt', webhook('a', 'new'))
    await until(() => says('a') === 'new')
    // Something happens in the root, which is listed again, and it alone.
    saveByRename(root, 'b.yaml', webhook('b'))
    await until(() => says('b') !== undefined)
    saveByRename(root, 'shared.txt', webhook('a', 'newer'))
    await until(() => says('a') === 'newer')
  })

  it('follows a link on the way to its target that is pointed elsewhere', async () => {
    const root = temporaryDirectory()
    const elsewhere = temporaryDirectory()
    write(elsewhere, { 'v1/a.yaml': webhook('a', 'one'), 'v2/a.yaml': webhook('a', 'two') })
    symlinkSync('v1', join(elsewhere, 'current'))
    symlinkSync(join(elsewhere, 'current', 'a.yaml'), join(root, 'a.yaml'))
    const { until, says } = await watchStill(root)
    symlinkSync('v2', join(elsewhere, 'next'))
    renameSync(join(elsewhere, 'next'), join(elsewhere, 'current'))
    await until(() => says('a') === 'two')
    saveByRename(join(elsewhere, 'v2'), 'a.yaml', webhook('a', 'three'))
    await until(() => says('a') === 'three')
  })

  it('keeps what it said while its target is away', async () => {
    const root = temporaryDirectory()
    const elsewhere = temporaryDirectory()
    write(elsewhere, { 'a.yaml': webhook('a', 'old') })
    symlinkSync(join(elsewhere, 'a.yaml'), join(root, 'a.yaml'))
    const { until, says, messages } = await watchStill(root)
    unlinkSync(join(elsewhere, 'a.yaml'))
    await until(() => messages().length > 0)
    expect([says('a'), messages()]).toEqual([
      'old',
      ['a.yaml: cannot be read: it is a link to something that does not exist'],
    ])
    write(elsewhere, { 'a.yaml': webhook('a', 'new') })
    await until(() => says('a') === 'new')
    expect(messages()).toEqual([])
  })
})

describe('what links lead to is watched', () => {
  /** Links to files of a directory each; of those that were touched, the latest come last. */
  async function follow(count: number) {
    const root = temporaryDirectory()
    const elsewhere = temporaryDirectory()
    const names = Array.from({ length: count }, (_, index) => `link-${index}.yaml`)
    for (const name of names) {
      write(elsewhere, { [`${name}/target`]: '' })
      symlinkSync(join(elsewhere, name, 'target'), join(root, name))
    }
    const touched = new Set<string>()
    const targets = new LinkTargets(root, silentLog, (paths) => void [...paths].forEach((path) => touched.add(path)))
    onTestFinished(() => targets.close())
    const scanned = (listed: string, links: readonly string[], deep = false) =>
      targets.scanned({ links: new Set(links), listed: new Set([listed]) }, deep)
    await scanned('', names, true)
    return { targets, touched, scanned, names, elsewhere }
  }

  it('in so many directories and no more', async () => {
    const { targets, touched } = await follow(TARGET_DIRECTORIES_MAX + 20)
    expect(targets.size).toBe(TARGET_DIRECTORIES_MAX)
    // Whatever was written before a directory was watched is looked at.
    await vi.waitFor(() => expect(touched.size).toBe(TARGET_DIRECTORIES_MAX))
  })

  it('for so many links and no more', async () => {
    const root = temporaryDirectory()
    const elsewhere = temporaryDirectory()
    write(elsewhere, { target: '' })
    const names = Array.from({ length: LINKS_MAX + 1 }, (_, index) => `link-${index}.yaml`)
    for (const name of names) symlinkSync(join(elsewhere, 'target'), join(root, name))
    const touched = new Set<string>()
    const targets = new LinkTargets(root, silentLog, (paths) => void [...paths].forEach((path) => touched.add(path)))
    onTestFinished(() => targets.close())
    await targets.scanned({ links: new Set(names), listed: new Set(['']) }, true)
    expect(targets.size).toBe(1)
    await vi.waitFor(() => expect(touched.size).toBe(LINKS_MAX))
  })

  it('as long as there is a link to it', async () => {
    const { targets, scanned, names } = await follow(3)
    const [one = '', two = '', three = ''] = names
    expect(targets.size).toBe(3)
    await scanned('teams', [])
    expect(targets.size, 'of another directory that says nothing').toBe(3)
    await scanned('', [one, three])
    expect(targets.size).toBe(2)
    await scanned('', [])
    expect(targets.size).toBe(0)
    await scanned('', [two])
    expect(targets.size).toBe(1)
    await scanned('teams', [], true)
    expect(targets.size, 'nor is a directory that went listed any more').toBe(0)
    await scanned('', [two], true)
    await targets.close()
    expect(targets.size).toBe(0)
  })

  it('by name: what else happens beside it touches nothing', async () => {
    const { touched, elsewhere, names } = await follow(1)
    await vi.waitFor(() => expect(touched.size).toBe(1))
    touched.clear()
    const [name = ''] = names
    write(elsewhere, { [`${name}/other`]: '' })
    rmSync(join(elsewhere, name, 'other'))
    write(elsewhere, { [`${name}/target`]: 'new' })
    await vi.waitFor(() => expect([...touched]).toEqual([name]))
  })
})
