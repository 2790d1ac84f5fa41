import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parseFile } from '../../src/resources/parse.ts'
import type { ParsedFile } from '../../src/resources/resource.ts'
import { createComposer } from '../../src/resources/yaml-composer.ts'
import { LEXEMES_MAX, readTokens, SYNTAX_ERRORS_MAX } from '../../src/resources/yaml-tokens.ts'
import { tries } from '../support/effort.ts'

const HEAD = 'apiVersion: nepenthes.dev/v1\nkind: Webhook\nmetadata: {name: a}\n'
const MIB = 1024 * 1024
/** The largest file there may be; in the quick suite enough of one to see that nothing grows with it. */
const FILE = tries(MIB / 16, MIB)
const KEYS = tries(4_000, 60_000)

const read = (text: string | Uint8Array): ParsedFile =>
  parseFile(typeof text === 'string' ? Buffer.from(text) : text, 'a.yaml')

const problemsOf = ({ documents, problems }: ParsedFile) => [...problems, ...documents.flatMap((d) => d.problems)]

/** The only problem of the file, as `line:column message`. */
function only(text: string | Uint8Array): string {
  const parsed = read(text)
  expect(parsed.documents).toEqual([])
  expect(parsed.problems.map(({ code }) => code)).toEqual(['Unparsable'])
  const [problem] = parsed.problems
  return `${problem?.line}:${problem?.column} ${problem?.message}`
}

function aliasBomb(): string {
  const levels = 'abcdefghi'.split('')
  const lines = levels.map((name, level) => {
    const inner = level === 0 ? 'x' : `*${levels[level - 1]}`
    return `  ${name}: &${name} [${Array(9).fill(inner).join(',')}]`
  })
  return `${HEAD}spec:\n${lines.join('\n')}\n`
}

