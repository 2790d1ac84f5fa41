import { globSync, readFileSync } from 'node:fs'

import type { Command } from 'commander'
import { describe, expect, test } from 'vitest'

import { createProgram } from '../../src/cli/program.ts'

/** Help by what a person types for it: `nepenthes token list --help`. */
function helpTexts(command: Command, parents = ''): [string, string][] {
  const name = `${parents}${command.name()}`
  return [[`${name} --help`, helpText(command)], ...command.commands.flatMap((child) => helpTexts(child, `${name} `))]
}

function helpText(command: Command): string {
  let text = ''
  command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp()
  return text.trim()
}

const IGNORED = { out: () => undefined, err: () => undefined, finish: () => undefined }
const page = readFileSync(new URL('../../docs/cli.md', import.meta.url), 'utf8')
const blocks = [...page.matchAll(/```console\n\$ (nepenthes[^\n]* --help)\n([^]*?)\n```/g)]
const documented = new Map(blocks.map(([, asked = '', text = '']) => [asked, text]))
const actual = helpTexts(createProgram(IGNORED))

describe('docs/cli.md shows what --help says', () => {
  test.each(actual)('%s', (asked, text) => expect(documented.get(asked)).toBe(text))

  test('and of nothing else', () => {
    expect([...documented.keys()].sort()).toEqual(actual.map(([asked]) => asked).sort())
    expect(blocks.length).toBe(actual.length)
  })
})

test('docs/cli.md names every code of a refusal, and no other', () => {
  const root = new URL('../../', import.meta.url)
  const sources = globSync('src/admin/*.ts', { cwd: root }).map((path) => readFileSync(new URL(path, root), 'utf8'))
  const codes = sources.flatMap((source) => [...source.matchAll(/(?:code: |forbidden\(\s*)'([A-Z]\w+)'/g)])
  const table = /\| status \| codes \|\n[^]*?\n\n/.exec(page)?.[0] ?? ''
  const documented = [...table.matchAll(/`([A-Z]\w+)`/g)]
  const names = (matches: RegExpExecArray[]) => [...new Set(matches.map(([, name]) => name))].sort()
  expect(names(documented)).toEqual(names(codes))
})
