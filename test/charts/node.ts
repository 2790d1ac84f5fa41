import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'
import { type Ran, cleanEnvironment, ended } from '../support/cli.ts'
import type { FakeApiServer } from '../support/fake-apiserver/index.ts'
import type { KubeObject } from '../support/fake-apiserver/object.ts'
import { accountName, grantBound } from './accounts.ts'
import type { Container, PodSpec } from './pod-security.ts'

const ROOT = join(import.meta.dirname, '..', '..')

/**
 * What a kubelet and the Job controller would do with pods of a chart: their container runs as a plain process here, with the
 * image's entry point, its own environment and its service account; its end becomes the status.
 */
export interface Node {
  /** The environment of a container; a service account's credentials come as a kubeconfig, for want of a pod. */
  environment(container: Container, pod: PodSpec): Record<string, string>
  /** Runs the Job of this name once it appears. */
  runJob(name: string): Promise<Ran>
  /** Runs the Pod of this name once it appears; `addresses` are what the names of Services would lead to. */
  runPod(name: string, addresses: Record<string, string>): Promise<Ran>
  close(): void
}

export function createNode(server: FakeApiServer, namespace: string): Node {
  const home = mkdtempSync(join(tmpdir(), 'nepenthes-node-'))
  const appears = (resource: string, name: string) =>
    vi.waitFor(
      () => {
        const found = server.objects.get(resource, name, namespace)
        if (!found) throw new Error(`${resource} ${name} never appeared`)
        return found
      },
      { timeout: 15_000, interval: 20 },
    )

  const environment: Node['environment'] = (container, { serviceAccountName = 'default' }) => {
    grantBound(server)
    const account = accountName(namespace, serviceAccountName)
    const KUBECONFIG = server.kubeconfig(join(home, serviceAccountName), account, namespace)
    const own = (container.env ?? []).map(({ name, value, valueFrom }) => [name, value ?? fieldOf(valueFrom)])
    return { ...(Object.fromEntries(own) as Record<string, string>), KUBECONFIG }
  }
  /** The chart takes from the pod nothing but its namespace. */
  const fieldOf = (from: unknown) => {
    const { fieldRef } = from as { fieldRef?: { fieldPath: string } }
    if (fieldRef?.fieldPath !== 'metadata.namespace') throw new Error(`not known here: ${JSON.stringify(from)}`)
    return namespace
  }
  const run = (pod: PodSpec, more: Record<string, string> = {}) => {
    const [container] = pod.containers
    if (!container) throw new Error('a pod without containers')
    const [file = '', ...args] = [...(container.command ?? entryPoint()), ...(container.args ?? [])]
    if (file !== 'node') throw new Error(`the image has ${file}?`)
    const env = cleanEnvironment({ ...environment(container, pod), ...more })
    return ended(spawn(process.execPath, args, { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'] }))
  }
  const report = (object: KubeObject, status: unknown) => void server.objects.putStatus({ ...object, status })

  return {
    environment,
    async runJob(name) {
      const job = await appears('jobs', name)
      const ran = await run((job['spec'] as { template: { spec: PodSpec } }).template.spec)
      const time = new Date().toISOString().replace(/\.\d+Z/, 'Z')
      const condition = { type: ran.code === 0 ? 'Complete' : 'Failed', status: 'True', lastTransitionTime: time }
      const ends = ran.code === 0 ? { succeeded: 1, completionTime: time } : { failed: 1 }
      report(job, { startTime: time, conditions: [condition], ...ends })
      return ran
    },
    async runPod(name, addresses) {
      const pod = await appears('pods', name)
      const ran = await run(pod['spec'] as PodSpec, addresses)
      report(pod, { phase: ran.code === 0 ? 'Succeeded' : 'Failed' })
      return ran
    },
    close: () => rmSync(home, { recursive: true, force: true }),
  }
}

/** As the Dockerfile has it, but for the compiled program the one in the checkout. */
function entryPoint(): string[] {
  const [, text = '[]'] = /^ENTRYPOINT (\[.*\])$/m.exec(readFileSync(join(ROOT, 'Dockerfile'), 'utf8')) ?? []
  return (JSON.parse(text) as string[]).map((part) => part.replace('dist/cli/main.js', 'src/cli/main.ts'))
}
