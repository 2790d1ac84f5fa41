import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createSnapshotPublisher, type SnapshotPublisher } from '../../../src/reconcile/publisher.ts'
import { createController, type Controller } from '../../../src/reconcile/controller.ts'
import { createCluster, type Cluster } from '../../../src/sources/kubernetes/cluster.ts'
import { openSqliteStore } from '../../../src/storage/sqlite/sqlite-store.ts'
import type { Store } from '../../../src/storage/store.ts'
import { systemRandom } from '../../../src/base/random.ts'
import { quiet } from '../../reconcile/environment.ts'
import { installDefinitions, secret, shippedRules, webhook } from '../../support/cluster.ts'
import type { AccessRule } from '../../support/fake-apiserver/index.ts'
import { openBench, type Bench } from './following.ts'

const SIGNED = { signature: { secretKeyRef: { name: 'one', key: 'secret' } } }
const FIRST = 'the first secret, long enough'
const SECOND = 'the second secret, long enough'
const HOUR_MS = 3_600_000

let directory: string
let bench: Bench
let store: Store
let logged: { fields: object; message: string | undefined }[]
let cluster: Cluster
let controller: Controller
let snapshots: SnapshotPublisher

/** Lets time go by, in steps small enough for whatever is asked meanwhile to be asked and fail. */
async function pass(ms: number, stepMs: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += stepMs) {
    bench.clock.advance(stepMs)
    await new Promise(setImmediate)
    await new Promise(setImmediate)
  }
}

const statusOf = (name: string) => bench.server.objects.get('webhooks', name)?.status
const inForce = (name: string) => snapshots.current.webhooks.get(name)
const signingWith = (name: string) => inForce(name)?.credentials?.signing[0]?.reveal()

/** All that a cluster consists of, but for the program around it, on a clock of ours. */
beforeEach(async () => {
  bench = await openBench({ users: [{ name: 'operator', token: 't', rules: shippedRules() }] })
  directory = mkdtempSync(join(tmpdir(), 'nepenthes-cluster-'))
  const { clock } = bench.parts
  logged = []
  const keep = (fields: object, message?: string) => void logged.push({ fields, message })
  const log = { ...quiet, info: keep, warn: keep, error: keep } as unknown as typeof quiet
  const credentials = {
    server: bench.server.url,
    namespace: 'default',
    read: async () => ({ headers: { authorization: 'Bearer t' }, tls: {} }),
  }
  const shared = { clock, log, random: systemRandom }
  store = await openSqliteStore({ directory, clock, log })
  snapshots = createSnapshotPublisher()
  cluster = createCluster({ ...shared, credentials, namespace: 'default', identity: 'pod-1', version: '0' })
  controller = createController({
    ...shared,
    ...cluster,
    store,
    publisher: snapshots,
    health: () => undefined,
    projectExists: async () => true,
  })
  cluster.report(controller)
  await cluster.lease.acquire()
})
afterEach(async () => {
  await controller.stop()
  await cluster.close()
  await store.close()
  expect(cluster.drift).toBe(0)
  expect(bench.clock.timers).toBe(0)
  await bench.close()
  rmSync(directory, { recursive: true })
})

