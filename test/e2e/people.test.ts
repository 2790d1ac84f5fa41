import { afterAll, beforeAll, expect, it } from 'vitest'
import { nepenthes } from '../support/cli.ts'
import { createPlace, startProgram, type Place, type Program } from '../support/program.ts'

let place: Place
let program: Program

beforeAll(async () => {
  place = createPlace()
  place.write('api.yaml', 'apiVersion: nepenthes.dev/v1\nkind: ApiSettings\nmetadata: {name: default}\nspec: {}\n')
  program = await startProgram(place)
  await program.until('ApiSettings/default', 'Ready', 'True')
})
afterAll(async () => {
  await program.kill('SIGKILL')
  place.dispose()
})

it('an ordinary user gets a token by the command line, works with it, and gets none while locked or deleted', async () => {
  const jane = { login: 'jane', firstName: 'Jane', lastName: 'Doe', email: 'jane@example.net' }
  const { json: user } = await program.call('POST', '/api/v3/users', jane)
  await program.call('POST', '/api/v3/projects', { name: 'Demo' })
  const token = (name: string) =>
    nepenthes(['token', 'create', '--user', 'jane', '--name', name, '--server', program.admin])
  const created = await token('laptop')
  expect([created.code, created.stderr]).toEqual([0, expect.stringMatching(/^created token \d+ for jane; keep it/)])

  const authorization = `Bearer ${created.stdout.trim()}`
  const asJane = async (method: string, path: string, body?: unknown) =>
    (await program.call(method, `/api/v3/${path}`, body, { authorization })).status
  expect([await asJane('GET', 'users/me'), await asJane('GET', 'projects/demo')]).toEqual([200, 404])
  const href = (path: string) => ({ href: `/api/v3/${path}` })
  const links = {
    project: href('projects/demo'),
    principal: href(`users/${String(user['id'])}`),
    roles: [href('roles/1')],
  }
  expect((await program.call('POST', '/api/v3/memberships', { _links: links })).status).toBe(201)
  expect(await asJane('POST', 'projects/demo/work_packages', { subject: 'By Jane' })).toBe(201)

  await program.call('POST', '/api/v3/users/jane/lock', {})
  expect(await asJane('GET', 'users/me')).toBe(401)
  const locked = await token('phone')
  expect([locked.code, locked.stdout]).toEqual([1, ''])
  expect(locked.stderr).toContain('jane is not active')
  expect((await program.call('DELETE', '/api/v3/users/jane')).status).toBe(202)
  expect((await token('phone')).stderr).toContain('there is no user jane')
})
