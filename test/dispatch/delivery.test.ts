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
})
