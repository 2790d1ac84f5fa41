import { ok, type Result } from '../../base/result.ts'
import type { ApiStore, Viewer } from '../context.ts'
import type { ApiError } from '../errors.ts'
import { UNDISCLOSED, type Hal, type Link } from '../v3/representers/hal.ts'
import { readBody, readOnly, violation, type Parse, type RequestBody } from './body.ts'

/**
 * What a resource consists of, told once in a table: what a request may set and how it is read, the rules of blankness and length,
 * the payloads of forms, the schemas and the bodies in the OpenAPI document all derive from it.
 */
export interface Shape<R> {
  readonly fields: Readonly<Record<string, Field<R>>>
  readonly links: Readonly<Record<string, LinkField<R>>>
}

interface Described {
  readonly type: string
  /** For people, as messages and schemas say it. */
  readonly name: string
  readonly required?: boolean
  readonly hasDefault?: boolean
  /** Only work packages of such a type have it. */
  readonly only?: 'milestones' | 'others'
  /** The heading clients show it under. */
  readonly group?: string
  /** It is set when the resource is created, and never after. */
  readonly once?: boolean
}

/** A value at the top of a representation. Without `read` it is read-only. */
export interface Field<R, V = unknown> extends Described {
  readonly read?: Parse<V>
  /** The column that takes what was read as it is. */
  readonly column?: keyof R & string
  readonly show?: (record: R) => unknown
  readonly minLength?: number
  readonly maxLength?: number
  /** Read-only, and never another one: a different value in a request is a mistake. What others change may come back as it was. */
  readonly fixed?: boolean
  /** Read-only, but needed to write: part of the payload that changes a resource. */
  readonly guard?: boolean
}

/** A reference under `_links`. Without `target` it is read-only. */
export interface LinkField<R> extends Described {
  readonly target?: Target
  /** The column that takes what `target` finds. */
  readonly column?: keyof R & string
  /** A list of links, which is not read by this table. */
  readonly several?: boolean
  readonly missing?: string
  readonly allowed?: Allowed<R>
  /** alias: another name of a link. consequence: follows from the others, so a request may only repeat it. Neither is in payloads. */
  readonly role?: 'alias' | 'consequence'
}

/** Who looks for something, and where: what is not to be seen is not there. */
export interface Search {
  readonly store: ApiStore
  readonly viewer: Viewer
}

export interface Target {
  readonly read: Parse<string | null>
  /** What the column holds for the last segment of an href; undefined when there is nothing such. */
  find(search: Search, segment: string): Promise<number | string | undefined>
  /** What the column holds; what the viewer may not see is there, but not named. */
  link(search: Search, value: number | string): Promise<Link>
}

/** What a client may choose from: all of it, or where to look, if there is anything to choose. */
export type Allowed<R> = AnyOf | { readonly href: (record: R) => string | undefined }

export interface AnyOf {
  readonly list: (store: ApiStore) => Promise<readonly Hal[]>
}

/** Stands for a reference that is not set yet, where the column cannot be null. */
export const NO_ID = 0

/** What a table of parsers reads. */
export type Parsed<P extends Readonly<Record<string, Parse<unknown>>>> = {
  readonly [N in keyof P]?: P[N] extends Parse<infer V> ? V : never
}

/** A request body, read by the shape of what it is about. */
export interface Input<S extends Shape<never>> {
  readonly body: RequestBody
  readonly fields: { [N in keyof S['fields']]?: S['fields'][N] extends { read: Parse<infer V> } ? V : never }
  readonly links: { [N in keyof S['links']]?: S['links'][N] extends { target: Target } ? string | null : never }
  readonly errors: readonly ApiError[]
}

/** Reads the properties that are present; everything wrong is collected. Unknown ones are ignored. `given`: links that no body can change. */
export function readInput<S extends Shape<never>>(
  shape: S,
  raw: unknown,
  given: Readonly<Record<string, Link>> = {},
): Result<Input<S>, ApiError> {
  const body = readBody(raw)
  if (!body.ok) return body
  const errors: ApiError[] = []
  const fields = readPresent(body.value.fields, shape.fields, ({ read }) => read, errors)
  const links = readPresent({ ...body.value.links, ...given }, shape.links, ({ target }) => target?.read, errors)
  return ok({ body: body.value, fields: fields as Input<S>['fields'], links: links as Input<S>['links'], errors })
}