describe('whole files are refused plainly', () => {
  test.each([
    ['an alias bomb', aliasBomb(), '5:12 more than 200000 values, aliases followed'],
    ['an alias of itself', `${HEAD}spec: &a {b: *a}`, '4:14 the alias *a contains itself'],
    ['an alias of nothing', `${HEAD}spec: *a`, '4:7 the alias *a names no anchor before it'],
    ['nesting of 100', `${HEAD}spec: ${'['.repeat(100)}${']'.repeat(100)}`, /^4:\d+ nested more than 64 deep$/],
    [
      'nesting of 100,000',
      `${HEAD}spec: ${'['.repeat(1e5)}${']'.repeat(1e5)}`,
      /^4:\d+ the file is nested too deeply$/,
    ],
    ['nesting never closed', '{a: '.repeat(1e5), /^1:\d+ the file is nested too deeply$/],
    ['tabs as indentation', `${HEAD}spec:\n\turl: x\n`, /^5:1 not valid YAML: tabs are not allowed as indentation/],
    ['a byte order mark', `\uFEFF${HEAD}`, '1:1 the file begins with a byte order mark'],
    ['UTF-16', Buffer.from(HEAD, 'utf16le'), '1:2 the file holds NUL bytes'],
    ['a NUL', `${HEAD}spec: "a\0"`, /^4:9 the file holds a NUL byte/],
    ['a control character', `${HEAD}spec: a\x07`, /^4:8 the file holds the character U\+0007/],
    ['a line separator', `${HEAD}spec: a\u2028b`, /^4:8 the file holds the character U\+2028/],
    ['a lone carriage return', `${HEAD}spec: a\rb`, /^4:8 the file holds the character U\+000D/],
    [
      'invalid UTF-8',
      Buffer.concat([Buffer.from(HEAD), Buffer.from([0x61, 0xff])]),
      /^4:2 the file is not UTF-8: byte 64/,
    ],
    ['cut UTF-8', Buffer.concat([Buffer.from(HEAD), Buffer.from([0xe2, 0x82])]), /^4:1 the file is not UTF-8/],
    ['1,001 documents', `${HEAD}---\n`.repeat(1001), /the file has more than 1000 documents$/],
    [
      '1,001 items',
      `kind: List\nitems: [${'{},'.repeat(1001)}]`,
      /the file has more than 1000 documents, lists expanded$/,
    ],
    ['260,000 documents', '---\n'.repeat(MIB / 4), /the file has more than 1000 documents$/],
    ['content beside ---', `--- {a: b}\n`, '1:1 nothing may follow --- on its line'],
    [
      'a document kubectl would drop',
      `${HEAD}spec: {url: "https://a.example", events: ["project:created"]}\n...\n${HEAD}`,
      /^6:1 a document after \.\.\. must begin with ---/,
    ],
    ['a million commas', '[,'.padEnd(MIB, ','), '1:2 not valid YAML: a comma with nothing before it'],
    ['half a million numbers', `[${'1,'.repeat(MIB / 2 - 1)}]`, /^1:\d+ the file has more than 750000 YAML tokens$/],
    ['half a million directives', '%\n'.repeat(MIB / 2), '1001:1 the file has more than 1000 lines that begin with %'],
    ['an unclosed quote', `${HEAD}spec: "a`, /^4:9 not valid YAML: missing closing "quote/],
  ])('%s', (_, text, message) => {
    if (typeof message === 'string') expect(only(text)).toBe(message)
    else expect(only(text)).toMatch(message)
  })

  test('over 1 MiB from its size alone', () => {
    expect(only(Buffer.alloc(100 * MIB, 'a'))).toMatch(/^1:1 the file has 104857600 bytes; at most 1048576/)
    expect(problemsOf(read(`# ${'a'.repeat(MIB - 2)}`))).toEqual([])
  })

  test('1,000 documents are still read', () => {
    const text = Array.from({ length: 1000 }, (_, index) => HEAD.replace('name: a', `name: a${index}`)).join('---\n')
    expect(read(text).documents).toHaveLength(1000)
  })
})

describe('reading ends with the first few errors', () => {
  /** What was read of a text: tokens, and how far. */
  function amount(text: string): { tokens: number; offset: number } {
    const read = { tokens: 0, offset: 0 }
    readTokens(text, (token) => {
      read.tokens++
      if ('offset' in token) read.offset = token.offset
      return true
    })
    return read
  }

  test('of a million stray brackets', () => {
    const { tokens, offset } = amount(']'.repeat(MIB))
    expect(tokens).toBeLessThanOrEqual(SYNTAX_ERRORS_MAX)
    expect(offset).toBeLessThan(100)
    expect(problemsOf(read(']'.repeat(MIB))).length).toBeLessThanOrEqual(SYNTAX_ERRORS_MAX)
  })

  test('of a million commas, before anything is made of them', () => {
    expect(amount('[,'.padEnd(MIB, ','))).toEqual({ tokens: 0, offset: 0 })
    expect(amount(`a: {\n${'  , # nothing\n'.repeat(70_000)}}`)).toEqual({ tokens: 0, offset: 0 })
  })

  test.each([
    ['stray quotes', '"'.repeat(FILE), 'unexpected double-quoted-scalar at node end'],
    ['second anchors', '&a '.repeat(FILE / 3), 'a node can have at most one anchor'],
    ['second tags', '!!str '.repeat(FILE / 6), 'a node can have at most one tag'],
    ['invalid escapes', `"${'\\q'.repeat(FILE / 2 - 1)}"`, 'invalid escape sequence'],
  ])('of a document full of %s, of which no more are made', (_, text, message) => {
    const composer = createComposer()
    const composed: { readonly errors: readonly unknown[] }[] = []
    readTokens(text, (token) => composed.push(...composer.next(token)) >= 0)
    composed.push(...composer.end())
    // What comes before the document, and what is in it, are counted apart.
    for (const { errors } of composed) expect(errors.length).toBeLessThanOrEqual(2 * SYNTAX_ERRORS_MAX)
    expect(composed).toHaveLength(1)
    expect(read(text).problems[0]?.message).toContain(message)
  })

  test('an error after many warnings is told all the same', () => {
    const unknownTags = Array.from({ length: 100 }, (_, index) => `- !unknown a${index}\n`).join('')
    expect(problemsOf(read(`${unknownTags}- "a" "b"\n`)).map(({ code }) => code)).toContain('Unparsable')
  })

  test('and not before', () => {
    expect(problemsOf(read(`a: [1,,2]\n---\nb: ",,,,,,,,,,,,,,,,,,,,,,,,,,,,"\n`))).toHaveLength(1)
    const lists = `- [${'[a, b], '.repeat(20)}]\n- a,,b\n- |\n  [\n  ,,,,,,,,,,,,,,,,,,,,,,,,,,,,\n`
    expect(problemsOf(read(lists.repeat(20)))).toEqual([])
  })

  test('1 MiB of real resources is within the bounds', () => {
    const projects = Array.from({ length: 100 }, (_, index) => `    - p${index}\n`).join('')
    const one = `${HEAD}spec:\n  url: https://a.example\n  events: [project:created]\n  projects:\n${projects}---\n`
    const text = Array.from({ length: Math.floor(MIB / (one.length + 3)) }, (_, index) =>
      one.replace('name: a', `name: a${index}`),
    ).join('')
    expect(text.length).toBeGreaterThan(0.95 * MIB)
    expect(problemsOf(read(text))).toEqual([])
    expect(LEXEMES_MAX).toBeLessThan(MIB)
  })
})

describe('hostile documents', () => {
  test(`${KEYS} keys`, () => {
    const keys = Array.from({ length: KEYS }, (_, index) => `  k${index}: 1\n`).join('')
    const problems = problemsOf(read(`${HEAD}spec:\n${keys}`))
    expect(problems).toHaveLength(101)
    expect(problems.at(-1)?.message).toMatch(/; and more problems in this document$/)
  })

  test(`the same key ${KEYS} times`, () => {
    const problems = problemsOf(read(`${HEAD}spec:\n${'  k: 1\n'.repeat(KEYS)}`))
    expect(
      problems
        .filter(({ code }) => code === 'DuplicateKey')
        .map(({ line }) => line)
        .slice(0, 2),
    ).toEqual([6, 7])
  })

  test('__proto__ is a key like any other', () => {
    const { documents } = read(`${HEAD}spec: {__proto__: {enabled: false}, constructor: {a: b}}`)
    const { rawSpec } = documents[0] ?? {}
    expect(Object.keys(rawSpec as object)).toEqual(['__proto__', 'constructor'])
    expect((rawSpec as { enabled?: unknown }).enabled).toBeUndefined()
    expect(({} as { enabled?: unknown }).enabled).toBeUndefined()
  })

  test('CRLF and JSON indented by tabs are fine', () => {
    const spec = { url: 'https://a.example', events: ['project:created'] }
    const object = { apiVersion: 'nepenthes.dev/v1', kind: 'Webhook', metadata: { name: 'a' }, spec }
    expect(read(JSON.stringify(object, null, '\t')).documents[0]?.spec).toEqual(spec)
    const yaml = `${HEAD}spec:\n  url: https://a.example\n  events: [project:created]\n`
    expect(read(yaml.replaceAll('\n', '\r\n')).documents[0]?.spec).toEqual(spec)
  })

  test('what a document says cannot reach a terminal', () => {
    const texts = problemsOf(read(`${HEAD}spec: {"\\e[2J\\x9b": 1, events: ["\\a\\n"]}`)).flatMap((problem) => [
      problem.message,
      problem.path,
      problem.hint,
    ])

    expect(texts.filter((text) => /[\u0000-\u001f\u007f-\u009f]/.test(text))).toEqual([])
  })
})

describe('whatever the bytes', () => {
  const check = (bytes: Uint8Array) => {
    const parsed = parseFile(bytes, 'a.yaml')
    const everything = [...problemsOf(parsed), ...parsed.notices, ...parsed.documents.flatMap((d) => d.notices)]
    for (const { line, column } of everything) expect(line >= 1 && column >= 1).toBe(true)
    if (parsed.problems.some(({ code }) => code === 'Unparsable')) expect(parsed.documents).toEqual([])
  }

  test('arbitrary bytes', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), check))
  })

  test('arbitrary YAML punctuation', () => {
    const punctuation = fc.constantFrom(
      ...'-?:,[]{}#&*!|>\'"%@` \n\ta1~=<.yno'.split(''),
      '---\n',
      '...\n',
      '<<: ',
      '\r\n',
    )
    const text = fc.array(punctuation, { maxLength: 80 }).map((parts) => Buffer.from(HEAD + parts.join('')))
    fc.assert(fc.property(text, check), { numRuns: tries(80, 2_000) })
  })

  test('valid documents with pieces cut, doubled and swapped', () => {
    const valid = `${HEAD}spec:\n  url: https://a.example\n  events: [project:created]\n  headers:\n    - {name: a, value: b}\n`
    const at = fc.nat({ max: valid.length })
    const mutated = fc.tuple(at, at, at, fc.string({ unit: 'binary', maxLength: 4 })).map(([a, b, c, noise]) => {
      return Buffer.from(valid.slice(0, a) + noise + valid.slice(b, c) + valid.slice(a))
    })
    fc.assert(fc.property(mutated, check), { numRuns: tries(60, 2_000) })
  })

  test('arbitrary JSON where the spec belongs', () => {
    const document = fc
      .json()
      .map((json) => Buffer.from(`{"apiVersion": "nepenthes.dev/v1", "kind": "Webhook", "spec": ${json}}`))
    fc.assert(fc.property(document, check))
  })
})
