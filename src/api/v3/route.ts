import type { Readable } from 'node:stream'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { Type, type TSchema } from 'typebox'
import { assert } from '../../base/assert.ts'
import type { Result } from '../../base/result.ts'
import type { Viewer } from '../context.ts'
import { TEXT } from '../content-type.ts'
import { HAL, sendError, type ApiError } from '../errors.ts'
import { CollectionJson } from './representers/collection-json.ts'

/**
 * Who may call a route: `public` anyone, `user` whoever is authenticated (what they then see and may do is the route's own
 * business: permissions.ts), `admin` (the default) administrators only.
 */
export type Access = 'public' | 'user' | 'admin'

declare module 'fastify' {
  interface FastifyRequest {
    /** Set by the authentication hook on every route that is not public. */
    viewer: Viewer | undefined
  }
  interface FastifyContextConfig {
    access?: Access
    /** What the body is; JSON unless it says so. */
    takes?: 'text'
  }
}

export function viewerOf(request: FastifyRequest): Viewer {
  assert(request.viewer, 'a route that is not public has an authenticated viewer')
  return request.viewer
}

/**
 * Answers with a HAL object, or its text when it is serialised already. HAL objects are open (properties and links come and
 * go with state and permissions), so a serialiser compiled from a schema would drop fields or fall back to this anyway:
 * `JSON.stringify` of a finished object it is, and the response schemas only document.
 */
export function sendHal(reply: FastifyReply, status: number, body: object | string): FastifyReply {
  return reply.code(status).header('content-type', HAL).send(jsonOf(body))
}

function jsonOf(body: object | string): string | Readable {
  if (body instanceof CollectionJson) return body.open()
  return typeof body === 'string' ? body : JSON.stringify(body)
}

/** Answers with the value or the error. */
export function sendResult(reply: FastifyReply, result: Result<object | string, ApiError>, status = 200): FastifyReply {
  return result.ok ? sendHal(reply, status, result.value) : sendError(reply, result.error)
}

/** The answer to a deletion: 204 without a body. */
export function sendDeleted(reply: FastifyReply, result: Result<unknown, ApiError>): FastifyReply {
  return result.ok ? reply.code(204).send() : sendError(reply, result.error)
}

/** The answer to a deletion that goes on being told of: 202 without a body. */
export function sendAccepted(reply: FastifyReply, result: Result<unknown, ApiError>): FastifyReply {
  return result.ok ? reply.code(202).send() : sendError(reply, result.error)
}

const link = Type.Object(
  {
    href: Type.Union([Type.String(), Type.Null()]),
    title: Type.Optional(Type.String()),
    method: Type.Optional(Type.String({ enum: ['get', 'post', 'put', 'patch', 'delete'] })),
    templated: Type.Optional(Type.Boolean()),
    payload: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  },
  { title: 'Link' },
)
const links = Type.Union([link, Type.Array(link)])

/** The outline of a HAL resource in the OpenAPI document, named as its type; `linked` are the links it has besides `self`, whoever looks. */
export function halSchema(
  type: string | readonly string[],
  properties: Record<string, TSchema> = {},
  linked: readonly string[] = [],
): TSchema {
  const always = Object.fromEntries(linked.map((name) => [name, links]))
  const _links = Type.Object({ self: link, ...always }, { additionalProperties: links })
  const title = typeof type === 'string' && type !== 'Collection' ? type : undefined
  return Type.Object({ _type: Type.String({ enum: [type].flat() }), ...properties, _links }, title ? { title } : {})
}

export const errorSchema = Type.Object(
  {
    _type: Type.Literal('Error'),
    errorIdentifier: Type.String({ pattern: '^urn:openproject-org:api:v3:errors:[A-Za-z:]+$' }),
    message: Type.String({ minLength: 1 }),
    _embedded: Type.Optional(Type.Object({}, { additionalProperties: true })),
  },
  { title: 'Error', description: 'What went wrong, as a HAL error.' },
)

/** An answer under a media type of its own. */
interface TypedAnswer {
  readonly description: string
  readonly content: Readonly<Record<string, { readonly schema: TSchema }>>
}

export function answerOf(mediaType: string, description: string, schema: TSchema = Type.String()): TypedAnswer {
  return { description, content: { [mediaType]: { schema } } }
}

interface RouteDoc {
  readonly summary: string
  readonly tag: string
  /** Success status -> schema; null: no body. */
  readonly answers: Readonly<Record<number, TSchema | TypedAnswer | null>>
  readonly errors?: readonly number[]
  readonly params?: TSchema
  readonly querystring?: TSchema
  readonly body?: TSchema
  /** The body is plain text. */
  readonly takes?: 'text'
  readonly access?: Access
}

