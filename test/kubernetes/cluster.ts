import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inject } from 'vitest'
import { type FakeApiServer, startFakeApiServer } from '../support/fake-apiserver/index.ts'
import { kubectlPath } from '../support/kubectl.ts'
import { createPlainClient, type Call } from './plain-client.ts'

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of the kubeconfig of a real API server; set by `real-server.ts` only. */
    readonly kubeconfig?: string
  }
}

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
 * The fake API server; or, in `npm run test:cluster`, a real one, in which CRDs are applied and a namespace is made and deleted again.
 * Nothing that uses this may depend on which it is. Which one is said by that command alone and never by the environment: KUBECONFIG may
 * well name somebody's cluster in use while `npm test` is run. `tls`: with a token over TLS, as the program wants it.
 */
export async function openCluster({ tls = false } = {}): Promise<Cluster> {
  const home = mkdtempSync(join(tmpdir(), 'nepenthes-cluster-'))
  const given = inject('kubeconfig')
  const rules = [{ verbs: ['*'], resources: ['*'] }]
  const users = tls ? { users: [{ name: 'admin', token: 'admin', rules }] } : {}
  const fake = given === undefined ? await startFakeApiServer({ tls, ...users }) : undefined
  const kubeconfig = given ?? (fake as FakeApiServer).kubeconfig(join(home, 'kubeconfig'))
  const namespace = `nepenthes-test-${randomUUID()}`
  const client = createPlainClient(kubeconfig)
  const kubectl = (args: readonly string[], how: KubectlOptions = {}) =>
    runKubectl(['-n', namespace, ...args], { home, kubeconfig, ...how })
  await succeed(kubectl(['apply', '--server-side', '-f', CRDS]))
  await succeed(kubectl(['create', 'namespace', namespace]))
  await succeed(
    kubectl(['wait', '--for=condition=Established', 'crd/webhooks.nepenthes.dev', 'crd/apisettings.nepenthes.dev']),
  )
  return {
    namespace,
    kubeconfig,
    kubectl,
    async request(method, path, call = {}) {
      const { statusCode: status, headers, body } = await client.send(method, path, call)
      const text = await body.text()
      const isJson = String(headers['content-type']).startsWith('application/json')
      return { status, headers, body: isJson ? (JSON.parse(text) as Json) : { text } }
    },
    async *watch(path, accept) {
      const { body } = await client.send('GET', path, accept === undefined ? {} : { accept })
      let rest = ''
      for await (const chunk of body.setEncoding('utf8')) {
        const lines = (rest + String(chunk)).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) yield JSON.parse(line) as Json
      }
    },
    async close() {
      if (!fake) await kubectl(['delete', 'namespace', namespace, '--wait=false'])
      await client.close()
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
