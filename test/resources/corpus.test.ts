import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, describe, expect, test } from 'vitest'
import { validateCommand } from '../../src/cli/validate.ts'
import { parseFile } from '../../src/resources/parse.ts'
import { PROBLEM_CODES, type Problem } from '../../src/resources/problem.ts'
import { readByKubectl } from '../support/kubectl.ts'
import { clusterVerdict } from './cluster-verdict.ts'
import { readCorpus } from './corpus.ts'

const corpus = readCorpus()

const told = (problems: readonly Problem[]) => problems.map(({ code, path }) => `${code}@${path}`).sort()

function runVerdict(text: string): string[] {
  const { documents, problems } = parseFile(Buffer.from(text), 'case.yaml')
  return told([...problems, ...documents.flatMap((document) => document.problems)])
}

describe('the corpus', () => {
  const directory = mkdtempSync(join(tmpdir(), 'nepenthes-corpus-'))
  afterAll(() => rmSync(directory, { recursive: true }))

  test('is large, and has both sides', () => {
    expect(corpus.length).toBeGreaterThan(400)
    expect(corpus.filter(({ expected }) => expected.length === 0).length).toBeGreaterThan(100)
  })

  test.each(corpus)('$at: files', ({ text, expected }) => {
    expect(runVerdict(text), text.slice(0, 1000)).toEqual(expected)
  })

  test('validate says the same', async () => {
    for (const { at, text, expected } of corpus) {
      const file = join(directory, 'case.yaml')
      writeFileSync(file, text)
      let stdout = ''
      const options = {
        output: 'json',
        stdout: (more: string) => (stdout += more),
        stderr: () => undefined,
        stdin: () => Readable.from([]),
      }
      expect(await validateCommand([file], options), at).toBe(expected.length > 0 ? 1 : 0)
      expect(told(JSON.parse(stdout) as Problem[]), at).toEqual(expected)
    }
  })

  test('a cluster says the same of what the real kubectl reads, but for what is documented', () => {
    const accepts = clusterVerdict()
    const read = readByKubectl(corpus.map(({ text }) => text))
    const differing = corpus.flatMap(({ at, expected, clusterCannot }, index) => {
      const accepted = read[index]?.every(accepts) ?? false
      const foreseen = expected.length === 0 || clusterCannot !== undefined
      return accepted === foreseen ? [] : [`${at}: the cluster ${accepted ? 'accepts' : 'refuses'} it`]
    })
    expect(differing).toEqual([])
  })

  test('what a cluster cannot refuse is documented, reason by reason', () => {
    const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'resources.md'), 'utf8')
    const section = page.split('## What only `validate` and the operator check')[1] ?? ''
    const documented = [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, reason]) => reason)
    const used = new Set(corpus.flatMap(({ clusterCannot }) => clusterCannot ?? []))
    expect([...used].sort()).toEqual(documented.sort())
  })

  test('reaches every problem code a single document can have', () => {
    const elsewhere = [
      'Unreadable',
      'Unparsable',
      'Unreachable',
      'NotPermitted',
      'DefinitionMissing',
      'NotOurs',
      'NamespaceIgnored',
      'InsecureUrl',
      'UnsupportedEvent',
      'DuplicateResource',
      'NameConflict',
    ]
    const codes = new Set([
      ...elsewhere,
      ...corpus.flatMap(({ expected }) => expected.map((problem) => problem.split('@')[0])),
    ])
    expect([...codes].sort()).toEqual(Object.keys(PROBLEM_CODES).sort())
  })
})
