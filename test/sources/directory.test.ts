import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  statSync,
  rmSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { join, relative } from 'node:path'
import { tmpdir } from 'node:os'
import { describe, expect, it, onTestFinished } from 'vitest'
import { saveByRename, swapMount, temporaryDirectory, watchDocuments, webhook, write } from './watched.ts'

/** A directory on another device than temporary files; Linux has shared memory there. undefined: none is known. */
const otherDevice =
  existsSync('/dev/shm') && statSync('/dev/shm').dev !== statSync(tmpdir()).dev ? '/dev/shm' : undefined

describe('reading a directory', () => {
  it('takes every YAML and JSON file, nested ones too, and nothing hidden', async () => {
    const root = temporaryDirectory()
    const json = { apiVersion: 'nepenthes.dev/v1', kind: 'ApiSettings', metadata: { name: 'default' }, spec: {} }
    write(root, {
      'a.yaml': webhook('a') + '---\n' + webhook('b'),
      'teams/x/c.yml': webhook('c'),
      'api.json': JSON.stringify(json),
      'notes.txt': webhook('text'),
      '.hidden.yaml': webhook('hidden'),
      '.git/d.yaml': webhook('git'),
    })
    const { source, names, changes } = await watchDocuments(root)
    expect(source.synced).toBe(true)
    expect(names()).toEqual(['ApiSettings/default', 'a', 'b', 'c'])
    expect(changes).toHaveLength(1)
    expect(source.get('Webhook/b')?.origin).toEqual({ file: join(root, 'a.yaml'), line: 6 })
    expect(source.problems()).toEqual([])
  })

  it('is synced when the directory is empty, and says so', async () => {
    const { source, changes } = await watchDocuments(temporaryDirectory())
    expect(source.synced).toBe(true)
    expect(changes).toEqual([new Set()])
  })

  it('names files as the directory was given', async () => {
    const root = temporaryDirectory()
    write(root, { 'a.yaml': 'kind: [' })
    const given = relative(process.cwd(), root)
    const { source } = await watchDocuments(given)
    expect(source.problems()[0]?.file).toBe(join(given, 'a.yaml'))
    expect(source.silent(join(given, 'a.yaml'))).toBe(true)
  })

  it('follows links to directories once, however they go round', async () => {
    const root = temporaryDirectory()
    const elsewhere = temporaryDirectory()
    write(root, { 'real/a.yaml': webhook('a') })
    write(elsewhere, { 'b.yaml': webhook('b') })
    symlinkSync('..', join(root, 'real', 'up'))
    symlinkSync('real', join(root, 'again'))
    symlinkSync(elsewhere, join(root, 'far'))
    const { source, names, until, says } = await watchDocuments(root)
    expect(names()).toEqual(['a', 'b'])
    expect(source.problems()).toEqual([])
    saveByRename(elsewhere, 'b.yaml', webhook('b', 'new'))
    await until(() => says('b') === 'new')
  })
})

