import { describe, expect, test } from 'vitest'
import { canonicalHash, switchedOff } from '../../src/resources/canonical.ts'
import { checkEnvironment } from '../../src/resources/environment.ts'
import { parseFile } from '../../src/resources/parse.ts'

const webhook = (name: string, spec = '') =>
  `---\napiVersion: nepenthes.dev/v1\nkind: Webhook\nmetadata: {name: ${name}}\nspec: {url: "https://a.example", events: ["project:created"]${spec}}\n`

const check = (files: Record<string, string>) =>
  checkEnvironment(Object.entries(files).flatMap(([file, text]) => parseFile(Buffer.from(text), file).documents)).map(
    ({ file, line, code, message }) => `${file}:${line} ${code}: ${message}`,
  )

describe('an environment', () => {
  test('has each kind and name once; the first by file and line is the holder', () => {
    expect(check({ 'b.yaml': webhook('a') + webhook('a'), 'a.yaml': webhook('a') })).toEqual([
      'b.yaml:2 DuplicateResource: Webhook/a is already defined at a.yaml:2',
      'b.yaml:7 DuplicateResource: Webhook/a is already defined at a.yaml:2',
    ])
  })

  test('counts invalid documents too', () => {
    expect(check({ 'a.yaml': webhook('a', ', x: 1') + webhook('a') })).toHaveLength(1)
  })

  test('has each display name once, ignoring case, metadata.name standing in', () => {
    expect(
      check({ 'a.yaml': webhook('a', ', displayName: Billing') + webhook('b', ', displayName: BILLING') }),
    ).toEqual(['a.yaml:7 NameConflict: the display name of Webhook/b is that of Webhook/a at a.yaml:2, ignoring case'])
    expect(check({ 'a.yaml': webhook('billing') + webhook('b', ', displayName: Billing') })).toHaveLength(1)
    expect(
      check({ 'a.yaml': webhook('billing', ', displayName: Other') + webhook('b', ', displayName: Billing') }),
    ).toEqual([])
  })

  test('may have a Webhook named default beside ApiSettings', () => {
    const settings = '---\napiVersion: nepenthes.dev/v1\nkind: ApiSettings\nmetadata: {name: default}\nspec: {}\n'
    expect(check({ 'a.yaml': webhook('default') + settings })).toEqual([])
  })
})

describe('the canonical hash', () => {
  const spec = {
    url: 'https://a.example',
    events: ['project:created', 'project:updated'],
    delivery: { maxAttempts: 3, ordering: 'None' },
  }

  test('is a SHA-256 in hex', () => {
    expect(canonicalHash(spec)).toMatch(/^[0-9a-f]{64}$/)
  })

  test.each([
    ['the order of fields', { delivery: { ordering: 'None', maxAttempts: 3 }, events: spec.events, url: spec.url }],
    ['the order of a set', { ...spec, events: [...spec.events].reverse() }],
  ])('ignores %s', (_, other) => {
    expect(canonicalHash(other)).toBe(canonicalHash(spec))
  })

  test.each([
    ['a value', { ...spec, url: 'https://b.example' }],
    ['a set', { ...spec, events: ['project:created'] }],
    ['a field that means the same by default', { ...spec, enabled: true }],
    ['a type', { ...spec, delivery: { maxAttempts: '3', ordering: 'None' } }],
  ])('notices %s', (_, other) => {
    expect(canonicalHash(other)).not.toBe(canonicalHash(spec))
  })

  test('keeps the order of lists that are none', () => {
    const headers = [{ name: 'a' }, { name: 'b' }]
    expect(canonicalHash({ headers })).not.toBe(canonicalHash({ headers: headers.toReversed() }))
  })

  test('takes whatever was written', () => {
    const hashes = [undefined, null, 'text', [], {}, [['a', 1]], { a: 1 }, { 10: 1, 9: 2 }].map(canonicalHash)
    expect(new Set(hashes).size).toBe(hashes.length)
  })
})

test('the off switch is `enabled` being exactly false', () => {
  expect(switchedOff({ enabled: false, nonsense: 1 })).toBe(true)
  for (const spec of [{ enabled: true }, { enabled: 'false' }, { enabled: null }, {}, null, undefined, [], 'false'])
    expect(switchedOff(spec)).toBe(false)
})
