import { execFileSync } from 'node:child_process'
import { mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { saveByRename, temporaryDirectory, watchDocuments, webhook, write } from './watched.ts'

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
