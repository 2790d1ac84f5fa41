import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { join } from 'node:path'
import { customResourceDefinition } from '../../src/resources/crd.ts'
import {
  type AccessRule,
  type FakeApiServer,
  type Manifest,
  startFakeApiServer,
} from '../support/fake-apiserver/index.ts'
import { workloadTypes } from '../support/fake-apiserver/workloads.ts'
import { CHART, type HelmRan, only, renderChart, runHelm } from '../support/helm.ts'
import { type Place, type Program, createPlace, startProgram } from '../support/program.ts'
import { type Receiver, createReceiver } from '../support/receiver.ts'
import { rightsOf, rightsUsed } from '../support/rights.ts'
import { ADMIN, accountName } from './accounts.ts'
import { type Node, createNode } from './node.ts'
import type { PodSpec } from './pod-security.ts'

const NAMESPACE = 'projects'
const NAME = 'nepenthes-nepenthes-operator'
const DEFINITIONS = ['apisettings.nepenthes.dev', 'webhooks.nepenthes.dev']

let server: FakeApiServer
let place: Place
let receiver: Receiver
let node: Node
let program: Program

const helm = (args: readonly string[], values?: unknown): Promise<HelmRan> =>
  runHelm([...args, '--namespace', NAMESPACE], {
    kubeconfig: server.kubeconfig(join(place.root, 'admin'), ADMIN.name, NAMESPACE),
    values,
  })
const stored = (resource: string, name: string) => server.objects.get(resource, name, NAMESPACE)
const webhook = (more: Record<string, unknown> = {}) => ({
  config: { allowAddresses: ['127.0.0.0/8'] },
  apiSettings: { spec: { maxPageSize: 77 } },
  webhooks: { billing: { url: receiver.url, events: ['project:created'], ...more } },
})
const conditions = (resource: string, name: string) => {
  const status = stored(resource, name)?.['status'] as { conditions?: { type: string; status: string }[] } | undefined
  return Object.fromEntries((status?.conditions ?? []).map(({ type, status: is }) => [type, is]))
}
const addresses = () => ({ API: program.api, ADMIN: program.admin })

/** What the StatefulSet controller says once its pod is ready. */
function reportReady(): void {
  const object = stored('statefulsets', NAME)
  const counts = { replicas: 1, readyReplicas: 1, currentReplicas: 1, updatedReplicas: 1, availableReplicas: 1 }
  const status = { observedGeneration: object?.metadata.generation, ...counts }
  server.objects.putStatus({ ...object, status } as unknown as Manifest)
}

beforeAll(async () => {
  place = createPlace()
  receiver = await createReceiver()
  server = await startFakeApiServer({ tls: true, users: [ADMIN], types: workloadTypes() })
  node = createNode(server, NAMESPACE)
})
afterAll(async () => {
  await program?.kill('SIGKILL')
  node.close()
  await server.close()
  await receiver.close()
  place.dispose()
})

describe('from an empty cluster to a working environment', () => {
  it('helm install is one command: definitions, namespace, resources and all', async () => {
    expect(server.objects.list('customresourcedefinitions')).toEqual([])
    const args = ['install', 'nepenthes', CHART, '--create-namespace', '-f', '-']
    const { code, stdout, stderr } = await helm(args, webhook())
    expect(code, stderr).toBe(0)
    expect(stdout).toContain(`kubectl -n ${NAMESPACE} rollout status statefulset/${NAME}`)
    expect(stdout).toContain('See whether deliveries arrive')
    expect(server.objects.list('customresourcedefinitions').map(({ metadata }) => metadata.name)).toEqual(DEFINITIONS)
    expect(stored('apisettings', 'default')?.['spec']).toEqual({ maxPageSize: 77 })
    expect(stored('webhooks', 'billing')?.['spec']).toEqual(webhook().webhooks.billing)
    // Nothing of an upgrade is there, nor of a test.
    expect(server.objects.list('jobs')).toEqual([])
    expect(server.objects.list('clusterroles')).toEqual([])
  })

  it('the operator, as the StatefulSet starts it, puts what was given into force', async () => {
    const pod = (stored('statefulsets', NAME)?.['spec'] as { template: { spec: PodSpec } }).template.spec
    const [container] = pod.containers
    if (!container) throw new Error('no container')
    expect(container.args).toEqual(['run', '--kubernetes'])
    const environment = node.environment(container, pod)
    expect(environment).toMatchObject({ NEPENTHES_LISTEN: '0.0.0.0:8080', NEPENTHES_ADMIN_LISTEN: '0.0.0.0:8081' })
    // Flags win: a directory of this machine, and loopback with any port, instead of the pod's.
    program = await startProgram(place, ['--kubernetes'], environment)
    await program.until('Webhook/billing', 'Ready', 'True')
    await program.until('ApiSettings/default', 'Ready', 'True')
    const { json } = await program.call('GET', '/api/v3/configuration')
    expect(json).toMatchObject({ maximumAPIV3PageSize: 77 })
    const made = await program.call('POST', '/api/v3/projects', { name: 'One', identifier: 'one' })
    expect(made.status).toBe(201)
    await receiver.received(1)
    expect(server.requests.all.filter(({ status }) => status === 403)).toEqual([])
  })

  it('helm test reaches both listeners; it fails where the operator is not ready', async () => {
    const test = () => helm(['test', 'nepenthes', '--timeout', '30s'])
    const [passed, ran] = await Promise.all([test(), node.runPod(`${NAME}-test`, addresses())])
    expect(ran).toMatchObject({ code: 0, stdout: 'ready, and the API answers 401\n' })
    expect(passed.stdout + passed.stderr).toMatch(/Phase:\s+Succeeded/)
    const nobody = { API: program.api, ADMIN: 'http://127.0.0.1:1' }
    const [failed, refused] = await Promise.all([test(), node.runPod(`${NAME}-test`, nobody)])
    expect(refused.code).toBe(1)
    expect(failed.code).not.toBe(0)
  })
})

