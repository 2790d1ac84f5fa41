import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { manifestText } from '../../src/resources/manifest.ts'
import { documentFromObject } from '../../src/resources/document.ts'
import { parseFile } from '../../src/resources/parse.ts'
import type { Document } from '../../src/resources/resource.ts'
import { EVENTS, ORDERINGS } from '../../src/resources/vocabulary.ts'
import { tries } from '../support/effort.ts'
import { readByKubectl } from '../support/kubectl.ts'

type Json = Record<string, unknown>

/** Texts that readers of YAML have disagreed on, beside any other. */
const AWKWARD = [
  ...['', ' ', 'y', 'no', 'On', '~', 'null', 'True', '010', '1_000', '1e3', '.inf', '0b11', '0o7', '<<', '=', '-', '?'],
  ...['a: b', 'a #b', '#a', '---', '...', '- a', '{a}', '[a]', '*a', '&a', '!a', '|', '>', '%a', '@a', '`a', "'", '"'],
  ...[
    'a\nb',
    'a\nb\n',
    'a\n\nb',
    '\na',
    'a \nb',
    ' a\nb',
    'a\tb',
    '\ta\nb',
    'a\r\nb',
    'a\n',
    '\n',
    'a\n---\nb',
    'a:\n- b',
  ],
  ...[
    '\u0000',
    '\u0085',
    '\u2028',
    '\ufeff',
    '\u007f',
    'é',
    '日本',
    '🎉',
    '2026-01-01',
    '12:30:00',
    '\\',
    '\\n',
    'a\\',
  ],
]
const text = (max: number) =>
  fc
    .oneof(fc.constantFrom(...AWKWARD), fc.string({ unit: 'grapheme', maxLength: 40 }), fc.string({ unit: 'binary' }))
    .map((value) => value.slice(0, max).toWellFormed())
const word = (max: number) =>
  fc.stringMatching(/^[a-z0-9]([-a-z0-9]{0,8}[a-z0-9])?$/).map((value) => value.slice(0, max))
const texts = fc.dictionary(
  fc.oneof(word(20), fc.constantFrom('10', '2', 'true', 'y', 'example.com/a', 'A.b_c', 'null', '1e3')),
  text(60),
  { maxKeys: 4 },
)
const labels = texts.map((all) => Object.fromEntries(Object.keys(all).map((key) => [key, key.replaceAll('/', '.')])))
const secretKeyRef = fc.record({ name: word(20), key: word(20) })
const optional = <T extends Json>(all: { [K in keyof T]: fc.Arbitrary<T[K]> }, required: (keyof T)[] = []) =>
  fc.record(all, { requiredKeys: required }) as fc.Arbitrary<Json>

const headers = fc.uniqueArray(
  fc.oneof(
    fc.record({ name: fc.constant('Authorization'), valueFrom: fc.record({ secretKeyRef }) }),
    fc.record({
      name: word(20).map((name) => `t-${name}`),
      value: fc.stringMatching(/^[\t\x20-\x7e\x80-\xff]{0,30}$/),
    }),
  ),
  { selector: ({ name }) => name, maxLength: 4 },
)
const delivery = optional({
  timeoutSeconds: fc.integer({ min: 1, max: 60 }),
  maxAttempts: fc.integer({ min: 1, max: 10 }),
  ordering: fc.constantFrom(...ORDERINGS),
})
const webhookSpec = optional(
  {
    displayName: text(255).filter((value) => value.length > 0),
    description: text(1024),
    url: word(20).map((path) => `https://receiver.example/${path}?a=%20#b`),
    tls: fc.record({ ca: fc.record({ secretKeyRef }) }),
    enabled: fc.boolean(),
    signature: optional({ secretKeyRef, previousSecretKeyRef: secretKeyRef }, ['secretKeyRef']),
    events: fc.uniqueArray(fc.constantFrom(...EVENTS), { minLength: 1 }),
    projects: fc.uniqueArray(fc.oneof(word(20), fc.nat().map(String), fc.constantFrom('010', '1e3', 'no', 'null')), {
      minLength: 1,
    }),
    headers,
    delivery,
  },
  ['url', 'events'],
)
const settingsSpec = optional({
  enabled: fc.boolean(),
  maxPageSize: fc.integer({ min: 1, max: 10_000 }),
  docs: optional({ enabled: fc.boolean() }),
  cors: optional({ enabled: fc.boolean(), allowedOrigins: fc.constant(['https://a.example']) }),
})
const LAST_APPLIED = { 'kubectl.kubernetes.io/last-applied-configuration': '{"a": 1}' }
const SERVERS = { uid: 'u', resourceVersion: '7', generation: 3, creationTimestamp: '2026-01-01T00:00:00Z' }

