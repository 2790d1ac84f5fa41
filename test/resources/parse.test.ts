import { describe, expect, test } from 'vitest'
import { documentFromObject } from '../../src/resources/document.ts'
import { parseFile } from '../../src/resources/parse.ts'
import { problemText, type Notice, type Problem } from '../../src/resources/problem.ts'
import { readCorpus } from './corpus.ts'

const read = (text: string) => parseFile(Buffer.from(text), 'a.yaml')

/** Everything a file is told, one line each. */
function told(text: string): string[] {
  const { documents, problems, notices } = read(text)
  return [
    ...[...problems, ...documents.flatMap((document) => document.problems)].map(line),
    ...[...notices, ...documents.flatMap((document) => document.notices)].map(noticeLine),
  ]
}

const line = (problem: Problem) => {
  const { line, column, code, hint } = problem
  return `${line}:${column} ${code}: ${problemText(problem)} / ${hint}`
}
const noticeLine = (notice: Notice) => `${notice.severity} ${line(notice)}`

const webhook = (spec: string) =>
  `apiVersion: nepenthes.dev/v1\nkind: Webhook\nmetadata: {name: a}\nspec: {url: "https://a.example", events: ["project:created"], ${spec}}\n`

describe('problems', () => {
  test('come all at once, each with its place and a hint that fits', () => {
    const text = `# a comment
apiVersion: nepenthes.dev/v1
kind: Webhook
metadata:
  name: billing
spec:
  displayNme: Billing
  url: ftp://billing.example.com
  enabled: no
  enabled: true
  events: [time_entry:create, "*", project:created]
  projects: [demo, 12, 010, no]
  signature: {}
  headers:
    - name: X-Tenant
    - {name: x-tenant, value: acme}
  delivery:
    timeoutSeconds: 90
    maxAttempts: "3"
    maxConcurrency: 1_0
    ordering: strict
`
    expect(told(text)).toEqual([
      '7:3 UnknownField: spec.displayNme: there is no such field / Did you mean displayName?',
      '8:8 InvalidUrl: spec.url: must begin with https:// or http:// and a host / Write the whole URL, the scheme in lower case.',
      '9:12 AmbiguousScalar: spec.enabled: no is read one way by kubectl and another by YAML 1.2 / Write false.',
      '10:3 DuplicateKey: spec.enabled: the key is written twice / Keep one.',
      '11:12 UnknownEvent: spec.events[0]: "time_entry:create" is not an event / Did you mean time_entry:created?',
      '11:31 UnknownEvent: spec.events[1]: "*" is not an event / One of: project:created, project:updated, work_package:created, work_package:updated, time_entry:created, work_package_comment:comment, work_package_comment:internal_comment, attachment:created.',
      '12:20 WrongType: spec.projects[1]: must be text, found number 12 / Quote it: "12".',
      '12:24 AmbiguousScalar: spec.projects[2]: 010 is read one way by kubectl and another by YAML 1.2 / Quote it: "010".',
      '12:29 AmbiguousScalar: spec.projects[3]: no is read one way by kubectl and another by YAML 1.2 / Quote it: "no".',
      '13:3 MissingField: spec.signature.secretKeyRef: is missing / One key of one Secret.',
      '15:7 ExactlyOne: spec.headers[0]: one of value and valueFrom is needed / Add value, or valueFrom to take it from a Secret.',
      '16:14 DuplicateItem: spec.headers[1].name: the header x-tenant is already set at spec.headers[0]; names are compared ignoring case / Keep one.',
      '18:21 OutOfBounds: spec.delivery.timeoutSeconds: must be at most 60, found 90 / ',
      '19:18 WrongType: spec.delivery.maxAttempts: must be a whole number, found the text "3" / Without quotes: 3.',
      '20:21 AmbiguousScalar: spec.delivery.maxConcurrency: 1_0 is read one way by kubectl and another by YAML 1.2 / Write it in plain decimal: kubectl reads 10.',
      '21:15 InvalidValue: spec.delivery.ordering: cannot be "strict" / Did you mean Strict?',
    ])
  })

  test.each([
    ['https://A.example', 'Write https://a.example'],
    ['https://a.example/', 'Write https://a.example'],
    ['https://a:443', 'Write https://a'],
    ['https://bücher.example', 'Write https://xn--bcher-kva.example'],
    ['http://127.1', 'Write http://127.0.0.1'],
    ['https://*.example', 'Wildcards are not supported: list each origin.'],
    ['a.example', 'Begin with https:// or http://.'],
    ['https://user:pw@a.example', 'For example https://app.example.com.'],
  ])('the origin %s is refused with the canonical form', (origin, hint) => {
    const text = `apiVersion: nepenthes.dev/v1\nkind: ApiSettings\nmetadata: {name: default}\nspec: {cors: {allowedOrigins: ["${origin}"]}}`
    expect(read(text).documents[0]?.problems.map((problem) => problem.hint)).toEqual([hint])
  })

  test('never repeat what may be a secret', () => {
    const secrets = [
      'urlFrom: hunter2hunter2',
      'signature: hunter2hunter2',
      'signature: {secretKeyRef: hunter2hunter2}',
      'headers: [{name: Authorization, value: hunter2hunter2}]',
      'headers: ["Authorization: hunter2hunter2"]',
      'headers: [{name: X, value: "hunter2hunter2\\n"}]',
    ]
    for (const spec of secrets) {
      expect(told(webhook(spec)), spec).not.toEqual([])
      expect(told(webhook(spec)).join(), spec).not.toContain('hunter2')
    }
    expect(told(webhook('').replace('https://a', 'https://user:hunter2@a')).join()).not.toContain('hunter2')
  })

  test('do not repeat the path they stand behind', () => {
    const told = readCorpus().flatMap(({ text }) => {
      const { documents, problems } = read(text)
      return [...problems, ...documents.flatMap((document) => [...document.problems, ...document.notices])]
    })
    expect(told.filter(({ path, message }) => path !== '' && message.startsWith(path))).toEqual([])
    expect(told.length).toBeGreaterThan(300)
  })

  const hintsOf = (text: string) => read(text).documents.flatMap(({ problems }) => problems.map(({ hint }) => hint))

  test.each([
    ['displayName: 1.10', 'Quote it: "1.10".'],
    ['displayName: 0x10', 'Quote it: "0x10".'],
    ['projects: [12, 1e3]', 'Quote it: "12".', 'Quote it: "1e3".'],
    ['description: True', 'Quote it: "True".'],
    ['displayName: &n 1.10, projects: [*n]', 'Quote it: "1.10".', 'Quote it.'],
    [`displayName: 0.${'1'.repeat(70)}`, 'Quote it.'],
    ['delivery: {maxAttempts: "010"}', ''],
    ['delivery: {maxAttempts: "10"}', 'Without quotes: 10.'],
  ])('the hint for {%s} does not change what is written', (spec, ...hints) => {
    expect(hintsOf(webhook(spec))).toEqual(hints)
  })

  test('nor does that of names, labels and annotations', () => {
    const metadata = '{name: a, labels: {v: 1.10}, annotations: {"a.b/c": 0o17, d: True}}'
    const hints = ['Quote it: "1.10".', 'Quote it: "0o17".', 'Quote it: "True".']
    expect(hintsOf(webhook('').replace('{name: a}', metadata))).toEqual(hints)
    expect(read(webhook('').replace('name: a', 'name: 1.10')).problems.map(({ hint }) => hint)).toEqual([
      'Quote it: "1.10".',
    ])
    const object = {
      apiVersion: 'nepenthes.dev/v1',
      kind: 'Webhook',
      metadata: { name: 'a' },
      spec: { displayName: 1.1 },
    }
    expect(documentFromObject(object, 'ns/a')?.problems.map(({ hint }) => hint)).toContain('Quote it.')
  })

  test.each([
    ['ulr: x', 'Did you mean url?'],
    ['tsl: {}', 'Did you mean tls?'],
    ['delivery: {orderign: None}', 'Did you mean ordering?'],
  ])('neighbouring letters swapped are one slip: %s', (spec, hint) => {
    expect(hintsOf(webhook(spec))).toEqual([hint])
  })

  test.each([
    ['projects: ', 'Remove the line, or give it a value.'],
    ['signature: null', 'Remove the line, or give it a value.'],
    ['delivery: {ordering: ~}', 'Remove the line, or give it a value.'],
    ['projects: [a, null]', 'Remove the entry, or give it a value.'],
  ])('nothing where something belongs: {%s}', (spec, hint) => {
    expect(hintsOf(webhook(spec))).toEqual([hint])
  })

  test('no spec at all gets the way to write one', () => {
    const settings = 'apiVersion: nepenthes.dev/v1\nkind: ApiSettings\nmetadata: {name: default}\nspec:\n'
    expect(hintsOf(settings)).toEqual(['Write spec: {} for all defaults.'])
    expect(hintsOf(settings.replace('spec:\n', ''))).toEqual(['Write spec: {} for all defaults.'])
  })

  test('neighbouring letters swapped are one slip outside the spec as well', () => {
    expect(hintsOf(webhook('').replace('{name: a}', '{name: a, lables: {}}'))).toEqual(['Did you mean labels?'])
    expect(hintsOf(webhook('').replace('spec:', 'sepc:'))).toContain('Did you mean spec?')
    expect(told(webhook('').replace('name: a', 'nmae: a')).join()).toContain('Did you mean name?')
  })

  test.each([
    ['project: created', 'No space after the colon: write project:created.'],
    ['time_entry: create', 'No space after the colon: write time_entry:created.'],
    ['3', expect.stringMatching(/^One of: project:created, /)],
    ['{project: created, a: b}', expect.stringMatching(/^One of: project:created, /)],
  ])('the event %s gets the hint that mends it', (event, hint) => {
    expect(hintsOf(webhook('').replace('"project:created"', event))).toEqual([hint])
  })

  test('of a key are pointed at the key, of an alias at the alias', () => {
    expect(told(webhook('tls: &t {x: 1}, signature: *t'))).toEqual([
      '4:72 UnknownField: spec.tls.x: there is no such field / Known here: ca.',
      expect.stringMatching(/^4:\d+ UnknownField: spec.signature.x: there is no such field/),
      expect.stringMatching(/^4:\d+ MissingField: spec.signature.secretKeyRef: is missing/),
    ])
  })
})

