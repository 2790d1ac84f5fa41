import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'

import { SecretValue } from '../../src/base/secret.ts'
import { type AdminUnderTest, seedDeliveries, startAdmin } from '../support/admin.ts'
import { ended, nepenthes, nepenthesHere, type Ran, startProcess } from '../support/cli.ts'
import { resourceWith } from '../support/listing.ts'

const settings = resourceWith('ApiSettings', 'default', [['Ready', 'True']], { status: { programmedGeneration: 1 } })
const billing = resourceWith(
  'Webhook',
  'billing',
  [
    ['ResolvedRefs', 'True'],
    ['Ready', 'True'],
    ['Delivering', 'False', 'CircuitOpen', 'ten failures in a row'],
  ],
  { status: { endpoint: 'https://billing.example.com', programmedGeneration: 1 } },
)
const audit = resourceWith(
  'Webhook',
  'audit-with-a-long-name',
  [
    ['ResolvedRefs', 'False', 'SecretNotFound', 'there is no Secret \u001b[2Jaudit'],
    ['Ready', 'False', 'SecretNotFound', 'there is no Secret audit'],
    ['Delivering', 'Unknown', 'NoDeliveries'],
  ],
  { generation: 3, status: { endpoint: '(secret)', programmedGeneration: 2 } },
)
const problem = {
  file: 'conf/a.yaml',
  line: 3,
  column: 7,
  path: '',
  code: 'Unparsable',
  message: 'a tab indents',
  hint: 'use spaces',
} as const

let admin: AdminUnderTest
beforeAll(async () => {
  admin = await startAdmin({ problems: [problem] })
  admin.listing.put(settings, billing, audit)
  await seedDeliveries(admin.store)
})
afterAll(() => admin[Symbol.asyncDispose]())

const run = (...args: string[]): Promise<Ran> => nepenthes(args, { NEPENTHES_SERVER: admin.url })
const runHere = (...args: string[]): Promise<Ran> => nepenthesHere([...args, '--server', admin.url])

describe('status', () => {
  test('a table', async () => {
    const { code, stdout, stderr } = await run('status')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatchInlineSnapshot(`
      "KIND         NAME                    READY  DELIVERING  REASON          ENDPOINT                     GENERATION
      ApiSettings  default                 True   -           Ready           -                            1
      Webhook      audit-with-a-long-name  False  Unknown     SecretNotFound  (secret)                     3 (2 in force)
      Webhook      billing                 True   False       CircuitOpen     https://billing.example.com  1

      Problems:
        conf/a.yaml:3:7: a tab indents (use spaces)
      "
    `)
  })

  test('a List as JSON and as YAML, narrowed by kind', async () => {
    const list = { apiVersion: 'v1', kind: 'List', items: [audit, billing], problems: [problem] }
    expect(JSON.parse((await runHere('status', 'nwh', '--output', 'json')).stdout)).toEqual(list)
    expect(parse((await runHere('status', 'Webhooks', '--output', 'yaml')).stdout)).toEqual(list)
  })

  test('one resource', async () => {
    const { code, stdout } = await runHere('status', 'ApiSettings/default', '--output', 'json')
    expect(code).toBe(0)
    expect((JSON.parse(stdout) as { items: unknown }).items).toEqual([settings])
  })

  test.each([
    [['webhook/none'], 1, 'nepenthes: there is no webhook/none\n'],
    [
      ['gadget'],
      2,
      'nepenthes: there is no kind "gadget"\nThere are ApiSettings or apisettings, and Webhook or webhooks or nwh, in any case.\n',
    ],
    [['--output', 'xml'], 2, 'nepenthes: --output "xml": expected table, json or yaml\n'],
    [['webhook/'], 2, 'nepenthes: "webhook/": expected KIND/NAME'],
  ])('%j fails with %d', async (args, code, stderr) => {
    const ran = await runHere('status', ...args)
    expect(ran.code).toBe(code)
    expect(ran.stderr.startsWith(stderr), ran.stderr).toBe(true)
  })
})

