import { afterAll, beforeAll, expect, it } from 'vitest'
import { webhookYaml } from '../reconcile/environment.ts'
import { createPlace, startProgram, type Place, type Program } from '../support/program.ts'
import { createReceiver, type Receiver } from '../support/receiver.ts'

let place: Place
let receiver: Receiver
let program: Program

beforeAll(async () => {
  place = createPlace()
  receiver = await createReceiver()
})
afterAll(async () => {
  await program.kill('SIGKILL')
  await receiver.close()
  place.dispose()
})

const hook = (resumeAt?: string) =>
  webhookYaml('hook', `url: ${receiver.url}`, 'events: [project:created]').replace(
    '{name: hook}',
    resumeAt === undefined ? '{name: hook}' : `{name: hook, annotations: {nepenthes.dev/resumeAt: "${resumeAt}"}}`,
  )
const createProject = (identifier: string) => program.call('POST', '/api/v3/projects', { name: identifier, identifier })
const status = async () => (await program.resource('Webhook/hook'))?.status
const POLLING = { timeout: 15_000, interval: 20 }
/** `Delivering` itself turns once a minute at most. */
const STOPPED = { lastFailure: 'HTTP 410 Gone', consecutiveFailures: 1, pending: 1 }

it('a resume that was withdrawn resumes nothing any more, whatever the file says after a restart', async () => {
  receiver.answer = 410
  place.write('hook.yaml', hook())
  program = await startProgram(place)
  await program.until('Webhook/hook', 'Ready', 'True')
  await createProject('one')
  await program.until('Webhook/hook', 'Delivering', 'False', 'EndpointGone')

  receiver.answer = 204
  place.write('hook.yaml', hook('now'))
  const resumed = await program.until('Webhook/hook', 'Delivering', 'True', 'Delivered')
  expect(resumed.status.lastHandledResumeAt).toBe('now')

  receiver.answer = 410
  place.write('hook.yaml', hook())
  await expect.poll(async () => (await status())?.lastHandledResumeAt, POLLING).toBeUndefined()
  await createProject('two')
  await expect.poll(async () => (await status())?.delivery, POLLING).toMatchObject(STOPPED)

  place.write('hook.yaml', 'kind: [')
  await program.kill('SIGTERM')
  receiver.answer = 204
  program = await startProgram(place)
  await program.until('Webhook/hook', 'Ready', 'True')
  await createProject('three')
  await expect.poll(async () => (await status())?.delivery, POLLING).toMatchObject({ ...STOPPED, pending: 2 })
  expect(receiver.requests).toHaveLength(3)
})
