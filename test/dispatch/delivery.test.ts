import { createHmac } from 'node:crypto'
import { Webhook } from 'standardwebhooks'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createReceiver, type Receiver } from '../support/receiver.ts'
import { createWorkbench, until, webhook, type Workbench } from './harness.ts'

const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const OLD_SECRET = 'a plain secret of enough bytes'

let receiver: Receiver
let bench: Workbench

beforeEach(async () => {
  receiver = await createReceiver()
})
afterEach(async () => {
  await bench.close()
  await receiver.close()
})

const ended = (name = 'billing') =>
  until(async () => (await bench.deliveries(name)).every((delivery) => delivery.state !== 'pending'))

describe('a delivery', () => {
  it('reaches the receiver with the stored bytes and the headers of the contract', async () => {
    const headers = [{ name: 'X-Tenant', value: 'acme' }]
    const hook = webhook(receiver.url, { credentials: { signing: [SECRET, OLD_SECRET], headers } })
    bench = await createWorkbench({ webhooks: [hook] })
    const body = '{"action":"time_entry:created","time_entry":{"comment":"Grüße €"}}'
    await bench.emit(['billing'], { id: 'evt_abc', body })
    const [request] = await receiver.received(1)
    expect(request?.method).toBe('POST')
    expect(request?.path).toBe('/hooks?tenant=1')
    expect(request?.body.toString()).toBe(body)
    expect(request?.headers).toMatchObject({
      'content-type': 'application/json',
      'user-agent': 'Nepenthes/1.2.3',
      'x-nepenthes-event': 'time_entry:created',
      'x-nepenthes-attempt': '1',
      'webhook-id': 'evt_abc',
      'x-tenant': 'acme',
      'content-length': String(Buffer.byteLength(body)),
    })
    expect(request?.headers['x-nepenthes-delivery']).toMatch(/^dlv_[0-9a-z]+$/)
    expect(request?.headers['webhook-signature']?.toString().split(' ')).toHaveLength(2)
    const sent = { ...request?.headers } as Record<string, string>
    expect(() => new Webhook(SECRET).verify(body, sent)).not.toThrow()
    expect(() => new Webhook(OLD_SECRET, { format: 'raw' }).verify(body, sent)).not.toThrow()
    expect(sent['x-op-signature']).toBe('sha1=' + createHmac('sha1', SECRET).update(body).digest('hex'))
    await ended()
    const [delivery] = await bench.deliveries()
    expect(delivery).toMatchObject({ state: 'delivered', attempts: 1, lastFailure: '' })
  })

  it('goes unsigned without a secret, and with what a rotation left', async () => {
    bench = await createWorkbench({ webhooks: [webhook(receiver.url)] })
    await bench.emit(['billing'])
    await receiver.received(1)
    bench.snapshots.publish([webhook(receiver.url, { credentials: { signing: [OLD_SECRET] } })])
    await bench.emit(['billing'])
    await receiver.received(2)
    bench.snapshots.publish([webhook(receiver.url, { credentials: { signing: [SECRET, OLD_SECRET] } })])
    await bench.emit(['billing'])
    await receiver.received(3)
    const items = receiver.requests.map((request) => request.headers['webhook-signature']?.toString().split(' ').length)
    expect(items).toEqual([undefined, 1, 2])
    expect(receiver.requests[0]?.headers['x-op-signature']).toBeUndefined()
    await ended()
  })

  it('has every attempt in the log, with what the receiver said', async () => {
    receiver.answer = { status: 422, body: `who is ${OLD_SECRET}?` }
    const hook = webhook(receiver.url, {
      credentials: { signing: [OLD_SECRET] },
      spec: { delivery: { maxAttempts: 1 } },
    })
    bench = await createWorkbench({ webhooks: [hook] })
    await bench.emit(['billing'])
    await ended()
    const [delivery] = await bench.deliveries()
    expect(delivery).toMatchObject({
      state: 'dead',
      attempts: 1,
      lastFailure: 'HTTP 422 Unprocessable Entity (given up after 1 attempts)',
    })
    expect((await bench.log(delivery?.seq ?? 0))?.log).toMatchObject([
      { attempt: 1, outcome: 'http', statusCode: 422, responseBody: 'who is [secret]?' },
    ])
    expect(JSON.stringify(bench.logged)).not.toContain(OLD_SECRET)
  })

  it('is redelivered as a new one of the same event', async () => {
    bench = await createWorkbench({ webhooks: [webhook(receiver.url)] })
    await bench.emit(['billing'], { id: 'evt_again' })
    await ended()
    const [delivery] = await bench.deliveries()
    await bench.store.redeliver(delivery?.seq ?? 0, Date.now())
    const requests = await receiver.received(2)
    expect(requests.map((request) => request.headers['webhook-id'])).toEqual(['evt_again', 'evt_again'])
    expect(new Set(requests.map((request) => request.headers['x-nepenthes-delivery'])).size).toBe(2)
    await ended()
  })
})

