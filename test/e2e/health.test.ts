import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { webhookYaml } from '../reconcile/environment.ts'
import { createPlace, startProgram, type Place, type Program } from '../support/program.ts'
import { createReceiver, type Answer, type Receiver } from '../support/receiver.ts'

/** What each endpoint answers, by the path it is called at. */
const ANSWERS: Record<string, Answer> = { '/gone': 410, '/failing': 500, '/broken': 500 }

let place: Place
let receiver: Receiver
let program: Program
let projects = 0

const createProject = () => {
  projects += 1
  return program.call('POST', '/api/v3/projects', { name: `Project ${projects}`, identifier: `project-${projects}` })
}
const hook = (name: string, url: string, ...lines: string[]) =>
  webhookYaml(name, `url: ${url}`, 'events: [project:created]', ...lines)
const at = (path: string) => `http://127.0.0.1:${receiver.port}${path}`
const requestsTo = (path: string) => receiver.requests.filter((request) => request.path === path).length

beforeAll(async () => {
  place = createPlace()
  receiver = await createReceiver()
  receiver.answer = ({ path }) => ANSWERS[path] ?? 204
  place.write('gone.yaml', hook('gone', at('/gone'), 'projects: [project-1]'))
  place.write(
    'failing.yaml',
    webhookYaml(
      'failing',
      `url: ${at('/failing')}`,
      'events: [project:created, project:updated]',
      'projects: [project-1]',
    ),
  )
  place.write('broken.yaml', hook('broken', at('/broken')))
  place.write('private.yaml', hook('private', 'http://10.0.0.1/hooks'))
  place.write('well.yaml', hook('well', at('/well')))
  place.write('quiet.yaml', webhookYaml('quiet', `url: ${at('/quiet')}`))
  program = await startProgram(place)
  await program.until('Webhook/well', 'Ready', 'True')
  await createProject()
})
afterAll(async () => {
  await program.kill('SIGKILL')
  await receiver.close()
  place.dispose()
})

describe.concurrent('Delivering', () => {
  it('is True once something arrived, Unknown before', async () => {
    await program.until('Webhook/well', 'Delivering', 'True', 'Delivered')
    await program.until('Webhook/quiet', 'Delivering', 'Unknown', 'NoDeliveries')
  })

  it('tells of a private address, and which flag would allow it', async () => {
    const { status } = await program.until('Webhook/private', 'Delivering', 'False', 'AddressBlocked')
    const message = status.conditions.find(({ type }) => type === 'Delivering')?.message
    expect(message).toContain('--allow-address')
    expect(status.delivery?.pending).toBeGreaterThan(0)
    expect(status.conditions.find(({ type }) => type === 'Ready')?.status).toBe('True')
  })

  it('tells of an endpoint that is gone, until somebody says it is back', async () => {
    await program.until('Webhook/gone', 'Delivering', 'False', 'EndpointGone')
    expect(requestsTo('/gone')).toBe(1)
    ANSWERS['/gone'] = 204
    const annotated = '{name: gone, annotations: {nepenthes.dev/resumeAt: "now"}}'
    const resumed = hook('gone', at('/gone'), 'projects: [project-1]').replace('{name: gone}', annotated)
    place.write('gone.yaml', resumed)
    const { status } = await program.until('Webhook/gone', 'Delivering', 'True', 'Delivered')
    expect(status.lastHandledResumeAt).toBe('now')
  })

  it('turns False after two failures at least five seconds apart', { timeout: 40_000 }, async () => {
    // The schedule's own second attempt may come after four seconds: more events make sure of one after five.
    await vi.waitFor(
      async () => {
        const conditions = (await program.resource('Webhook/failing'))?.status.conditions
        if (conditions?.find(({ type }) => type === 'Delivering')?.reason === 'EndpointFailing') return
        await program.call('PATCH', '/api/v3/projects/project-1', { name: `Renamed ${requestsTo('/failing')}` })
        throw new Error(`not failing yet: ${JSON.stringify(conditions)}`)
      },
      { timeout: 20_000, interval: 1_500 },
    )
    expect(requestsTo('/failing')).toBeGreaterThanOrEqual(2)
  })

  it('tells of an open circuit', { timeout: 30_000 }, async () => {
    for (let n = 0; n < 12; n += 1) await createProject()
    await program.until('Webhook/broken', 'Delivering', 'False', 'CircuitOpen')
  })
})
