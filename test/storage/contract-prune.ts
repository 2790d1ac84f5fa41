import { describe, expect, it } from 'vitest'
import type { StoreUnderTest } from './contract.ts'
import { attemptOf, commitEvents, delivered, newEvent, NOON, seqsOf, writeSet } from './samples.ts'

const PLENTY = Number.MAX_SAFE_INTEGER

export function pruneContract(under: () => StoreUnderTest): void {
  const finish = (seqs: readonly number[], finishedAt: number) =>
    under().store.recordDispatch({
      attempts: seqs.map((seq) => attemptOf(seq)),
      deliveries: seqs.map((seq) => delivered(seq, { finishedAt })),
      endpoints: [],
    })

  describe('pruning', () => {
    it('drops what ended before a time, and nothing of an event that still has a delivery to make', async () => {
      const { store, handed } = under()
      const events = [{ webhooks: ['billing', 'audit'] }, { webhooks: ['billing', 'audit'] }, { occurredAt: NOON + 50 }]
      const [a, a2, b, b2, c] = seqsOf(await commitEvents(store, handed, events)) as [
        number,
        number,
        number,
        number,
        number,
      ]
      await finish([a, a2, b], NOON + 10)
      await finish([c], NOON + 60)
      expect(await store.prune({ finishedBefore: NOON + 20, maxBytes: PLENTY })).toEqual({ deliveries: 2 })
      expect(seqsOf(await store.deliveries({ limit: 9 }))).toEqual([c, b2, b])
      expect(await store.delivery(a)).toBeUndefined()
      expect((await store.delivery(b))?.log).toHaveLength(1)
      expect(await store.prune({ finishedBefore: NOON + 61, maxBytes: PLENTY })).toEqual({ deliveries: 1 })
      expect(seqsOf(await store.pendingDeliveries('audit', { order: 'seq', dueBy: PLENTY, limit: 9 }))).toEqual([b2])
    })

    it('drops the oldest until the store is small enough, whole pieces at a time', async () => {
      const { store, handed } = under()
      const body = JSON.stringify({ text: 'x'.repeat(4_000) })
      await store.commit(
        writeSet({ events: Array.from({ length: 1_000 }, (_, i) => newEvent({ id: `evt_${i}`, body })) }),
      )
      const seqs = seqsOf(handed)
      await finish(seqs.slice(1), NOON)
      const { deliveries: removed } = await store.prune({ finishedBefore: 0, maxBytes: 2_500_000 })
      expect(removed).toBeGreaterThan(300)
      expect(removed).toBeLessThan(900)
      const kept = seqsOf(await store.deliveries({ limit: 1_000 }))
      expect(kept).toEqual([...seqs.slice(removed + 1).reverse(), seqs[0]])
    })

    it.each([1, 450])('is not stopped by %i events that a clock which was ahead dated in the future', async (count) => {
      const { store, handed } = under()
      const ahead = Array.from({ length: count }, () => newEvent({ occurredAt: NOON + 365 * 86_400_000 }))
      await store.commit(writeSet({ events: [...ahead, ...Array.from({ length: 300 }, () => newEvent())] }))
      const seqs = seqsOf(handed)
      await finish(seqs.slice(count), NOON)
      expect(await store.prune({ finishedBefore: NOON + 1, maxBytes: PLENTY })).toEqual({ deliveries: 300 })
      expect(seqsOf(await store.deliveries({ limit: 1_000 })).reverse()).toEqual(seqs.slice(0, count))
    })

    it('gives no seq twice, though the last was dropped before a restart', async () => {
      const { store, handed, reopen } = under()
      await commitEvents(store, handed, [{}, { webhooks: ['billing', 'audit'] }])
      const seqs = seqsOf(handed)
      await finish(seqs, NOON)
      expect(await store.prune({ finishedBefore: NOON + 1, maxBytes: PLENTY })).toEqual({ deliveries: 3 })
      const [next] = await commitEvents(await reopen(), handed, [{}])
      expect(next?.seq).toBeGreaterThan(Math.max(...seqs))
    })
  })
}
