import { expect, test } from 'vitest'

import { parseDurationMs } from '../../src/cli/duration.ts'

test.each([
  ['0', 0],
  ['90', 90_000],
  ['500ms', 500],
  ['30s', 30_000],
  ['2m', 120_000],
  ['1h30m', 5_400_000],
  ['1m5ms', 60_005],
])('%s', (text, ms) => expect(parseDurationMs(text)).toEqual({ ok: true, value: ms }))

test.each(['', 's', '-1s', '1.5s', '1d', '1 s', '9999999', '1s2'])('%j is no duration', (text) =>
  expect(parseDurationMs(text).ok).toBe(false),
)
