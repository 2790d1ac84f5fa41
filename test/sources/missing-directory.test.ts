import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { saveByRename, temporaryDirectory, watchDocuments, webhook, write } from './watched.ts'

/** A directory on another device than temporary files; Linux has shared memory there. undefined: none is known. */
const otherDevice =
  existsSync('/dev/shm') && statSync('/dev/shm').dev !== statSync(tmpdir()).dev ? '/dev/shm' : undefined

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
