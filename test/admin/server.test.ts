import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { type AdminUnderTest, NOON, seedDeliveries, startAdmin } from '../support/admin.ts'
import { createFakeClock } from '../support/fake-clock.ts'
import { resourceWith } from '../support/listing.ts'

const OWN = { 'x-nepenthes-request': '1', 'content-type': 'application/json' }

/** Status and JSON (or text) of one request. */
async function ask(admin: AdminUnderTest, path: string, method = 'GET', body?: string) {
  const headers = body === undefined ? { 'x-nepenthes-request': '1' } : OWN
  const response = await fetch(admin.url + path, { method, headers, ...(body !== undefined && { body }) })
  const text = await response.text()
  return { status: response.status, body: (text.startsWith('{') ? JSON.parse(text) : text) as Record<string, unknown> }
}

const billing = resourceWith('Webhook', 'billing', [
  ['Ready', 'True'],
  ['Delivering', 'Unknown', 'NoDeliveries'],
])
const settings = resourceWith('ApiSettings', 'default', [['Ready', 'True']])
const problem = {
  file: 'a.yaml',
  line: 1,
  column: 2,
  path: '',
  code: 'Unparsable',
  message: 'not YAML',
  hint: '',
} as const

describe('health', () => {
  test('readiness follows the operator and tells why on demand', async () => {
    let ready = false
    await using admin = await startAdmin({
      readiness: () => (ready ? { ready, reasons: [] } : { ready, reasons: ['no configuration yet'] }),
    })
    expect(await ask(admin, '/livez')).toEqual({ status: 200, body: 'ok\n' })
    expect(await ask(admin, '/readyz')).toEqual({ status: 503, body: 'not ready\n' })
    expect(await ask(admin, '/readyz?verbose')).toEqual({ status: 503, body: 'not ready\n- no configuration yet\n' })
    ready = true
    expect(await ask(admin, '/readyz?verbose')).toEqual({ status: 200, body: 'ok\n' })
  })
})

describe('resources', () => {
  test('are a Kubernetes List, problems beside the items', async () => {
    await using admin = await startAdmin({ problems: [problem] })
    admin.listing.put(billing, settings)
    expect((await ask(admin, '/v1/resources')).body).toEqual({
      apiVersion: 'v1',
      kind: 'List',
      items: [settings, billing],
      problems: [problem],
    })
  })

  test.each(['Webhook', 'webhooks', 'nwh', 'WEBHOOK'])('one is found as %s', async (kind) => {
    await using admin = await startAdmin()
    admin.listing.put(billing)
    expect(await ask(admin, `/v1/resources/${kind}/billing`)).toEqual({ status: 200, body: billing })
  })

  test('problems come by file, line and column', async () => {
    const at = (file: string, line: number, column: number) => ({ ...problem, file, line, column })
    const sorted = [at('a.yaml', 2, 1), at('a.yaml', 2, 9), at('a.yaml', 10, 1), at('b.yaml', 1, 1)] as const
    await using admin = await startAdmin({ problems: [sorted[3], sorted[2], sorted[0], sorted[1]] })
    expect((await ask(admin, '/v1/resources')).body['problems']).toEqual(sorted)
  })

  test('a name may be as long as names are', async () => {
    await using admin = await startAdmin()
    const long = resourceWith('Webhook', 'a'.repeat(253), [['Ready', 'True']])
    admin.listing.put(long)
    expect(await ask(admin, `/v1/resources/Webhook/${'a'.repeat(253)}`)).toEqual({ status: 200, body: long })
  })

  test.each([
    ['/v1/resources/Gadget/x', 404, 'there is no kind "Gadget"'],
    ['/v1/resources/Webhook/none', 404, 'there is no Webhook/none'],
    ['/v1/nothing', 404, 'there is no GET /v1/nothing'],
    ['/nothing', 404, 'there is no GET /nothing'],
    ['/v1/resources/Webhook/x?condition=Raedy', 400, 'there is no condition "Raedy"'],
    ['/v1/resources/Webhook/x?condition=Ready&status=yes', 400, 'a condition is never "yes"'],
    ['/v1/resources/Webhook/x?condition=Ready&timeoutSeconds=61', 400, 'timeoutSeconds "61": expected 0 to 60'],
  ])('%s is refused for people', async (path, status, message) => {
    await using admin = await startAdmin()
    const answer = await ask(admin, path)
    expect(answer).toMatchObject({ status, body: { error: { message } } })
  })
})

