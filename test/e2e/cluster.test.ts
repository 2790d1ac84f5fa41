import { join } from 'node:path'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { apiSettings, secret, shippedRules, startCluster, webhook } from '../support/cluster.ts'
import type { AccessRule, FakeApiServer, KubeObject } from '../support/fake-apiserver/index.ts'
import { createPlace, startProgram, type Place, type Program } from '../support/program.ts'
import { only, renderChart } from '../support/helm.ts'
import { createReceiver, type Received, type Receiver } from '../support/receiver.ts'
import { rightsOf, rightsUsed } from '../support/rights.ts'

const FIRST = 'the first secret, long enough'
const SECOND = 'the second secret, long enough'
const SIGNED = { signature: { secretKeyRef: { name: 'hook', key: 'secret' } } }

interface Status {
  readonly observedGeneration: number
  readonly programmedGeneration?: number
  readonly conditions?: readonly { type: string; status: string; reason: string; message: string }[]
}

let place: Place
let server: FakeApiServer
let receiver: Receiver
let program: Program
let projects = 0

const start = (where: Place) =>
  startProgram(where, ['--kubernetes'], { KUBECONFIG: server.kubeconfig(join(where.root, 'kubeconfig')) })
const hook = (spec: Record<string, unknown> = {}) => webhook('hook', { url: receiver.url, ...SIGNED, ...spec })
const about = (event: KubeObject) => event['involvedObject'] as { uid: string; name: string }
const lease = () => server.objects.get('leases', 'nepenthes-operator')?.spec as { holderIdentity: string } | undefined
const settled = <T>(look: () => T | Promise<T>) => vi.waitFor(look, { timeout: 15_000, interval: 20 })

/** The object once its status, as the server has it, says this of its newest generation. */
function until(resource: string, name: string, type: string, expected: string): Promise<KubeObject> {
  return settled(() => {
    const object = server.objects.get(resource, name)
    const status = object?.status as Status | undefined
    const found = status?.conditions?.find((condition) => condition.type === type)
    expect({ generation: status?.observedGeneration, said: found && `${found.status} ${found.reason}` }).toEqual({
      generation: object?.metadata.generation,
      said: expected,
    })
    return object as KubeObject
  })
}

async function createProject(by: Program = program): Promise<void> {
  projects += 1
  const made = await by.call('POST', '/api/v3/projects', { name: `P${projects}`, identifier: `p${projects}` })
  expect(made.status).toBe(201)
}

/** The next delivery, or that after so many, and that it is signed with this secret. */
async function delivered(secretText: string, count = receiver.requests.length): Promise<Received> {
  await createProject()
  const request = (await receiver.received(count + 1))[count] as Received
  const headers = request.headers as Record<string, string>
  expect(() => new Webhook(secretText, { format: 'raw' }).verify(String(request.body), headers)).not.toThrow()
  return request
}

beforeAll(async () => {
  place = createPlace()
  receiver = await createReceiver()
  server = await startCluster()
  server.objects.put(secret('hook', { secret: `${FIRST}\n`, unused: 'never read' }))
  server.objects.put(apiSettings({ maxPageSize: 50 }))
  server.objects.put(hook())
  program = await start(place)
})
afterAll(async () => {
  await program.kill('SIGKILL')
  await server.close()
  await receiver.close()
  place.dispose()
})

