import { expect, it } from 'vitest'
import { DueWindow } from '../../src/dispatch/due-window.ts'
import { WindowBudget } from '../../src/dispatch/window.ts'
import { NOON, pendingOf } from '../storage/samples.ts'

const PAGE = 64

it.each([
  ['looks further when all of a page is in hand', NOON, 2 * PAGE],
  ['does not when it only has to wait', NOON + 1000, PAGE],
])('a window %s', (_, nextAttemptAt, limit) => {
  const window = new DueWindow(new WindowBudget())
  const rows = Array.from({ length: PAGE }, (_row, index) => pendingOf(index + 1, { attempts: 1, nextAttemptAt }))
  expect(window.page(NOON)?.limit).toBe(PAGE)
  window.filled(rows, NOON, () => true)
  expect(window.page(nextAttemptAt)?.limit).toBe(limit)
})