describe('changes', () => {
  it('applies a save by rename, and names only what changed', async () => {
    const root = temporaryDirectory()
    write(root, { 'a.yaml': webhook('a') + '---\n' + webhook('b') })
    const { until, says, changes } = await watchDocuments(root)
    saveByRename(root, 'a.yaml', webhook('a') + '---\n' + webhook('b', 'new'))
    await until(() => says('b') === 'new')
    expect(changes.slice(1)).toEqual([new Set(['Webhook/b'])])
  })

  it('sees new folders, moved folders and removed folders', async () => {
    const root = temporaryDirectory()
    const elsewhere = temporaryDirectory()
    const { until, names } = await watchDocuments(root)
    write(root, { 'x/y/a.yaml': webhook('a') })
    await until(() => names().join() === 'a')
    write(root, { 'x/y/b.yaml': webhook('b') })
    await until(() => names().join() === 'a,b')
    renameSync(join(root, 'x'), join(elsewhere, 'x'))
    await until(() => names().length === 0)
    renameSync(join(elsewhere, 'x'), join(root, 'z'))
    await until(() => names().join() === 'a,b')
    saveByRename(root, 'z/y/b.yaml', webhook('c'))
    await until(() => names().join() === 'a,c')
    rmSync(join(root, 'z'), { recursive: true })
    await until(() => names().length === 0)
  })

  it('watches a folder that was removed and made again', async () => {
    const root = temporaryDirectory()
    write(root, { 'x/a.yaml': webhook('a') })
    const { until, says } = await watchDocuments(root)
    for (const round of ['1', '2', '3']) {
      rmSync(join(root, 'x'), { recursive: true })
      write(root, { 'x/a.yaml': webhook('a', `made ${round}`) })
      await until(() => says('a') === `made ${round}`)
      saveByRename(root, 'x/a.yaml', webhook('a', `saved ${round}`))
      await until(() => says('a') === `saved ${round}`)
    }
  })

  it('applies 500 changed files in a few steps', async () => {
    const root = temporaryDirectory()
    const files = Array.from({ length: 500 }, (_, i) => [`team${i % 7}/w${i}.yaml`, `w${i}`] as const)
    write(root, Object.fromEntries(files.map(([path, name]) => [path, webhook(name, 'old')])))
    const { until, says, names, changes } = await watchDocuments(root)
    write(root, Object.fromEntries(files.map(([path, name]) => [path, webhook(name, 'new')])))
    await until(() => files.every(([, name]) => says(name) === 'new'))
    expect(names()).toHaveLength(500)
    expect(changes.length).toBeLessThan(50)
  })

  it('moves a resource between files without it ever being gone', async () => {
    const root = temporaryDirectory()
    write(root, { 'a.yaml': webhook('a') })
    const { source, until, names, messages, changes } = await watchDocuments(root)
    const at = () => source.get('Webhook/a')?.origin.file
    renameSync(join(root, 'a.yaml'), join(root, 'b.yaml'))
    await until(() => at() === join(root, 'b.yaml'))
    // Removed before it is written anew, as git does.
    unlinkSync(join(root, 'b.yaml'))
    write(root, { 'deep/c.yaml': webhook('a', 'moved') })
    await until(() => at() === join(root, 'deep/c.yaml'))
    write(root, { 'z.yaml': webhook('z') })
    await until(() => names().join() === 'a,z')
    expect(messages()).toEqual([])
    for (const keys of changes.slice(1)) expect([...keys].length).toBeLessThanOrEqual(1)
  })

  it('deletes what is deleted, and nothing else', async () => {
    const root = temporaryDirectory()
    write(root, { 'a.yaml': webhook('a') + '---\n' + webhook('b'), 'c.yaml': webhook('c') })
    const { until, names, changes } = await watchDocuments(root)
    unlinkSync(join(root, 'c.yaml'))
    await until(() => !names().includes('c'))
    saveByRename(root, 'a.yaml', webhook('a'))
    await until(() => !names().includes('b'))
    expect(changes.slice(1)).toEqual([new Set(['Webhook/c']), new Set(['Webhook/b'])])
  })
})

describe('the same kind and name twice', () => {
  it('is held by the first path at a cold start, then by whoever holds it, then by who is left', async () => {
    const root = temporaryDirectory()
    write(root, { 'b.yaml': webhook('w', 'b'), 'c.yaml': webhook('x') + '---\n' + webhook('w', 'c') })
    const { until, says, messages, source } = await watchDocuments(root)
    expect(says('w')).toBe('b')
    expect(messages()).toEqual([`c.yaml: Webhook/w is already defined at ${root}/b.yaml:1`])
    write(root, { 'a.yaml': webhook('w', 'a') })
    await until(() => messages().length === 2)
    expect(says('w')).toBe('b')
    unlinkSync(join(root, 'b.yaml'))
    await until(() => says('w') === 'a')
    expect(source.problems()).toMatchObject([{ code: 'DuplicateResource', file: join(root, 'c.yaml'), line: 6 }])
    unlinkSync(join(root, 'a.yaml'))
    await until(() => says('w') === 'c')
    expect(messages()).toEqual([])
  })
})

