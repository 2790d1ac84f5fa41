import { fail, ok, type Result } from '../../base/result.ts'
import { apiError, propertyError, type ApiError } from '../errors.ts'
import { isDate, parseDuration } from '../v3/representers/formats.ts'

/** A request body taken apart: scalars at the top, references under `_links` (reference §8). */
export interface RequestBody {
  readonly fields: Readonly<Record<string, unknown>>
  readonly links: Readonly<Record<string, unknown>>
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** No body at all means an empty one. */
export function readBody(body: unknown): Result<RequestBody, ApiError> {
  const fields = body ?? {}
  if (!isObject(fields)) return fail(apiError('InvalidRequestBody', 'The request body must be a JSON object.'))
  const links = fields['_links'] ?? {}
  const shaped = isObject(links) && Object.values(links).every((link) => typeof link === 'object' && link !== null)
  if (!shaped) return fail(apiError('BadRequest', 'Bad request: _links must be an object of link objects'))
  return ok({ fields, links })
}

/** Reads one property; the error names it. */
export type Parse<V> = (value: unknown, name: string) => Result<V, ApiError>

function formatError(name: string, expected: string, got: unknown): { ok: false; error: ApiError } {
  const shown = JSON.stringify(got)?.slice(0, 100) ?? 'nothing'
  const message = `Invalid format for property '${name}': Expected format like '${expected}', but got '${shown}'.`
  return fail(propertyError('PropertyFormatError', name, message))
}

/** Null and text; null is empty. Half a surrogate pair is no text: no store could give it back. */
export const text: Parse<string> = (value, name) =>
  value === null || isText(value) ? ok(value ?? '') : formatError(name, 'String', value)

/** Characters of a description and its like: many of them still make a page. */
export const LONG_TEXT_MAX = 262_144

/** Only `raw` of a formattable counts; plain text is taken for it. */
export const formattable: Parse<string> = (value, name) => {
  const raw = isObject(value) ? (value['raw'] ?? '') : (value ?? '')
  return isText(raw) ? ok(raw) : formatError(name, '{"raw": "text"}', value)
}

function isText(value: unknown): value is string {
  return typeof value === 'string' && value.isWellFormed()
}

export const boolean: Parse<boolean> = (value, name) =>
  typeof value === 'boolean' ? ok(value) : formatError(name, 'true or false', value)

export const integer: Parse<number | null> = (value, name) =>
  value === null || Number.isSafeInteger(value) ? ok(value as number | null) : formatError(name, 'Integer', value)

export const date: Parse<string | null> = (value, name) => {
  if (value === null) return ok(null)
  if (typeof value === 'string' && isDate(value)) return ok(value)
  const early = typeof value === 'string' && /^0000-\d{2}-\d{2}$/.test(value)
  return early ? fail(outOfRange(name)) : formatError(name, 'YYYY-MM-DD (ISO 8601 date only)', value)
}

/** Null is empty, for a column that is never null. */
export const requiredDate: Parse<string> = (value, name) => {
  const read = date(value, name)
  return read.ok ? ok(read.value ?? '') : read
}

export function outOfRange(attribute: string): ApiError {
  return violation(attribute, 'Dates must be within the years 0001 to 9999.')
}

/** Whole minutes of an ISO 8601 duration. */
export const minutes: Parse<number | null> = (value, name) => {
  if (value === null) return ok(null)
  const parsed = typeof value === 'string' ? parseDuration(value) : undefined
  return parsed === undefined ? formatError(name, 'PT1H30M (ISO 8601 duration)', value) : ok(parsed)
}

/** Whole days of an ISO 8601 duration; seven digits hold the years 0001 to 9999. */
export const days: Parse<number | null> = (value, name) => {
  if (value === null) return ok(null)
  const match = typeof value === 'string' ? /^P(\d{1,7})D$/.exec(value) : null
  return match ? ok(Number(match[1])) : formatError(name, 'P5D (whole days)', value)
}

/** Longer than any link of ours; bounds what matching one may cost. */
const HREF_MAX = 2_000

/** Namespace and last segment of a link into the API, whatever server it names; null if it is none. */
export function readTail(href: string): readonly [namespace: string, id: string] | null {
  const [, namespace, id] = (href.length <= HREF_MAX && /\/api\/v3\/([^?#]+)\/([^/?#]+)$/.exec(href)) || []
  return namespace !== undefined && id !== undefined ? [namespace, id] : null
}

/** A link to a resource of the given namespace (or an alias of it): the last segment of its href, or null. Hrefs are matched on their tail. */
export function reference(...namespaces: readonly [string, ...string[]]): Parse<string | null> {
  const [namespace] = namespaces
  return (value, name) => {
    const href = isObject(value) ? value['href'] : undefined
    if (href === null) return ok(null)
    if (typeof href !== 'string') return formatError(name, `{"href": "/api/v3/${namespace}/:id"}`, value)
    const tail = readTail(href)
    if (tail && namespaces.includes(tail[0])) return ok(tail[1])
    const message = `For property '${name}' a link like '/api/v3/${namespace}/:id' is expected, but got '${href.slice(0, 200)}'.`
    return fail(propertyError('ResourceTypeMismatch', name, message))
  }
}

/** Several links to resources of one namespace, in a list. */
export function references(...namespaces: readonly [string, ...string[]]): Parse<readonly string[]> {
  const one = reference(...namespaces)
  return (value, name) => {
    if (!Array.isArray(value)) return formatError(name, `[{"href": "/api/v3/${namespaces[0]}/:id"}]`, value)
    const ids: string[] = []
    for (const link of value as unknown[]) {
      const id = one(link, name)
      if (!id.ok) return id
      if (id.value !== null) ids.push(id.value)
    }
    return ok(ids)
  }
}

/** Values that never change may come back as they are (clients send whole representations), but no others. */
export function readOnly(name: string): ApiError {
  return propertyError('PropertyIsReadOnly', name, `${label(name)} was attempted to be written but is not writable.`)
}

/** `createdAt` -> `Created at`. */
function label(name: string): string {
  const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  return words.charAt(0).toUpperCase() + words.slice(1)
}

export function violation(attribute: string, message: string): ApiError {
  return propertyError('PropertyConstraintViolation', attribute, message)
}
