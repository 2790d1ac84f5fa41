import { fail, ok, type Result } from '../../../base/result.ts'
import { apiError, type ApiError } from '../../errors.ts'
import type { Hal } from '../representers/hal.ts'

/** Which parts of a collection a client wants (reference §8): names of properties and links, `*` for all. */
export interface Selection {
  readonly collection: ReadonlySet<string>
  /** Of each element; undefined when the elements are not wanted at all. */
  readonly elements: ReadonlySet<string> | undefined
}

const ELEMENTS = 'elements/'
const NAMES_MAX = 200

/** Reads `select=total,elements/id,elements/subject,self`; undefined when everything is wanted. */
export function parseSelect(text: unknown): Result<Selection | undefined, ApiError> {
  if (text === undefined) return ok(undefined)
  const names = typeof text === 'string' ? text.split(',').map((name) => name.trim()) : []
  const ofElements = names.filter((name) => name.startsWith(ELEMENTS)).map((name) => name.slice(ELEMENTS.length))
  const own = names.filter((name) => !name.startsWith(ELEMENTS))
  if (names.length === 0 || names.length > NAMES_MAX || [...own, ...ofElements].includes('')) {
    return fail(apiError('InvalidSignal', 'The select property is not a list of names separated by commas.'))
  }
  return ok({ collection: new Set(own), elements: ofElements.length > 0 ? new Set(ofElements) : undefined })
}

/** Refuses what nothing of the kind has. `known` is what it may have, whether this one does or not. */
export function checkSelected(
  wanted: ReadonlySet<string>,
  prefix: string,
  known: ReadonlySet<string>,
): ApiError | undefined {
  const unknown = [...wanted].filter((name) => name !== '*' && !known.has(name))
  if (unknown.length === 0) return undefined
  const list = (names: Iterable<string>) => [...names].map((name) => prefix + name).join(', ')
  const message = `The requested select of ${list(unknown)} is not supported. Supported are ${list(known)}.`
  return apiError('InvalidSignal', message)
}

export function checkElements({ elements }: Selection, known: ReadonlySet<string>): ApiError | undefined {
  return elements && checkSelected(elements, ELEMENTS, known)
}

/** Names of an object's properties and links. */
export function namesOf(hal: Hal): string[] {
  const { _links, _embedded, ...properties } = hal
  void _embedded
  return [...Object.keys(properties), ...Object.keys(_links ?? {})]
}

/** The object with nothing but the properties and links of these names. */
export function pick({ _links, _embedded, ...properties }: Hal, wanted: ReadonlySet<string>): Hal {
  void _embedded
  const some = (hal: object) =>
    Object.fromEntries(Object.entries(hal).filter(([name]) => wanted.has('*') || wanted.has(name)))
  const links = some(_links ?? {})
  return { ...some(properties), ...(Object.keys(links).length > 0 && { _links: links }) }
}
