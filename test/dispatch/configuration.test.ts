import { describe, expect, it } from 'vitest'
import { webhook } from './harness.ts'
import { DAY, HOUR, MINUTE, SECOND, URL_A, bench, go, sender, start, states } from './scripted-bench.ts'

describe('a webhook that disappears', () => {
  it('parks what pends for 24 hours; the same name resumes it', async () => {
    await start()
    sender.behave = () => 500
    await bench.emit(['billing'])
    await go(SECOND)
    bench.snapshots.publish([])
    await go(10 * HOUR)
    await bench.restart()
    await go(13 * HOUR)
    expect([sender.requests.length, await states()]).toEqual([1, ['pending']])
    sender.behave = () => 204
    bench.snapshots.publish([webhook(URL_A)])
    await go(0)
    expect(await states()).toEqual(['delivered'])
  })

  it('cancels it after that, and a later one of the name starts afresh', async () => {
    await start()
    sender.behave = () => 410
    await bench.emit(['billing'])
    await go(SECOND)
    bench.snapshots.publish([])
    await bench.emit(['billing'])
    await go(DAY - SECOND)
    expect(await states()).toEqual(['pending', 'pending'])
    await go(2 * SECOND)
    expect(await states()).toEqual(['cancelled', 'cancelled'])
    expect(bench.dispatcher.pending).toBe(0)
    expect(await bench.store.endpoints(), 'nothing of it is kept').toEqual([])
    sender.behave = () => 204
    bench.snapshots.publish([webhook(URL_A)])
    await bench.emit(['billing'])
    await go(0)
    expect(await states()).toEqual(['cancelled', 'cancelled', 'delivered'])
  })

  it('is not gone while the configuration is not known in full', async () => {
    await start({ webhooks: [], complete: false })
    await bench.emit(['billing'])
    await go(2 * DAY)
    expect(await states()).toEqual(['pending'])
    bench.snapshots.publish([webhook(URL_A)])
    await go(0)
    expect(await states()).toEqual(['delivered'])
  })
})

describe('a change of the configuration', () => {
  it('is what the next attempt uses: URL, secret, headers', async () => {
    await start()
    sender.behave = () => 500
    await bench.emit(['billing'])
    await go(SECOND)
    const headers = [{ name: 'X-Tenant', value: 'acme' }]
    const moved = 'https://b.example/other'
    bench.snapshots.publish([
      webhook(moved, { generation: 2, credentials: { signing: ['quite another one'], headers } }),
    ])
    await go(10 * SECOND)
    const [first, second] = sender.requests
    expect([first?.url, first?.header('x-tenant'), first?.header('x-op-signature')]).toEqual([
      URL_A,
      undefined,
      undefined,
    ])
    expect([second?.url, second?.header('x-tenant')]).toEqual([moved, 'acme'])
    expect(second?.header('x-op-signature')).toMatch(/^sha1=/)
  })

  it.each([
    ['asks for a day', { outcome: 'http', statusCode: 503, message: 'HTTP 503', retryAfter: '86400' } as const],
    ['is gone', 410],
    ['may not be called', 'blocked'],
  ] as const)('keeps an answer of the old receiver, which %s, from stopping the new one', async (_, answer) => {
    await start()
    sender.behave = (request) => (request.url === URL_A ? 'hang' : 204)
    await bench.emit(['billing'])
    await go(0)
    bench.snapshots.publish([webhook('https://b.example/hooks', { generation: 2 })])
    sender.release(answer)
    await bench.emit(['billing'])
    await go(SECOND)
    expect(sender.requests.map((request) => request.url)).toContain('https://b.example/hooks')
    expect(bench.dispatcher.health('billing')?.delivering.reason).toBe('Delivered')
  })

  it('lets a circuit be probed anew, whatever the probe of before comes to', async () => {
    await start()
    sender.behave = (request) => (request.url === URL_A ? 500 : 204)
    for (let index = 0; index < 10; index += 1) await bench.emit(['billing'])
    await go(SECOND)
    sender.behave = (request) => (request.url === URL_A ? 'hang' : 204)
    await go(MINUTE)
    expect(sender.hanging).toBe(1)
    bench.snapshots.publish([webhook('https://b.example/hooks', { generation: 2 })])
    sender.release(500)
    await go(SECOND)
    expect(bench.dispatcher.health('billing')?.delivering.reason).toBe('Delivered')
  })

  it('of the concurrency holds at once', async () => {
    await start({ webhooks: [webhook(URL_A, { spec: { delivery: { maxConcurrency: 2 } } })] })
    sender.behave = () => 'hang'
    for (let index = 0; index < 8; index += 1) await bench.emit(['billing'])
    await go(0)
    expect(sender.hanging).toBe(2)
    bench.snapshots.publish([webhook(URL_A, { generation: 2, spec: { delivery: { maxConcurrency: 5 } } })])
    await go(0)
    expect(sender.hanging).toBeGreaterThan(2)
    expect(sender.hanging).toBeLessThanOrEqual(5)
  })
})
