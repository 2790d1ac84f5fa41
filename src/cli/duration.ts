import { fail, ok, type Result } from '../base/result.ts'

const UNIT_MS: Record<string, number> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 }

/** Reads `90s`, `1m30s`, `2h`, `500ms`, or seconds alone; the error says what is expected. */
export function parseDurationMs(text: string): Result<number, string> {
  if (/^\d{1,6}$/.test(text)) return ok(Number(text) * 1000)
  if (!/^(\d{1,6}(h|m(?!s)|s|ms))+$/.test(text)) return fail('a duration such as 30s, 2m or 1h30m')
  const parts = [...text.matchAll(/(\d+)(ms|h|m|s)/g)]
  return ok(parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (UNIT_MS[unit] ?? 0), 0))
}
