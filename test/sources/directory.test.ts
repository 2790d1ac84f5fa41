import { mkdirSync, renameSync, rmSync, symlinkSync, unlinkSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { saveByRename, swapMount, temporaryDirectory, watchDocuments, webhook, write } from './watched.ts'

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
