import { createHmac } from 'node:crypto'
import { rmSync } from 'node:fs'
import { Webhook } from 'standardwebhooks'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { apiSettingsYaml, webhookYaml } from '../reconcile/environment.ts'
import { createPlace, startProgram, type Place, type Program } from '../support/program.ts'
import { createReceiver, type Received, type Receiver } from '../support/receiver.ts'

const SECRET = 'a plain text secret, long enough'
const SIGNED = 'signature: {secretKeyRef: {name: hook, key: secret}}'
const ALL = 'events: [project:created, project:updated, work_package:created, work_package:updated, time_entry:created]'

let place: Place
let receiver: Receiver
let program: Program

const hook = (...lines: string[]) => webhookYaml('hook', `url: ${receiver.url}`, ...lines)
const bodyOf = (request: Received | undefined) =>
  JSON.parse(String(request?.body)) as { action: string } & Record<string, Record<string, unknown>>
const link = (href: string) => ({ href: `/api/v3/${href}` })

beforeAll(async () => {
  place = createPlace()
  receiver = await createReceiver()
  place.secret('hook', 'secret', `${SECRET}\n`)
  place.write('webhooks/hook.yaml', hook(SIGNED, ALL))
  place.write(
    'api.yml',
    apiSettingsYaml('maxPageSize: 50', 'cors: {enabled: true, allowedOrigins: [https://app.example]}'),
  )
  program = await startProgram(place)
})
afterAll(async () => {
  await program.kill('SIGKILL')
  await receiver.close()
  place.dispose()
})

