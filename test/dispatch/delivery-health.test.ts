import { describe, expect, it } from 'vitest'
import { flipDue, judgeDelivering, type Delivering, type EndpointFacts } from '../../src/status/delivery-health.ts'

const fresh: EndpointFacts = {
  circuit: 'closed',
  gone: null,
  blocked: null,
  consecutiveFailures: 0,
  firstFailureAt: null,
  lastFailureAt: null,
  lastFailure: '',
  lastSuccessAt: null,
}
const fine = { ...fresh, lastSuccessAt: 1000 }
const failing = (count: number, spanMs: number, from = 100_000): EndpointFacts => ({
  ...fine,
  consecutiveFailures: count,
  firstFailureAt: from,
  lastFailureAt: from + spanMs,
  lastFailure: 'HTTP 500 Internal Server Error',
})
const good: Delivering = {
  status: 'True',
  reason: 'Delivered',
  message: 'The last delivery succeeded.',
  flippedAt: null,
}
const check = (facts: EndpointFacts, reason: string, previous: Delivering | undefined = good, now = 200_000) =>
  expect(judgeDelivering(previous, true, facts, now).reason).toBe(reason)

describe('Delivering', () => {
  it('is Unknown until something was delivered, and while the webhook is disabled', () => {
    check(fresh, 'NoDeliveries', undefined)
    expect(judgeDelivering(good, false, failing(5, 10_000), 0)).toMatchObject({ status: 'Unknown', reason: 'Disabled' })
  })

  it('turns False after two failures in a row at least 5 s apart, not before', () => {
    check(failing(1, 0), 'Delivered')
    check(failing(10, 4999), 'Delivered')
    check(failing(2, 5000), 'EndpointFailing')
    check({ ...failing(1, 0), lastSuccessAt: null }, 'NoDeliveries', {
      ...good,
      status: 'Unknown',
      reason: 'NoDeliveries',
    })
  })

  it('is no success once a 410 was lifted, until something arrives; restarts included', () => {
    const lifted = { ...failing(1, 0), lastFailure: 'HTTP 410', unproven: true }
    for (const previous of [undefined, { ...good, status: 'Unknown', reason: 'Disabled' } as Delivering, good])
      expect(judgeDelivering(previous, true, lifted, 200_000)).toMatchObject({
        ...{ status: 'False', reason: 'EndpointFailing', message: 'Deliveries fail: HTTP 410.' },
      })
  })

  it('says what keeps an endpoint from being tried', () => {
    check({ ...failing(12, 60_000), circuit: 'open' }, 'CircuitOpen')
    check({ ...failing(12, 60_000), circuit: 'half-open' }, 'CircuitOpen')
    check({ ...fine, gone: {} }, 'EndpointGone')
    check({ ...fine, blocked: { message: '10.0.0.1 is a private address' } }, 'AddressBlocked')
  })

  it('turns True with the next success', () => {
    const bad = judgeDelivering(good, true, failing(2, 5000), 200_000)
    expect(bad).toMatchObject({ status: 'False', flippedAt: 200_000 })
    expect(judgeDelivering(bad, true, failing(1, 0), 300_000)).toBe(bad)
    expect(judgeDelivering(bad, true, fine, 300_000)).toMatchObject({ status: 'True', reason: 'Delivered' })
  })

  it('flips at most once a minute, and says when it will', () => {
    const bad = judgeDelivering(good, true, failing(2, 5000), 200_000)
    expect(judgeDelivering(bad, true, fine, 259_999)).toBe(bad)
    expect(flipDue(bad, true, fine)).toBe(260_000)
    expect(judgeDelivering(bad, true, fine, 260_000).status).toBe('True')
    expect(flipDue(bad, true, failing(2, 5000))).toBeUndefined()
  })

  it('is not kept from a flip by one that a clock which was ahead dated in the future', () => {
    const bad = judgeDelivering(good, true, failing(2, 5000), 90_000_000)
    expect(judgeDelivering(bad, true, fine, 200_000)).toMatchObject({ status: 'True', flippedAt: 200_000 })
  })

  it('keeps its message while it says the same, whatever fails', () => {
    const bad = judgeDelivering(good, true, failing(2, 5000), 200_000)
    const later = { ...failing(3, 9000), lastFailure: 'the connection was refused' }
    expect(judgeDelivering(bad, true, later, 900_000)).toBe(bad)
    expect(bad.message).toBe('Deliveries fail: HTTP 500 Internal Server Error.')
  })
})
