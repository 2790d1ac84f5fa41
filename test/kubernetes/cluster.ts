import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, type Dispatcher } from 'undici'
import { parse } from 'yaml'
import { type FakeApiServer, startFakeApiServer } from '../support/fake-apiserver/index.ts'
import { kubectlPath } from '../support/kubectl.ts'

export const CRDS = join(import.meta.dirname, '..', '..', 'crds')

export type Json = Record<string, unknown>

export interface Ran {
  readonly stdout: string
  readonly stderr: string
  readonly code: number | null
}

export interface KubectlOptions {
  readonly input?: string | undefined
  /** What `kubectl edit` runs on the file. */
  readonly editor?: string | undefined
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Json
}

export interface Call {
  readonly body?: unknown
  readonly type?: string
  readonly accept?: string
}

/** An API server with our CRDs, and a namespace in it for one test file. */
export interface Cluster {
  readonly namespace: string
  readonly kubeconfig: string
  kubectl(args: readonly string[], how?: KubectlOptions): Promise<Ran>
  request(method: string, path: string, call?: Call): Promise<Answer>
  /** The events of a watch, as they come; ends when the server ends it or the loop is left. */
  watch(path: string, accept?: string): AsyncGenerator<Json>
  close(): Promise<void>
}

/**
 * The fake API server; or, where NEPENTHES_TEST_KUBECONFIG names a kubeconfig, a real one, in which CRDs are applied and a namespace
 * is made and deleted again. Nothing that uses this may depend on which it is. `tls`: with a token over TLS, as the program wants it.
 */
export async function openCluster({ tls = false } = {}): Promise<Cluster> {
  const home = mkdtempSync(join(tmpdir(), 'nepenthes-cluster-'))
  const given = process.env['NEPENTHES_TEST_KUBECONFIG']
  const rules = [{ verbs: ['*'], resources: ['*'] }]
  const users = tls ? { users: [{ name: 'admin', token: 'admin', rules }] } : {}
  const fake = given ? undefined : await startFakeApiServer({ tls, ...users })
  const kubeconfig = given ?? (fake as FakeApiServer).kubeconfig(join(home, 'kubeconfig'))
  const namespace = `nepenthes-test-${process.pid}`
  const { server, agent } = connection(kubeconfig)
  const kubectl = (args: readonly string[], how: KubectlOptions = {}) =>
    runKubectl(['-n', namespace, ...args], { home, kubeconfig, ...how })
  const send = (
    method: string,
    path: string,
    { body, type = 'application/json', accept = 'application/json' }: Call = {},
  ) =>
    agent.request({
      origin: server,
      path,
      method: method,
      headers: { accept, 'user-agent': 'suite/1', ...(body !== undefined && { 'content-type': type }) },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  await succeed(kubectl(['apply', '--server-side', '-f', CRDS]))
  await succeed(kubectl(['create', 'namespace', namespace]))
  await succeed(
    kubectl(['wait', '--for=condition=Established', 'crd/webhooks.nepenthes.dev', 'crd/apisettings.nepenthes.dev']),
  )
  return {
    namespace,
    kubeconfig,
    kubectl,
    async request(method, path, call) {
      const { statusCode: status, headers, body } = await send(method, path, call)
      const text = await body.text()
      const isJson = String(headers['content-type']).startsWith('application/json')
      return { status, headers, body: isJson ? (JSON.parse(text) as Json) : { text } }
    },
    async *watch(path, accept) {
      const { body } = await send('GET', path, accept === undefined ? {} : { accept })
      let rest = ''
      for await (const chunk of body.setEncoding('utf8')) {
        const lines = (rest + String(chunk)).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) yield JSON.parse(line) as Json
      }
    },
    async close() {
      if (!fake) await kubectl(['delete', 'namespace', namespace, '--wait=false'])
      await agent.destroy()
      await fake?.close()
      rmSync(home, { recursive: true })
    },
  }
}

async function succeed(running: Promise<Ran>): Promise<void> {
  const { code, stderr } = await running
  if (code !== 0) throw new Error(stderr)
}

/** Not spawnSync: the fake server answers from this very process. */
export function runKubectl(
  args: readonly string[],
  { home, kubeconfig, input, editor }: KubectlOptions & { readonly home: string; readonly kubeconfig: string },
): Promise<Ran> {
  const env = {
    HOME: home,
    TMPDIR: home,
    KUBECONFIG: kubeconfig,
    KUBE_EDITOR: editor ?? 'false',
    PATH: process.env['PATH'] ?? '',
  }
  return new Promise((resolve, reject) => {
    const child = spawn(kubectlPath(), args, { env, cwd: home })
    let [stdout, stderr] = ['', '']
    child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
    child.on('error', reject)
    child.on('close', (code) => resolve({ stdout, stderr, code }))
    child.stdin.end(input ?? '')
  })
}

interface Kubeconfig {
  readonly 'current-context': string
  readonly contexts: readonly { name: string; context: { cluster: string; user: string } }[]
  readonly clusters: readonly { name: string; cluster: Readonly<Record<string, string>> }[]
  readonly users: readonly { name: string; user: Readonly<Record<string, string>> }[]
}

/** A plain client of the cluster that a kubeconfig's current context names; tokens and client certificates. */
function connection(path: string): { server: string; agent: Dispatcher } {
  const config = parse(readFileSync(path, 'utf8')) as Kubeconfig
  const context = config.contexts.find(({ name }) => name === config['current-context'])?.context
  const cluster = config.clusters.find(({ name }) => name === context?.cluster)?.cluster ?? {}
  const user = config.users.find(({ name }) => name === context?.user)?.user ?? {}
  const secure = {
    ...pem('ca', cluster, 'certificate-authority'),
    ...pem('cert', user, 'client-certificate'),
    ...pem('key', user, 'client-key'),
  }
  const agent = new Agent({ connect: secure, allowH2: false })
  const { token } = user
  return {
    server: cluster['server'] ?? '',
    agent:
      token === undefined
        ? agent
        : agent.compose((dispatch) => (options, handler) => dispatch(withToken(options, token), handler)),
  }
}

function withToken(options: Dispatcher.DispatchOptions, token: string): Dispatcher.DispatchOptions {
  return { ...options, headers: { ...(options.headers as Record<string, string>), authorization: `Bearer ${token}` } }
}

function pem(name: string, from: Readonly<Record<string, string>>, key: string): Record<string, Buffer> {
  const [data, file] = [from[`${key}-data`], from[key]]
  if (data !== undefined) return { [name]: Buffer.from(data, 'base64') }
  return file === undefined ? {} : { [name]: readFileSync(file) }
}