describe('wait', () => {
  test('succeeds at once when the condition holds', async () => {
    expect(await run('wait', 'webhook/billing', '--for=condition=Ready')).toEqual({
      code: 0,
      stdout: 'webhook/billing condition met\n',
      stderr: '',
    })
  })

  test('succeeds when it comes to hold, for a resource still to come', async () => {
    const subscribed = admin.listing.subscribed()
    const ran = run('wait', 'webhook/late', '--for', 'condition=delivering=false')
    await subscribed
    admin.listing.put(resourceWith('Webhook', 'late', [['Delivering', 'False', 'EndpointGone']]))
    expect((await ran).code).toBe(0)
  })

  test('tells what is still False when time is up', async () => {
    const { code, stderr } = await run(
      'wait',
      'nwh/audit-with-a-long-name',
      '--for=condition=Ready',
      '--timeout',
      '20ms',
    )
    expect(code).toBe(1)
    expect(stderr).toMatchInlineSnapshot(`
      "nepenthes: timed out after 0.02 s waiting for webhook/audit-with-a-long-name to become Ready=True
        ResolvedRefs is False (SecretNotFound): there is no Secret �[2Jaudit
        Ready is False (SecretNotFound): there is no Secret audit
      "
    `)
  })

  test('tells that there is no such resource when time is up', async () => {
    const { code, stderr } = await runHere('wait', 'webhook/none', '--for=condition=Ready', '--timeout', '0')
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr:
        'nepenthes: timed out after 0 s waiting for webhook/none to become Ready=True\n  there is no webhook/none\n',
    })
  })

  test('waits for the operator itself', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => taken.once('listening', resolve))
    const { port } = taken.address() as AddressInfo
    await new Promise((resolve) => taken.close(resolve))
    const child = startProcess([
      'wait',
      'webhook/billing',
      '--for=condition=Ready',
      '--server',
      `http://127.0.0.1:${port}`,
    ])
    const ran = ended(child)
    await new Promise((resolve) => child.stderr?.once('data', resolve))
    const late = createServer((_request, response) => response.end(JSON.stringify(billing))).listen(port, '127.0.0.1')
    expect(await ran).toMatchObject({ code: 0, stderr: `waiting for an operator at http://127.0.0.1:${port}\n` })
    late.close()
  })

  test.each([
    [['webhook', '--for=condition=Ready'], 'expected KIND/NAME'],
    [['webhook/..', '--for=condition=Ready'], 'expected KIND/NAME'],
    [['webhook/x', '--for=condition=Raedy'], 'expected condition=TYPE'],
    [['webhook/x', '--for=delete'], 'expected condition=TYPE'],
    [['webhook/x', '--for=condition=Ready', '--timeout', 'soon'], '--timeout "soon": expected a duration'],
    [['webhook/x'], "required option '--for <condition>' not specified"],
  ])('%j is wrong usage', async (args, stderr) => {
    const ran = await runHere('wait', ...args)
    expect(ran.code).toBe(2)
    expect(ran.stderr).toContain(stderr)
  })
})

describe('deliveries', () => {
  test('a table, newest first', async () => {
    expect((await run('deliveries', 'list')).stdout).toMatchInlineSnapshot(`
      "ID     STATE    WEBHOOK  EVENT               ATTEMPTS  OCCURRED                  LAST FAILURE
      dlv_3  pending  billing  time_entry:created  0         2026-03-01T12:00:01.000Z  -
      dlv_2  pending  audit    time_entry:created  0         2026-03-01T12:00:00.000Z  -
      dlv_1  dead     billing  time_entry:created  1         2026-03-01T12:00:00.000Z  the receiver answered 500
      "
    `)
    expect((await runHere('deliveries', 'list', '--webhook', 'nobody')).stdout).toBe('No deliveries.\n')
  })

  test('JSON, filtered', async () => {
    const { stdout } = await runHere('deliveries', 'list', '--state', 'dead', '--output', 'json')
    expect(JSON.parse(stdout)).toMatchObject({ items: [{ id: 'dlv_1', state: 'dead' }] })
  })

  test('one, with what the receiver answered made harmless', async () => {
    expect((await run('deliveries', 'show', 'dlv_1')).stdout).toMatchInlineSnapshot(`
      "id:             dlv_1
      eventId:        evt_1
      event:          time_entry:created
      projectId:      7
      webhook:        billing
      state:          dead
      attempts:       1
      occurredAt:     2026-03-01T12:00:00.000Z
      finishedAt:     2026-03-01T12:00:00.017Z
      lastFailure:    the receiver answered 500

      Body:
        {"action":"time_entry:created"}

      Attempts:
        1. 2026-03-01T12:00:00.005Z  http, status 500, 12 ms
           the receiver answered 500
           answer: no�[31m way
      "
    `)
  })

  test('again, the new id alone on standard output', async () => {
    const { code, stdout, stderr } = await run('deliveries', 'redeliver', 'dlv_1')
    expect({ code, stderr }).toEqual({ code: 0, stderr: 'queued as dlv_4 for webhook billing\n' })
    expect(stdout).toBe('dlv_4\n')
  })

  test.each([
    [['show', 'dlv_zz'], 1, 'nepenthes: there is no delivery "dlv_zz"'],
    [['show', '..'], 2, 'nepenthes: "..": expected the id of a delivery, for example dlv_2n9c'],
    [['redeliver', 'dlv_1/..'], 2, 'nepenthes: "dlv_1/..": expected the id of a delivery'],
    [['list', '--limit', '0'], 2, 'nepenthes: --limit "0": expected 1 to 1000\n'],
    [['list', '--state', 'foo'], 2, 'nepenthes: --state "foo": expected pending, delivered, dead, cancelled\n'],
    [['list', '--before', 'x'], 2, 'nepenthes: --before "x": expected the id of a delivery'],
  ])('%j fails with %d', async (args, code, stderr) => {
    const ran = await runHere('deliveries', ...args)
    expect(ran.code).toBe(code)
    expect(ran.stderr).toContain(stderr)
  })
})

