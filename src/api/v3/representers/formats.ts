/** The value formats of the wire (reference: APIv3 basic objects), both directions. */

import { paragraphs } from './html-text.ts'
import { markdownHtml } from './markdown-html.ts'

export interface Formattable {
  readonly format: 'markdown' | 'plain'
  readonly raw: string
  readonly html: string
}

const NO_MARKDOWN: Formattable = { format: 'markdown', raw: '', html: '' }
const NO_PLAIN: Formattable = { format: 'plain', raw: '', html: '' }

/** Markdown stays as written in `raw`. */
export function markdown(raw: string): Formattable {
  return raw === '' ? NO_MARKDOWN : { format: 'markdown', raw, html: markdownHtml(raw) }
}

export function plain(raw: string): Formattable {
  return raw === '' ? NO_PLAIN : { format: 'plain', raw, html: paragraphs(raw, '<p>') }
}

const MINUTES_PER_DAY = 24 * 60

/** ISO 8601 of days, hours and minutes: 26 hours are `P1DT2H`, nothing is `PT0S`. */
export function duration(minutes: number): string {
  if (minutes === 0) return 'PT0S'
  const days = Math.floor(minutes / MINUTES_PER_DAY)
  const hours = Math.floor((minutes % MINUTES_PER_DAY) / 60)
  const rest = minutes % 60
  const time = (hours > 0 ? `${hours}H` : '') + (rest > 0 ? `${rest}M` : '')
  return `P${days > 0 ? `${days}D` : ''}${time && `T${time}`}`
}

export function optionalDuration(minutes: number | null): string | null {
  return minutes === null ? null : duration(minutes)
}

const DURATION =
  /^P(?:(\d+(?:\.\d+)?)W)?(?:(\d+(?:\.\d+)?)D)?(?:T(?:(\d+(?:\.\d+)?)H)?(?:(\d+(?:\.\d+)?)M)?(?:(\d+(?:\.\d+)?)S)?)?$/
/** Three hundred years and more: past it nobody measured anything. */
const MINUTES_MAX = 1_000_000_000

/** Whole minutes (rounded) of an ISO 8601 duration without years and months; undefined if it is none. */
export function parseDuration(text: string): number | undefined {
  const match = DURATION.exec(text)
  if (!match || text.endsWith('P') || text.endsWith('T')) return undefined
  const [weeks, days, hours, minutes, seconds] = match.slice(1).map((part) => Number(part ?? 0))
  const total =
    ((weeks ?? 0) * 7 + (days ?? 0)) * MINUTES_PER_DAY + (hours ?? 0) * 60 + (minutes ?? 0) + (seconds ?? 0) / 60
  return total <= MINUTES_MAX ? Math.round(total) : undefined
}

/** UTC with three decimals and `Z`. */
export function dateTime(epochMs: number): string {
  return new Date(epochMs).toISOString()
}

/** Whether `text` is a calendar date written `YYYY-MM-DD`, of the years 0001 to 9999. */
export function isDate(text: string): boolean {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || text.startsWith('0000')) return false
  // A day that its month has not is read as one of the next.
  return new Date(`${text}T00:00:00Z`).getUTCDate() === Number(text.slice('YYYY-MM-'.length))
}
