import { createHmac, randomUUID } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/base/clock.ts'
import { EVENTS } from '../../src/resources/vocabulary.ts'
import { createFakeClock, type FakeClock } from '../support/fake-clock.ts'
import { createReceiver, type Receiver } from '../support/receiver.ts'
import {
  createWorkbench,
  pass,
  seededRandom,
  until,
  webhook,
  type BenchOptions,
  type WebhookGiven,
  type Workbench,
} from './harness.ts'

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const OLD_SECRET = 'a plain secret of enough bytes'
const SECOND = 1000

let clock: FakeClock
let receiver: Receiver
let bench: Workbench

beforeEach(async () => {
  // Verifiers compare with the real time.
  clock = createFakeClock(systemClock.now())
  receiver = await createReceiver()
})
afterEach(async () => {
  await bench.close()
  await receiver.close()
  expect(clock.timers).toBe(0)
})

async function begin(given: WebhookGiven = {}, options: BenchOptions['options'] = {}, url = receiver.url) {
  bench = await createWorkbench({ webhooks: [webhook(url, given)], clock, options })
}
const ping = (timeoutMs?: number, signal = new AbortController().signal, name = 'billing') =>
  bench.dispatcher.ping(name, { timeoutMs, signal })

describe('a ping', () => {
  it('is signed and sent as an attempt is, by every live secret, and tells what came back', async () => {
    const headers = [{ name: 'X-Tenant', value: 'acme-tenant-7' }]
    await begin({ generation: 3, credentials: { signing: [SECRET, OLD_SECRET], headers } })
    receiver.answer = { status: 202, body: `thanks, ${headers[0]?.value}` }
    const pinged = await ping()
    const [request] = receiver.requests
    const sent = { ...request?.headers } as Record<string, string>
    const body = String(request?.body)
    expect(() => new Webhook(SECRET).verify(body, sent)).not.toThrow()
    expect(() => new Webhook(OLD_SECRET, { format: 'raw' }).verify(body, sent)).not.toThrow()
    expect(sent['x-op-signature']).toBe('sha1=' + createHmac('sha1', SECRET).update(body).digest('hex'))
    expect(sent).toMatchObject({
      'content-type': 'application/json',
      'user-agent': 'Nepenthes/1.2.3',
      'x-nepenthes-event': 'ping',
      'x-nepenthes-attempt': '1',
      'x-nepenthes-delivery': sent['webhook-id'],
      'x-tenant': 'acme-tenant-7',
    })
    expect(pinged).toEqual({
      ok: true,
      value: {
        id: sent['webhook-id'],
        generation: 3,
        signed: true,
        startedAt: clock.now(),
        durationMs: 0,
        outcome: 'success',
        statusCode: 202,
        message: '',
        responseBody: 'thanks, [secret]',
      },
    })
  })

  it('says of itself that it is one, in the form of an event but under the name of none', async () => {
    await begin({ spec: { displayName: 'Billing', events: ['time_entry:created', 'project:created'] } })
    await ping()
    expect(JSON.parse(String(receiver.requests[0]?.body))).toEqual({
      action: 'ping',
      webhook: { name: 'billing', displayName: 'Billing', events: ['time_entry:created', 'project:created'] },
    })
    expect(EVENTS).not.toContain('ping')
  })

  it('has an id that no delivery has', async () => {
    await begin({}, { random: { ...seededRandom(1), uuid: () => randomUUID() } })
    await ping()
    await ping()
    const ids = receiver.requests.map(({ headers }) => headers['webhook-id'])
    expect(new Set(ids).size).toBe(2)
    for (const id of ids) expect(id).toMatch(/^ping_[0-9a-f]{32}$/)
  })

  it('goes unsigned where deliveries do, and says so', async () => {
    await begin()
    expect(await ping()).toMatchObject({ ok: true, value: { signed: false, outcome: 'success' } })
    expect(receiver.requests[0]?.headers).not.toHaveProperty('webhook-signature')
  })

  it('reaches a webhook that is switched off', async () => {
    await begin({ spec: { enabled: false } })
    expect(await ping()).toMatchObject({ ok: true, value: { outcome: 'success' } })
  })
})

