import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { foldName, resolveNames, type NameClaim } from '../../src/reconcile/names.ts'
import type { ResourceKey } from '../../src/resources/resource.ts'
import { tries } from '../support/effort.ts'

const key = (name: string): ResourceKey => `Webhook/${name}`

function claim(name: string, wanted: string, held?: string, since?: number): NameClaim {
  return { key: key(name), wanted, held, since, tiebreak: name }
}

function check(claims: NameClaim[], outside: Record<string, string>, losers: Record<string, string>): void {
  const found = resolveNames(claims, (folded) => (outside[folded] ? key(outside[folded]) : undefined))
  expect(Object.fromEntries(found)).toEqual(
    Object.fromEntries(Object.entries(losers).map(([a, b]) => [key(a), key(b)])),
  )
}

describe('display names', () => {
  it('go to the only claimant', () => check([claim('a', 'Billing')], {}, {}))
  it('stay with a live holder outside the batch, whatever the case', () =>
    check([claim('a', 'BILLING')], { billing: 'z' }, { a: 'z' }))
  it('stay with a live holder inside the batch', () => check([claim('a', 'X'), claim('z', 'x', 'X')], {}, { a: 'z' }))
  it('with no holder go to the oldest', () =>
    check([claim('a', 'X', undefined, 20), claim('b', 'X', undefined, 10)], {}, { a: 'b' }))
  it('of the same age go by the tiebreak', () =>
    check([claim('b', 'X', undefined, 10), claim('a', 'X', undefined, 10)], {}, { b: 'a' }))
  it('can be swapped in one batch', () => check([claim('a', 'B', 'A'), claim('b', 'A', 'B')], {}, {}))
  it('can move round in a ring', () =>
    check([claim('a', 'B', 'A'), claim('b', 'C', 'B'), claim('c', 'A', 'C')], {}, {}))
  it('a mover that loses keeps its old name, and who had won that loses it again', () =>
    check([claim('a', 'taken', 'A'), claim('b', 'A')], { taken: 'z' }, { a: 'z', b: 'a' }))

  it('are never held twice, and every loser lost to a webhook that ends up with the name', () => {
    const names = fc.constantFrom('x', 'y', 'z', 'X')
    const claims = fc
      .uniqueArray(
        fc.record({
          name: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
          wanted: names,
          since: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
        }),
        {
          selector: (row) => row.name,
        },
      )
      .chain((rows) =>
        fc.tuple(
          fc.constant(rows),
          fc.shuffledSubarray(['x', 'y', 'z', undefined, undefined], { minLength: 5, maxLength: 5 }),
        ),
      )
      .map(([rows, held]) => rows.map((row, i) => ({ ...claim(row.name, row.wanted, held[i], row.since) })))
    fc.assert(
      fc.property(claims, (batch) => {
        const losers = resolveNames(batch, () => undefined)
        const finalName = new Map(batch.map((c) => [c.key, losers.has(c.key) ? c.held : c.wanted]))
        const final = [...finalName.values()].flatMap((name) => (name === undefined ? [] : [foldName(name)]))
        expect(new Set(final).size).toBe(final.length)
        for (const c of batch) {
          const winner = losers.get(c.key)
          if (winner) expect(foldName(finalName.get(winner) ?? '')).toBe(foldName(c.wanted))
        }
      }),
      { numRuns: tries(200, 100_000) },
    )
  })
})