describe('documents', () => {
  test('of others are skipped with a notice, near misses are problems', () => {
    const text = `apiVersion: v1
kind: ConfigMap
---
just text
---
a: b
---
# nothing
---
apiVersion: nepenthes.dev/v2
kind: Webhook
---
kind: ApiSettings
---
apiVersion: nepenthes.dev/v1
kind: Webhoks
---
apiVersion: nepenthes.dev/v1
kind: Project
`
    expect(told(text)).toEqual([
      '10:13 WrongApiVersion: apiVersion: must be nepenthes.dev/v1 for Webhook, found "nepenthes.dev/v2" / Write apiVersion: nepenthes.dev/v1',
      '13:1 WrongApiVersion: apiVersion: must be nepenthes.dev/v1 for ApiSettings, found none / Write apiVersion: nepenthes.dev/v1',
      '16:7 UnknownKind: kind: nepenthes.dev has no kind "Webhoks", only ApiSettings and Webhook / Did you mean Webhook?',
      '19:7 UnknownKind: kind: nepenthes.dev has no kind "Project", only ApiSettings and Webhook / Write kind: ApiSettings or Webhook.',
      'notice 1:1 NotOurs: skipped: ConfigMap of v1 is not a resource of nepenthes.dev / ',
      'notice 4:1 NotOurs: skipped: the document is not a mapping / ',
      'notice 6:1 NotOurs: skipped: the document has no apiVersion and kind / ',
    ])
  })

  test('of a List are documents of their own', () => {
    const text = `apiVersion: v1
kind: List
items:
  - apiVersion: nepenthes.dev/v1
    kind: Webhook
    metadata: {name: a}
    spec: {url: "https://a.example", events: ["project:created"]}
  - apiVersion: v1
    kind: List
    items:
      - apiVersion: nepenthes.dev/v1
        kind: Webhook
        metadata: {name: b}
        spec: {events: ["project:created"]}
  - {apiVersion: v1, kind: Secret}
`
    const { documents, notices } = read(text)
    expect(documents.map(({ key, origin }) => `${key} ${origin.line}`)).toEqual(['Webhook/a 4', 'Webhook/b 11'])
    expect(documents[1]?.problems.map(line)).toEqual([
      '14:15 ExactlyOne: spec: one of url and urlFrom is needed / Add url, or urlFrom to take it from a Secret.',
    ])
    expect(notices).toHaveLength(1)
  })

  test('warn of http, and say that a namespace means nothing here', () => {
    const text = webhook('').replace('https', 'http').replace('{name: a}', '{name: a, namespace: x}')
    expect(told(text)).toEqual([
      'warning 4:13 InsecureUrl: spec.url: deliveries travel unencrypted over http / Use https if the receiver can.',
      'notice 3:21 NamespaceIgnored: metadata.namespace: is ignored in a file: a directory is one environment / ',
    ])
  })

  test('warn of events that exist, and that the embedded backend does not send', () => {
    const text = webhook('').replace('["project:created"]', '["project:created", "attachment:created"]')
    expect(told(text)).toEqual([
      'warning 4:62 UnsupportedEvent: spec.events[1]: the embedded backend does not send attachment:created: the operator does not accept this document / It sends project:created, project:updated, work_package:created, work_package:updated, time_entry:created, work_package_comment:comment, work_package_comment:internal_comment.',
    ])
    expect(read(text).documents[0]?.problems).toEqual([])
  })

  test('keep their raw spec, metadata and place, valid or not', () => {
    const [document] = read(`---\n${webhook('enabled: false, x: 1')}`).documents
    expect(document).toMatchObject({
      key: 'Webhook/a',
      spec: undefined,
      origin: { file: 'a.yaml', line: 2 },
      rawSpec: { enabled: false, x: 1 },
      metadata: { name: 'a', generation: undefined, uid: undefined },
    })
  })

  test('of another version are the resources they are, and judged by nothing else', () => {
    const text = webhook('enabled: false, since: v2').replace('dev/v1', 'dev/v2')
    const { documents, problems } = read(text)
    expect(problems).toEqual([])
    expect(documents.map(({ key }) => key)).toEqual(['Webhook/a'])
    expect(documents[0]?.rawSpec).toMatchObject({ enabled: false, since: 'v2' })
    expect(documents[0]?.problems.map(({ code }) => code)).toEqual(['WrongApiVersion'])
    const theirs = read(text.replace('nepenthes.dev/v2', 'other.example/v2'))
    expect([theirs.documents.length, theirs.problems.map(({ code }) => code)]).toEqual([0, ['WrongApiVersion']])
  })

  test('one broken document silences the file, and the others still tell their problems', () => {
    const { documents, problems } = read(`${webhook('x: 1')}---\n"\n`)
    expect(documents).toEqual([])
    expect(problems.map(({ code }) => code)).toEqual(['Unparsable', 'UnknownField'])
  })

  test('what the server keeps is ignored, even where it would be refused', () => {
    const text = `${webhook('').replace('{name: a}', '{name: a, uid: 010, managedFields: [{y: no}]}')}status: {a: no, a: 010}\n`
    expect(told(text)).toEqual([])
  })
})