describe('a dispatcher on real connections', () => {
  it('delivers every one of many, each once', async () => {
    const names = ['one', 'two', 'three']
    bench = await createWorkbench({ webhooks: names.map((name) => webhook(receiver.url, { name })) })
    await Promise.all(Array.from({ length: 400 }, () => bench.emit(names)))
    await receiver.received(1200)
    for (const name of names) await ended(name)
    const ids = receiver.requests.map((request) => request.headers['x-nepenthes-delivery'])
    expect([ids.length, new Set(ids).size]).toEqual([1200, 1200])
  })

  it('lets one endpoint hang without the other noticing', async () => {
    const hanging = await createReceiver()
    hanging.answer = 'hang'
    const names = ['hanging', 'billing']
    bench = await createWorkbench({
      webhooks: [webhook(hanging.url, { name: 'hanging' }), webhook(receiver.url)],
    })
    await Promise.all(Array.from({ length: 100 }, () => bench.emit(names)))
    await ended('billing')
    expect([receiver.requests.length, hanging.requests.length]).toEqual([100, 10])
    await hanging.close()
  })

  it('gives up what hangs when stopping, sends nothing more, and leaves nothing open', async () => {
    receiver.answer = 'hang'
    bench = await createWorkbench({ webhooks: [webhook(receiver.url)] })
    await Promise.all(Array.from({ length: 30 }, () => bench.emit(['billing'])))
    await receiver.received(10)
    await bench.dispatcher.stop(50)
    expect(bench.dispatcher.inFlight).toBe(0)
    expect(receiver.requests).toHaveLength(10)
    await until(() => receiver.connections === 0)
    expect(new Set((await bench.deliveries()).map((delivery) => delivery.state))).toEqual(new Set(['pending']))
  })

  it('goes on where the last one stopped', async () => {
    receiver.answer = 'hang'
    bench = await createWorkbench({ webhooks: [webhook(receiver.url)] })
    await Promise.all(Array.from({ length: 300 }, () => bench.emit(['billing'])))
    await receiver.received(10)
    receiver.answer = 204
    await bench.restart()
    await ended()
    const ids = new Set(receiver.requests.map((request) => request.headers['webhook-id']))
    expect([receiver.requests.length, ids.size]).toEqual([310, 300])
  })

  it('stops sending while outcomes cannot be recorded, and goes on once they can', async () => {
    let open: () => void = () => undefined
    const writable = new Promise<void>((resolve) => (open = resolve))
    bench = await createWorkbench({
      webhooks: [webhook(receiver.url, { spec: { delivery: { maxConcurrency: 100 } } })],
      between: (store) => ({
        ...store,
        async recordDispatch(write) {
          await writable
          await store.recordDispatch(write)
        },
      }),
    })
    const batch = Array.from({ length: 500 }, () => 'billing')
    for (let round = 0; round < 6; round += 1) await Promise.all(batch.map((name) => bench.emit([name])))
    await receiver.received(2048)
    await new Promise((resolve) => setImmediate(resolve))
    expect(receiver.requests).toHaveLength(2048)
    open()
    await ended()
    expect(receiver.requests).toHaveLength(3000)
  })
})
