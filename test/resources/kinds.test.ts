import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { Ajv } from 'ajv'
import { parse, parseAllDocuments } from 'yaml'
import { describe, expect, test } from 'vitest'
import { committed, generatedFiles } from '../../scripts/generate.ts'
import { effectiveApiSettings } from '../../src/resources/api-settings.ts'
import { KINDS, KIND_NAMES } from '../../src/resources/kinds.ts'
import { parseFile } from '../../src/resources/parse.ts'
import { PROBLEM_CODES } from '../../src/resources/problem.ts'
import { splitDefault } from '../../src/resources/reference-table.ts'
import { statusSchema } from '../../src/resources/status-schema.ts'
import { effectiveWebhook } from '../../src/resources/webhook.ts'
import type { Condition, DeliveryStatus, ResourceStatus } from '../../src/status/status.ts'
import { readByKubectl } from '../support/kubectl.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const read = (path: string) => readFileSync(join(ROOT, path), 'utf8')
const kebab = (kind: string) => kind.replace(/(?<!^)[A-Z]/g, '-$&').toLowerCase()

type Schema = Record<string, unknown>
const properties = (schema: unknown) => (schema as { properties: Record<string, Schema> }).properties

describe('generated files', () => {
  test.each(generatedFiles())('$path is as committed (npm run generate)', ({ path, content }) => {
    expect(committed(path)).toBe(content)
  })

  test('nothing stale lies beside them', () => {
    const expected = generatedFiles().map(({ path }) => path)
    expect(globSync('{crds,schemas}/**/*.*', { cwd: ROOT }).filter((path) => !expected.includes(path))).toEqual([])
  })
})