describe('waiting', () => {
  const path = '/v1/resources/webhook/billing?condition=ready&timeoutSeconds=30'

  test('answers at once when it holds already', async () => {
    await using admin = await startAdmin({ clock: createFakeClock() })
    admin.listing.put(billing)
    expect(await ask(admin, path)).toEqual({ status: 200, body: billing })
    expect(admin.listing.listeners).toBe(0)
  })

  test('answers when it comes to hold, for a resource that was not there', async () => {
    await using admin = await startAdmin({ clock: createFakeClock() })
    const subscribed = admin.listing.subscribed()
    const answer = ask(admin, path)
    await subscribed
    admin.listing.put(resourceWith('Webhook', 'billing', [['Ready', 'False', 'SecretNotFound']]))
    admin.listing.put(resourceWith('Webhook', 'billing', [['Ready', 'True']], { generation: 2, about: 1 }))
    expect(admin.listing.listeners, 'what was said of an older generation does not count').toBe(1)
    admin.listing.put(billing)
    expect(await answer).toEqual({ status: 200, body: billing })
    expect(admin.listing.listeners).toBe(0)
  })

  test('gives up in time, and leaves nothing behind', async () => {
    const clock = createFakeClock()
    await using admin = await startAdmin({ clock })
    const subscribed = admin.listing.subscribed()
    const answer = ask(admin, path)
    await subscribed
    clock.advance(29_999)
    expect(admin.listing.listeners).toBe(1)
    clock.advance(1)
    expect(await answer).toMatchObject({ status: 504, body: { error: { code: 'TimedOut' }, resource: null } })
    expect([admin.listing.listeners, clock.timers]).toEqual([0, 0])
  })

  test('ends when the listener closes', async () => {
    const clock = createFakeClock()
    await using admin = await startAdmin({ clock })
    const subscribed = admin.listing.subscribed()
    const answer = ask(admin, path)
    await subscribed
    await admin.close()
    expect(await answer).toMatchObject({ status: 503, body: { error: { code: 'Closing' } } })
    expect([admin.listing.listeners, clock.timers]).toEqual([0, 0])
  })

  test('the conditions that exist only while True are False while absent', async () => {
    await using admin = await startAdmin({ clock: createFakeClock() })
    admin.listing.put(billing)
    const answer = await ask(admin, '/v1/resources/webhook/billing?condition=Stalled&status=False&timeoutSeconds=0')
    expect(answer.status).toBe(200)
  })
})

describe('deliveries', () => {
  let admin: AdminUnderTest
  beforeAll(async () => {
    admin = await startAdmin({ clock: createFakeClock(NOON + 60_000) })
    admin.listing.put(billing)
    await seedDeliveries(admin.store)
  })
  afterAll(() => admin[Symbol.asyncDispose]())

  const ids = async (query: string) => {
    const { body } = await ask(admin, `/v1/deliveries${query}`)
    return (body['items'] as { id: string }[]).map(({ id }) => id)
  }

  test('are listed newest first, filtered and paged', async () => {
    expect(await ids('')).toEqual(['dlv_3', 'dlv_2', 'dlv_1'])
    expect(await ids('?webhook=billing')).toEqual(['dlv_3', 'dlv_1'])
    expect(await ids('?state=dead')).toEqual(['dlv_1'])
    expect(await ids('?limit=1')).toEqual(['dlv_3'])
    expect(await ids('?before=dlv_3&limit=1')).toEqual(['dlv_2'])
  })

  test('one is shown with its body and its attempts', async () => {
    expect((await ask(admin, '/v1/deliveries/dlv_1')).body).toEqual({
      id: 'dlv_1',
      eventId: 'evt_1',
      event: 'time_entry:created',
      projectId: 7,
      webhook: 'billing',
      state: 'dead',
      attempts: 1,
      occurredAt: '2026-03-01T12:00:00.000Z',
      nextAttemptAt: null,
      finishedAt: '2026-03-01T12:00:00.017Z',
      lastFailure: 'the receiver answered 500',
      body: '{"action":"time_entry:created"}',
      log: [
        {
          attempt: 1,
          startedAt: '2026-03-01T12:00:00.005Z',
          durationMs: 12,
          outcome: 'http',
          statusCode: 500,
          message: 'the receiver answered 500',
          responseBody: 'no\u001b[31m way',
        },
      ],
    })
  })

  test('a pending one is due when the dispatcher says so, not when it was noted', async () => {
    await using other = await startAdmin({ dueAt: ({ nextAttemptAt }) => nextAttemptAt + 7 })
    await seedDeliveries(other.store)
    const { body } = await ask(other, '/v1/deliveries/dlv_3')
    expect(body['nextAttemptAt']).toBe('2026-03-01T12:00:01.007Z')
  })

  test('a past one is queued again', async () => {
    const again = await ask(admin, '/v1/deliveries/dlv_1/redeliver', 'POST')
    expect(again).toMatchObject({
      status: 201,
      body: { webhook: 'billing', eventId: 'evt_1', state: 'pending', attempts: 0 },
    })
    expect(await ids('?limit=1')).toEqual([again.body['id']])
  })

  test('not to a webhook there is not', async () => {
    const answer = await ask(admin, '/v1/deliveries/dlv_2/redeliver', 'POST')
    expect(answer).toMatchObject({ status: 409, body: { error: { code: 'WebhookGone' } } })
  })

  test.each([
    ['GET', '/v1/deliveries/dlv_zz', 404],
    ['GET', '/v1/deliveries/7', 404],
    ['POST', '/v1/deliveries/dlv_zz/redeliver', 404],
    ['GET', '/v1/deliveries?state=lost', 400],
    ['GET', '/v1/deliveries?limit=0', 400],
    ['GET', '/v1/deliveries?limit=1001', 400],
    ['GET', '/v1/deliveries?before=3', 400],
    ['GET', '/v1/deliveries?webhook=a&webhook=b', 400],
    ['GET', '/v1/deliveries?state=dead&state=dead', 400],
    ['GET', '/v1/deliveries?limit=1&limit=1', 400],
    ['GET', '/v1/deliveries?before=dlv_1&before=dlv_2', 400],
    ['GET', '/v1/resources/webhook/billing?condition=Ready&condition=Ready', 400],
    ['GET', '/v1/resources/webhook/billing?condition=Ready&status=True&status=False', 400],
    ['GET', '/v1/resources/webhook/billing?condition=Ready&timeoutSeconds=1&timeoutSeconds=1', 400],
    ['GET', '/v1/tokens?x&x', 400],
    ['GET', '/%zz', 400],
    ['GET', '/v1/deliveries/%zz', 400],
  ])('%s %s is %d', async (method, path, status) => {
    const answer = await ask(admin, path, method)
    expect(answer).toMatchObject({ status, body: { error: { message: expect.stringMatching(/./) as string } } })
    expect(Object.keys(answer.body)).toEqual(['error'])
    expect(admin.logged).toEqual([])
  })
})