describe('a file that says nothing', () => {
  const unreadable: Record<string, (path: string) => void> = {
    'a directory': (path) => mkdirSync(path),
    'a dangling link': (path) => symlinkSync('nowhere', path),
    'a link to itself': (path) => symlinkSync(path, path),
    'a FIFO': (path) => execFileSync('mkfifo', [path]),
    'more bytes than a disk holds': (path) => {
      writeFileSync(path, webhook('other'))
      truncateSync(path, 2 ** 40)
    },
  }
  for (const [what, put] of Object.entries(unreadable)) {
    it(`keeps what it last said: ${what}`, async () => {
      const root = temporaryDirectory()
      write(root, { 'a.yaml': webhook('a', 'kept'), 'b.yaml': webhook('b') })
      const { source, until, says, messages, names } = await watchDocuments(root)
      put(join(root, 'next'))
      rmSync(join(root, 'a.yaml'))
      renameSync(join(root, 'next'), join(root, 'a.yaml'))
      await until(() => messages().length > 0)
      expect(messages()[0]).toMatch(/^a\.yaml: cannot be read: /)
      expect(says('a')).toBe('kept')
      expect(source.silent(join(root, 'a.yaml'))).toBe(true)
      expect(source.silent(join(root, 'b.yaml'))).toBe(false)
      rmSync(join(root, 'a.yaml'), { recursive: true })
      write(root, { 'a.yaml': webhook('a', 'mended') })
      await until(() => says('a') === 'mended')
      expect(messages()).toEqual([])
      expect(names()).toEqual(['a', 'b'])
    })

    it(`is no reason not to start: ${what}`, async () => {
      const root = temporaryDirectory()
      write(root, { 'b.yaml': webhook('b') })
      put(join(root, 'a.yaml'))
      const { source, names, messages } = await watchDocuments(root)
      expect(source.synced).toBe(true)
      expect(names()).toEqual(['b'])
      expect(messages()).toHaveLength(1)
    })
  }

  it('keeps what it last said while it cannot be parsed', async () => {
    const root = temporaryDirectory()
    write(root, { 'a.yaml': webhook('a', 'kept') })
    const { source, until, says, messages, names } = await watchDocuments(root)
    saveByRename(root, 'a.yaml', 'kind: [')
    await until(() => messages().length > 0)
    expect(says('a')).toBe('kept')
    expect(source.silent(join(root, 'a.yaml'))).toBe(true)
    saveByRename(root, 'a.yaml', webhook('b'))
    await until(() => names().join() === 'b')
    expect(messages()).toEqual([])
    expect(source.silent(join(root, 'a.yaml'))).toBe(false)
  })
})