describe('an upgrade', () => {
  it('applies the definitions first, so that what is new in them can be used at once', async () => {
    const older = structuredClone(customResourceDefinition('Webhook')) as unknown as Older
    delete older.spec.versions[0]?.schema.openAPIV3Schema.properties.spec.properties['delivery']
    server.objects.put(older as unknown as Manifest, 'helm')
    const values = webhook({ delivery: { ordering: 'Strict' } })
    reportReady()
    const upgrading = helm(['upgrade', 'nepenthes', CHART, '-f', '-', '--wait', '--timeout', '60s'], values)
    const hook = await node.runJob(`${NAME}-definitions`)
    expect(hook).toMatchObject({ code: 0, stdout: DEFINITIONS.map((name) => `${name} applied\n`).join('') })
    const { code, stderr } = await upgrading
    expect(code, stderr).toBe(0)
    expect(stored('webhooks', 'billing')?.['spec']).toEqual(values.webhooks.billing)
    const owner = server.objects
      .get('customresourcedefinitions', 'webhooks.nepenthes.dev')
      ?.metadata.managedFields?.find(({ manager }) => manager === 'nepenthes-definitions')
    expect(owner).toMatchObject({ operation: 'Apply' })
    // Helm waited, by kstatus, for what the operator says of the new generation.
    expect(stored('webhooks', 'billing')?.['status']).toMatchObject({ observedGeneration: 2, programmedGeneration: 2 })
    expect(conditions('webhooks', 'billing')).toMatchObject({ Ready: 'True' })
  })

  it('used each right of the hook but that of making what was there', async () => {
    const { rules } = only(await renderChart(), 'ClusterRole') as unknown as { rules: AccessRule[] }
    const account = accountName(NAMESPACE, `${NAME}-definitions`)
    const used = rightsUsed(
      server.requests.all.filter(({ user }) => user === account),
      rules,
    )
    expect(used).toEqual(rightsOf(rules).filter((right) => !right.startsWith('create ')))
    expect(used.length).toBe(4)
  })

  it('leaves nothing of the hook behind, and nothing was refused to it', () => {
    for (const resource of ['jobs', 'clusterroles', 'clusterrolebindings'])
      expect(server.objects.list(resource)).toEqual([])
    expect(stored('serviceaccounts', `${NAME}-definitions`)).toBeUndefined()
    expect(server.requests.all.filter(({ status }) => status === 403)).toEqual([])
  })

  it('that waits fails at once on what no waiting mends, in the words of the operator; without the hook if so asked', async () => {
    const key = { name: 'short', key: 'secret' }
    const labels = { 'nepenthes.dev/webhook': 'true' }
    const metadata = { name: 'short', namespace: NAMESPACE, labels }
    server.objects.put({ apiVersion: 'v1', kind: 'Secret', metadata, stringData: { secret: 'too short' } })
    reportReady()
    const values = { ...webhook({ signature: { secretKeyRef: key } }), crds: { upgradeHook: { enabled: false } } }
    const { code, stderr } = await helm(
      ['upgrade', 'nepenthes', CHART, '-f', '-', '--wait', '--timeout', '60s'],
      values,
    )
    expect(code).toBe(1)
    expect(stderr).toMatch(/Webhook\/projects\/billing not ready. status: Failed, message: Secret short, .* 16 bytes/)
    expect(server.objects.list('jobs')).toEqual([])
  })

  it('fails before anything is changed when the hook fails', async () => {
    const upgrading = helm(['upgrade', 'nepenthes', CHART, '-f', '-', '--timeout', '30s'], webhook({ enabled: false }))
    server.faults.inject({ verb: 'patch', resource: 'customresourcedefinitions' }, { kind: 'status', code: 403 }, 1)
    const hook = await node.runJob(`${NAME}-definitions`)
    expect(hook.code).toBe(1)
    expect(hook.stderr).toMatch(/^nepenthes: the definition apisettings.nepenthes.dev cannot be applied: /)
    expect((await upgrading).code).not.toBe(0)
    expect(stored('webhooks', 'billing')?.['spec']).not.toHaveProperty('enabled')
    // The Job is left to be looked at; what it was allowed to do is not.
    expect(stored('jobs', `${NAME}-definitions`)).toBeDefined()
    for (const resource of ['clusterroles', 'clusterrolebindings']) expect(server.objects.list(resource)).toEqual([])
  })
})

describe('uninstalling', () => {
  it('takes everything along but the definitions', async () => {
    const { code, stderr } = await helm(['uninstall', 'nepenthes', '--wait', '--timeout', '30s'])
    expect(code, stderr).toBe(0)
    for (const resource of [
      'statefulsets',
      'services',
      'roles',
      'rolebindings',
      'networkpolicies',
      'webhooks',
      'apisettings',
    ])
      expect(server.objects.list(resource, NAMESPACE), resource).toEqual([])
    expect(server.objects.list('customresourcedefinitions').map(({ metadata }) => metadata.name)).toEqual(DEFINITIONS)
  })
})

interface Older {
  readonly spec: {
    readonly versions: {
      readonly schema: {
        readonly openAPIV3Schema: {
          readonly properties: { readonly spec: { readonly properties: Record<string, unknown> } }
        }
      }
    }[]
  }
}