describe('token', () => {
  test('create prints the token alone; list does not show it; revoke takes it back', async () => {
    const created = await run('token', 'create', '--name', 'ci')
    expect(created).toMatchObject({ code: 0, stdout: 'text-of-ci\n' })
    expect((await runHere('token', 'list')).stdout).toBe(
      'ID  USER   NAME  CREATED\n1   admin  ci    2026-03-01T12:00:00.000Z\n',
    )
    expect(await runHere('token', 'revoke', '1')).toEqual({ code: 0, stdout: 'token 1 revoked\n', stderr: '' })
    expect((await runHere('token', 'list')).stdout).toBe('No tokens.\n')
    expect((await runHere('token', 'revoke', '1')).stderr).toContain('there is no token "1"')
    expect(await runHere('token', 'revoke', '..')).toMatchObject({ code: 2 })
  })
})

describe('application', () => {
  const ID = '1'.padStart(32, '0')

  test('create prints what a shell can read; list does not show the secret; delete takes it back', async () => {
    const args = ['--name', 'Report', '--redirect-uri', 'https://a.example/', '--redirect-uri', 'http://[::1]:8/x']
    const created = await run('application', 'create', ...args, '--acts-as', 'admin')
    expect(created).toEqual({
      code: 0,
      stdout: `client_id=${ID}\nclient_secret=secret-of-Report\n`,
      stderr: 'registered application Report; keep the secret, it is not shown again\n',
    })
    expect((await runHere('application', 'list')).stdout).toBe(
      'CLIENT ID                         NAME    KIND          ACTS AS  REDIRECT URIS                        CREATED\n' +
        `${ID}  Report  confidential  admin    https://a.example/ http://[::1]:8/x  2026-03-01T12:00:00.000Z\n`,
    )
    const deleted = await runHere('application', 'delete', ID)
    expect(deleted).toEqual({ code: 0, stdout: `application ${ID} deleted\n`, stderr: '' })
    expect((await runHere('application', 'list')).stdout).toBe('No applications.\n')
    expect((await runHere('application', 'delete', ID)).stderr).toContain(`there is no application with the client ID`)
  })

  test('create answers programs in JSON, a public application without a secret', async () => {
    const args = ['create', '--name', 'Board', '--public', '--redirect-uri', 'https://b.example/', '-o', 'json']
    const created = await runHere('application', ...args)
    const redirectUris = ['https://b.example/']
    const shown = { name: 'Board', redirectUris, public: true, clientId: ID, actsAs: null }
    expect(JSON.parse(created.stdout)).toEqual({ ...shown, createdAt: '2026-03-01T12:00:00.000Z' })
    expect(created.stderr).toBe('registered application Board\n')
    await runHere('application', 'delete', ID)
  })

  test('wrong usage is told at once and whole, before anything is asked', async () => {
    const args = ['--name', 'x', '--public', '--acts-as', 'jane', '--redirect-uri', 'http://a.example/#x y']
    const { code, stderr } = await nepenthesHere(['application', 'create', ...args, '--server', 'http://127.0.0.1:1'])
    expect(code).toBe(2)
    for (const said of ['credentials of its own', '"http://a.example/#x" must not have a fragment', '"y" is no web'])
      expect(stderr).toContain(said)
    expect((await runHere('application', 'create', '--name', 'x')).code).toBe(2)
    expect((await runHere('application', 'delete', '7')).code).toBe(2)
  })
})