describe('a document that cannot be told apart any more', () => {
  const mistakes: Record<string, (text: string) => string> = {
    'another group': (text) => text.replace('nepenthes.dev', 'nepenthes.de'),
    'a misspelt kind': (text) => text.replace('kind: Webhook', 'kind: Webhok'),
    'no kind': (text) => text.replace('kind: Webhook\n', ''),
    'an impossible name': (text) => text.replace('name: a', 'name: A_'),
    'no name': (text) => text.replace('metadata: {name: a}\n', ''),
  }
  for (const [what, break_] of Object.entries(mistakes)) {
    it(`does not delete the resource it was: ${what}`, async () => {
      const root = temporaryDirectory()
      const file = join(root, 'a.yaml')
      write(root, { 'a.yaml': webhook('a', 'kept') + '---\n' + webhook('b', 'old') })
      const { source, until, says, messages, names } = await watchDocuments(root)
      saveByRename(root, 'a.yaml', break_(webhook('a', 'broken')) + '---\n' + webhook('b', 'new'))
      await until(() => says('b') === 'new')
      expect(says('a')).toBe('kept')
      expect(messages()).toHaveLength(1)
      expect(source.silent(file)).toBe(true)
      expect((await watchDocuments(root)).source.silent(file)).toBe(true)
      saveByRename(root, 'a.yaml', webhook('c') + '---\n' + webhook('b', 'new'))
      await until(() => names().join() === 'b,c')
      expect(messages()).toEqual([])
      expect(source.silent(file)).toBe(false)
    })
  }

  it('is kept through whatever else befalls the file, and leaves with it', async () => {
    const root = temporaryDirectory()
    const broken = webhook('a').replace('kind: Webhook', 'kind: Webhok')
    write(root, { 'a.yaml': webhook('a', 'kept') })
    const { until, says, messages, names } = await watchDocuments(root)
    saveByRename(root, 'a.yaml', broken)
    await until(() => messages().length === 1)
    saveByRename(root, 'a.yaml', broken + '---\n' + webhook('b'))
    await until(() => names().join() === 'a,b')
    saveByRename(root, 'a.yaml', 'kind: [')
    await until(() => messages().join().includes('flow'))
    saveByRename(root, 'a.yaml', broken)
    await until(() => messages().join().includes('Webhok'))
    expect(names()).toEqual(['a', 'b'])
    expect(says('a')).toBe('kept')
    unlinkSync(join(root, 'a.yaml'))
    await until(() => names().length === 0)
  })

  it('yields to where the resource has moved, and does not come back from there', async () => {
    const root = temporaryDirectory()
    const broken = webhook('c').replace('kind: Webhook', 'kind: Webhok')
    write(root, { 'a.yaml': webhook('a', 'old') + '---\n' + webhook('c', 'kept') })
    const { until, says, messages, names } = await watchDocuments(root)
    saveByRename(root, 'a.yaml', broken)
    saveByRename(root, 'b.yaml', webhook('a', 'moved'))
    await until(() => says('a') === 'moved')
    await until(() => messages().length === 1)
    expect(messages()[0]).toMatch(/^a\.yaml: nepenthes\.dev has no kind "Webhok"/)
    expect(says('c')).toBe('kept')
    unlinkSync(join(root, 'b.yaml'))
    await until(() => names().join() === 'c')
  })
})

describe('a link to a directory', () => {
  it('that leads nowhere for a while keeps what was behind it, after a restart too', async () => {
    const root = temporaryDirectory()
    const share = join(temporaryDirectory(), 'share')
    write(share, { 'z.yaml': webhook('z', 'old'), 'x/y.yaml': webhook('y') })
    symlinkSync(share, join(root, 'sub'))
    const { source, until, names, messages, says } = await watchDocuments(root)
    expect(names()).toEqual(['y', 'z'])
    renameSync(share, `${share}.away`)
    await until(() => messages().length > 0)
    expect(messages()).toEqual(['sub: cannot be read: it is a link to something that does not exist'])
    // Scanned again, and again: still nothing is believed gone.
    write(root, { 'a.yaml': webhook('a') })
    await until(() => names().length === 3)
    expect(names()).toEqual(['a', 'y', 'z'])

    const restarted = await watchDocuments(root)
    expect(restarted.names()).toEqual(['a'])
    for (const file of ['sub/z.yaml', 'sub/x/y.yaml']) expect(restarted.source.silent(join(root, file))).toBe(true)

    write(`${share}.away`, { 'z.yaml': webhook('z', 'new') })
    renameSync(`${share}.away`, share)
    await until(() => messages().length === 0 && says('z') === 'new')
    expect(source.silent(join(root, 'sub/z.yaml'))).toBe(false)
    rmSync(join(share, 'z.yaml'))
    await until(() => names().join() === 'a,y')
  })

  it('is believed when the link itself is removed, even while it leads nowhere', async () => {
    const root = temporaryDirectory()
    const share = join(temporaryDirectory(), 'share')
    write(share, { 'z.yaml': webhook('z'), 'x/y.yaml': webhook('y') })
    symlinkSync(share, join(root, 'sub'))
    const { until, names, messages } = await watchDocuments(root)
    rmSync(share, { recursive: true })
    await until(() => messages().length > 0)
    unlinkSync(join(root, 'sub'))
    await until(() => names().length === 0 && messages().length === 0)
  })
})

