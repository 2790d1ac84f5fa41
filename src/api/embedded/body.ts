import { fail, ok, type Result } from '../../base/result.ts'
import { apiError, propertyError, type ApiError } from '../errors.ts'
import { isDate, parseDuration } from '../v3/representers/formats.ts'
import { UNDISCLOSED } from '../v3/representers/hal.ts'

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

type Parsers = Readonly<Record<string, Parse<unknown>>>
export type Parsed<P extends Parsers> = { [K in keyof P]?: P[K] extends Parse<infer V> ? V : never }

/** A link to what the writer may not see, sent back as it came: the value stays. */
const isUndisclosed = (value: unknown) => isObject(value) && value['href'] === UNDISCLOSED

/** Reads the properties that are present; everything wrong is collected. Unknown ones are ignored. */
export function parseProperties<P extends Parsers>(
  source: Readonly<Record<string, unknown>>,
  parsers: P,
  errors: ApiError[],
): Parsed<P> {
  const values: Record<string, unknown> = {}
  for (const [name, parse] of Object.entries(parsers)) {
    if (!Object.hasOwn(source, name) || isUndisclosed(source[name])) continue
    const parsed = parse(source[name], name)
    if (parsed.ok) values[name] = parsed.value
    else errors.push(parsed.error)
  }
  return values as Parsed<P>
}

function formatError(name: string, expected: string, got: unknown): { ok: false; error: ApiError } {
  const shown = JSON.stringify(got)?.slice(0, 100) ?? 'nothing'
  const message = `Invalid format for property '${name}': Expected format like '${expected}', but got '${shown}'.`
  return fail(propertyError('PropertyFormatError', name, message))
}

/** Null and text; null is empty. */
export const text: Parse<string> = (value, name) =>
  value === null || typeof value === 'string' ? ok(value ?? '') : formatError(name, 'String', value)

/** Only `raw` of a formattable counts; plain text is taken for it. */
export const formattable: Parse<string> = (value, name) => {
  const raw = isObject(value) ? (value['raw'] ?? '') : (value ?? '')
  return typeof raw === 'string' ? ok(raw) : formatError(name, '{"raw": "text"}', value)
}

export const boolean: Parse<boolean> = (value, name) =>
  typeof value === 'boolean' ? ok(value) : formatError(name, 'true or false', value)

export const integer: Parse<number | null> = (value, name) =>
  value === null || Number.isSafeInteger(value) ? ok(value as number | null) : formatError(name, 'Integer', value)

export const date: Parse<string | null> = (value, name) =>
  value === null || (typeof value === 'string' && isDate(value))
    ? ok(value)
    : formatError(name, 'YYYY-MM-DD (ISO 8601 date only)', value)

/** Whole minutes of an ISO 8601 duration. */
export const minutes: Parse<number | null> = (value, name) => {
  if (value === null) return ok(null)
  const parsed = typeof value === 'string' ? parseDuration(value) : undefined
  return parsed === undefined ? formatError(name, 'PT1H30M (ISO 8601 duration)', value) : ok(parsed)
}

/** Whole days of an ISO 8601 duration. */
export const days: Parse<number | null> = (value, name) => {
  if (value === null) return ok(null)
  const match = typeof value === 'string' ? /^P(\d{1,6})D$/.exec(value) : null
  return match ? ok(Number(match[1])) : formatError(name, 'P5D (whole days)', value)
}

/** Longer than any link of ours; bounds what matching one may cost. */
const HREF_MAX = 2_000

/** A link to a resource of the given namespace (or an alias of it): the last segment of its href, or null. Hrefs are matched on their tail. */
export function reference(...namespaces: readonly [string, ...string[]]): Parse<string | null> {
  const [namespace] = namespaces
  return (value, name) => {
    const href = isObject(value) ? value['href'] : undefined
    if (href === null) return ok(null)
    if (typeof href !== 'string') return formatError(name, `{"href": "/api/v3/${namespace}/:id"}`, value)
    const tail = href.length > HREF_MAX ? null : /\/api\/v3\/([^?#]+)\/([^/?#]+)$/.exec(href)
    if (tail?.[1] !== undefined && tail[2] !== undefined && namespaces.includes(tail[1]))
      return ok(decodeSegment(tail[2]))
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

function decodeSegment(segment: string): string {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

/**
 * Read-only properties may come back as they are (clients send whole representations), but not changed. `current` is the
 * representation as it stands, undefined for a resource to be created.
 */
export function checkReadOnly(
  body: RequestBody,
  names: readonly string[],
  current: (() => Readonly<Record<string, unknown>>) | undefined,
): ApiError[] {
  const given = names.filter((name) => body.fields[name] !== undefined && body.fields[name] !== null)
  if (given.length === 0) return []
  const shown = current?.()
  return given
    .filter((name) => !shown || JSON.stringify(shown[name]) !== JSON.stringify(body.fields[name]))
    .map((name) =>
      propertyError('PropertyIsReadOnly', name, `${label(name)} was attempted to be written but is not writable.`),
    )
}

/** `createdAt` -> `Created at`. */
function label(name: string): string {
  const words = name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)
  return words.charAt(0).toUpperCase() + words.slice(1)
}

export function violation(attribute: string, message: string): ApiError {
  return propertyError('PropertyConstraintViolation', attribute, message)
}

/** Blank and length rules of a text, in the words clients know. */
export function checkText(attribute: string, name: string, value: string, max: number): ApiError[] {
  if (value.trim() === '') return [violation(attribute, `${name} can't be blank.`)]
  if (value.length > max) return [violation(attribute, `${name} is too long (maximum is ${max} characters).`)]
  return []
}
