import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join, relative } from 'node:path'
import { describe, expect, it } from 'vitest'
import { pathOfOrigin } from '../../src/sources/directory/origin.ts'
import { temporaryDirectory, watchDocuments, webhook, write } from './watched.ts'

describe('an origin from an earlier run', () => {
  it('is recognised in whatever words the directory is given', async () => {
    const base = temporaryDirectory()
    const root = join(base, 'config')
    write(root, { 'a.yaml': webhook('a'), 'teams/b.yaml': webhook('b'), 'teams/gone.yaml': webhook('gone') })
    symlinkSync('config', join(base, 'link'))
    const spellings = [root, `${root}/`, relative(process.cwd(), root), join(base, 'link')]
    const stored: string[][] = []
    for (const spelling of spellings) {
      const { source } = await watchDocuments(spelling)
      stored.push(['a', 'b', 'gone'].map((name) => source.get(`Webhook/${name}`)?.origin.file ?? ''))
      await source.stop()
    }
    write(root, { 'a.yaml': 'kind: [', 'teams/b.yaml': webhook('b').replace('kind: Webhook', 'kind: Webhok') })
    rmSync(join(root, 'teams/gone.yaml'))
    for (const spelling of spellings) {
      const { source } = await watchDocuments(spelling)
      const silent = stored.map((origins) => origins.map((origin) => source.silent(origin)))
      expect(silent, spelling).toEqual(spellings.map(() => [true, true, false]))
      await source.stop()
    }
  })

  it('is no file of the same name elsewhere, as long as the directory is given in the same words', async () => {
    const root = temporaryDirectory()
    write(root, { 'hook.yaml': 'kind: [' })
    mkdirSync(join(root, 'teams'))
    const { source } = await watchDocuments(root)
    expect(source.silent(join(root, 'hook.yaml'))).toBe(true)
    expect(source.silent(join(root, 'teams/hook.yaml'))).toBe(false)
    expect(source.silent(join(root, 'gone/hook.yaml'))).toBe(false)
    expect(source.silent(join(root, '../other.yaml'))).toBe(false)
  })

  it('leads to a path by these rules', () => {
    const directories = ['', 'teams', 'teams/x']
    const couldBe = (path: string) => directories.includes(path.split('/').slice(0, -1).join('/'))
    const of = (root: string, origin: string) => pathOfOrigin(root, origin, couldBe)
    // As given now, or absolute and inside: at its word, whatever is there.
    expect(of('config', 'config/gone/a.yaml')).toBe('gone/a.yaml')
    expect(of('./config/', 'config/gone/a.yaml')).toBe('gone/a.yaml')
    expect(of('../config', '../config/a.yaml')).toBe('a.yaml')
    expect(of('/', '/gone/a.yaml')).toBe('gone/a.yaml')
    expect(of('config', join(process.cwd(), 'config/gone/a.yaml'))).toBe('gone/a.yaml')
    expect(of('.', 'teams/a.yaml')).toBe('teams/a.yaml')
    // Another working directory, another path to the same directory.
    expect(of('.', 'config/teams/a.yaml')).toBe('teams/a.yaml')
    expect(of('.', '/srv/config/a.yaml')).toBe('a.yaml')
    expect(of('/srv/config', 'config/teams/x/a.yaml')).toBe('teams/x/a.yaml')
    expect(of('/srv/config', '../config/teams/a.yaml')).toBe('teams/a.yaml')
    expect(of('/mnt/link', '/srv/config/teams/a.yaml')).toBe('teams/a.yaml')
    // The folder is gone, so the guess is a file of that name above it.
    expect(of('/mnt/link', '/srv/config/gone/a.yaml')).toBe('a.yaml')
  })
})
