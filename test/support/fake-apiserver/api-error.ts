import type { Fields } from './object.ts'
import type { ResourceType } from './resource-type.ts'

/** One entry of `details.causes`: what is wrong with one field. */
export interface Cause {
  readonly reason: string
  readonly message: string
  readonly field: string
}

interface Details {
  readonly name?: string
  readonly group?: string
  readonly kind?: string
  readonly uid?: string
  readonly causes?: readonly Cause[]
  readonly retryAfterSeconds?: number
}

/** A request that ends in a Status object; thrown, because it may come from anywhere and always ends the request. */
export class ApiError extends Error {
  readonly code: number
  readonly reason: string
  readonly details: Details | undefined
  /** Goes into the list metadata of the Status: a token to go on with in spite of the error. */
  readonly continueToken: string | undefined

  constructor(code: number, reason: string, message: string, details?: Details, continueToken?: string) {
    super(message)
    this.code = code
    this.reason = reason
    this.details = details
    this.continueToken = continueToken
  }

  toStatus(): Fields {
    return {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: this.continueToken === undefined ? {} : { continue: this.continueToken },
      status: 'Failure',
      message: this.message,
      ...(this.reason !== '' && { reason: this.reason }),
      ...(this.details && { details: this.details }),
      code: this.code,
    }
  }
}

const qualified = ({ plural, group }: ResourceType) => (group === '' ? plural : `${plural}.${group}`)
const qualifiedKind = ({ kind, group }: ResourceType) => (group === '' ? kind : `${kind}.${group}`)
const named = ({ plural, group }: ResourceType, name: string): Details => ({
  name,
  ...(group !== '' && { group }),
  kind: plural,
})

export const badRequest = (message: string) => new ApiError(400, 'BadRequest', message)

export const unauthorized = () => new ApiError(401, 'Unauthorized', 'Unauthorized')

export const notFound = (type: ResourceType, name: string) =>
  new ApiError(404, 'NotFound', `${qualified(type)} "${name}" not found`, named(type, name))

export const noSuchResource = () =>
  new ApiError(404, 'NotFound', 'the server could not find the requested resource', {})

export const methodNotAllowed = (type: ResourceType, verb: string) =>
  new ApiError(405, 'MethodNotAllowed', `${verb} is not supported on resources of kind "${qualified(type)}"`, {
    kind: type.plural,
  })

export const notAcceptable = () =>
  new ApiError(406, 'NotAcceptable', 'only the following media types are accepted: application/json, application/yaml')

export const unsupportedMediaType = (type: string) =>
  new ApiError(
    415,
    'UnsupportedMediaType',
    `the body of the request was in an unknown format - accepted media types include: ${type}`,
  )

export const alreadyExists = (type: ResourceType, name: string) =>
  new ApiError(409, 'AlreadyExists', `${qualified(type)} "${name}" already exists`, named(type, name))

export const conflict = (type: ResourceType, name: string, why: string) =>
  new ApiError(409, 'Conflict', `Operation cannot be fulfilled on ${qualified(type)} "${name}": ${why}`, {
    ...named(type, name),
  })

export const MODIFIED = 'the object has been modified; please apply your changes to the latest version and try again'

export const expired = (message: string, continueToken?: string) =>
  new ApiError(410, 'Expired', message, undefined, continueToken)

export function forbidden(type: ResourceType, name: string, why: string, causes?: readonly Cause[]): ApiError {
  const subject = name === '' ? `${qualified(type)} is forbidden` : `${qualified(type)} "${name}" is forbidden`
  return new ApiError(403, 'Forbidden', `${subject}: ${why}`, {
    ...(name !== '' && { name }),
    ...groupKind(type),
    ...(causes && { causes }),
  })
}

const groupKind = ({ plural, group }: ResourceType): Details => ({ ...(group !== '' && { group }), kind: plural })

/** 422: the object would not be valid. */
export function invalid(type: ResourceType, name: string, causes: readonly Cause[]): ApiError {
  const each = causes.map(({ field, message }) => `${field}: ${message}`)
  const all = each.length === 1 ? each[0] : `[${each.join(', ')}]`
  const { group, kind } = type
  const details = { name, ...(group !== '' && { group }), kind, causes }
  return new ApiError(422, 'Invalid', `${qualifiedKind(type)} "${name}" is invalid: ${all}`, details)
}