describe('what keeps an attempt from succeeding keeps a ping', () => {
  it.each([
    [500, 'HTTP 500 Internal Server Error'],
    [302, 'HTTP 302 Found'],
    [410, 'HTTP 410 Gone'],
  ])('an answer of %i', async (status, message) => {
    await begin()
    receiver.answer = { status, headers: { location: receiver.url } }
    expect(await ping()).toMatchObject({ ok: true, value: { outcome: 'http', statusCode: status, message } })
    expect(receiver.requests).toHaveLength(1)
  })

  it('an address that may not be dialled', async () => {
    await begin({}, { allowAddresses: [] })
    const blocked = { outcome: 'address-blocked', statusCode: null }
    expect(await ping()).toMatchObject({ ok: true, value: blocked })
    expect([receiver.requests.length, receiver.connections]).toEqual([0, 0])
  })

  it('the listeners of the operator itself, whatever is allowed', async () => {
    await begin({}, { ownListeners: () => [{ address: '127.0.0.1', port: receiver.port }] })
    expect(await ping()).toMatchObject({ ok: true, value: { outcome: 'address-blocked' } })
    expect(receiver.connections).toBe(0)
  })

  it('a host name that is not found', async () => {
    const resolve = (_: string, callback: (error: NodeJS.ErrnoException, addresses: never[]) => void) =>
      callback(Object.assign(new Error('none'), { code: 'ENOTFOUND' }), [])
    await begin({}, { resolve }, 'http://receiver.example/hooks')
    expect(await ping()).toMatchObject({
      ok: true,
      value: { outcome: 'dns', message: 'the host name was not found' },
    })
  })

  it('authorities that are none', async () => {
    const url = receiver.url.replace('http:', 'https:')
    await begin({ credentials: { ca: 'no PEM' } }, {}, url)
    expect(await ping()).toMatchObject({ ok: true, value: { outcome: 'tls' } })
  })

  it.each([
    ["the webhook's own time, whatever is asked for", 60 * SECOND, 7 * SECOND],
    ['the time asked for, if it is less', 2 * SECOND, 2 * SECOND],
  ])('%s', async (_, asked, limit) => {
    await begin({ spec: { delivery: { timeoutSeconds: 7 } } })
    receiver.answer = 'hang'
    const pinged = ping(asked)
    await receiver.received(1)
    clock.advance(limit - 1)
    expect(receiver.connections).toBe(1)
    clock.advance(1)
    expect(await pinged).toMatchObject({
      ok: true,
      value: { outcome: 'timeout', message: expect.stringContaining(`within ${limit / SECOND} s`) as string },
    })
  })
})

describe('nothing is sent', () => {
  it('unsigned, while the Secret is missing', async () => {
    await begin({ hold: { reason: 'SecretNotFound', message: 'There is no Secret billing.' } })
    expect(await ping()).toEqual({ ok: false, error: { reason: 'held', message: 'There is no Secret billing.' } })
    expect(receiver.requests).toEqual([])
  })

  it('where no spec is in force', async () => {
    await begin()
    expect(await ping(undefined, undefined, 'audit')).toMatchObject({ ok: false, error: { reason: 'not-in-force' } })
  })

  it('while another to the same webhook is under way, or ten to any', async () => {
    const names = Array.from({ length: 11 }, (_, index) => `hook-${index}`)
    const webhooks = names.map((name) => webhook(receiver.url, { name }))
    bench = await createWorkbench({ webhooks, clock })
    receiver.answer = 'hang'
    const pingOf = (name?: string) => ping(undefined, undefined, name)
    const first = names.slice(0, 10).map(pingOf)
    expect(await pingOf(names[10])).toMatchObject({ ok: false, error: { reason: 'busy' } })
    expect(await pingOf(names[0])).toMatchObject({ ok: false, error: { reason: 'busy' } })
    await receiver.received(10)
    clock.advance(15 * SECOND)
    for (const pinged of await Promise.all(first)) expect(pinged).toMatchObject({ value: { outcome: 'timeout' } })
    receiver.answer = 204
    expect(await pingOf(names[10])).toMatchObject({ ok: true, value: { outcome: 'success' } })
  })

  it('any more once nobody waits for the answer, or the dispatcher stops', async () => {
    await begin()
    receiver.answer = 'hang'
    const gone = new AbortController()
    const pinged = ping(undefined, gone.signal)
    await receiver.received(1)
    gone.abort()
    expect(await pinged).toMatchObject({ ok: false })
    await until(() => receiver.connections === 0)

    const interrupted = ping()
    await receiver.received(2)
    const stopped = bench.dispatcher.stop(0)
    expect(await interrupted).toMatchObject({ ok: false, error: { reason: 'not-running' } })
    await stopped
    expect(await ping()).toMatchObject({ ok: false, error: { reason: 'not-running' } })
    expect(receiver.requests).toHaveLength(2)
  })
})

describe('a ping changes nothing', () => {
  it('of what is known of the endpoint: failures open no circuit, a 410 stops nothing', async () => {
    await begin()
    for (const status of [410, ...Array.from({ length: 12 }, () => 503)]) {
      receiver.answer = status
      await ping()
    }
    expect([bench.dispatcher.health('billing'), bench.dispatcher.circuitsOpen]).toEqual([undefined, 0])
    expect([bench.recorded(), bench.healthCalls]).toEqual([0, []])
    expect(await bench.deliveries()).toEqual([])
    expect(await bench.store.endpoints()).toEqual([])
    receiver.answer = 204
    await bench.emit(['billing'])
    await receiver.received(14)
  })

  it('of a circuit that is open: it is sent, succeeds, and the deliveries go on waiting for their probe', async () => {
    await begin({ spec: { delivery: { maxConcurrency: 1 } } })
    receiver.answer = 500
    for (let event = 0; event < 10; event += 1) await bench.emit(['billing'])
    await pass(bench, clock, 0)
    expect(bench.dispatcher.circuitsOpen).toBe(1)
    receiver.answer = 204
    expect(await ping()).toMatchObject({ ok: true, value: { outcome: 'success' } })
    expect(bench.dispatcher.circuitsOpen).toBe(1)
    expect(bench.dispatcher.health('billing')?.consecutiveFailures).toBe(10)
    expect(receiver.requests).toHaveLength(11)
  })
})