describe('the main job, as a user does it', () => {
  it('what was committed is in force, and says so', async () => {
    const hooked = await program.until('Webhook/hook', 'Ready', 'True')
    expect(hooked.status.endpoint).toBe(`http://127.0.0.1:${receiver.port}`)
    await program.until('ApiSettings/default', 'Ready', 'True')
    const { json } = await program.call('GET', '/api/v3/configuration')
    expect(json.maximumAPIV3PageSize).toBe(50)
  })

  it('a project, a work package and time logged on it reach the receiver, signed as promised', async () => {
    const project = await program.call('POST', '/api/v3/projects', { name: 'Demo', identifier: 'demo' })
    expect(project.status).toBe(201)
    const workPackage = await program.call('POST', '/api/v3/projects/demo/work_packages', {
      subject: 'Log time on me',
      _links: { type: link('types/1') },
    })
    expect(workPackage.status).toBe(201)
    const time = await program.call('POST', '/api/v3/time_entries', {
      hours: 'PT1H30M',
      spentOn: '2026-05-01',
      _links: {
        entity: link(`work_packages/${String(workPackage.json.id)}`),
        activity: link('time_entries/activities/1'),
      },
    })
    expect(time.status).toBe(201)

    const requests = await receiver.received(3)
    const events = requests.map(({ headers }) => headers['x-nepenthes-event'])
    expect([...events].sort()).toEqual(['project:created', 'time_entry:created', 'work_package:created'])
    for (const { method, headers, body } of requests) {
      expect(method).toBe('POST')
      expect(new Webhook(SECRET, { format: 'raw' }).verify(String(body), headers as Record<string, string>)).toEqual(
        JSON.parse(String(body)),
      )
      expect(headers['x-op-signature']).toBe(`sha1=${createHmac('sha1', SECRET).update(body).digest('hex')}`)
      expect(headers['user-agent']).toMatch(/^Nepenthes\/\d/)
      expect(headers).toMatchObject({ 'content-type': 'application/json', 'x-nepenthes-attempt': '1' })
    }
    const logged = bodyOf(requests.find(({ headers }) => headers['x-nepenthes-event'] === 'time_entry:created'))
    expect(Object.keys(logged)).toEqual(['action', 'time_entry', 'actor'])
    expect(logged.time_entry).toEqual(time.json)
    await program.until('Webhook/hook', 'Delivering', 'True', 'Delivered')
  })

  it('a wrong value is refused whole, says where, and the last good version goes on delivering', async () => {
    place.write('webhooks/hook.yaml', hook(SIGNED, 'events: [project:updated, project:craeted]'))
    const refused = await program.until('Webhook/hook', 'Accepted', 'False', 'InvalidSpec')
    expect(refused.status.conditions[0]?.message).toContain('Did you mean project:created?')
    expect(refused.status).toMatchObject({ observedGeneration: 2, programmedGeneration: 1 })
    await program.call('POST', '/api/v3/projects', { name: 'Second', identifier: 'second' })
    const requests = await receiver.received(4)
    expect(bodyOf(requests[3]).action).toBe('project:created')
  })

  it('a corrected file takes over by itself, and only its events are delivered', async () => {
    place.write('webhooks/hook.yaml', hook(SIGNED, 'events: [project:updated]', 'projects: [second]'))
    await program.until('Webhook/hook', 'Ready', 'True')
    await program.call('POST', '/api/v3/projects', { name: 'Third', identifier: 'third' })
    await program.call('PATCH', '/api/v3/projects/demo', { name: 'Not selected' })
    await program.call('PATCH', '/api/v3/projects/second', { name: 'Selected' })
    const requests = await receiver.received(5)
    expect(requests).toHaveLength(5)
    expect(bodyOf(requests[4])).toMatchObject({
      action: 'project:updated',
      project: { identifier: 'second', name: 'Selected' },
    })
  })

  it('a rotated secret signs the next delivery, without a restart', async () => {
    const rotated = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
    const signedWithTheNewOne = async () => {
      const count = receiver.requests.length
      await program.call('PATCH', '/api/v3/projects/second', { name: `Renamed ${count}` })
      const request = (await receiver.received(count + 1))[count]
      expect(() =>
        new Webhook(rotated).verify(String(request?.body), request?.headers as Record<string, string>),
      ).not.toThrow()
    }
    place.secret('hook', 'secret', rotated)
    await vi.waitFor(signedWithTheNewOne, { timeout: 10_000, interval: 20 })
  })

  it('a Secret that goes missing holds deliveries; when it is back they are sent, signed', async () => {
    rmSync(`${place.secrets}/hook`, { recursive: true })
    await program.until('Webhook/hook', 'ResolvedRefs', 'False', 'SecretNotFound')
    const count = receiver.requests.length
    await program.call('PATCH', '/api/v3/projects/second', { name: 'Held' })
    const held = await program.resource('Webhook/hook')
    expect(held?.status.delivery?.pending).toBe(1)
    expect(receiver.requests).toHaveLength(count)
    place.secret('hook', 'secret', SECRET)
    const request = (await receiver.received(count + 1))[count]
    new Webhook(SECRET, { format: 'raw' }).verify(String(request?.body), request?.headers as Record<string, string>)
  })

  it('browsers on a listed origin may call, others not, and a change of the list is live', async () => {
    const allowed = async (origin: string) =>
      (await program.call('GET', '/api/v3', undefined, { origin })).headers.get('access-control-allow-origin')
    expect(await allowed('https://app.example')).toBe('https://app.example')
    expect(await allowed('https://other.example')).toBeNull()
    place.write('api.yml', apiSettingsYaml('cors: {enabled: true, allowedOrigins: [https://other.example]}'))
    await program.until('ApiSettings/default', 'Ready', 'True')
    await vi.waitFor(async () => expect(await allowed('https://other.example')).toBe('https://other.example'), {
      timeout: 10_000,
      interval: 20,
    })
    expect(await allowed('https://app.example')).toBeNull()
  })

  it('the service can be switched off even by a document that is wrong otherwise, and on again', async () => {
    place.write('api.yml', apiSettingsYaml('enabled: false', 'maxPageSize: nonsense'))
    await program.until('ApiSettings/default', 'Accepted', 'False', 'InvalidSpec')
    expect((await program.call('GET', '/api/v3')).status).toBe(403)
    place.write('api.yml', apiSettingsYaml('enabled: true'))
    await program.until('ApiSettings/default', 'Ready', 'True')
    expect((await program.call('GET', '/api/v3')).status).toBe(200)
  })

  it('nothing it says holds a secret', async () => {
    const { json } = await program.call('GET', '/api/v3/users/me')
    expect(json.login).toBe('admin')
    const shown = program.log.join('\n') + JSON.stringify(await program.resource('Webhook/hook'))
    for (const secret of [SECRET, 'MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', program.token])
      expect(shown).not.toContain(secret)
  })
})
