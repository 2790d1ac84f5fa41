import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse, stringify } from 'yaml'
import { documentedValues } from '../../scripts/chart/values-table.ts'
import { nepenthesHere } from '../support/cli.ts'
import { CHART, type Rendered, only, renderChart, runHelm } from '../support/helm.ts'
import { schemaProblems } from '../support/kubernetes-schemas.ts'
import { type PodSpec, restrictedProblems } from './pod-security.ts'
import { brokenReferences } from './references.ts'
import { MATRIX, NONSENSE } from './values-matrix.ts'

const ROOT = join(CHART, '..', '..')
const ours = ({ apiVersion }: Rendered) => apiVersion === 'nepenthes.dev/v1'

/** The pods of an object: its own, or those it makes. */
function podOf({ kind, spec }: Rendered): PodSpec | undefined {
  if (kind === 'Pod') return spec as PodSpec
  return (spec as { template?: { spec?: PodSpec } } | undefined)?.template?.spec
}

let rendered: ReadonlyMap<string, readonly Rendered[]>
let scratch: string
beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'nepenthes-chart-'))
  const each = Object.entries(MATRIX).map(async ([name, values]) => [name, await renderChart(values)] as const)
  rendered = new Map(await Promise.all(each))
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const objectsOf = (name: string) => rendered.get(name) ?? []
const operatorPod = (name: string) => podOf(only(objectsOf(name), 'StatefulSet')) as PodSpec
const environment = (name: string) => operatorPod(name).containers[0]?.env ?? []

describe('the chart', () => {
  it('passes helm lint, strictly', async () => {
    const { code, stdout } = await runHelm(['lint', '--strict', CHART])
    expect(code, stdout).toBe(0)
    expect(stdout).not.toMatch(/WARNING|ERROR/)
  })

  it('is released with the program', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
    const chart = parse(readFileSync(join(CHART, 'Chart.yaml'), 'utf8')) as Record<string, unknown>
    expect(chart).toMatchObject({ version, appVersion: version })
  })

  it('documents no value that its schema does not know, and the other way round', () => {
    const known: string[] = []
    const collect = (schema: SchemaNode, path: string) => {
      const rows = documented.filter((row) => row === path || row.startsWith(`${path}.`))
      if (path !== '' && (rows.length === 0 || rows.includes(path))) known.push(path)
      else
        for (const [name, inner] of Object.entries(schema.properties ?? {}))
          collect(inner, path === '' ? name : `${path}.${name}`)
    }
    const documented = documentedValues(readFileSync(join(CHART, 'values.yaml'), 'utf8')).map(({ path }) => path)
    collect(JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8')) as SchemaNode, '')
    expect(known.filter((path) => path !== 'global').sort()).toEqual([...documented].sort())
  })
})

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>
}

describe.each(Object.keys(MATRIX))('with %s', (name) => {
  it('every object fits the published schema of its kind, no field unknown', async () => {
    const problems = objectsOf(name)
      .filter((object) => !ours(object))
      .map(async (object) => (await schemaProblems(object)).map((why) => `${object.kind}: ${why}`))
    expect((await Promise.all(problems)).flat()).toEqual([])
  })

  it('our resources are valid as `nepenthes validate` sees them', async () => {
    const file = join(scratch, `${name.replaceAll(' ', '-')}.yaml`)
    writeFileSync(
      file,
      objectsOf(name)
        .filter(ours)
        .map((object) => stringify(object))
        .join('---\n'),
    )
    const { code, stdout, stderr } = await nepenthesHere(['validate', file])
    expect(code, stdout + stderr).toBe(0)
  })

  it('pods pass the Pod Security Standard restricted, with a root file system they cannot write to', () => {
    const pods = objectsOf(name).flatMap((object) => podOf(object) ?? [])
    expect(pods.length).toBeGreaterThan(1)
    expect(pods.flatMap(restrictedProblems)).toEqual([])
    for (const { containers } of pods)
      for (const { securityContext } of containers) expect(securityContext?.readOnlyRootFilesystem).toBe(true)
  })

  it('what refers to another object finds it', () => {
    expect(brokenReferences(objectsOf(name))).toEqual([])
  })
})

describe('values', () => {
  it.each(NONSENSE)('%s is refused', async (_what, values, says) => {
    await expect(renderChart(values)).rejects.toThrow(says)
  })

  it('of webhooks and of the API become resources', () => {
    const [settings, ...webhooks] = objectsOf('resources given').filter(ours)
    expect(settings).toMatchObject({ kind: 'ApiSettings', metadata: { name: 'default' }, spec: { maxPageSize: 500 } })
    expect(webhooks.map(({ metadata, spec }) => [metadata.name, spec])).toEqual(
      Object.entries((MATRIX['resources given'] as { webhooks: object }).webhooks),
    )
    expect(objectsOf('resources from elsewhere').filter(ours)).toEqual([])
  })

  it('reach the program as its settings', () => {
    const given = Object.fromEntries(environment('every setting').map(({ name, value }) => [name, value]))
    expect(given).toMatchObject({
      NEPENTHES_PUBLIC_URL: 'https://projects.example.com',
      NEPENTHES_ALLOW_ADDRESS: '10.20.0.0/16,fd00::/8',
      NEPENTHES_DELIVERY_LOG_DAYS: '7',
      NEPENTHES_DELIVERY_LOG_SIZE: '512MiB',
      NEPENTHES_LOG_LEVEL: 'debug',
      NODE_OPTIONS: '--max-old-space-size=512',
    })
    const fromSecret = (key: string) => ({ secretKeyRef: { name: 'tokens', key } })
    const find = (name: string) => environment('every setting').find((one) => one.name === name)?.valueFrom
    expect(find('NEPENTHES_API_TOKEN')).toEqual(fromSecret('api'))
    expect(find('NEPENTHES_ADMIN_TOKEN')).toEqual(fromSecret('admin'))
    expect(JSON.stringify(only(objectsOf('every setting'), 'NetworkPolicy'))).toContain('"cidr":"fd00::/8"')
  })

  it('give the pod longer to end than draining may take', () => {
    const drainMs = /STOP_MS_MAX = ([\d_]+)/.exec(readFileSync(join(ROOT, 'src/cli/run.ts'), 'utf8'))?.[1]
    const seconds = Number(drainMs?.replaceAll('_', '')) / 1000
    expect(operatorPod('nothing given').terminationGracePeriodSeconds).toBeGreaterThan(seconds)
    const schema = JSON.parse(readFileSync(join(CHART, 'values.schema.json'), 'utf8')) as {
      properties: { terminationGracePeriodSeconds: { minimum: number } }
    }
    expect(schema.properties.terminationGracePeriodSeconds.minimum).toBeGreaterThan(seconds)
  })
})
