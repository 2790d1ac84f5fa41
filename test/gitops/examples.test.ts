import { spawn } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stringify } from 'yaml'
import { type PodSpec, restrictedProblems } from '../charts/pod-security.ts'
import { brokenReferences } from '../charts/references.ts'
import { ended, nepenthesHere } from '../support/cli.ts'
import { type Rendered, only, parseObjects, renderChart } from '../support/helm.ts'
import { kubectlPath } from '../support/kubectl.ts'
import { schemaProblems } from '../support/kubernetes-schemas.ts'

const ROOT = join(import.meta.dirname, '..', '..')
const SCHEMA_LINE = /^# yaml-language-server: \$schema=(\S+)$/m

/** Directories that Kustomize renders, and files that are applied as they are. */
const directories = globSync('examples/**/kustomization.yaml', { cwd: ROOT }).map(dirname).sort()
const files = globSync('examples/{argocd,flux}/*.yaml', { cwd: ROOT }).sort()
const sources = [...directories, ...files]

let rendered: ReadonlyMap<string, readonly Rendered[]>
let scratch: string
beforeAll(async () => {
  scratch = mkdtempSync(join(tmpdir(), 'nepenthes-examples-'))
  const each = directories.map(async (path) => [path, await kustomized(path)] as const)
  const plain = files.map((path) => [path, parseObjects(readFileSync(join(ROOT, path), 'utf8'))] as const)
  rendered = new Map([...(await Promise.all(each)), ...plain])
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

async function kustomized(path: string): Promise<Rendered[]> {
  const child = spawn(kubectlPath(), ['kustomize', join(ROOT, path)], { stdio: ['ignore', 'pipe', 'pipe'] })
  const { code, stdout, stderr } = await ended(child)
  expect(code, stderr).toBe(0)
  return parseObjects(stdout)
}

const objectsOf = (source: string) => rendered.get(source) ?? []
const ours = ({ apiVersion }: Rendered) => apiVersion === 'nepenthes.dev/v1'
const labelOf = ({ metadata }: Rendered) => metadata.labels?.['nepenthes.dev/webhook']

/** Secrets that are there, or will be, and may be used by webhooks. */
function openSecrets(objects: readonly Rendered[]): string[] {
  return objects.flatMap((object) => {
    if (object.kind === 'Secret') return labelOf(object) === 'true' ? [object.metadata.name] : []
    if (object.kind !== 'ExternalSecret') return []
    const { target } = object['spec'] as { target: { name: string; template: Pick<Rendered, 'metadata'> } }
    return labelOf(target.template as Rendered) === 'true' ? [target.name] : []
  })
}

function secretsReferredTo(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, inner]: [string, unknown]) =>
    name.toLowerCase().endsWith('secretkeyref') ? [(inner as { name: string }).name] : secretsReferredTo(inner),
  )
}

it('there are examples of every way', () => {
  expect(sources.map((path) => path.split('/')[1])).toEqual(
    expect.arrayContaining(['argocd', 'flux', 'kubectl', 'kustomize']),
  )
})

describe.each(sources)('%s', (source) => {
  it('fits the published schemas, no field unknown, and our own', async () => {
    const foreign = objectsOf(source).filter((object) => !ours(object))
    expect((await Promise.all(foreign.map(schemaProblems))).flat()).toEqual([])
    const own = objectsOf(source).filter(ours)
    const file = join(scratch, `${source.replaceAll('/', '-')}.yaml`)
    writeFileSync(file, own.map((object) => stringify(object)).join('---\n'))
    const { code, stdout } = await nepenthesHere(['validate', file])
    expect(code, stdout).toBe(0)
  })

  it('has the Secrets that its webhooks refer to, and they may be used; a base leaves them to what builds on it', () => {
    const open = openSecrets(objectsOf(source))
    const used = objectsOf(source)
      .filter(ours)
      .flatMap(({ spec }) => secretsReferredTo(spec))
    const missing = used.filter((name) => !open.includes(name))
    expect(missing).toEqual(source.endsWith('/base') ? used : [])
  })

  it('runs restricted pods, and what refers to another object finds it', () => {
    const pods = objectsOf(source).flatMap(
      ({ spec }) => (spec as { template?: { spec?: PodSpec } } | undefined)?.template?.spec ?? [],
    )
    expect(pods.flatMap(restrictedProblems)).toEqual([])
    if (pods.length > 0) expect(brokenReferences(objectsOf(source))).toEqual([])
  })
})