describe('tokens', () => {
  test('are made, listed without their text, and revoked once', async () => {
    await using admin = await startAdmin()
    const created = await ask(admin, '/v1/tokens', 'POST', '{"user":"admin","name":"ci"}')
    expect(created).toMatchObject({ status: 201, body: { user: 'admin', name: 'ci' } })
    const { token, ...shown } = created.body
    expect(token).toMatch(/./)
    expect((await ask(admin, '/v1/tokens')).body['items']).toContainEqual(shown)
    const path = `/v1/tokens/${String(shown['id'])}`
    expect((await ask(admin, path, 'DELETE')).status).toBe(204)
    expect((await ask(admin, path, 'DELETE')).status).toBe(404)
  })

  test.each([
    ['{"user":"nobody","name":"ci"}', 400],
    ['{"user":"admin","name":" "}', 400],
    ['{"user":"admin","name":7}', 400],
    ['{"user":', 400],
    [JSON.stringify({ name: 'x'.repeat(70_000) }), 413],
  ])('%.30s is %d', async (body, status) => {
    await using admin = await startAdmin()
    expect(await ask(admin, '/v1/tokens', 'POST', body)).toMatchObject({ status, body: { error: {} } })
  })
})

describe('applications', () => {
  test('are registered, listed without their secret, and deleted once', async () => {
    await using admin = await startAdmin()
    const body = { name: 'Report', redirectUris: ['https://report.example.com/'], actsAs: 'admin' }
    const created = await ask(admin, '/v1/applications', 'POST', JSON.stringify(body))
    expect(created).toMatchObject({ status: 201, body: { ...body, public: false } })
    const { clientSecret, ...shown } = created.body
    expect(clientSecret).toBe('secret-of-Report')
    expect((await ask(admin, '/v1/applications')).body).toEqual({ items: [shown] })
    const path = `/v1/applications/${String(shown['clientId'])}`
    expect((await ask(admin, path, 'DELETE')).status).toBe(204)
    expect((await ask(admin, path, 'DELETE')).status).toBe(404)
  })

  test('a public one has no secret, and acts as nobody', async () => {
    await using admin = await startAdmin()
    const created = await ask(admin, '/v1/applications', 'POST', '{"name":"Board","public":true}')
    expect(created.body).toMatchObject({ name: 'Board', redirectUris: [], actsAs: null })
    expect(created.body).not.toHaveProperty('clientSecret')
  })

  test.each(['{}', '[]', 'null', '{"name":7}', '{"name":"x","redirectUris":"y"}', '{"name":"x","redirectUris":[1]}'])(
    '%s is refused',
    async (body) => {
      await using admin = await startAdmin()
      expect(await ask(admin, '/v1/applications', 'POST', body)).toMatchObject({ status: 400, body: { error: {} } })
    },
  )

  test('all that is wrong is told', async () => {
    await using admin = await startAdmin()
    await ask(admin, '/v1/applications', 'POST', '{"name":"x"}')
    const { body } = await ask(admin, '/v1/applications', 'POST', '{"name":"x"}')
    expect(body['error']).toMatchObject({
      message: expect.stringMatching(/the name is taken\n {2}choose another/) as string,
    })
  })
})

test('a failure of ours is told to the log and not to the caller', async () => {
  await using admin = await startAdmin({
    readiness: () => {
      throw new Error('the flux capacitor is unplugged')
    },
  })
  const answer = await ask(admin, '/readyz')
  expect(answer).toMatchObject({ status: 500, body: { error: { code: 'Internal' } } })
  expect(JSON.stringify(answer.body)).not.toContain('capacitor')
  expect(admin.logged.join()).toContain('capacitor')
})
