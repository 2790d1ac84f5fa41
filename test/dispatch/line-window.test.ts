import { expect, it } from 'vitest'
import { LineWindow } from '../../src/dispatch/line-window.ts'
import { WindowBudget } from '../../src/dispatch/window.ts'
import { NOON, pendingOf } from '../storage/samples.ts'

it('what was forgotten while a page was read is not overtaken by the page', () => {
  const window = new LineWindow(new WindowBudget(), 'Strict')
  const rows = Array.from({ length: 128 }, (_, index) => pendingOf(index + 1))
  /** Reads the next page as the store would answer it. */
  const page = () => {
    const asked = window.page(NOON)
    return rows.filter((row) => row.seq > (asked?.afterSeq ?? Infinity)).slice(0, asked?.limit)
  }
  const none = () => false
  window.filled(page(), NOON, none)
  const second = page()
  window.clear()
  window.filled(second, NOON, none)
  expect(window.take(NOON)).toBeUndefined()
  window.filled(page(), NOON, none)
  expect(window.take(NOON)?.seq).toBe(1)
})