describe('what is missing', () => {
  const RULES = shippedRules()
  const allow = (rules: typeof RULES) => bench.server.setUsers([{ name: 'operator', token: 't', rules }])
  const said = () => logged.filter(({ message }) => message === 'problem in the cluster').map(({ fields }) => fields)
  const inTheWay = () => controller.problems().map(({ code, file }) => `${code} ${file.split(' ')[0]}`)

  it('is said, the definition with what installs it; the program waits, and goes on by itself', async () => {
    for (const plural of ['webhooks', 'apisettings'])
      bench.server.objects.delete('customresourcedefinitions', `${plural}.nepenthes.dev`)
    await controller.start()
    expect(inTheWay().sort()).toEqual([
      'DefinitionMissing apisettings.nepenthes.dev',
      'DefinitionMissing webhooks.nepenthes.dev',
    ])
    expect(JSON.stringify(said())).toContain('kubectl apply -f crds/')
    expect(snapshots.current.complete).toBe(false)
    installDefinitions(bench.server)
    bench.server.objects.put(webhook('a', {}))
    await bench.until(() => expect(statusOf('a')).toMatchObject({ programmedGeneration: 1 }))
    expect(logged.filter(({ message }) => message === 'problem is gone').length).toBe(2)
  })

  it.each([
    [
      'resources',
      (rule: AccessRule) => !rule.resources.includes('webhooks'),
      'Grant list and watch on webhooks.nepenthes.dev',
    ],
    [
      'statuses',
      (rule: AccessRule) => !rule.resources.includes('webhooks/status'),
      'grant patch on apisettings/status and webhooks/status',
    ],
    ['events', (rule: AccessRule) => !rule.resources.includes('events'), 'grant create and patch on events'],
    ['Secrets', (rule: AccessRule) => !rule.resources.includes('secrets'), 'grant get, list and watch on secrets'],
  ])(
    'is said, the permission for %s with what grants it; the program waits, and goes on by itself',
    async (_what, allowed, hint) => {
      const { server } = bench
      server.objects.put(secret('one', { secret: FIRST }))
      server.objects.put(webhook('a', SIGNED))
      allow(RULES.filter(allowed))
      await controller.start()
      const told = () => JSON.stringify([logged, controller.list().map(({ status }) => status)])
      await bench.until(() => expect(told()).toContain(hint))
      allow(RULES)
      await bench.until(() => {
        expect(statusOf('a')).toMatchObject({ programmedGeneration: 1 })
        expect(JSON.stringify(statusOf('a'))).toMatch(/"type":"ResolvedRefs","status":"True"/)
        expect(server.objects.list('events', 'default').map(({ reason }) => reason)).toContain('Programmed')
      })
      expect([signingWith('a'), inTheWay()]).toEqual([FIRST, []])
    },
  )

  it('a definition that goes takes its objects along, and what comes back is served', async () => {
    const { server } = bench
    server.objects.put(webhook('a', {}))
    await controller.start()
    await bench.until(() => expect(inForce('a')).toBeDefined())
    server.objects.delete('customresourcedefinitions', 'webhooks.nepenthes.dev')
    await bench.until(() =>
      expect([inForce('a'), inTheWay()]).toEqual([undefined, ['DefinitionMissing webhooks.nepenthes.dev']]),
    )
    installDefinitions(server)
    server.objects.put(webhook('b', {}))
    await bench.until(() => expect(statusOf('b')).toMatchObject({ programmedGeneration: 1 }))
  })
})

describe('an API server that is away for an hour', () => {
  it('changes nothing of what is in force, is asked with patience, and is caught up with', async () => {
    const { server } = bench
    server.objects.put(secret('one', { secret: FIRST }))
    for (const name of ['a', 'b']) server.objects.put(webhook(name, SIGNED))
    await controller.start()
    await bench.until(() => {
      for (const name of ['a', 'b']) expect(statusOf(name)).toMatchObject({ programmedGeneration: 1 })
    })
    const before = inForce('a')
    const back = server.faults.inject({}, { kind: 'reset' })
    for (const watch of server.watches) watch.reset()
    server.objects.put(webhook('a', { ...SIGNED, description: 'changed meanwhile' }))
    server.objects.delete('webhooks', 'b')
    server.objects.put(secret('one', { secret: SECOND }))
    server.compact()
    server.requests.clear()
    await pass(HOUR_MS, 10_000)
    expect([inForce('a'), inForce('b')?.name, signingWith('a')]).toEqual([before, 'b', FIRST])
    expect(controller.problems().map(({ code }) => code)).toEqual(['Unreachable', 'Unreachable'])
    // Between two tries it waits for 15 to 30 seconds by then.
    for (const resource of ['webhooks', 'apisettings', 'secrets']) {
      const tried = server.requests.all.filter((request) => request.resource === resource).length
      expect(tried).toBeGreaterThan(20)
      expect(tried).toBeLessThan(HOUR_MS / 1000 / 15 + 10)
    }
    expect(server.requests.count('patch')).toBe(0)

    back()
    await bench.until(() =>
      expect([inForce('a')?.spec.description, inForce('b')]).toEqual(['changed meanwhile', undefined]),
    )
    await bench.until(() => expect([signingWith('a'), controller.problems()]).toEqual([SECOND, []]))
    await bench.until(() => expect(statusOf('a')).toMatchObject({ programmedGeneration: 2 }))
    expect(server.objects.get('leases', 'nepenthes-operator')?.spec).toMatchObject({
      holderIdentity: 'pod-1',
      leaseTransitions: 0,
    })
  })
})
