import { fail, ok, type Result } from '../../../base/result.ts'
import { apiError, type ApiError } from '../../errors.ts'

/** The page a client asks for: `offset` counts pages from 1, `size` is the effective page size. */
export interface Page {
  readonly offset: number
  readonly size: number
}

/** The smallest of the page sizes offered to people: the default (reference §7). */
export const PAGE_SIZE_DEFAULT = 20
export const PER_PAGE_OPTIONS = [20, 100] as const

/** Past it no collection has a page; keeps offset * size a safe integer. */
const OFFSET_MAX = 1_000_000_000

/**
 * Reads `offset` and `pageSize`. A useless offset means page 1, an empty page size none; one above the maximum is clamped, -1 means
 * the maximum, 0 only counts; any other negative, and text, is a 400 (where existing servers fail).
 */
export function parsePage(query: Readonly<Record<string, unknown>>, sizeMax: number): Result<Page, ApiError> {
  const size = parseSize(query['pageSize'], sizeMax)
  if (size === undefined) return fail(apiError('BadRequest', 'Bad request: pageSize is invalid'))
  return ok({ offset: parseOffset(query['offset']), size })
}

function parseSize(value: unknown, sizeMax: number): number | undefined {
  if (value === undefined || value === '') return Math.min(PAGE_SIZE_DEFAULT, sizeMax)
  if (value === '-1') return sizeMax
  if (typeof value !== 'string' || !/^\d+$/.test(value)) return undefined
  return Math.min(Number(value), sizeMax)
}

function parseOffset(value: unknown): number {
  const offset = typeof value === 'string' ? Number.parseInt(value, 10) : NaN
  return offset >= 1 ? Math.min(offset, OFFSET_MAX) : 1
}
