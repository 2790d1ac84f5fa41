import fc from 'fast-check'
import { ADMIN_TOKEN } from '../support.ts'
import { resolved, type Operation, type Schema } from './document.ts'
import { knownIds, type Known } from './known.ts'

/** Of somebody who is no administrator. */
export const MEMBER_TOKEN = `opapi-${'cd'.repeat(32)}`

/** Requests made from the document alone: mostly good ones, with something amiss here and there, now and then made to hurt. */
export interface FuzzRequest {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly payload?: string
}

const often = <T>(weight: number, arbitrary: fc.Arbitrary<T>) => ({ weight, arbitrary })

const HOSTILE: readonly unknown[] = [
  ...[null, true, -1, 0, 1.5, 1e308, 9_007_199_254_740_993, [], {}, [[[]]], [null], { raw: 1 }, { href: [] }],
  ...['', ' ', '\u0000', '\ud800', '\u202e', '😀'.repeat(300), 'x'.repeat(5000), '../../etc/passwd', '__proto__'],
  ...[
    "' OR 1=1 --",
    '%',
    '_',
    '9007199254740993',
    '-1',
    '1e3',
    'P',
    'P1Y',
    'PT99999999999H',
    '0000-00-00',
    '2026-02-30',
  ],
  ...['/api/v3/projects/0', 'urn:openproject-org:api:v3:undisclosed', '<script>alert(1)</script>', '{"a":1}'],
  JSON.parse('{"__proto__": {"admin": true}}') as unknown,
]
const hostile = fc.constantFrom(...HOSTILE)

const date = fc
  .tuple(fc.integer({ min: 1, max: 9999 }), fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 31 }))
  .map(([year, month, day]) => [String(year).padStart(4, '0'), ...[month, day].map(two)].join('-'))
const two = (number: number) => String(number).padStart(2, '0')
const duration = fc.tuple(fc.nat(400), fc.nat(30), fc.nat(90)).map(([d, h, m]) => `P${d}DT${h}H${m}M`)

function text({ format, pattern, minLength = 0, maxLength = 40 }: Schema): fc.Arbitrary<string> {
  if (format === 'date') return date
  if (format === 'duration') return duration
  if (pattern !== undefined) return fc.stringMatching(new RegExp(pattern)).map((made) => made.slice(0, maxLength))
  return fc.string({ minLength, maxLength: Math.min(maxLength, 300), unit: 'grapheme' })
}

/** How a body is made: wholly as documented, or with something else in a tenth of its places. */
interface Making {
  readonly known: Known
  readonly wild: boolean
}

function valueOf(schema: Schema, making: Making): fc.Arbitrary<unknown> {
  const proper = properValue(resolved(making.known.document, schema), making)
  return making.wild ? fc.oneof(often(9, proper), often(1, hostile)) : proper
}

function properValue(schema: Schema, making: Making): fc.Arbitrary<unknown> {
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((option) => valueOf(option, making)))
  if (schema.enum) return fc.constantFrom(...schema.enum)
  if (schema.const !== undefined) return fc.constant(schema.const)
  switch (schema.type) {
    case 'string':
      return text(schema)
    case 'integer':
    case 'number':
      return fc.integer({ min: schema.minimum ?? 0, max: schema.maximum ?? 3 })
    case 'boolean':
      return fc.boolean()
    case 'null':
      return fc.constant(null)
    case 'array':
      return fc.array(valueOf(schema.items ?? {}, making), { maxLength: 3 })
    case 'object':
      return object(schema, making)
    case undefined:
    default:
      return fc.jsonValue({ maxDepth: 3 })
  }
}

function object({ properties = {}, required = [] }: Schema, making: Making): fc.Arbitrary<object> {
  const entries = Object.entries(properties).map(([name, schema]) => {
    const value = name === '_links' ? links(schema, making) : valueOf(schema, making)
    return [name, value] as const
  })
  return subset(Object.fromEntries(entries), required)
}