describe('a directory that is not there', () => {
  it('deletes nothing when it is moved away, and goes on when it is back', async () => {
    const root = join(temporaryDirectory(), 'config')
    write(root, { 'a.yaml': webhook('a'), 'x/b.yaml': webhook('b') })
    const { source, until, names, messages, says } = await watchDocuments(root)
    for (const round of ['1', '2', '3']) {
      renameSync(root, `${root}.away`)
      await until(() => messages().length > 0)
      expect(source.problems()).toMatchObject([{ file: root, code: 'Unreadable' }])
      expect(names()).toEqual(['a', 'b'])
      expect(source.silent(join(root, 'a.yaml'))).toBe(true)
      saveByRename(`${root}.away`, 'x/b.yaml', webhook('b', round))
      renameSync(`${root}.away`, root)
      await until(() => messages().length === 0 && says('b') === round)
      saveByRename(root, 'a.yaml', webhook('a', round))
      await until(() => says('a') === round)
    }
    expect(source.synced).toBe(true)
  })

  it('keeps everything when it is removed, and believes the one that comes in its place', async () => {
    const root = join(temporaryDirectory(), 'config')
    write(root, { 'a.yaml': webhook('a'), 'b.yaml': webhook('b') })
    const { until, names, messages } = await watchDocuments(root)
    renameSync(root, `${root}.removed`)
    rmSync(`${root}.removed`, { recursive: true })
    await until(() => messages().length > 0)
    expect(names()).toEqual(['a', 'b'])
    write(`${root}.next`, { 'b.yaml': webhook('b') })
    renameSync(`${root}.next`, root)
    await until(() => names().join() === 'b')
    expect(messages()).toEqual([])
  })

  it('is waited for when it is missing at the start', async () => {
    const root = join(temporaryDirectory(), 'not', 'yet')
    const { source, until, names, messages } = await watchDocuments(root)
    expect(source.synced).toBe(false)
    expect(source.silent(join(root, 'a.yaml'))).toBe(true)
    expect(messages()).toEqual([`${root}: cannot be read: it does not exist`])
    write(root, { 'a.yaml': webhook('a') })
    await until(() => source.synced && names().join() === 'a')
    expect(messages()).toEqual([])
  })

  it('is said to be none when it is a file, and waited for', async () => {
    const root = join(temporaryDirectory(), 'config')
    writeFileSync(root, webhook('a'))
    const { source, until, names, messages } = await watchDocuments(root)
    expect(source.synced).toBe(false)
    expect(messages()).toEqual([`${root}: cannot be read: it is not a directory`])
    unlinkSync(root)
    await until(() => messages().join() === `${root}: cannot be read: it does not exist`)
    write(root, { 'a.yaml': webhook('a') })
    await until(() => source.synced && names().join() === 'a')
    expect(messages()).toEqual([])
  })

  it('may come back as another one, without a folder the first one had', async () => {
    const root = join(temporaryDirectory(), 'config')
    write(root, { 'a.yaml': webhook('a'), 'x/y/b.yaml': webhook('b') })
    const { until, names, messages } = await watchDocuments(root)
    renameSync(root, `${root}.away`)
    await until(() => messages().length > 0)
    write(`${root}.next`, { 'a.yaml': webhook('a') })
    renameSync(`${root}.next`, root)
    await until(() => names().join() === 'a')
    expect(messages()).toEqual([])
  })

  it.skipIf(!otherDevice)('is waited for when what is left is an empty mount point', async () => {
    const base = temporaryDirectory()
    const disk = mkdtempSync(`${otherDevice}/nepenthes-sources-`)
    onTestFinished(() => rmSync(disk, { recursive: true }))
    write(disk, { 'a.yaml': webhook('a'), 'x/b.yaml': webhook('b') })
    // A link that turns from a directory on one device to an empty one on another: all that unmounting shows, without needing to mount.
    const root = join(base, 'config')
    const turn = (target: string) => {
      symlinkSync(target, `${root}.next`)
      renameSync(`${root}.next`, root)
    }
    mkdirSync(join(base, 'mount-point'))
    turn(disk)
    const { source, until, names, says, messages } = await watchDocuments(root)
    for (const round of ['1', '2']) {
      turn('mount-point')
      await until(() => messages().length > 0)
      expect(messages()).toEqual([`${root}: cannot be read: it is empty, and on another device than before`])
      expect(names()).toEqual(['a', 'b'])
      expect(source.silent(join(root, 'a.yaml'))).toBe(true)
      saveByRename(disk, 'a.yaml', webhook('a', round))
      turn(disk)
      await until(() => messages().length === 0 && says('a') === round)
    }
    turn('mount-point')
    await until(() => messages().length > 0)
    saveByRename(base, 'mount-point/b.yaml', webhook('b', 'entered'))
    await until(() => names().join() === 'b' && says('b') === 'entered')
    unlinkSync(join(base, 'mount-point/b.yaml'))
    await until(() => names().length === 0)
    expect(messages()).toEqual([])
  })

  it('may be a link that is swapped, wherever on the way', async () => {
    const base = temporaryDirectory()
    write(base, { 'v1/config/a.yaml': webhook('a', '1'), 'v2/config/a.yaml': webhook('a', '2') })
    symlinkSync('v1', join(base, 'current'))
    const { until, says, names } = await watchDocuments(join(base, 'current', 'config'))
    expect(says('a')).toBe('1')
    symlinkSync('v2', join(base, 'next'))
    renameSync(join(base, 'next'), join(base, 'current'))
    await until(() => says('a') === '2')
    saveByRename(join(base, 'v2/config'), 'b.yaml', webhook('b'))
    await until(() => names().join() === 'a,b')
  })
})