describe('a hashed Secret of Kustomize', () => {
  it('is followed into every place where a webhook names it', () => {
    const objects = objectsOf('examples/kustomize/production')
    const { name } = only(objects, 'Secret').metadata
    expect(name).toMatch(/^billing-webhook-\w{10}$/)
    expect(secretsReferredTo(only(objects, 'Webhook')['spec'])).toEqual([name, name])
  })

  it('is looked for wherever the schema of a webhook has a reference', async () => {
    const { KINDS } = await import('../../src/resources/kinds.ts')
    const config = readFileSync(join(ROOT, 'examples/kustomize/base/nepenthes-names.yaml'), 'utf8')
    const configured = [...config.matchAll(/path: spec\/(\S+)\/name}/g)].map(([, path]) => path)
    expect(configured.sort()).toEqual(referencePlaces(KINDS.Webhook.specSchema as Schema).sort())
  })
})

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
}

function referencePlaces(schema: Schema, at = ''): string[] {
  const inner = schema.items ?? schema
  return Object.entries(inner.properties ?? {}).flatMap(([name, property]) => {
    const place = at === '' ? name : `${at}/${name}`
    return name.toLowerCase().endsWith('secretkeyref') ? [place] : referencePlaces(property, place)
  })
}

describe('what points into this repository', () => {
  const everything = () => [...rendered.values()].flat()
  const specs = (kind: string) =>
    everything()
      .filter((object) => object.kind === kind)
      .map(({ spec }) => spec as Readonly<Record<string, unknown>>)

  it('leads somewhere', () => {
    const paths = [
      ...specs('Application').map(({ source }) => (source as { path: string }).path),
      ...specs('Kustomization').map(({ path }) => path as string),
      ...specs('HelmRelease').map(({ chart }) => (chart as { spec: { chart: string } }).spec.chart),
    ]
    expect(paths.length).toBe(5)
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([])
  })

  it('gives the chart values that it takes', async () => {
    const values = [
      ...specs('Application').flatMap(({ source }) => (source as Helm).helm?.valuesObject ?? []),
      ...specs('HelmRelease').map(({ values: own }) => own),
    ]
    expect(values.length).toBe(2)
    for (const own of values) expect((await renderChart(own)).some(({ kind }) => kind === 'Job')).toBe(false)
  })

  it('names the version of the program', () => {
    const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { version: string }
    const texts = globSync('examples/{argocd,flux,kubectl,kustomize,ci}/**/*.yaml', { cwd: ROOT })
    const named = texts.flatMap((path) => [
      ...readFileSync(join(ROOT, path), 'utf8').matchAll(/(?:nepenthes-operator[:@]|newTag: |\bv)(\d+\.\d+\.\d+)\b/g),
    ])
    expect(named.length).toBeGreaterThan(3)
    expect([...new Set(named.map(([, found]) => found))]).toEqual([version])
  })
})

interface Helm {
  readonly helm?: { readonly valuesObject?: unknown }
}

describe('the plain objects', () => {
  it('start the operator as the chart does', async () => {
    const podOf = (objects: readonly Rendered[]) =>
      (only(objects, 'StatefulSet')['spec'] as { template: { spec: PodSpec } }).template.spec
    const plain = podOf(objectsOf('examples/kubectl'))
    const charted = podOf(await renderChart())
    const [container, model] = [plain.containers[0], charted.containers[0]]
    const settings = model?.env?.filter(({ name }) => !/DELIVERY_LOG|LOG_LEVEL/.test(name))
    expect(container).toEqual({ ...model, env: settings, imagePullPolicy: undefined })
    expect(plain.terminationGracePeriodSeconds).toBe(charted.terminationGracePeriodSeconds)
  })
})

describe('our own documents among the examples', () => {
  const documents = globSync('examples/**/*.yaml', { cwd: ROOT }).filter((path) =>
    /^apiVersion: nepenthes\.dev/m.test(readFileSync(join(ROOT, path), 'utf8')),
  )

  it.each(documents)('%s names its editor schema', (path) => {
    const [, schema = ''] = SCHEMA_LINE.exec(readFileSync(join(ROOT, path), 'utf8')) ?? []
    expect(existsSync(join(ROOT, dirname(path), schema)) && schema !== '').toBe(true)
  })
})