/** Few of the properties, or most of them. */
function subset(values: Record<string, fc.Arbitrary<unknown>>, required: readonly string[] = []): fc.Arbitrary<object> {
  const count = Object.keys(values).length
  const dice = fc.array(fc.nat(3), { minLength: count, maxLength: count })
  return fc.tuple(fc.record(values), dice, fc.constantFrom(1, 3)).map(([whole, thrown, least]) => {
    const kept = (name: string, index: number) => required.includes(name) || (thrown[index] ?? 0) >= least
    return Object.fromEntries(Object.entries(whole).filter(([name], index) => kept(name, index)))
  })
}

/** Hrefs the API itself has shown under that name, now and then one that leads to another kind of thing. */
function links({ properties = {} }: Schema, making: Making): fc.Arbitrary<unknown> {
  const { hrefs } = making.known
  const all = [...hrefs.values()].flat()
  const one = (name: string) => {
    const own = fc.record({ href: fc.constantFrom(...(hrefs.get(name) ?? all)) })
    if (!making.wild) return own
    return fc.oneof(often(8, own), often(1, fc.record({ href: fc.constantFrom(...all, null) })), often(1, hostile))
  }
  return subset(Object.fromEntries(Object.keys(properties).map((name) => [name, one(name)])))
}

const BODIES = [
  ...['', ' ', '{', '[]', 'null', '"text"', '0', '\u0000', '\ufeff{}', '{"a":1,"a":2}'],
  ...['{"_links":[]}', '{"_links":{"project":null}}', '{"__proto__":{"x":1},"constructor":{}}'],
  ...['['.repeat(5000), `${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`, JSON.stringify('x'.repeat(1_100_000))],
]

function body(schema: Schema, known: Known, isText: boolean): fc.Arbitrary<string> {
  const written = (value: unknown) => (isText && typeof value === 'string' ? value : JSON.stringify(value))
  const made = (wild: boolean) => valueOf(schema, { known, wild }).map(written)
  const other = fc.oneof(fc.json(), fc.constantFrom(...BODIES))
  return fc.oneof(often(5, made(false)), often(5, made(true)), often(1, other))
}

/** Segments as they are written into a path; none that a URL parser would take for the path's own structure. */
const SEGMENTS = [
  ...[
    '0',
    '-1',
    '01',
    '1.5',
    '1e3',
    '999999999999999999',
    'me',
    'null',
    'undefined',
    '__proto__',
    'constructor',
    'form',
    'schema',
  ],
  ...[
    '%00',
    '%zz',
    '%',
    '%e0%a4%a',
    '%25',
    '%2f',
    '..%2f..%2fetc',
    '%f0%9f%98%80',
    '%c3%a9',
    "'%20OR%201=1",
    '1-1',
    ':id',
    '*',
  ],
  'x'.repeat(901),
]

function segment(path: string, known: Known): fc.Arbitrary<string> {
  const seen = knownIds(known, path)
  const likely = seen.length > 0 ? fc.constantFrom(...seen) : fc.integer({ min: 1, max: 5 }).map(String)
  const any = fc.string({ minLength: 1, unit: 'grapheme' }).filter((written) => !/^\.{1,2}$/.test(written))
  return fc.oneof(
    often(9, likely),
    often(1, fc.integer({ min: 1, max: 20 }).map(String)),
    often(1, fc.constantFrom(...SEGMENTS)),
    often(1, any.map(encodeURIComponent)),
  )
}

function filters({ names }: Known): fc.Arbitrary<string> {
  const operator = fc.constantFrom(
    '=',
    '!',
    '~',
    '!~',
    '*',
    '!*',
    '**',
    'o',
    'c',
    '>=',
    '<=',
    '=d',
    '<>d',
    't',
    '>t-',
    '&=',
    '',
  )
  const value = fc.oneof(fc.constantFrom('1', '2', 't', 'me', 'o', '2026-01-01', '', 'active'), fc.string(), hostile)
  const filter = fc.record({ operator, values: fc.array(value, { maxLength: 3 }) }, { requiredKeys: ['operator'] })
  const named = fc.tuple(fc.constantFrom(...names, 'nope'), filter).map(([name, inner]) => ({ [name]: inner }))
  return fc.array(fc.oneof(often(9, named), often(1, hostile)), { maxLength: 3 }).map((list) => JSON.stringify(list))
}

