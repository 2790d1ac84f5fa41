import { mkdirSync, renameSync, rmdirSync, rmSync, symlinkSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { swapMount, temporaryDirectory, watchSecrets, write } from './watched.ts'

describe('Secrets in a directory', () => {
  it('are found as they are stored, or said to be missing', async () => {
    const root = temporaryDirectory()
    write(root, { 'billing/secret': 'value\n', 'billing/.hidden': 'too', stray: 'x' })
    mkdirSync(join(root, 'empty'))
    const { text } = await watchSecrets(root)
    expect(text('billing', 'secret')).toBe('value\n')
    expect(text('billing', '.hidden')).toBe('too')
    expect(text('billing', 'other')).toBe('key-missing')
    expect(text('empty', 'secret')).toBe('key-missing')
    expect(text('absent', 'secret')).toBe('not-found')
    expect(text('stray', 'secret')).toBe('not-found')
  })

  it('are never guessed: bytes that are no text are said to be malformed', async () => {
    const root = temporaryDirectory()
    write(root, { 'a/key': '\ufeffvalue é', 'a/other': 'text' })
    const { secrets, text, until } = await watchSecrets(root)
    expect(text('a', 'key')).toBe('\ufeffvalue é')
    writeFileSync(join(root, 'a/key'), Buffer.from([0x61, 0x62, 0x80]))
    await until(() => text('a', 'key') === 'malformed')
    expect(JSON.stringify(secrets.get('a', 'key'))).toMatch(/not UTF-8 text: write .* whsec_/)
    truncateSync(join(root, 'a/key'), 2 ** 40)
    truncateSync(join(root, 'a/other'), 2 ** 40)
    symlinkSync('nowhere', join(root, 'a/later'))
    await until(() => text('a', 'later') === 'unreadable')
    expect(text('a', 'key')).toBe('malformed')
    expect(text('a', 'other')).toBe('text')
    rmSync(join(root, 'a/key'))
    write(root, { 'a/key': 'mended' })
    await until(() => text('a', 'key') === 'mended')
  })

  it('cannot be reached by tricks with the path', async () => {
    const root = join(temporaryDirectory(), 'secrets')
    write(root, { 'billing/secret': 'value', '../outside/secret': 'no' })
    const { text } = await watchSecrets(root)
    expect(text('..', 'outside')).toBe('not-found')
    expect(text('../outside', 'secret')).toBe('not-found')
    expect(text('billing/', 'secret')).toBe('not-found')
    expect(text('billing', '../billing/secret')).toBe('key-missing')
    expect(text('billing', '..')).toBe('key-missing')
  })

  it('tell of every change, by name', async () => {
    const root = temporaryDirectory()
    write(root, { 'a/key': '1', 'b/key': '1' })
    const { text, until, changes } = await watchSecrets(root)
    write(root, { 'a/key': '2' })
    await until(() => text('a', 'key') === '2')
    write(root, { 'c/d': 'new' })
    await until(() => text('c', 'd') === 'new')
    unlinkSync(join(root, 'b', 'key'))
    await until(() => text('b', 'key') === 'key-missing')
    rmSync(join(root, 'a'), { recursive: true })
    await until(() => text('a', 'key') === 'not-found')
    expect(changes.slice(1).map((names) => [...names].join())).toEqual(['a', 'c', 'b', 'a'])
  })

  it('keep their value while it cannot be read, and while the directory is missing', async () => {
    const root = join(temporaryDirectory(), 'secrets')
    write(root, { 'a/key': '1', 'b/large': '1', 'b/other': '1' })
    const { secrets, text, until } = await watchSecrets(root)
    truncateSync(join(root, 'b/large'), 2 ** 40)
    symlinkSync('nowhere', join(root, 'b/dangling'))
    await until(() => text('b', 'dangling') === 'unreadable')
    expect(secrets.get('b', 'dangling')).toMatchObject({ reason: 'it is a link to something that does not exist' })
    expect(text('b', 'large')).toBe('1')
    renameSync(root, `${root}.away`)
    write(`${root}.away`, { 'a/key': '2' })
    expect(text('a', 'key')).toBe('1')
    renameSync(`${root}.away`, root)
    await until(() => text('a', 'key') === '2')
  })

  it('need not have a directory at all, until one comes', async () => {
    const root = join(temporaryDirectory(), 'secrets')
    const { text, until } = await watchSecrets(root)
    expect(text('a', 'key')).toBe('not-found')
    write(root, { 'a/key': '1' })
    await until(() => text('a', 'key') === '1')
  })

  it('tell of what turns without a file: a directory that comes or goes, the root', async () => {
    const root = join(temporaryDirectory(), 'secrets')
    const { text, until, changes } = await watchSecrets(root)
    const toldOf = async (names: readonly string[], change: () => void) => {
      const before = changes.length
      change()
      await until(() => names.every((name) => changes.slice(before).some((told) => told.has(name))))
    }
    expect([text('a', 'key'), text('b', 'key')]).toEqual(['not-found', 'not-found'])
    await toldOf(['a'], () => mkdirSync(join(root, 'a'), { recursive: true }))
    expect([text('a', 'key'), text('b', 'key')]).toEqual(['key-missing', 'not-found'])
    await toldOf(['a'], () => rmdirSync(join(root, 'a')))
    expect([text('a', 'key'), text('b', 'key')]).toEqual(['not-found', 'not-found'])
    await toldOf(['a', 'b'], () => {
      rmdirSync(root)
      symlinkSync(root, root)
    })
    expect([text('a', 'key'), text('b', 'key')]).toEqual(['unreadable', 'unreadable'])
    await toldOf(['a', 'b'], () => unlinkSync(root))
    expect([text('a', 'key'), text('b', 'key')]).toEqual(['not-found', 'not-found'])
  })

  it('may be mounted by Kubernetes: each as a directory that is swapped', async () => {
    const root = temporaryDirectory()
    mkdirSync(join(root, 'billing'))
    let old = swapMount(join(root, 'billing'), 'v0', { secret: '0', previous: '0' })
    for (const key of ['secret', 'previous']) symlinkSync(join('..data', key), join(root, 'billing', key))
    const { text, until } = await watchSecrets(root)
    for (const n of ['1', '2', '3']) {
      const next = swapMount(join(root, 'billing'), `v${n}`, { secret: n, previous: n })
      rmSync(old, { recursive: true })
      old = next
      await until(() => text('billing', 'secret') === n)
      expect(text('billing', 'previous')).toBe(n)
    }
  })
})
