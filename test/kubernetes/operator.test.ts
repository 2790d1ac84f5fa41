import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { stringify } from 'yaml'
import { kstatusOf, type KStatus } from '../support/kstatus.ts'
import { createPlace, startProgram, type Place, type Program } from '../support/program.ts'
import { createReceiver, type Received, type Receiver } from '../support/receiver.ts'
import { openCluster, type Cluster } from './cluster.ts'
import { webhook } from './manifests.ts'

const FIRST = 'the first secret, long enough'
const SECOND = 'the second secret, long enough'

/** The whole program in a cluster, as the people see it who have kubectl and nothing else; in their order. */
let cluster: Cluster
let receiver: Receiver
let place: Place
let program: Program
let projects = 0

async function kubectl(args: string, ...documents: object[]): Promise<string> {
  const input = documents.map((document) => stringify(document)).join('---\n')
  const { code, stdout, stderr } = await cluster.kubectl(args.split(' '), { input })
  expect(code, stderr).toBe(0)
  return stdout.trim()
}

const hook = (events = ['project:created']) =>
  webhook('hook', { url: receiver.url, events, signature: { secretKeyRef: { name: 'hook', key: 'secret' } } })
const secret = (text: string) => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name: 'hook', labels: { 'nepenthes.dev/webhook': 'true' } },
  stringData: { secret: text },
})
const waitFor = (condition: string) => kubectl(`wait --for=condition=${condition} webhook/hook --timeout=15s`)

async function stands(): Promise<KStatus> {
  return kstatusOf(JSON.parse(await kubectl('get webhook hook -o json')) as Parameters<typeof kstatusOf>[0])
}

async function createProject(): Promise<void> {
  projects += 1
  const made = await program.call('POST', '/api/v3/projects', { name: `P${projects}`, identifier: `p${projects}` })
  expect(made.status).toBe(201)
}

/** The next delivery is signed with this secret. */
async function delivered(secretText: string): Promise<void> {
  const count = receiver.requests.length
  await createProject()
  const { body, headers } = (await receiver.received(count + 1))[count] as Received
  new Webhook(secretText, { format: 'raw' }).verify(String(body), headers as Record<string, string>)
}

beforeAll(async () => {
  place = createPlace()
  receiver = await createReceiver()
  cluster = await openCluster({ tls: true })
  await kubectl('apply -f -', hook(), secret(FIRST))
})
afterAll(async () => {
  program?.child.kill('SIGKILL')
  await cluster.close()
  await receiver.close()
  place.dispose()
})

describe('with kubectl', () => {
  it('what nobody has seen yet is in progress; once it is in force, whoever waits knows', async () => {
    expect(await stands()).toBe('InProgress')
    const waiting = waitFor('Ready')
    const flags = ['--kubernetes', '--namespace', cluster.namespace]
    program = await startProgram(place, flags, { KUBECONFIG: cluster.kubeconfig })
    expect(await waiting).toBe('webhook.nepenthes.dev/hook condition met')
    expect(await stands()).toBe('Current')
  })

  it('an event is delivered, signed; and it is told', async () => {
    await delivered(FIRST)
    await waitFor('Delivering')
    const [line = ''] = (await kubectl('get webhook hook --no-headers')).split('\n')
    expect(line.split(/ {2,}/).slice(0, 5)).toEqual([
      'hook',
      receiver.url.replace(/\/[^/]*$/, ''),
      'True',
      'True',
      'Ready',
    ])
    const described = await vi.waitFor(async () => {
      const text = await kubectl('describe webhook hook')
      expect(text).toMatch(/Normal +Delivered/)
      return text
    })
    expect(described).toMatch(/Type: +Programmed/)
    expect(described).toMatch(/Normal +Programmed +\S+ +nepenthes.dev\/operator +This generation is in force./)
  })

  it('an edit that cannot be carried out leaves the last good spec in force, and says why', async () => {
    const editor = 'sed -i s/project:created/attachment:created/'
    expect((await cluster.kubectl(['edit', 'webhook', 'hook'], { editor })).code).toBe(0)
    await waitFor('Accepted=false')
    expect(await stands()).toBe('InProgress')
    expect(await kubectl('get webhook hook -o jsonpath={.status.programmedGeneration}')).toBe('1')
    await delivered(FIRST)
    const described = await vi.waitFor(async () => {
      const text = await kubectl('describe webhook hook')
      expect(text).toMatch(/Warning +UnsupportedValue/)
      return text
    })
    expect(described).toContain('attachment:created')
    await kubectl('apply -f -', hook())
    await waitFor('Ready')
  })

  it('a Secret that is no use stops the wait for it, with the reason; one rotated is used', async () => {
    await kubectl('apply -f -', secret('short'))
    await waitFor('Stalled')
    expect(await stands()).toBe('Failed')
    expect(await kubectl('get webhook hook -o jsonpath={.status.conditions[?(@.type=="Ready")].reason}')).toBe(
      'InvalidSecret',
    )
    await kubectl('apply -f -', secret(SECOND))
    await waitFor('Ready')
    expect(await stands()).toBe('Current')
    await delivered(SECOND)
  })

  it('is deleted at once, nothing holds it; the same name coming back goes on', async () => {
    expect(await kubectl('get webhook hook -o jsonpath={.metadata.finalizers}')).toBe('')
    expect(await kubectl('get lease nepenthes-operator -o jsonpath={.spec.holderIdentity}')).not.toBe('')
    await kubectl('delete webhook hook --timeout=10s')
    await vi.waitFor(async () => expect(await program.resource('Webhook/hook')).toBeUndefined(), { timeout: 10_000 })
    const count = receiver.requests.length
    await createProject()
    await kubectl('apply -f -', hook())
    await waitFor('Ready')
    await delivered(SECOND)
    expect(receiver.requests.length).toBe(count + 1)
  })

  it('goes with its namespace, which takes nothing else along', async () => {
    await kubectl(`delete namespace ${cluster.namespace} --wait=false`)
    // What a controller does where one runs, and a bare API server does not.
    await kubectl('delete webhooks,secrets --all --ignore-not-found --timeout=30s')
    await vi.waitFor(async () => expect(await program.resource('Webhook/hook')).toBeUndefined(), { timeout: 10_000 })
    expect((await fetch(`${program.admin}/livez`)).status).toBe(200)
    expect((await program.kill('SIGTERM')).code).toBe(0)
  })
})
