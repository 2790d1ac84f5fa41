import { describe, expect, it } from 'vitest'
import { fails, holds, mergeConditions, ready, unknown } from '../../src/status/conditions.ts'

const T0 = Date.UTC(2026, 0, 1, 12, 0, 0, 987)
const T1 = T0 + 60_000

describe('conditions', () => {
  it('keep the time of the last change of status, whatever happens to reason and message', () => {
    const first = mergeConditions([], [fails('Accepted', 1, 'InvalidSpec', 'one')], T0)
    const second = mergeConditions(first, [fails('Accepted', 2, 'NameConflict', 'two')], T1)
    expect(second).toEqual([
      {
        type: 'Accepted',
        status: 'False',
        observedGeneration: 2,
        reason: 'NameConflict',
        message: 'two',
        lastTransitionTime: '2026-01-01T12:00:00Z',
      },
    ])
    expect(mergeConditions(second, [holds('Accepted', 3, 'fine')], T1)[0]).toMatchObject({
      reason: 'Accepted',
      lastTransitionTime: '2026-01-01T12:01:00Z',
    })
  })

  it('disappear when they are no longer found', () => {
    const stalled = mergeConditions([], [holds('Stalled', 1, 'broken', 'InvalidSpec')], T0)
    expect(mergeConditions(stalled, [], T1)).toEqual([])
  })

  it('bound their message', () => {
    expect(mergeConditions([], [holds('Accepted', 1, 'x'.repeat(5000))], T0)[0]?.message).toHaveLength(1024)
  })

  it('Ready has the reason of the first that fails, a plain failure before an unknown', () => {
    const accepted = holds('Accepted', 4, '')
    const refs = unknown('ResolvedRefs', 4, 'Pending', '')
    const programmed = fails('Programmed', 4, 'NeverValid', 'nothing')
    expect(ready([accepted, refs, programmed], 4)).toMatchObject({
      type: 'Ready',
      status: 'False',
      reason: 'NeverValid',
      observedGeneration: 4,
    })
    expect(ready([accepted, holds('Programmed', 4, '', 'Disabled')], 4)).toMatchObject({
      status: 'True',
      reason: 'Ready',
    })
  })
})