/** The Fastify options of a route: its schema, which documents it in the OpenAPI document, and who may call it. */
export function route(doc: RouteDoc) {
  const access = doc.access ?? 'admin'
  const errors = access === 'public' ? [403] : [401, 403, ...(doc.errors ?? [])]
  const response: Record<string, unknown> = {}
  for (const [status, schema] of Object.entries(doc.answers))
    response[status] = schema ?? { type: 'null', description: 'Done.' }
  for (const status of errors) response[status] = errorSchema
  return {
    config: { access, ...(doc.takes && { takes: doc.takes }) },
    schema: {
      summary: doc.summary,
      tags: [doc.tag],
      ...(access === 'public' && { security: [] }),
      ...(doc.params && { params: doc.params }),
      ...(doc.querystring && { querystring: doc.querystring }),
      ...(doc.body && { body: doc.body, consumes: doc.takes ? [TEXT] : ['application/json', 'application/hal+json'] }),
      produces: ['application/hal+json'],
      response,
    },
  }
}

export const idParams = Type.Object({ id: Type.String({ description: 'The id.' }) })
export const projectParams = Type.Object({ id: Type.String({ description: 'The id or the identifier.' }) })

const pageProperties = {
  offset: Type.Optional(Type.String({ description: 'The page, counted from 1.' })),
  pageSize: Type.Optional(
    Type.String({
      description: 'Elements on a page; above the maximum it is clamped, -1 is the maximum, 0 only counts.',
    }),
  ),
  filters: Type.Optional(
    Type.String({ description: 'JSON: [{"name": {"operator": "=", "values": ["1"]}}]; all must hold.' }),
  ),
  sortBy: Type.Optional(Type.String({ description: 'JSON: [["attribute", "asc"]].' })),
  select: Type.Optional(
    Type.String({ description: 'Names of the parts that are wanted: total,elements/id,elements/subject,self.' }),
  ),
}

export const pageQuery = Type.Object(pageProperties)

/** Also groups and sums, where a list has them. */
export const totalsQuery = Type.Object({
  ...pageProperties,
  groupBy: Type.Optional(Type.String({ description: 'An attribute: its values stand together and are counted.' })),
  showSums: Type.Optional(Type.String({ description: '`true`: with the sums over all pages, and of each group.' })),
  valid_subset: Type.Optional(
    Type.String({ description: '`true`: what is wrong in filters, order and grouping is left out, not refused.' }),
  ),
})

const COLLECTIONS = ['Collection', 'WorkPackageCollection']
const count = Type.Integer({ minimum: 0 })
const embeddedElements = (element: TSchema) => Type.Object({ elements: Type.Array(element) })
const anyElement = Type.Object({ _type: Type.String() })

/** A page of a collection, and a collection that is never cut into pages. */
export function pageOf(element: TSchema): TSchema {
  const page = { total: count, count, pageSize: count, offset: Type.Integer({ minimum: 1 }) }
  return halSchema(COLLECTIONS, { ...page, _embedded: embeddedElements(element) }, ['jumpTo', 'changeSize'])
}
export function wholeOf(element: TSchema): TSchema {
  return halSchema('Collection', { total: count, count, _embedded: embeddedElements(element) })
}

export const pageSchema = pageOf(anyElement)
export const wholeSchema = wholeOf(anyElement)

/** A link in a request body. */
export const linkInput = Type.Object({ href: Type.Union([Type.String(), Type.Null()]) }, { title: 'LinkInput' })

/** A request body: an object whose properties the resource's page describes; unknown ones are ignored. */
export function bodySchema(
  properties: Record<string, TSchema>,
  links: readonly string[],
  listed: readonly string[] = [],
): TSchema {
  const [href, hrefs] = [Type.Optional(linkInput), Type.Optional(Type.Array(linkInput))]
  return Type.Object({
    ...Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, Type.Optional(schema)])),
    _links: Type.Optional(
      Type.Object(Object.fromEntries([...links.map((name) => [name, href]), ...listed.map((name) => [name, hrefs])])),
    ),
  })
}

export const formattableSchema = Type.Object({ raw: Type.String() }, { title: 'FormattableInput' })
export const nullableDate = Type.Union([Type.String({ format: 'date' }), Type.Null()])
export const nullableDuration = Type.Union([Type.String({ format: 'duration' }), Type.Null()])