describe('a ConfigMap mount', () => {
  it('is seen whole, old or new, through 20 swaps', async () => {
    const root = temporaryDirectory()
    const files = ['a.yaml', 'b.yaml', 'c.yaml']
    const version = (n: number) => ({
      ...Object.fromEntries(files.map((file) => [file, webhook(file.slice(0, 1), `${n}`)])),
      [`only${n % 2}.yaml`]: webhook(`only${n % 2}`, `${n}`),
    })
    let old = swapMount(root, 'v0', version(0))
    for (const file of files) symlinkSync(join('..data', file), join(root, file))
    const { until, says, source, messages } = await watchDocuments(root)
    const seen = () => [...source.keys()].map((key) => says(key.replace('Webhook/', '')))
    expect(seen()).toEqual(['0', '0', '0', '0'])
    let mixed = 0
    await until(() => {
      if (new Set(seen()).size !== 1 || seen().length !== 4) mixed += 1
      return true
    })
    for (let n = 1; n <= 20; n++) {
      const next = swapMount(root, `v${n}`, version(n))
      rmSync(old, { recursive: true })
      old = next
      await until(() => {
        if (new Set(seen()).size !== 1 || seen().length !== 4) mixed += 1
        return says('a') === `${n}`
      })
    }
    expect(mixed).toBe(0)
    expect(messages()).toEqual([])
  })

  it('may be one folder among others', async () => {
    const root = temporaryDirectory()
    write(root, { 'plain.yaml': webhook('plain') })
    mkdirSync(join(root, 'mounted'))
    swapMount(join(root, 'mounted'), 'v1', { 'a.yaml': webhook('a'), 'sub/b.yaml': webhook('b') })
    symlinkSync('..data/a.yaml', join(root, 'mounted', 'a.yaml'))
    symlinkSync('..data/sub', join(root, 'mounted', 'sub'))
    const { names, until } = await watchDocuments(root)
    expect(names()).toEqual(['a', 'b', 'plain'])
    swapMount(join(root, 'mounted'), 'v2', { 'sub/b.yaml': webhook('b', '2') })
    await until(() => names().join() === 'b,plain')
  })
})