describe('a namespace of a cluster', () => {
  it('what was applied is in force, and its objects say so', async () => {
    const object = await until('webhooks', 'hook', 'Ready', 'True Ready')
    expect(object.status).toMatchObject({
      observedGeneration: 1,
      programmedGeneration: 1,
      endpoint: `http://127.0.0.1:${receiver.port}`,
    })
    const owner = object.metadata.managedFields?.find(({ subresource }) => subresource === 'status')
    expect(owner).toMatchObject({ manager: 'nepenthes-operator', operation: 'Apply' })
    await until('apisettings', 'default', 'Ready', 'True Ready')
    const { json } = await program.call('GET', '/api/v3/configuration')
    expect(json.maximumAPIV3PageSize).toBe(50)
  })

  it('an event is delivered, signed with what the Secret holds', async () => {
    await delivered(FIRST)
    await until('webhooks', 'hook', 'Delivering', 'True Delivered')
  })

  it('what turned is told in events about the object', async () => {
    const uid = server.objects.get('webhooks', 'hook')?.metadata.uid
    await settled(() => {
      const events = server.objects.list('events', 'default').filter((event) => about(event).uid === uid)
      const words = events.map(({ type, reason }) => `${String(type)} ${String(reason)}`)
      expect(words.sort()).toEqual(['Normal Delivered', 'Normal Programmed'])
    })
  })

  it('does no more than the Role that is shipped allows, and nothing of it in vain', async () => {
    expect(server.requests.all.filter(({ status }) => status === 403)).toEqual([])
    // Its own writes come back as changes of the object; they are no reason to write again.
    expect(server.requests.count('patch', 'webhooks/status')).toBeLessThanOrEqual(3)
  })

  it('an edit is live at once; an invalid one leaves the last good spec in force', async () => {
    server.objects.put(hook({ events: ['project:created', 'attachment:created'] }))
    const object = await until('webhooks', 'hook', 'Programmed', 'False LastGoodActive')
    expect(object.status).toMatchObject({ observedGeneration: 2, programmedGeneration: 1 })
    await until('webhooks', 'hook', 'Accepted', 'False UnsupportedValue')
    await delivered(FIRST)
    server.objects.put(hook())
    await until('webhooks', 'hook', 'Ready', 'True Ready')
  })

  it('a rotated Secret is used from then on', async () => {
    server.objects.put(secret('hook', { secret: SECOND }))
    await settled(() => delivered(SECOND))
  })

  it('a Secret that may not be used holds deliveries, and says how to open it; one that is not there says that', async () => {
    server.objects.put(secret('hook', { secret: SECOND }, { open: false }))
    const object = await until('webhooks', 'hook', 'ResolvedRefs', 'False RefNotPermitted')
    expect(JSON.stringify(object.status)).toContain('kubectl label secret hook nepenthes.dev/webhook=true')
    const count = receiver.requests.length
    await createProject()
    server.objects.delete('secrets', 'hook')
    server.objects.put(webhook('other', { signature: { secretKeyRef: { name: 'missing', key: 'secret' } } }))
    await until('webhooks', 'other', 'ResolvedRefs', 'False SecretNotFound')
    expect(receiver.requests.length).toBe(count)
    server.objects.put(secret('hook', { secret: SECOND }))
    await until('webhooks', 'hook', 'Ready', 'True Ready')
    await receiver.received(count + 1)
  })

  it('a deletion stops deliveries; the same name coming back goes on, though its generations start again', async () => {
    server.objects.delete('webhooks', 'hook')
    await settled(async () => expect(await program.resource('Webhook/hook')).toBeUndefined())
    const count = receiver.requests.length
    await createProject()
    server.objects.put(hook())
    const object = await until('webhooks', 'hook', 'Ready', 'True Ready')
    expect(object.status).toMatchObject({ observedGeneration: 1, programmedGeneration: 1 })
    await delivered(SECOND)
    expect(receiver.requests.length).toBe(count + 1)
  })

  it('a receiver that answered 410 is called again once the annotation asks for it', async () => {
    receiver.answer = 410
    await createProject()
    await until('webhooks', 'hook', 'Delivering', 'False EndpointGone')
    receiver.answer = 204
    const count = receiver.requests.length
    const annotations = { 'nepenthes.dev/resumeAt': '2026-05-01T00:00:00Z' }
    server.objects.put(webhook('hook', { url: receiver.url, ...SIGNED }, { annotations }))
    await receiver.received(count + 1)
    await settled(() =>
      expect(server.objects.get('webhooks', 'hook')?.status).toMatchObject({
        lastHandledResumeAt: '2026-05-01T00:00:00Z',
      }),
    )
  })

  it('nor does it stay stopped when its object is made anew', async () => {
    receiver.answer = 410
    await createProject()
    await until('webhooks', 'hook', 'Delivering', 'False EndpointGone')
    receiver.answer = 204
    const count = receiver.requests.length
    server.objects.delete('webhooks', 'hook')
    server.objects.put(hook())
    await receiver.received(count + 1)
  })

  it('nor does it go on with the spec of a deleted one; what pends for the name waits until it is valid', async () => {
    server.objects.put(secret('hook', { secret: SECOND }, { open: false }))
    await until('webhooks', 'hook', 'ResolvedRefs', 'False RefNotPermitted')
    const count = receiver.requests.length
    await createProject()
    server.objects.delete('webhooks', 'hook')
    server.objects.put(hook({ events: ['project:created', 'attachment:created'] }))
    await until('webhooks', 'hook', 'Programmed', 'False NeverValid')
    server.objects.put(secret('hook', { secret: SECOND }))
    await createProject()
    server.objects.put(hook())
    await until('webhooks', 'hook', 'Ready', 'True Ready')
    await delivered(SECOND, count + 1)
    expect(receiver.requests.length).toBe(count + 2)
  })

  it('while the API server is away, everything goes on; what happened meanwhile is caught up with', async () => {
    await server.stop()
    await delivered(SECOND)
    server.objects.put(secret('hook', { secret: FIRST }))
    server.objects.delete('webhooks', 'other')
    server.compact()
    await server.restart()
    await settled(async () => expect(await program.resource('Webhook/other')).toBeUndefined())
    await settled(() => delivered(FIRST))
  })

  it('a second operator says who holds the lease and does nothing; it takes over when the first ends', async () => {
    const elsewhere = createPlace()
    const holder = lease()?.holderIdentity ?? ''
    const second = await start(elsewhere)
    try {
      expect(await second.logged('another operator serves this namespace')).toContain(holder)
      expect((await fetch(`${second.admin}/readyz`)).status).toBe(503)
      expect(await second.resource('Webhook/hook')).toBeUndefined()
      expect((await program.kill('SIGTERM')).code).toBe(0)
      await second.until('Webhook/hook', 'Ready', 'True')
      expect(lease()?.holderIdentity).not.toBe(holder)
      await createProject(second)
    } finally {
      await second.kill('SIGTERM')
      elsewhere.dispose()
    }
    expect(lease()?.holderIdentity).toBe('')
  })

  it("all of this took each right of the Role that is shipped, and of the chart's, and no other", async () => {
    const rules = shippedRules()
    const used = rightsUsed(server.requests.all, rules)
    expect(used).toEqual(rightsOf(rules))
    const { rules: charted } = only(await renderChart(), 'Role') as unknown as { rules: AccessRule[] }
    expect(rightsOf(charted)).toEqual(used)
  })
})
