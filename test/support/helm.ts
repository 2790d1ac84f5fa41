import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseAllDocuments } from 'yaml'
import { helmPath } from './kubectl.ts'

export const CHART = join(import.meta.dirname, '..', '..', 'charts', 'nepenthes-operator')

export interface HelmRan {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface HelmOptions {
  readonly kubeconfig?: string
  /** Becomes standard input, for `-f -`. */
  readonly values?: unknown
}

/** The real helm, with a home of its own. Not spawnSync: a fake API server answers from this very process. */
export function runHelm(
  args: readonly string[],
  { kubeconfig = '/dev/null', values }: HelmOptions = {},
): Promise<HelmRan> {
  const home = mkdtempSync(join(tmpdir(), 'nepenthes-helm-'))
  const env = { HOME: home, TMPDIR: home, KUBECONFIG: kubeconfig, PATH: process.env['PATH'] ?? '' }
  return new Promise((resolve, reject) => {
    const child = spawn(helmPath(), args, { env, cwd: home })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.on('error', reject)
    child.on('close', (code) => {
      rmSync(home, { recursive: true, force: true })
      resolve({ code, stdout, stderr })
    })
    child.stdin.on('error', () => undefined)
    // JSON, which any YAML is read from alike: helm takes a plain `no` for false.
    child.stdin.end(values === undefined ? '' : JSON.stringify(values))
  })
}

/** An object as a chart or a file has it. */
export interface Rendered {
  readonly apiVersion: string
  readonly kind: string
  readonly metadata: {
    readonly name: string
    readonly namespace?: string
    readonly labels?: Readonly<Record<string, string>>
    readonly annotations?: Readonly<Record<string, string>>
  }
  readonly [field: string]: unknown
}

export function parseObjects(text: string): Rendered[] {
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors.length > 0) throw document.errors[0] as Error
    const object = document.toJS() as Rendered | null
    return object === null ? [] : [object]
  })
}

/** What `helm template` makes of these values, definitions left out; throws what helm says when it refuses them. */
export async function renderChart(values: unknown = {}, args: readonly string[] = []): Promise<Rendered[]> {
  const all = ['template', 'nepenthes', CHART, '--namespace', 'projects', '-f', '-', ...args]
  const { code, stdout, stderr } = await runHelm(all, { values })
  if (code !== 0) throw new Error(stderr)
  return parseObjects(stdout)
}

/** The only object of a kind, of several by the end of its name. */
export function only(objects: readonly Rendered[], kind: string, nameEnd = ''): Rendered {
  const found = objects.filter((object) => object.kind === kind && object.metadata.name.endsWith(nameEnd))
  if (found.length !== 1 || !found[0]) throw new Error(`${found.length} objects of kind ${kind} end with "${nameEnd}"`)
  return found[0]
}
