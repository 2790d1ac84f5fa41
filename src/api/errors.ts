import type { FastifyReply } from 'fastify'

/** Media type of every APIv3 answer (reference: APIv3 basic objects). */
export const HAL = 'application/hal+json; charset=utf-8'

const URN = 'urn:openproject-org:api:v3:errors:'

interface ErrorKind {
  readonly status: number
  readonly message: string
  /** Identifier on the wire, where it is not the kind's own name. */
  readonly identifier?: string
}

/** The catalogue: every error the API can answer with, its HTTP status and its usual message. */
export const ERRORS = {
  BadRequest: { status: 400, message: 'The request is invalid.' },
  InvalidQuery: { status: 400, message: 'The query is invalid.' },
  InvalidSignal: { status: 400, message: 'The requested select is not supported.' },
  InvalidRenderContext: { status: 400, message: 'What the context links to cannot be found.' },
  InvalidRequestBody: { status: 400, message: 'The request could not be parsed as JSON.' },
  InvalidUserStatusTransition: {
    status: 400,
    message: 'The current user account status does not allow this operation.',
  },
  Unauthenticated: { status: 401, message: 'You need to be authenticated to access this resource.' },
  InsufficientScope: {
    status: 403,
    message: 'You need to be authenticated to access this resource.',
    identifier: 'Unauthenticated',
  },
  MissingPermission: { status: 403, message: 'You are not authorized to access this resource.' },
  WebServiceDisabled: {
    status: 403,
    message: 'The REST web service is switched off in the ApiSettings (spec.enabled).',
    identifier: 'MissingPermission',
  },
  NotFound: { status: 404, message: 'The requested resource could not be found.' },
  UpdateConflict: {
    status: 409,
    message: 'Could not update the resource because of conflicting modifications.',
  },
  RequestTimeout: { status: 408, message: 'The request did not arrive in time.', identifier: 'BadRequest' },
  BodyTooLarge: { status: 413, message: 'The request body is too large.', identifier: 'InvalidRequestBody' },
  TypeNotSupported: {
    status: 415,
    message: "Expected CONTENT-TYPE to be 'application/json' or 'application/hal+json'.",
  },
  ExpectationFailed: {
    status: 417,
    message: "No expectation but '100-continue' can be met.",
    identifier: 'BadRequest',
  },
  PropertyConstraintViolation: { status: 422, message: 'The value is not allowed.' },
  PropertyIsReadOnly: { status: 422, message: 'You must not write a read-only attribute.' },
  PropertyFormatError: { status: 422, message: 'The format of the value is invalid.' },
  PropertyMissingError: { status: 422, message: 'A required property is missing.' },
  ResourceTypeMismatch: { status: 422, message: 'The link leads to another kind of resource.' },
  MultipleErrors: { status: 422, message: 'Multiple field constraints have been violated.' },
  MultipleQueryErrors: {
    status: 400,
    message: 'Multiple field constraints have been violated.',
    identifier: 'MultipleErrors',
  },
  TooManyRequests: { status: 429, message: 'Too many requests.' },
  HeadersTooLarge: { status: 431, message: 'The headers of the request are too large.', identifier: 'BadRequest' },
  InternalServerError: { status: 500, message: 'An internal error has occured.' },
  Unavailable: {
    status: 503,
    message: 'The service cannot store changes just now. Try again later.',
    identifier: 'ServiceUnavailable',
  },
} as const satisfies Record<string, ErrorKind>

export type ErrorName = keyof typeof ERRORS

/** A failure the client is told about: a value, rendered by `sendError` only. */
export interface ApiError {
  readonly name: ErrorName
  /** One full sentence or more, for people. */
  readonly message: string
  readonly details?: Readonly<Record<string, string>>
  readonly errors?: readonly ApiError[]
  /** Sent as `Retry-After`. */
  readonly retryAfterSeconds?: number
}

export function apiError(name: ErrorName, message?: string, details?: Readonly<Record<string, string>>): ApiError {
  return { name, message: message ?? ERRORS[name].message, ...(details && { details }) }
}

/** An error about one property of a request body. */
export function propertyError(name: ErrorName, attribute: string, message: string): ApiError {
  return apiError(name, message, { attribute })
}

/** One error stays itself; several come wrapped, as clients expect. */
export function combineErrors(
  errors: readonly [ApiError, ...ApiError[]],
  wrapper: ErrorName = 'MultipleErrors',
): ApiError {
  return errors.length === 1 ? errors[0] : { ...apiError(wrapper), errors }
}

export function unavailable(message?: string): ApiError {
  return { ...apiError('Unavailable', message), retryAfterSeconds: 5 }
}

export function tooManyRequests(message: string, retryAfterSeconds: number): ApiError {
  return { ...apiError('TooManyRequests', message), retryAfterSeconds }
}

/** The error as a HAL object (reference: APIv3 errors). */
export function renderError(error: ApiError): Record<string, unknown> {
  const kind: ErrorKind = ERRORS[error.name]
  const embedded = {
    ...(error.details && { details: error.details }),
    ...(error.errors && { errors: error.errors.map(renderError) }),
  }
  return {
    _type: 'Error',
    errorIdentifier: URN + (kind.identifier ?? error.name),
    message: error.message,
    ...(Object.keys(embedded).length > 0 && { _embedded: embedded }),
  }
}

/** The one place where an error becomes an HTTP answer. */
export function sendError(reply: FastifyReply, error: ApiError): FastifyReply {
  if (error.retryAfterSeconds !== undefined) reply.header('retry-after', error.retryAfterSeconds)
  return reply
    .code(ERRORS[error.name].status)
    .header('content-type', HAL)
    .send(JSON.stringify(renderError(error)))
}
