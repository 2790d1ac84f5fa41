import assert from 'node:assert/strict'
import { describe, expect, it } from 'vitest'
import type { StoreUnderTest } from './contract.ts'
import {
  attemptOf,
  commitEvents,
  delivered,
  endpointOf,
  newEvent,
  NOON,
  rescheduled,
  seqsOf,
  writeSet,
} from './samples.ts'

const EVER = Number.MAX_SAFE_INTEGER

export function deliveryContract(under: () => StoreUnderTest): void {
  const commit = (...events: Parameters<typeof commitEvents>[2]) => commitEvents(under().store, under().handed, events)
  const update = (...deliveries: ReturnType<typeof delivered>[]) =>
    under().store.recordDispatch({ attempts: [], deliveries, endpoints: [] })

  describe('pending deliveries', () => {
    it('come by due time, and by seq for lines, each bounded by what is asked', async () => {
      const { store } = under()
      const [a, b, c, d] = seqsOf(
        await commit({}, { occurredAt: NOON + 1 }, { occurredAt: NOON + 2 }, { occurredAt: NOON + 3 }),
      )
      const [other] = seqsOf(await commit({ webhooks: ['audit'] }))
      await update(rescheduled(a, NOON + 5_000), rescheduled(b, NOON + 2))
      const seqs = async (options: Parameters<typeof store.pendingDeliveries>[1]) =>
        seqsOf(await store.pendingDeliveries('billing', options))
      expect(await seqs({ order: 'due', dueBy: EVER, limit: 9 })).toEqual([b, c, d, a])
      expect(await seqs({ order: 'due', dueBy: EVER, limit: 2 })).toEqual([b, c])
      expect(await seqs({ order: 'due', dueBy: NOON + 2, limit: 9 })).toEqual([b, c])
      expect(await seqs({ order: 'seq', dueBy: EVER, limit: 9 })).toEqual([a, b, c, d])
      expect(await seqs({ order: 'seq', dueBy: EVER, afterSeq: b, limit: 1 })).toEqual([c])
      expect(await store.pendingDeliveries('nobody', { order: 'due', dueBy: EVER, limit: 9 })).toEqual([])
      expect(seqsOf(await store.pendingDeliveries('audit', { order: 'seq', dueBy: EVER, limit: 9 }))).toEqual([other])
    })

    it('bring the body and all that was last recorded', async () => {
      const { store } = under()
      const [delivery] = await commit({})
      await update(rescheduled(delivery.seq, NOON + 9))
      const read = await store.pendingDeliveries('billing', { order: 'due', dueBy: EVER, limit: 1 })
      expect(read).toStrictEqual([{ ...delivery, attempts: 1, nextAttemptAt: NOON + 9, lastFailure: 'http 500' }])
    })

    it('are summed up per webhook', async () => {
      const { store, reopen } = under()
      const [a, b] = seqsOf(await commit({ webhooks: ['billing', 'audit'] }, { occurredAt: NOON + 1 }))
      await update(rescheduled(a, NOON - 5), delivered(b))
      const expected = [{ webhook: 'billing', pending: 2, nextAttemptAt: NOON - 5 }]
      expect(await store.laneSummaries()).toEqual(expected)
      expect(await (await reopen()).laneSummaries()).toEqual(expected)
    })

    it('are found by the age of their event, oldest first', async () => {
      const { store } = under()
      const [a, a2, b, c] = seqsOf(
        await commit({ webhooks: ['billing', 'audit'] }, { occurredAt: NOON + 10 }, { occurredAt: NOON + 20 }),
      )
      await update(rescheduled(a, NOON + 99))
      expect(seqsOf(await store.pendingOlderThan(NOON - 1, 9))).toEqual([])
      expect(seqsOf(await store.pendingOlderThan(NOON, 9))).toEqual([a, a2])
      expect(seqsOf(await store.pendingOlderThan(NOON + 20, 9))).toEqual([a, a2, b, c])
      expect(seqsOf(await store.pendingOlderThan(NOON + 20, 3))).toEqual([a, a2, b])
      await update(delivered(a), delivered(b))
      expect(seqsOf(await store.pendingOlderThan(NOON + 20, 9))).toEqual([a2, c])
    })

    it('of one webhook end together when it is gone, however many', async () => {
      const { store } = under()
      const events = Array.from({ length: 600 }, (_, i) => newEvent({ id: `evt_${i}`, webhooks: ['billing', 'audit'] }))
      await store.commit(writeSet({ events }))
      expect(await store.cancelPending('billing', 'webhook deleted', NOON + 7)).toBe(600)
      expect(await store.cancelPending('billing', 'webhook deleted', NOON + 8)).toBe(0)
      expect(await store.laneSummaries()).toMatchObject([{ webhook: 'audit', pending: 600 }])
      const [newest] = await store.deliveries({ webhook: 'billing', state: 'cancelled', limit: 1 })
      expect(newest).toMatchObject({ lastFailure: 'webhook deleted', finishedAt: NOON + 7, eventId: 'evt_599' })
    })
  })

  describe('outcomes', () => {
    it('are logged attempt by attempt, with the delivery as it stands', async () => {
      const { store, reopen } = under()
      const [delivery] = await commit({})
      const { seq } = delivery
      const failure = { outcome: 'timeout', statusCode: null, message: 'no answer in 15 s', responseBody: '' } as const
      const attempts = [attemptOf(seq, failure), attemptOf(seq, { attempt: 2 })]
      await store.recordDispatch({
        attempts: attempts.slice(0, 1),
        deliveries: [rescheduled(seq, NOON + 5)],
        endpoints: [],
      })
      const last = delivered(seq, { attempts: 2 })
      await store.recordDispatch({ attempts: attempts.slice(1), deliveries: [last], endpoints: [] })
      const expected = { ...delivery, ...last, log: attempts }
      expect(await store.delivery(seq)).toStrictEqual(expected)
      expect(await (await reopen()).delivery(seq)).toStrictEqual(expected)
    })

    it('never bring back what has ended', async () => {
      const { store } = under()
      const [delivery] = await commit({})
      const { seq } = delivery
      await store.cancelPending('billing', 'webhook deleted', NOON)
      await store.recordDispatch({ attempts: [attemptOf(seq)], deliveries: [rescheduled(seq, NOON)], endpoints: [] })
      expect(await store.delivery(seq)).toMatchObject({
        state: 'cancelled',
        lastFailure: 'webhook deleted',
        attempts: 0,
      })
      expect((await store.delivery(seq))?.log).toHaveLength(1)
    })

    it('keep the endpoint with them', async () => {
      const { store, reopen } = under()
      const gone = { at: NOON, generation: 3, resumeAt: null }
      const blocked = { at: NOON, retryAt: NOON + 9, message: '10.0.0.1 is private' }
      const endpoints = [
        endpointOf('audit', { gone, blocked }),
        endpointOf('billing', { circuit: 'open', probeAt: NOON }),
      ]
      await store.recordDispatch({ attempts: [], deliveries: [], endpoints })
      const closed = endpointOf('billing')
      await store.recordDispatch({ attempts: [], deliveries: [], endpoints: [closed] })
      expect(await store.endpoints()).toStrictEqual([endpoints[0], closed])
      const again = await reopen()
      expect(await again.endpoints()).toStrictEqual([endpoints[0], closed])
      await again.recordDispatch({
        attempts: [],
        deliveries: [],
        endpoints: [],
        forgotten: [closed.webhook, 'unknown'],
      })
      expect(await again.endpoints()).toStrictEqual([endpoints[0]])
    })
  })

  describe('the log', () => {
    it('is listed newest first, by webhook and state, page by page', async () => {
      const { store } = under()
      const [a, a2, b, c] = seqsOf(await commit({ webhooks: ['billing', 'audit'] }, {}, {}))
      await update(delivered(a), delivered(b, { state: 'dead', lastFailure: 'http 400' }), rescheduled(c, NOON))
      const list = async (filter: Parameters<typeof store.deliveries>[0]) => seqsOf(await store.deliveries(filter))
      expect(await list({ limit: 9 })).toEqual([c, b, a2, a])
      expect(await list({ limit: 2 })).toEqual([c, b])
      expect(await list({ limit: 2, beforeSeq: b })).toEqual([a2, a])
      expect(await list({ limit: 9, webhook: 'billing' })).toEqual([c, b, a])
      expect(await list({ limit: 9, webhook: 'billing', state: 'dead' })).toEqual([b])
      expect(await list({ limit: 9, state: 'pending' })).toEqual([c, a2])
      expect(await list({ limit: 9, state: 'delivered' })).toEqual([a])
      expect(await list({ limit: 9, webhook: 'nobody' })).toEqual([])
      expect(await store.delivery(999)).toBeUndefined()
    })

    it('lets a past delivery be sent again, as a new one of the same event', async () => {
      const { store, handed } = under()
      const [past, other] = await commit({ webhooks: ['billing', 'audit'] })
      await update(delivered(past.seq))
      const again = await store.redeliver(past.seq, NOON + 1_000)
      assert(again !== undefined, 'the delivery is known')
      const times = { occurredAt: NOON + 1_000, nextAttemptAt: NOON + 1_000 }
      expect(again).toMatchObject({
        eventId: past.eventId,
        body: past.body,
        webhook: 'billing',
        state: 'pending',
        ...times,
      })
      expect(again?.seq).toBeGreaterThan(other.seq)
      expect(handed.at(-1)).toEqual(again)
      expect(await store.delivery(again.seq)).toStrictEqual({ ...again, log: [] })
      expect(await store.delivery(past.seq)).toMatchObject({ state: 'delivered' })
      expect(await store.redeliver(999, NOON)).toBeUndefined()
    })
  })
}