function sortBy({ names }: Known): fc.Arbitrary<string> {
  const pair = fc.tuple(fc.constantFrom(...names, 'nope'), fc.constantFrom('asc', 'desc', 'up'))
  return fc.array(pair, { maxLength: 12 }).map((list) => JSON.stringify(list))
}

function queryValue(name: string, known: Known): fc.Arbitrary<string> {
  const wild = fc.oneof(fc.string({ unit: 'grapheme' }), hostile.map(String), fc.json())
  const number = fc.constantFrom('1', '2', '0', '-1', '-2', '1000000', '1e3', 'x', '99999999999999999999', '')
  const proper = name === 'filters' ? filters(known) : name === 'sortBy' ? sortBy(known) : number
  return fc.oneof(often(9, proper), often(1, wild))
}

/** Each parameter never, once or twice; and what nobody asked for. */
function query(operation: Operation, known: Known): fc.Arbitrary<string> {
  const parameters = operation.parameters.filter((parameter) => parameter.in === 'query')
  const one = ({ name }: { name: string }) =>
    fc
      .array(queryValue(name, known), { maxLength: 2 })
      .map((values) => values.map((value) => `${name}=${written(value)}`))
  const stray = fc.constantFrom([], [], [], ['x=1'], ['%zz=%zz'], ['filters[]=1'], ['&&=&'], ['__proto__=1'])
  return fc
    .tuple(...parameters.map(one), stray)
    .map((parts) => parts.flat().join('&'))
    .map((joined) => (joined === '' ? '' : `?${joined}`))
}

const written = (value: string) => encodeURIComponent(value.toWellFormed())

const credentials = fc.oneof(
  often(12, fc.constant({ authorization: `Bearer ${ADMIN_TOKEN}` })),
  often(4, fc.constant({ authorization: `Bearer ${MEMBER_TOKEN}` })),
  often(1, fc.constantFrom<Record<string, string>>({}, { authorization: '' }, { authorization: 'Bearer opapi-nope' })),
  often(
    1,
    fc
      .constantFrom('Basic', 'Basic %%%', 'Basic YXBpa2V5Og==', 'Digest x', 'Bearer')
      .map((authorization) => ({ authorization })),
  ),
)
const contentType = (documented = 'application/json') =>
  fc.oneof(
    often(12, fc.constant({ 'content-type': documented })),
    often(2, fc.constant({ 'content-type': 'application/hal+json; charset=utf-8' })),
    often(
      1,
      fc.constantFrom<Record<string, string>>(
        {},
        { 'content-type': 'text/plain' },
        { 'content-type': 'multipart/form-data' },
        { 'content-type': 'x' },
      ),
    ),
  )
const stray = fc.constantFrom<Record<string, string>>(
  {},
  {},
  { accept: 'text/html' },
  { origin: 'null' },
  { 'x-http-method-override': 'DELETE' },
  { range: 'bytes=0-1' },
)

export function requestFor(operation: Operation, known: Known): fc.Arbitrary<FuzzRequest> {
  const { method } = operation
  const path = fc.tuple(
    ...operation.path.split('/').map((part, index, parts) => {
      if (!part.startsWith('{')) return fc.constant(part)
      return segment(parts.slice(0, index + 1).join('/'), known)
    }),
  )
  const url = fc.tuple(path, query(operation, known)).map(([parts, asked]) => parts.join('/') + asked)
  if (!operation.body) return fc.record({ method: fc.constant(method), url, headers: headers(credentials, stray) })
  const { mediaType } = operation
  const payload = body(operation.body, known, mediaType === 'text/plain')
  const given = headers(credentials, contentType(mediaType), stray)
  return fc.record({ method: fc.constant(method), url, headers: given, payload })
}

function headers(...parts: fc.Arbitrary<Record<string, string>>[]): fc.Arbitrary<Record<string, string>> {
  return fc.tuple(...parts).map((given) => Object.assign({}, ...given) as Record<string, string>)
}
