import { describe, expect, test } from 'vitest'

import type { Ping, PingOutcome } from '../../src/admin/ping.ts'
import { fail, ok } from '../../src/base/result.ts'
import { type AdminUnderTest, NOON, startAdmin } from '../support/admin.ts'
import { resourceWith } from '../support/listing.ts'

const OUTCOME: PingOutcome = {
  id: 'ping_1',
  generation: 2,
  signed: true,
  startedAt: NOON,
  durationMs: 12.5,
  outcome: 'http',
  statusCode: 500,
  message: 'HTTP 500 Internal Server Error',
  responseBody: 'no',
}
const billing = resourceWith(
  'Webhook',
  'billing',
  [
    ['Accepted', 'False', 'InvalidSpec', 'no event'],
    ['ResolvedRefs', 'True'],
    ['Ready', 'False', 'InvalidSpec', 'no event'],
    ['Delivering', 'Unknown', 'Disabled', 'The webhook is disabled.'],
  ],
  { generation: 3, status: { endpoint: 'https://billing.example.com' } },
)
const settings = resourceWith('ApiSettings', 'default', [['Ready', 'True']])

async function open(ping: Ping): Promise<AdminUnderTest> {
  const admin = await startAdmin({ ping })
  admin.listing.put(billing, settings)
  return admin
}

async function post(admin: AdminUnderTest, path: string, signal?: AbortSignal) {
  const response = await fetch(`${admin.url}/v1/resources/${path}`, {
    method: 'POST',
    headers: { 'x-nepenthes-request': '1' },
    ...(signal && { signal }),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> }
}

test('what came of it is the answer, whatever that was, with what else there is to know', async () => {
  await using admin = await open(async () => ok(OUTCOME))
  expect(await post(admin, 'nwh/billing/ping')).toEqual({
    status: 200,
    body: {
      ...OUTCOME,
      webhook: 'billing',
      endpoint: 'https://billing.example.com',
      startedAt: '2026-03-01T12:00:00.000Z',
      notes: [
        'Accepted is False (InvalidSpec): no event',
        'Delivering is Unknown (Disabled): The webhook is disabled.',
      ],
    },
  })
})

test('the time it may take is handed on', async () => {
  const limits: (number | undefined)[] = []
  await using admin = await open(async (_, { timeoutMs }) => {
    limits.push(timeoutMs)
    return ok(OUTCOME)
  })
  await post(admin, 'webhook/billing/ping?timeoutSeconds=2.5')
  await post(admin, 'webhook/billing/ping')
  expect(limits).toEqual([2500, undefined])
})

test('whoever goes away gives it up', async () => {
  const leave = new AbortController()
  const { promise: gaveUp, resolve } = Promise.withResolvers<void>()
  await using admin = await open(
    (_, { signal }) =>
      new Promise(() => {
        signal.addEventListener('abort', () => resolve())
        leave.abort()
      }),
  )
  await expect(post(admin, 'webhook/billing/ping', leave.signal)).rejects.toThrow()
  await gaveUp
})

describe('is refused for people', () => {
  test.each([
    ['webhook/none/ping', 404, 'NotFound', 'there is no Webhook/none'],
    ['gadget/x/ping', 404, 'NotFound', 'there is no kind "gadget"'],
    ['apisettings/default/ping', 400, 'BadRequest', 'ApiSettings has no receiver'],
    ['webhook/billing/ping?timeoutSeconds=0', 400, 'BadRequest', 'timeoutSeconds 0: nothing answers at once'],
    ['webhook/billing/ping?timeoutSeconds=61', 400, 'BadRequest', 'timeoutSeconds "61": expected 0 to 60'],
  ])('%s', async (path, status, code, message) => {
    await using admin = await open(async () => ok(OUTCOME))
    expect(await post(admin, path)).toMatchObject({ status, body: { error: { code, message } } })
  })

  test.each([
    ['not-in-force', 409, 'NothingInForce'],
    ['held', 409, 'SecretUnusable'],
    ['busy', 409, 'PingUnderWay'],
    ['not-running', 503, 'NotSending'],
  ] as const)('%s', async (reason, status, code) => {
    await using admin = await open(async () => fail({ reason, message: 'because' }))
    const answer = await post(admin, 'webhook/billing/ping')
    expect(answer).toMatchObject({ status, body: { error: { code } } })
    expect(JSON.stringify(answer.body)).toContain('because')
  })
})
