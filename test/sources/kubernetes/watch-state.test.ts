import { describe, expect, it } from 'vitest'
import { failureOf, type Failure } from '../../../src/sources/kubernetes/failure.ts'
import { START, step, type Outcome, type WatchState } from '../../../src/sources/kubernetes/watch-state.ts'

const context = { now: 0, random: { fraction: () => 0.5 } }
const failed = (
  kind: Failure['kind'],
  more: { retryAfterMs?: number; resourceVersion?: string; ranMs?: number } = {},
) => {
  const { retryAfterMs, resourceVersion, ranMs = 0 } = more
  const failure = { kind, message: '', ...(retryAfterMs === undefined ? {} : { retryAfterMs }) }
  return { kind: 'failed', failure, ranMs, ...(resourceVersion === undefined ? {} : { resourceVersion }) } as const
}

/** What comes of one outcome after the other, waits waited. */
function after(state: WatchState, ...outcomes: Outcome[]): WatchState {
  return outcomes.reduce((now, outcome) => {
    const ready = now.kind === 'waiting' ? now.next : now
    return step(ready, outcome, context)
  }, state)
}
const listed = after(START, { kind: 'listed', resourceVersion: '10' })
const delayOf = (state: WatchState) => (state.kind === 'waiting' ? state.delayMs : 0)

describe('following a resource', () => {
  it('watches from where the list was', () => {
    expect(listed).toMatchObject({ kind: 'watching', resourceVersion: '10' })
  })

  it('opens a watch that ran its time again at once, where it came to', () => {
    const again = after(listed, { kind: 'ended', resourceVersion: '20', ranMs: 300_000, early: false })
    expect(again).toMatchObject({ kind: 'watching', resourceVersion: '20' })
  })

  it('does not spin with a server that ends each watch as soon as it is open', () => {
    const end = { kind: 'ended', resourceVersion: '20', ranMs: 5, early: true } as const
    const waits = [1, 2, 3, 4, 5, 6, 7, 8].map((count) => delayOf(after(listed, ...Array<Outcome>(count).fill(end))))
    expect(waits).toEqual([600, 1200, 2400, 4800, 9600, 19_200, 22_500, 22_500])
  })

  it.each(['unavailable', 'refused', 'conflict'] as const)(
    'goes on where it came to after a watch failed (%s)',
    (kind) => {
      const state = after(listed, failed(kind, { resourceVersion: '15' }))
      expect(state).toMatchObject({ kind: 'waiting', next: { kind: 'watching', resourceVersion: '15' } })
    },
  )

  it('doubts a watch that did not run its time, until the next has', () => {
    const end = { kind: 'ended', resourceVersion: '20', ranMs: 40_000 } as const
    const inTime = after(listed, { ...end, early: false })
    const early = after(listed, { ...end, early: true })
    const broken = after(listed, failed('unavailable', { ranMs: 40_000 }))
    const doubts = [listed, inTime, early, broken, after(early, { ...end, early: false })].map((state) =>
      state.kind === 'waiting' ? state.next : state,
    )
    expect(doubts.map((state) => state.kind === 'watching' && state.doubted)).toEqual([false, false, true, true, false])
  })

  it('lists at once when the server no longer knows the version; if that happens again, after a wait', () => {
    const once = after(listed, failed('expired'))
    expect(once).toMatchObject({ kind: 'listing', paged: true })
    expect(after(once, { kind: 'listed', resourceVersion: '1' }, failed('expired'))).toMatchObject({ kind: 'waiting' })
  })

  it('checks, some time after the last list, what watching has led to; and watches on from there', () => {
    const later = { ...context, now: 45 * 60_000 }
    const watching = listed as Parameters<typeof step>[0]
    const ended = { kind: 'ended', resourceVersion: '90', ranMs: 300_000, early: false } as const
    expect(step(watching, ended, { ...context, now: 44 * 60_000 })).toMatchObject({ kind: 'watching' })
    const checking = step(watching, ended, later)
    expect(checking).toMatchObject({ kind: 'checking', resourceVersion: '90' })
    expect(step(watching, failed('unavailable', { resourceVersion: '90' }), later)).toMatchObject({
      next: { kind: 'checking', resourceVersion: '90' },
    })
    const watchesOn = after(checking, { kind: 'listed', resourceVersion: '90' })
    expect(watchesOn).toMatchObject({ kind: 'watching', resourceVersion: '90' })
    for (const kind of ['expired', 'refused'] as const)
      expect(after(checking, failed(kind))).toMatchObject({ kind: 'listing', paged: true, failures: 0 })
    expect(after(checking, failed('unavailable'))).toMatchObject({ kind: 'waiting', next: { kind: 'listing' } })
  })

  it('lists in one piece when the server forgot the place between two pages', () => {
    expect(after(START, failed('expired'))).toMatchObject({ kind: 'listing', paged: false })
  })

  it.each(['missing', 'forbidden'] as const)(
    'lists after a wait when the resource or the right is gone (%s)',
    (kind) => {
      expect(after(listed, failed(kind))).toMatchObject({ kind: 'waiting', next: { kind: 'listing' } })
    },
  )

  it('tells a lack of permission from a namespace that is on its way out', () => {
    const causes = [{ reason: 'NamespaceTerminating', message: '', field: 'metadata.namespace' }]
    expect(failureOf(403, { message: 'no', details: { causes } })).toEqual({ kind: 'refused', message: 'no' })
    expect(failureOf(403, { message: 'no' })).toEqual({ kind: 'forbidden', message: 'no' })
  })

  it('waits at least as long as the server asks, within reason', () => {
    expect(delayOf(after(listed, failed('unavailable', { retryAfterMs: 7_000 })))).toBe(7_000)
    expect(failureOf(503, undefined, '7')).toMatchObject({ kind: 'unavailable', retryAfterMs: 7_000 })
    expect(failureOf(429, { details: { retryAfterSeconds: 99_999 } })).toMatchObject({ retryAfterMs: 300_000 })
  })

  it('forgets its failures once a watch has held for a while', () => {
    const failing = after(listed, failed('unavailable'), failed('unavailable'), failed('unavailable'))
    expect(delayOf(after(failing, failed('unavailable')))).toBe(4800)
    expect(delayOf(after(failing, failed('unavailable', { ranMs: 60_000 })))).toBe(600)
  })
})