/** A server that is none of ours: whatever is asked, it says this. */
async function startOther(status: number, body: string) {
  const other = createServer((_request, response) => response.writeHead(status).end(body)).listen(0, '127.0.0.1')
  await new Promise((resolve) => other.once('listening', resolve))
  const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
  return { url, [Symbol.asyncDispose]: () => other[Symbol.asyncDispose]() }
}

describe('the way to the server', () => {
  test.each([
    [503, 'no healthy upstream'],
    [504, '<html>'],
    [504, '{"resource":null}'],
    [200, '<html>'],
    [200, '{"items":[],"metadata":{"name":"other"}}'],
    [200, 'null'],
  ])('somebody who answers %d with %s', async (status, body) => {
    await using other = await startOther(status, body)
    const server = ['--server', other.url]
    const commands = [
      ['wait', 'webhook/billing', '--for=condition=Ready', '--timeout', '0'],
      ['ping', 'webhook/billing'],
      ...(body.startsWith('{"items"') ? [] : [['status'], ['deliveries', 'list'], ['token', 'list']]),
    ]
    for (const command of commands) {
      const { code, stderr } = await nepenthesHere([...command, ...server])
      expect({ code, stderr }, command.join(' ')).toEqual({
        code: 1,
        stderr: `nepenthes: ${other.url} answered with HTTP status ${status}, but not as an admin listener does; is --server right?\n`,
      })
    }
  })

  test('nobody there', async () => {
    const { code, stderr } = await nepenthes(['status', '--server', 'http://127.0.0.1:1'])
    expect({ code, stderr }).toEqual({
      code: 1,
      stderr:
        'nepenthes: no operator answers at http://127.0.0.1:1 (ECONNREFUSED)\n' +
        'Start one with "nepenthes run --config DIR", or name its admin listener with --server URL or NEPENTHES_SERVER.\n',
    })
  })

  test('somebody else there', async () => {
    await using other = createServer((_request, response) => response.writeHead(404).end('nothing here')).listen(
      0,
      '127.0.0.1',
    )
    await new Promise((resolve) => other.once('listening', resolve))
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
    const { code, stderr } = await nepenthes(['status', '--server', url])
    expect(code).toBe(1)
    expect(stderr).toContain(`${url} answered with HTTP status 404, but not as an admin listener does`)
  })

  test('off loopback the admin token opens, and is not printed', async () => {
    await using guarded = await startAdmin({ access: { loopback: false, token: new SecretValue('open-sesame') } })
    const server = ['--server', guarded.url]
    expect((await nepenthes(['status', ...server], { NEPENTHES_ADMIN_TOKEN: 'open-sesame' })).code).toBe(0)
    const refused = await nepenthes(['status', ...server], { NEPENTHES_ADMIN_TOKEN: 'open-sesam' })
    expect(refused.code).toBe(1)
    expect(refused.stderr).toContain('this is not the admin token')
    expect(refused.stderr).not.toContain('open-sesam')
  })
})

describe('usage', () => {
  test('the exit code reaches the shell', async () => {
    expect(await nepenthes(['--version'])).toEqual({ code: 0, stdout: '0.1.0\n', stderr: '' })
    expect((await nepenthes(['status', '--frobnicate'])).code).toBe(2)
  })

  test('nobody reads on: no error', async () => {
    const child = startProcess(['--help'])
    child.stdout?.destroy()
    expect(await ended(child)).toMatchObject({ code: 0, stderr: '' })
  })

  test.each([
    [['frobnicate'], 2, '', "nepenthes: unknown command 'frobnicate'"],
    [['status', '--frobnicate'], 2, '', "nepenthes: unknown option '--frobnicate'\nSee nepenthes status --help.\n"],
    [['validate'], 2, '', "nepenthes: missing required argument 'path'"],
    [['deliveries'], 2, '', 'Usage: nepenthes deliveries'],
    [[], 2, '', 'Usage: nepenthes'],
  ])('%j', async (args, code, stdout, stderr) => {
    const ran = await nepenthesHere(args)
    expect({ code: ran.code, stdout: ran.stdout }).toEqual({ code, stdout })
    expect(ran.stderr.startsWith(stderr), ran.stderr).toBe(true)
  })
})
