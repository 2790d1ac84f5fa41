import { describe, expect, it } from 'vitest'
import { planBatch } from '../../src/sources/directory/batch.ts'
import { asFailing, asRead, dueAt, observe, type FileRecord } from '../../src/sources/directory/file-state.ts'
import type { Look } from '../../src/sources/directory/files.ts'

const file = (identity: string): Look => ({ kind: 'file', identity })
const missing: Look = { kind: 'missing' }
const failure = { code: 'Unreadable', reason: 'permission denied', hint: '' } as const
const denied: Look = { kind: 'failed', failure }

function see(
  record: FileRecord | undefined,
  look: Look,
  now: number,
  options: { woken?: boolean; mount?: string } = {},
) {
  const { woken = false, mount } = options
  return observe(record, { look, now, actual: '/x', mount, woken })
}

function settling(look: Look, now: number, mount?: string): FileRecord {
  const record = see(undefined, look, now, mount === undefined ? {} : { mount })
  if (!record) throw new Error('nothing is there')
  return record
}

describe('a file', () => {
  it('that never was is nothing', () => {
    expect(see(undefined, missing, 0)).toBeUndefined()
  })

  it('is due 20 ms after it was last seen to change', () => {
    const first = settling(file('1'), 100)
    expect(dueAt(first)).toBe(120)
    const grown = see(first, file('2'), 115)
    expect(grown && dueAt(grown)).toBe(135)
    expect(see(grown, file('2'), 130)).toBe(grown)
  })

  it('starts its wait again when a watcher reports it, though it looks the same', () => {
    const woken = see(settling(file('1'), 100), file('1'), 110, { woken: true })
    expect(woken && dueAt(woken)).toBe(130)
  })

  it('that was read rests until it looks different or is reported', () => {
    const read = asRead(settling(file('1'), 0), 'digest')
    expect(dueAt(read)).toBeUndefined()
    expect(see(read, file('1'), 50)).toBe(read)
    expect(see(read, file('2'), 50)).toMatchObject({ phase: 'settling', since: 50, digest: 'digest' })
    expect(see(read, file('1'), 50, { woken: true })).toMatchObject({ phase: 'settling', since: 50 })
  })

  it('that fails keeps its digest, and settles before it is read again', () => {
    const read = asRead(settling(file('1'), 0), 'digest')
    const failing = asFailing(see(read, denied, 10) ?? read, failure)
    expect(failing).toMatchObject({ phase: 'failing', digest: 'digest', failure })
    expect(see(failing, denied, 20)).toBe(failing)
    expect(see(failing, file('1'), 30)).toMatchObject({ phase: 'settling', failure: undefined, digest: 'digest' })
  })

  it('that is missing is held for 100 ms, reported again or not', () => {
    const read = asRead(settling(file('1'), 0), 'digest')
    const vanishing = see(read, missing, 10)
    expect(vanishing).toMatchObject({ phase: 'vanishing', digest: 'digest' })
    expect(vanishing && dueAt(vanishing)).toBe(110)
    expect(see(vanishing, missing, 60, { woken: true })).toBe(vanishing)
    expect(see(vanishing, file('1'), 60)).toMatchObject({ phase: 'settling', since: 60, digest: 'digest' })
  })

  it('of a mount leaves with the rest of its version', () => {
    const vanishing = see(asRead(settling(file('1'), 0, 'm'), 'digest'), missing, 10, { mount: 'm' })
    expect(vanishing && dueAt(vanishing)).toBe(30)
  })
})

describe('a batch', () => {
  const plan = (pending: Record<string, FileRecord>, now: number, patienceMs = 20) =>
    planBatch(new Map(Object.entries(pending)), now, patienceMs)
  const vanishing = (now: number) => see(asRead(settling(file('1'), 0), 'd'), missing, now) ?? settling(missing, 0)

  it('of nothing wants no wake-up', () => {
    expect(plan({}, 0)).toEqual({ ready: [], wakeAt: Infinity })
  })

  it('waits for those still settling, but not longer than its patience', () => {
    const pending = { a: settling(file('1'), 100), b: settling(file('2'), 110) }
    expect(plan(pending, 119)).toEqual({ ready: [], wakeAt: 130 })
    expect(plan(pending, 121)).toEqual({ ready: [], wakeAt: 130 })
    expect(plan(pending, 130)).toEqual({ ready: ['a', 'b'], wakeAt: Infinity })
    const restless = { ...pending, c: settling(file('3'), 139) }
    expect(plan(restless, 139)).toEqual({ ready: [], wakeAt: 140 })
    expect(plan(restless, 140)).toEqual({ ready: ['a', 'b'], wakeAt: 159 })
  })

  it('never takes a part of a mount', () => {
    const pending = { a: settling(file('1'), 0, 'm'), b: settling(file('2'), 39, 'm'), c: settling(file('3'), 0) }
    expect(plan(pending, 50)).toEqual({ ready: ['c'], wakeAt: 59 })
    expect(plan(pending, 59).ready).toEqual(['a', 'b', 'c'])
  })

  it('lets a file go only when nothing is settling, or after a second', () => {
    const gone = vanishing(0)
    expect(plan({ gone }, 99)).toEqual({ ready: [], wakeAt: 100 })
    expect(plan({ gone }, 100)).toEqual({ ready: ['gone'], wakeAt: Infinity })
    expect(plan({ gone, a: settling(file('1'), 95) }, 100)).toEqual({ ready: [], wakeAt: 115 })
    expect(plan({ gone, a: settling(file('1'), 1095) }, 1100)).toEqual({ ready: ['gone'], wakeAt: 1115 })
  })
})
