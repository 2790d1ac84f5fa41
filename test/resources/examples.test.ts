import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { nepenthesHere } from '../support/cli.ts'

const ROOT = join(import.meta.dirname, '..', '..')
// What is for a cluster, and the tools around it, is looked at in test/gitops.
const files = globSync('examples/{quickstart,resources}/**/*.{yaml,yml}', { cwd: ROOT })
const directories = [...new Set(files.map((file) => dirname(file)))]

describe('examples', () => {
  it('are there', () => expect(files.length).toBeGreaterThanOrEqual(4))

  it.each(files)('%s names its editor schema', (file) => {
    const [, schema = ''] =
      /^# yaml-language-server: \$schema=(\S+)$/m.exec(readFileSync(join(ROOT, file), 'utf8')) ?? []
    expect(schema).not.toBe('')
    expect(existsSync(join(ROOT, dirname(file), schema))).toBe(true)
  })

  it.each(directories)('%s is valid as it is', async (directory) => {
    expect(await nepenthesHere(['validate', join(ROOT, directory)])).toMatchObject({ code: 0 })
  })
})

describe('the example of the README', () => {
  it('is valid', async () => {
    const { parseFile } = await import('../../src/resources/parse.ts')
    const [, yaml = ''] = /```yaml\n([\s\S]*?)```/.exec(readFileSync(join(ROOT, 'README.md'), 'utf8')) ?? []
    const { documents, problems } = parseFile(Buffer.from(yaml), 'README.md')
    expect(problems).toEqual([])
    expect(documents.map((document) => [document.key, document.problems])).toEqual([['Webhook/billing', []]])
  })
})
