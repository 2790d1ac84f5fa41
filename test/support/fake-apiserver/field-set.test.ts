import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { describePath, fromFieldsV1, pathOf, toFieldsV1, withParents } from './field-set.ts'
import { isFields, type Fields } from './object.ts'
import type { Schema } from './schema.ts'
import { compare, fieldsOf, merge, removeFields } from './typed-value.ts'

/** One of each: a struct, a map, a list of kind map, a set, an atomic list. */
const SCHEMA: Schema = {
  type: 'object',
  properties: {
    a: { type: 'string' },
    b: { type: 'object', properties: { c: { type: 'string' }, d: { type: 'string' } } },
    labels: { type: 'object', additionalProperties: { type: 'string' } },
    named: {
      type: 'array',
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      items: { type: 'object', properties: { name: { type: 'string' }, value: { type: 'string' } } },
    },
    set: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
    atomic: { type: 'array', items: { type: 'string' } },
  },
}

const word = fc.constantFrom('x', 'y', 'z')
const some = (shape: Record<string, fc.Arbitrary<unknown>>) => fc.record(shape, { requiredKeys: [] })
const object = some({
  a: word,
  b: some({ c: word, d: word }),
  labels: fc.dictionary(word, word),
  named: fc.uniqueArray(fc.record({ name: word, value: word }, { requiredKeys: ['name'] }), {
    selector: ({ name }) => name,
  }),
  set: fc.uniqueArray(word),
  atomic: fc.array(word, { maxLength: 3 }),
}) as fc.Arbitrary<Fields>

const owned = (value: unknown) => fieldsOf(SCHEMA, value)

describe('sets of fields', () => {
  test('survive being written as FieldsV1', () => {
    fc.assert(
      fc.property(object, object, (before, after) => {
        const { added, modified, removed } = compare(SCHEMA, before, after)
        for (const set of [owned(before), added, modified, removed]) expect(fromFieldsV1(toFieldsV1(set))).toEqual(set)
      }),
    )
  })

  test('are written as Kubernetes writes them', () => {
    expect(
      toFieldsV1(owned({ a: 'x', named: [{ name: 'n', value: 'v' }], set: ['s'], atomic: ['t'], labels: { l: 'm' } })),
    ).toEqual({
      'f:a': {},
      'f:atomic': {},
      'f:labels': { 'f:l': {} },
      'f:named': { 'k:{"name":"n"}': { '.': {}, 'f:name': {}, 'f:value': {} } },
      'f:set': { 'v:"s"': {} },
    })
    expect(describePath(pathOf(['f:named', 'k:{"name":"n"}', 'f:value']))).toBe('.named[name="n"].value')
    expect(describePath(pathOf(['f:set', 'v:"s"']))).toBe('.set[="s"]')
  })
})

describe('merging', () => {
  test('gives the applier all it says', () => {
    fc.assert(
      fc.property(object, object, (live, applied) => {
        const merged = merge(SCHEMA, live, applied)
        const { added, modified } = compare(SCHEMA, merged, merge(SCHEMA, merged, applied))
        expect([...added, ...modified]).toEqual([])
        expect([...owned(merged)]).toEqual(
          expect.arrayContaining([...owned(applied)].filter((path) => !isEmptied(path, live, applied))),
        )
      }),
    )
  })

  test('leaves others what it does not speak of', () => {
    fc.assert(
      fc.property(object, object, (live, applied) => {
        const { modified, removed } = compare(SCHEMA, live, merge(SCHEMA, live, applied))
        const spoken = withParents(owned(applied))
        expect([...modified, ...removed].filter((path) => !spoken.has(path))).toEqual([])
      }),
    )
  })

  test('of an object with itself changes nothing', () => {
    fc.assert(
      fc.property(object, (value) => {
        expect(merge(SCHEMA, value, value)).toEqual(value)
      }),
    )
  })
})

/** An empty container is owned by itself; merged with a full one it is none any more. */
function isEmptied(path: string, live: Fields, applied: Fields): boolean {
  const name = path.slice(2)
  const [was, is] = [live[name], applied[name]]
  return isFields(is) && Object.keys(is).length === 0 && isFields(was) && Object.keys(was).length > 0
}

test('removing what somebody owns leaves exactly the rest', () => {
  fc.assert(
    fc.property(object, object, (mine, others) => {
      const merged = merge(SCHEMA, others, mine)
      const kept = withParents(owned(others))
      const abandoned = new Set([...owned(mine)].filter((path) => !kept.has(path)))
      const left = removeFields(SCHEMA, merged, abandoned, (path) => kept.has(path))
      const gone = [...owned(left)].filter((path) => abandoned.has(path))
      expect(gone).toEqual([])
      // An empty list has no item to own it by: nobody who applies one keeps it.
      expect([...compare(SCHEMA, others, left).removed].filter((path) => kept.has(path))).toEqual([])
    }),
  )
})
