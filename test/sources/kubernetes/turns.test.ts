import { describe, expect, it } from 'vitest'
import { standingOf, turnsSince } from '../../../src/sources/kubernetes/turns.ts'
import { fails, holds, unknown, type Finding } from '../../../src/status/conditions.ts'

const at = (finding: Finding) => ({ ...finding, lastTransitionTime: '2026-05-01T00:00:00Z' })
const told = (before: readonly Finding[], after: readonly Finding[]) =>
  turnsSince(standingOf({ conditions: before.map(at) }), after.map(at)).map(
    ({ type, condition }) => `${type} ${condition.reason}`,
  )

const GOOD = [holds('Accepted', 1, ''), holds('ResolvedRefs', 1, ''), holds('Programmed', 1, ''), holds('Ready', 1, '')]
const INVALID = [
  fails('Accepted', 2, 'InvalidSpec', ''),
  holds('ResolvedRefs', 2, ''),
  fails('Programmed', 2, 'LastGoodActive', ''),
  fails('Ready', 2, 'InvalidSpec', ''),
  holds('Stalled', 2, '', 'InvalidSpec'),
]
const delivering = (status: 'True' | 'False', reason: string) => ({ ...holds('Delivering', 1, '', reason), status })

describe('the turns that are worth an event', () => {
  it.each<[string, Finding[], Finding[], string[]]>([
    ['a new resource in force', [], GOOD, ['Normal Programmed']],
    ['a new resource that was never valid', [], INVALID, ['Warning InvalidSpec']],
    ['nothing new', GOOD, GOOD, []],
    ['an invalid edit, said once', GOOD, INVALID, ['Warning InvalidSpec']],
    ['mended', INVALID, GOOD, ['Normal Programmed']],
    ['switched off', GOOD, [holds('Programmed', 2, '', 'Disabled')], ['Normal Disabled']],
    ['a Secret away', GOOD, [fails('ResolvedRefs', 1, 'SecretNotFound', '')], ['Warning SecretNotFound']],
    ['a Secret back', [fails('ResolvedRefs', 1, 'SecretNotFound', '')], GOOD.slice(0, 2), ['Normal ResolvedRefs']],
    [
      'a first delivery',
      [unknown('Delivering', 1, 'NoDeliveries', '')],
      [delivering('True', 'Delivered')],
      ['Normal Delivered'],
    ],
    [
      'another reason',
      [delivering('False', 'EndpointFailing')],
      [delivering('False', 'CircuitOpen')],
      ['Warning CircuitOpen'],
    ],
    [
      'nothing to be said any more',
      [delivering('False', 'CircuitOpen')],
      [unknown('Delivering', 1, 'Disabled', '')],
      [],
    ],
    ['waiting to be stored', GOOD, [fails('Programmed', 2, 'Pending', '')], []],
  ])('%s', (_name, before, after, expected) => {
    expect(told(before, after)).toEqual(expected)
  })

  it('a status that is none says nothing', () => {
    for (const status of [undefined, {}, { conditions: 'x' }, { observedGeneration: -1, conditions: [1] }])
      expect(standingOf(status)).toEqual(new Map())
  })
})