interface Resource {
  readonly kind: string
  readonly metadata: { readonly name: string; readonly labels: Json; readonly annotations: Json }
  readonly spec: Json
}

const resource: fc.Arbitrary<Resource> = fc.oneof(
  fc.record({
    kind: fc.constant('Webhook'),
    metadata: fc.record({ name: word(20), labels, annotations: texts }),
    spec: webhookSpec,
  }),
  fc.record({
    kind: fc.constant('ApiSettings'),
    metadata: fc.record({ name: fc.constant('default'), labels, annotations: texts }),
    spec: settingsSpec,
  }),
)

/** As the API server returns it: fields sorted, its own added. */
function fromServer({ kind, metadata, spec }: Resource): Document {
  const annotations = { ...metadata.annotations, ...LAST_APPLIED }
  const object = sorted({
    apiVersion: 'nepenthes.dev/v1',
    kind,
    metadata: { ...metadata, annotations, ...SERVERS, namespace: 'n', managedFields: [{ manager: 'kubectl' }] },
    spec,
    status: { conditions: [] },
  })
  const document = documentFromObject(object, 'webhook/a')
  expect(document?.problems).toEqual([])
  return document as Document
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]))
}

function fromFile(written: string): Document {
  const parsed = parseFile(Buffer.from(written), 'a.yaml')
  expect([...parsed.problems, ...parsed.documents.flatMap(({ problems }) => problems)]).toEqual([])
  expect(parsed.documents).toHaveLength(1)
  return parsed.documents[0] as Document
}

function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** What a manifest means. */
const meaning = ({ kind, metadata, spec }: Resource) => ({
  apiVersion: 'nepenthes.dev/v1',
  kind,
  metadata: {
    name: metadata.name,
    ...(Object.keys(metadata.labels).length > 0 && { labels: metadata.labels }),
    ...(Object.keys(metadata.annotations).length > 0 && { annotations: metadata.annotations }),
  },
  spec,
})

describe('a manifest', () => {
  it('has the same bytes wherever the resource comes from, says nothing of the server, and is read as what was written', () => {
    fc.assert(
      fc.property(resource, (given) => {
        const written = manifestText(fromServer(given))
        const read = fromFile(written)
        expect({ spec: read.rawSpec, labels: read.metadata.labels, annotations: read.metadata.annotations }).toEqual({
          spec: given.spec,
          ...{ labels: given.metadata.labels, annotations: given.metadata.annotations },
        })
        expect(manifestText(read)).toBe(written)
        expect(manifestText(fromFile(asciiJson(meaning(given))))).toBe(written)
        for (const word of ['managedFields', 'resourceVersion', 'last-applied', 'status:'])
          expect(written.includes(word)).toBe(JSON.stringify(meaning(given)).includes(word))
      }),
      { numRuns: tries(300, 20_000) },
    )
  })

  it('is to kubectl what it is to us', () => {
    const given = fc.sample(resource, tries(150, 2_000))
    expect(readByKubectl(given.map((one) => manifestText(fromServer(one))))).toEqual(given.map((one) => [meaning(one)]))
  })

  it('is written for people', () => {
    const annotations = { b: 'x', a: '1', ...LAST_APPLIED }
    const spec = {
      events: ['time_entry:created'],
      description: 'First line.\nSecond line.\n',
      signature: { secretKeyRef: { key: 'secret', name: 'billing' } },
      projects: ['12', 'consulting'],
      url: 'https://billing.example/hooks?a=1',
    }
    expect(manifestText(fromServer({ kind: 'Webhook', metadata: { name: 'billing', labels: {}, annotations }, spec })))
      .toBe(`apiVersion: nepenthes.dev/v1
kind: Webhook
metadata:
  name: billing
  annotations:
    a: "1"
    b: x
spec:
  description: |
    First line.
    Second line.
  url: https://billing.example/hooks?a=1
  signature:
    secretKeyRef:
      name: billing
      key: secret
  events:
    - time_entry:created
  projects:
    - "12"
    - consulting
`)
  })
})
