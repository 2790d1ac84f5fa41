import { parse } from 'yaml'
import { describe, expect, test } from 'vitest'
import { parseFile } from '../../src/resources/parse.ts'
import { ambiguityOf } from '../../src/resources/scalars.ts'
import { readByKubectl } from '../support/kubectl.ts'

const webhook = (projects: string) =>
  `apiVersion: nepenthes.dev/v1\nkind: Webhook\nmetadata: {name: a}\nspec:\n  projects:\n${projects}`

/** What we read of each plain scalar, and whether we refuse it. */
function readByUs(scalars: readonly string[]): { value: unknown; refused: boolean }[] {
  const { documents } = parseFile(Buffer.from(webhook(scalars.map((scalar) => `    - ${scalar}\n`).join(''))), 'a.yaml')
  const [document] = documents
  if (!document) throw new Error('not a document')
  const refused = new Set(document.problems.filter(({ code }) => code === 'AmbiguousScalar').map(({ path }) => path))
  const { projects } = document.rawSpec as { projects: unknown[] }
  return projects.map((value, index) => ({ value, refused: refused.has(`spec.projects[${index}]`) }))
}

/** What the real kubectl reads; undefined where it gives up. */
function readByReal(scalars: readonly string[]): unknown[] {
  const [together] = readByKubectl([webhook(scalars.map((scalar) => `    - ${scalar}\n`).join(''))])
  const [object] = (together ?? []) as { spec: { projects: unknown[] } }[]
  if (object) return object.spec.projects
  return scalars.length === 1
    ? [undefined]
    : readByKubectl(scalars.map((scalar) => webhook(`    - ${scalar}\n`))).map(first)
}

function first(objects: readonly unknown[] | undefined): unknown {
  const [object] = (objects ?? []) as { spec: { projects: unknown[] } }[]
  return object?.spec.projects[0]
}

// Fewer than the problems told of one document.
const TRICKY = `
y Y n N yes Yes YES yEs no No NO on On ON oN off Off OFF oFF true True TRUE tRUE false False FALSE null Null NULL nULL ~
010 0100 08 -010 +010 -08 00 0 -0 +0 0.0 -0.0 1 -1 +1 +12 1_000 1_0.5 _1 1_ 1__0 0b11 0b12 -0b11 0B11 0b 0b1_1 0b-11
0o10 0o8 -0o10 +0o10 0O10 0o1_0 0x1F 0x1f 0X1F -0x1F +0x1F 0x 0xg 0x1_F +_1 -_1 0_1 0.1_0 .1_1 1e1_0 012_3
1e3 1E3 1e+3 1e-3 1.0 1. .5 -.5 +.5 1.e3 .5e3 1e400 -1e400 1e-400 12e03 5e 1e 0e0 07.5 010.5 010e2 0888
1:20 1:20:30 190:20:30.15 -1:20 2001-01-01 2001-1-1 2001-12-14t21:59:43.10-05:00 2001-12-14T21:59:43Z
12345678901234567890 123456789012345678901234567890 9007199254740991 9007199254740992 9007199254740993 9223372036854775807
9223372036854775808 18446744073709551615 -9223372036854775808 -9007199254740993 0.1 1.7976931348623157e308 0xFFFFFFFFFFFFFFFF
0777777777777777777777 0o7777777777777777777777 0b1111111111111111111111111111111111111111111111111111111111111111
inf nan Infinity NaN +inf = << . .. .e3 + -- 1-2 1.2.3 1,000 0x1p4 0x.8 1p3 __ ._1 0x-1F --1 00x1F true_ a:b http://x 12h 50% a!b x[0] 😀
`
  .trim()
  .split(/\s+/)
const GIVEN_UP = ['.inf', '.Inf', '-.inf', '+.INF', '.nan', '.NaN']

describe('plain scalars', () => {
  test('each is read as the real kubectl reads it, or refused', () => {
    for (let from = 0; from < TRICKY.length; from += 90) {
      const scalars = TRICKY.slice(from, from + 90)
      const real = readByReal(scalars)
      readByUs(scalars).forEach(({ value, refused }, index) => {
        if (!refused) expect({ scalar: scalars[index], value }).toEqual({ scalar: scalars[index], value: real[index] })
      })
    }
  })

  test('those that kubectl gives up on are refused', () => {
    expect(readByReal(GIVEN_UP)).toEqual(GIVEN_UP.map(() => undefined))
    expect(readByUs(GIVEN_UP).every(({ refused }) => refused)).toBe(true)
  })

  test('harmless ones are not refused', () => {
    const harmless = [
      'true',
      'FALSE',
      '~',
      'null',
      '0',
      '-1',
      '+12',
      '1.5',
      '.5',
      '1e3',
      '0x1F',
      '0o17',
      '9007199254740991',
    ]
    const texts = [
      '1:20',
      '2001-01-01',
      'a:b',
      'http://x',
      'inf',
      'none',
      'yesterday',
      'one',
      'off-by-one',
      '1.2.3',
      '1-2',
      '_1',
    ]
    expect(readByUs([...harmless, ...texts]).filter(({ refused }) => refused)).toEqual([])
  })

  test('every scalar of up to four characters that numbers are made of', () => {
    const scalars = allTexts('0178_-+.ebxo', 4).filter(isPlain)
    const yaml = `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata:\n  all:\n${scalars.map((scalar) => `  - ${scalar}\n`).join('')}`
    const [objects] = readByKubectl([yaml])
    const real = (objects?.[0] as { data: { all: unknown[] } }).data.all
    const ours = (parse(yaml) as { data: { all: unknown[] } }).data.all
    expect(real.length).toBeGreaterThan(20_000)
    const unnoticed = scalars.filter((scalar, index) => {
      const same = real[index] === ours[index] || (real[index] === 0 && ours[index] === 0)
      return !same && ambiguityOf(scalar, ours[index]) === undefined
    })
    expect(unnoticed).toEqual([])
  })
})

function allTexts(alphabet: string, length: number): string[] {
  let texts = ['']
  const all: string[] = []
  for (let n = 1; n <= length; n++) {
    texts = texts.flatMap((text) => [...alphabet].map((character) => text + character))
    all.push(...texts)
  }
  return all
}

/** Not a list item or document marker. */
function isPlain(text: string): boolean {
  return text !== '-' && text !== '---'
}