describe.each(KIND_NAMES)('%s', (kind) => {
  const { plural, singular, printerColumns, specSchema } = KINDS[kind]
  const examples = globSync('examples/**/*.yaml', { cwd: ROOT }).filter((path) =>
    read(path).includes(`kind: ${kind}\n`),
  )

  test('has an example of every field, which is valid in the CRD file, editor schema and program', () => {
    const example = read(`examples/resources/${singular}.yaml`)
    const documents = parseFile(Buffer.from(example), 'example.yaml').documents
    expect(documents.flatMap(({ problems, notices }) => [...problems, ...notices])).toEqual([])
    const fields = new Set(documents.flatMap(({ rawSpec }) => [...fieldsOf(rawSpec)]))
    expect([...schemaFields(specSchema as unknown as Schema)].filter((field) => !fields.has(field))).toEqual([])
  })

  test('has an example that names its editor schema, and is valid by it', () => {
    const example = read(`examples/resources/${singular}.yaml`)
    const [, schemaPath = ''] = /^# yaml-language-server: \$schema=(\S+)$/m.exec(example) ?? []
    expect(relative(ROOT, join(ROOT, 'examples/resources', schemaPath))).toBe(`schemas/${singular}.schema.json`)
    for (const path of [`schemas/${singular}.schema.json`, 'schemas/nepenthes.schema.json']) {
      const validate = new Ajv({ strict: false }).compile(JSON.parse(read(path)) as Schema)
      for (const document of parseAllDocuments(example)) {
        expect(validate(document.toJS()), JSON.stringify(validate.errors)).toBe(true)
        expect(validate({ ...(document.toJS() as Schema), nonsense: 1 })).toBe(false)
      }
    }
  })

  test('has an example outside the reference as well, a section in the documentation, and a reconciler', () => {
    expect(examples.length).toBeGreaterThan(0)
    for (const path of examples.filter((one) => /^# yaml-language-server/m.test(read(one)))) {
      const [, schema = ''] = /\$schema=(\S+)/.exec(read(path)) ?? []
      expect(existsSync(join(ROOT, dirname(path), schema)), path).toBe(true)
    }
    expect(read('docs/resources.md')).toMatch(new RegExp(`^## ${kind}$`, 'm'))
    expect(existsSync(join(ROOT, 'src/reconcile', `${kebab(kind)}.ts`))).toBe(true)
  })

  test('has a CRD that kubectl reads as it is written', () => {
    const text = read(`crds/${plural}.yaml`)
    expect(readByKubectl([text])[0]?.[0]).toEqual(parse(text))
  })

  test('has a structural schema: bounded, pruning, no defaults under spec', () => {
    const crd = parse(read(`crds/${plural}.yaml`)) as { spec: { versions: [{ schema: { openAPIV3Schema: Schema } }] } }
    const root = crd.spec.versions[0].schema.openAPIV3Schema
    const unbounded = [...nodes(properties(root)['spec'] ?? {}, 'spec')].filter(({ schema }) => {
      const { type, maxLength, maximum, maxItems, enum: words } = schema
      if (type === 'string') return maxLength === undefined && words === undefined
      if (type === 'integer') return maximum === undefined
      return type === 'array' && (maxItems === undefined || schema['x-kubernetes-list-type'] === undefined)
    })
    expect(unbounded).toEqual([])
    const forbidden = ['additionalProperties', 'uniqueItems', 'default', 'const', 'oneOf', 'not', 'allOf', 'x-form']
    const found = [...nodes(properties(root)['spec'] ?? {}, 'spec')].flatMap(({ at, schema }) =>
      [
        ...forbidden.filter((keyword) => keyword in schema),
        ...(schema['description'] || at.endsWith('[]') ? [] : ['no description']),
      ].map((keyword) => `${at}: ${keyword}`),
    )
    expect(found).toEqual([])
    expect(properties(root)['status']?.['default']).toEqual({ observedGeneration: -1 })
  })

  test('has columns that show fields of the status there are', () => {
    const status = properties({ properties: { status: statusSchema(kind) } })
    for (const { jsonPath } of printerColumns.filter((column) => column.jsonPath.startsWith('.status.'))) {
      let schema: Schema | undefined = { properties: status }
      for (const step of jsonPath
        .replace(/\[.*\]\.\w+$/, '')
        .slice(1)
        .split('.'))
        schema = properties(schema)[step]
      expect(schema, jsonPath).toBeDefined()
    }
  })
})

test('documented defaults are those in force', () => {
  const documented = (schema: unknown, path: string): string | undefined => {
    let node: unknown = schema
    for (const step of path.split('.')) node = properties(node)[step]
    return splitDefault(String((node as Schema)['description'])).fallback
  }
  const settings = effectiveApiSettings({})
  const api = (path: string) => documented(KINDS.ApiSettings.specSchema, path)
  expect([api('enabled'), api('maxPageSize'), api('docs.enabled'), api('cors.enabled')]).toEqual(
    [settings.enabled, settings.maxPageSize, settings.docs.enabled, settings.cors.enabled].map(String),
  )
  const webhook = effectiveWebhook('metadata.name', { url: 'https://a.example', events: ['project:created'] })
  const hook = (path: string) => documented(KINDS.Webhook.specSchema, path)
  expect(
    [
      'displayName',
      'enabled',
      'delivery.timeoutSeconds',
      'delivery.maxAttempts',
      'delivery.maxConcurrency',
      'delivery.ordering',
    ].map(hook),
  ).toEqual(
    [
      webhook.displayName,
      webhook.enabled,
      webhook.timeoutMs / 1000,
      webhook.maxAttempts,
      webhook.maxConcurrency,
      webhook.ordering,
    ].map(String),
  )
})

test('the status schema has the fields of the status', () => {
  // `satisfies` makes a new field of the types a compile error here until it is named.
  const condition = {
    type: 1,
    status: 1,
    observedGeneration: 1,
    lastTransitionTime: 1,
    reason: 1,
    message: 1,
  } satisfies Record<keyof Condition, 1>
  const delivery = {
    lastSuccessTime: 1,
    lastFailureTime: 1,
    lastFailure: 1,
    consecutiveFailures: 1,
    pending: 1,
    nextAttemptTime: 1,
  } satisfies Record<keyof DeliveryStatus, 1>
  const status = {
    observedGeneration: 1,
    programmedGeneration: 1,
    conditions: 1,
    endpoint: 1,
    unmatchedProjects: 1,
    lastHandledResumeAt: 1,
    delivery: 1,
  } satisfies Record<keyof ResourceStatus, 1>
  const schema = properties(statusSchema('Webhook'))
  expect(Object.keys(schema).sort()).toEqual(Object.keys(status).sort())
  expect(Object.keys(properties(schema['delivery'])).sort()).toEqual(Object.keys(delivery).sort())
  expect(Object.keys(properties(schema['conditions']?.['items'])).sort()).toEqual(Object.keys(condition).sort())
})

test('docs/problems.md has a row for each code, and no other', () => {
  const rows = [...read('docs/problems.md').matchAll(/^\| `(\w+)` \|/gm)].map(([, code]) => code)
  expect(rows.sort()).toEqual(Object.keys(PROBLEM_CODES).sort())
})

test('every code is used', () => {
  const sources = globSync('src/**/*.ts', { cwd: ROOT })
    .filter((path) => path !== 'src/resources/problem.ts')
    .map(read)
    .join()
  expect(Object.keys(PROBLEM_CODES).filter((code) => !sources.includes(`'${code}'`))).toEqual([])
})

function* nodes(schema: Schema, at: string): Generator<{ at: string; schema: Schema }> {
  yield { at, schema }
  for (const [name, inner] of Object.entries((schema['properties'] ?? {}) as Record<string, Schema>))
    yield* nodes(inner, `${at}.${name}`)
  if (schema['items']) yield* nodes(schema['items'] as Schema, `${at}[]`)
}

const schemaFields = (schema: Schema) => new Set([...nodes(schema, '')].map(({ at }) => at))

function* fieldsOf(value: unknown, at = ''): Generator<string> {
  yield at
  if (Array.isArray(value)) for (const item of value) yield* fieldsOf(item, `${at}[]`)
  else if (typeof value === 'object' && value !== null)
    for (const [name, inner] of Object.entries(value)) yield* fieldsOf(inner, `${at}.${name}`)
}