describe('objects of an API server', () => {
  const object = {
    apiVersion: 'nepenthes.dev/v1',
    kind: 'Webhook',
    metadata: {
      name: 'a',
      namespace: 'ns',
      generation: 3,
      uid: 'u',
      creationTimestamp: '2030-01-01T00:00:00Z',
      labels: { a: 'b' },
    },
    spec: { url: 'http://a.example', events: ['project:created'] },
  }

  test('are judged by the same rules', () => {
    expect(documentFromObject(object, 'ns/a')).toMatchObject({
      key: 'Webhook/a',
      spec: object.spec,
      metadata: { generation: 3, uid: 'u', creationTimestamp: Date.parse('2030-01-01T00:00:00Z'), labels: { a: 'b' } },
      notices: [{ code: 'InsecureUrl', severity: 'warning' }],
    })
    const bad = documentFromObject({ ...object, spec: { events: [] } }, 'ns/a')
    expect(bad?.problems.map(({ code, file, path }) => `${file} ${code}@${path}`)).toEqual([
      'ns/a OutOfBounds@spec.events',
      'ns/a ExactlyOne@spec',
    ])
  })

  test('that are not ours are none', () => {
    for (const other of [
      { ...object, apiVersion: 'v1' },
      { ...object, kind: 'Secret' },
      null,
      'text',
      { kind: 'Webhook' },
    ])
      expect(documentFromObject(other, 'ns/a')).toBeUndefined()
  })
})