export function readPresent<F>(
  source: Readonly<Record<string, unknown>>,
  table: Readonly<Record<string, F>>,
  parseOf: (field: F) => Parse<unknown> | undefined,
  errors: ApiError[],
): Record<string, unknown> {
  const values: Record<string, unknown> = {}
  for (const name of Object.keys(source)) {
    if (isUndisclosed(source[name])) continue
    const parse = Object.hasOwn(table, name) ? parseOf(table[name] as F) : undefined
    const parsed = parse?.(source[name], name)
    if (parsed?.ok) values[name] = parsed.value
    else if (parsed) errors.push(parsed.error)
  }
  return values
}

/** A link to what the writer may not see, sent back as it came: the value stays. */
function isUndisclosed(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'href' in value && value.href === UNDISCLOSED
}

/** The columns that what was read sets outright. */
export function columnsOf<R>(shape: Shape<R>, fields: Readonly<Record<string, unknown>>): Partial<R> {
  const columns: Partial<R> = {}
  for (const [name, value] of Object.entries(fields)) {
    const column = shape.fields[name]?.column
    if (column !== undefined) columns[column] = value as R[typeof column]
  }
  return columns
}

/**
 * The columns the links set; what does not exist, for this viewer, is an error. What `base` holds already may come back, though it
 * could not be chosen anew, by whoever it is named to: nobody else finds out by trying what it is.
 */
export async function resolveLinks<R>(
  search: Search,
  shape: Shape<R>,
  { links, base }: { links: Readonly<Record<string, string | null | undefined>>; base: R },
  errors: ApiError[],
): Promise<Partial<R>> {
  const resolved: Partial<R> = {}
  for (const [name, segment] of Object.entries(links)) {
    const link = shape.links[name]
    if (link?.target === undefined || link.column === undefined || segment === undefined) continue
    const held = base[link.column] as number | string | null
    if (held !== null && segment === String(held) && (await isNamed(search, link.target, held))) continue
    const value = segment === null ? null : await link.target.find(search, segment)
    if (value === undefined) errors.push(violation(name, link.missing ?? `${link.name} does not exist.`))
    else if (value === null && link.required) errors.push(violation(name, `${link.name} can't be blank.`))
    else resolved[link.column] = value as R[typeof link.column]
  }
  return resolved
}

async function isNamed(search: Search, target: Target, value: number | string): Promise<boolean> {
  return (await target.link(search, value)).href !== UNDISCLOSED
}

/** What is required and missing, and what is too long, in the words clients know. */
export function checkLimits<R>(shape: Shape<R>, record: R): ApiError[] {
  const errors: ApiError[] = []
  for (const [name, link] of Object.entries(shape.links)) {
    const blank = link.required && link.column !== undefined && record[link.column] === NO_ID
    if (blank) errors.push(violation(name, `${link.name} can't be blank.`))
  }
  for (const [name, field] of Object.entries(shape.fields)) {
    const value = field.column === undefined ? undefined : record[field.column]
    if (typeof value !== 'string') continue
    if (field.required && value.trim() === '') errors.push(violation(name, `${field.name} can't be blank.`))
    else if (field.maxLength !== undefined && isLonger(value, field.maxLength)) {
      errors.push(violation(name, `${field.name} is too long (maximum is ${field.maxLength} characters).`))
    }
  }
  return errors
}

/** Counted as people count, not in halves of surrogate pairs; what is twice as long is longer either way. */
function isLonger(text: string, max: number): boolean {
  return text.length > max && (text.length > 2 * max || [...text].length > max)
}

/** `current` is the resource as it stands, undefined for one to be created. */
export function checkFixed<R>(shape: Shape<R>, { fields }: RequestBody, current: R | undefined): ApiError[] {
  const errors: ApiError[] = []
  for (const [name, { fixed, show }] of Object.entries(shape.fields)) {
    if (!fixed || fields[name] === undefined || fields[name] === null) continue
    if (current === undefined || show?.(current) !== fields[name]) errors.push(readOnly(name))
  }
  return errors
}
