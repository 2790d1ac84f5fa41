import type { IncomingMessage, ServerResponse } from 'node:http'
import { parse as parseYaml } from 'yaml'
import type { Clock } from '../../../src/base/clock.ts'
import { type Access, type User, refusal, review } from './access.ts'
import {
  ApiError,
  badRequest,
  forbidden,
  methodNotAllowed,
  notAcceptable,
  notFound,
  unauthorized,
  unsupportedMediaType,
} from './api-error.ts'
import { type DeleteOptions, type Deletions, demandDeletable } from './deletions.ts'
import { REVIEWS, VERSION, discover, openApi } from './discovery.ts'
import { type Faults, strike } from './faults.ts'
import { type Fields, type KubeObject, isFields } from './object.ts'
import { type ListQuery, listPage } from './reads.ts'
import { decodeProtobuf } from './protobuf.ts'
import type { Registry } from './registry.ts'
import { type RequestInfo, requestInfo } from './request-info.ts'
import type { LoggedRequest, RequestRecorder } from './requests.ts'
import { type ResourceType, apiVersionOf } from './resource-type.ts'
import type { ObjectStore } from './store.ts'
import { type Form, type IncludeObject, formOf, partial, table } from './table.ts'
import type { WatchQuery, Watches } from './watches.ts'
import { type PatchType, type Write, type Written, type Writes, fromStored } from './writes.ts'

export interface HandlerParts {
  readonly store: ObjectStore
  readonly registry: Registry
  readonly writes: Writes
  readonly deletions: Deletions
  readonly watches: Watches
  readonly access: Access
  readonly faults: Faults
  readonly requests: RequestRecorder
  readonly clock: Clock
  /** After every write: what controllers do in a real cluster. */
  readonly settle: () => void
}

/** One request, taken apart. */
interface Exchange {
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly url: URL
  readonly info: RequestInfo | undefined
  readonly user: User
  readonly body: Buffer
  readonly form: Form
}

export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

export function createHandler(parts: HandlerParts): Handler {
  const { access, faults, requests, clock } = parts
  return async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost')
    const info = requestInfo(request.method ?? 'GET', url.pathname, url.searchParams)
    const user = access.authenticate(request.headers.authorization)
    const logged = logEntry(request, url, info, user?.name ?? '', clock)
    requests.record(logged)
    response.on('finish', () => (logged.status = response.statusCode))
    try {
      const body = await readBody(request)
      const fault = faults.take(logged)
      if (await strike(fault, response, clock)) return
      if (!user) throw unauthorized()
      const form = formOf(request.headers.accept)
      answer(parts, { request, response, url, info, user, body, form: form ?? 'object' }, form === undefined)
    } catch (error) {
      fail(response, error)
    }
  }
}

function logEntry(
  request: IncomingMessage,
  url: URL,
  info: RequestInfo | undefined,
  user: string,
  clock: Clock,
): LoggedRequest {
  const method = request.method ?? 'GET'
  return {
    verb: info?.verb ?? method.toLowerCase(),
    method,
    path: url.pathname,
    query: url.searchParams,
    group: info?.group ?? '',
    resource: info?.resource ?? '',
    namespace: info?.namespace,
    name: info?.name ?? '',
    subresource: info?.subresource,
    user,
    userAgent: request.headers['user-agent'] ?? '',
    contentType: request.headers['content-type'] ?? '',
    atMs: clock.now(),
    status: undefined,
  }
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

function fail(response: ServerResponse, error: unknown): void {
  if (response.headersSent) return void response.destroy()
  const known = error instanceof ApiError ? error : new ApiError(500, 'InternalError', String(error))
  const retryAfter = known.details?.retryAfterSeconds
  if (retryAfter !== undefined) response.setHeader('retry-after', String(retryAfter))
  send(response, known.code, known.toStatus())
}

function send(response: ServerResponse, status: number, body: unknown, contentType = 'application/json'): void {
  const text = JSON.stringify(body)
  response.writeHead(status, { 'content-type': contentType, 'content-length': Buffer.byteLength(text) }).end(text)
}

/** As the real server answers a path that leads nowhere, a missing CustomResourceDefinition included: no Status object. */
function sendNoSuchPath(response: ServerResponse): void {
  response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8', 'x-content-type-options': 'nosniff' })
  response.end('404 page not found\n')
}

function answer(parts: HandlerParts, exchange: Exchange, isUnacceptable: boolean): void {
  const { info, response } = exchange
  if (!info) return answerPath(parts, exchange)
  const asked = REVIEWS.find(({ group, plural }) => group === info.group && plural === info.resource)
  if (asked) return send(response, 201, review(asked.kind, parseBody(exchange), exchange.user, parts.access))
  const type = parts.registry.find(info.group, info.version, info.resource)
  authorize(parts, exchange, info, type)
  if (!type) return sendNoSuchPath(response)
  if (isUnacceptable) throw notAcceptable()
  if (info.subresource !== undefined && !(info.subresource === 'status' && type.hasStatus))
    return sendNoSuchPath(response)
  const namespace = type.namespaced ? info.namespace : undefined
  answerResource(parts, exchange, { ...info, namespace }, type)
}

function authorize(
  { access }: HandlerParts,
  { user }: Exchange,
  info: RequestInfo,
  type: ResourceType | undefined,
): void {
  if (access.allows(user, info)) return
  const { group, resource: plural } = info
  throw forbidden({ ...(type as ResourceType), group, plural }, info.name, refusal(user, info))
}

function answerPath({ registry }: HandlerParts, { url, request, response }: Exchange): void {
  const path = url.pathname
  if (path === '/version') return send(response, 200, VERSION)
  if (['/healthz', '/livez', '/readyz'].includes(path)) return void response.writeHead(200).end('ok')
  const found = discover(path, request.headers.accept ?? '', registry.types)
  if (found) return send(response, 200, found.body, found.contentType)
  const document = openApi(path, registry.types)
  if (document) return send(response, 200, document)
  sendNoSuchPath(response)
}

function answerResource(parts: HandlerParts, exchange: Exchange, info: RequestInfo, type: ResourceType): void {
  switch (info.verb) {
    case 'get':
      return getOne(parts, exchange, info, type)
    case 'list':
      return list(parts, exchange, info, type)
    case 'watch':
      return watch(parts, exchange, info, type)
    case 'create':
    case 'update':
    case 'patch':
      return write(parts, exchange, info, type)
    case 'delete':
      return deleteOne(parts, exchange, info, type)
    case 'deletecollection':
      return deleteMany(parts, exchange, info, type)
    default:
      throw methodNotAllowed(type, info.verb)
  }
}

function getOne({ store, clock }: HandlerParts, exchange: Exchange, info: RequestInfo, type: ResourceType): void {
  const stored = store.get(type.storageKey, info.namespace, info.name)
  if (!stored) throw notFound(type, info.name)
  send(exchange.response, 200, formed(exchange, type, stored, clock))
}

/** One object in the form asked for. */
function formed({ form, url }: Exchange, type: ResourceType, stored: KubeObject, clock: Clock): Fields {
  const object = fromStored(type, stored)
  if (form === 'metadata') return partial(object)
  if (form === 'object') return object
  const { resourceVersion } = object.metadata
  return table(type, [{ stored, object }], { resourceVersion }, { nowMs: clock.now(), include: includeOf(url) })
}

const includeOf = (url: URL) => (url.searchParams.get('includeObject') ?? 'Metadata') as IncludeObject

function list(
  { store, clock }: HandlerParts,
  { url, form, response }: Exchange,
  info: RequestInfo,
  type: ResourceType,
): void {
  const page = listPage(store, type, info.namespace, listQuery(url.searchParams, info))
  const metadata = {
    resourceVersion: page.resourceVersion,
    ...(page.continueToken !== undefined && { continue: page.continueToken }),
    ...(page.remainingItemCount !== undefined && { remainingItemCount: page.remainingItemCount }),
  }
  const rows = page.items.map((stored) => ({ stored, object: fromStored(type, stored) }))
  if (form === 'table')
    return send(response, 200, table(type, rows, metadata, { nowMs: clock.now(), include: includeOf(url) }))
  const isPartial = form === 'metadata'
  send(response, 200, {
    kind: isPartial ? 'PartialObjectMetadataList' : type.listKind,
    apiVersion: isPartial ? 'meta.k8s.io/v1' : apiVersionOf(type),
    metadata,
    items: rows.map(({ object }) => (isPartial ? partial(object) : object)),
  })
}

function listQuery(query: URLSearchParams, info: RequestInfo): ListQuery {
  const byName = info.name === '' ? undefined : `metadata.name=${info.name}`
  return {
    labelSelector: query.get('labelSelector') ?? undefined,
    fieldSelector: query.get('fieldSelector') ?? byName,
    limit: Number(query.get('limit') ?? 0),
    continueToken: query.get('continue') ?? undefined,
    resourceVersion: query.get('resourceVersion') ?? undefined,
    resourceVersionMatch: query.get('resourceVersionMatch') ?? undefined,
  }
}

/** A watch without a timeout gets one between half an hour and an hour from a real server. */
const WATCH_TIMEOUT_SECONDS = 1800

function watch({ watches, clock }: HandlerParts, exchange: Exchange, info: RequestInfo, type: ResourceType): void {
  const { url, user, form, response } = exchange
  const query = url.searchParams
  const watchQuery: WatchQuery = {
    ...listQuery(query, info),
    allowBookmarks: query.get('allowWatchBookmarks') === 'true',
    timeoutSeconds: Number(query.get('timeoutSeconds') ?? WATCH_TIMEOUT_SECONDS),
    sendInitialEvents: query.get('sendInitialEvents') === 'true',
  }
  const encode = (stored: KubeObject, first: boolean): Fields => {
    const object = fromStored(type, stored)
    if (form === 'metadata') return partial(object)
    if (form === 'object') return object
    const view = { nowMs: clock.now(), include: includeOf(url), withColumns: first }
    return table(type, [{ stored, object }], { resourceVersion: object.metadata.resourceVersion }, view)
  }
  watches.start({ type, namespace: info.namespace, query: watchQuery, user: user.name, encode }, response)
}

function write(parts: HandlerParts, exchange: Exchange, info: RequestInfo, type: ResourceType): void {
  const { response } = exchange
  const warnings: string[] = []
  try {
    const { object, status } = written(parts, exchange, info, writeOf(exchange, info, type, warnings))
    parts.settle()
    setWarnings(response, warnings)
    const stored = type.convert?.toStored(object) ?? object
    send(response, status, formed(exchange, type, stored, parts.clock))
  } catch (error) {
    // A refused write is warned about as well.
    setWarnings(response, warnings)
    throw error
  }
}

function setWarnings(response: ServerResponse, warnings: readonly string[]): void {
  const each = warnings.map((text) => `299 - ${JSON.stringify(text)}`)
  if (each.length > 0) response.setHeader('warning', each)
}

function written({ writes }: HandlerParts, exchange: Exchange, { verb }: RequestInfo, write: Write) {
  const body = parseBody(exchange)
  if (verb === 'create') return { object: writes.create(write, body as KubeObject), status: 201 }
  if (verb === 'update') return answerOf(writes.update(write, body as KubeObject))
  const patchType = patchTypeOf(exchange.request.headers['content-type'] ?? '')
  if (patchType === 'apply' && !exchange.url.searchParams.get('fieldManager')) throw managerMissing()
  return answerOf(writes.patch(write, patchType, body))
}

const answerOf = ({ object, created }: Written) => ({ object, status: created ? 201 : 200 })

function managerMissing(): ApiError {
  const cause = {
    reason: 'FieldValueRequired',
    field: 'fieldManager',
    message: 'Required value: is required for apply patch',
  }
  const message = `PatchOptions.meta.k8s.io "" is invalid: ${cause.field}: ${cause.message}`
  return new ApiError(422, 'Invalid', message, { group: 'meta.k8s.io', kind: 'PatchOptions', causes: [cause] })
}

function writeOf({ url, request }: Exchange, info: RequestInfo, type: ResourceType, warnings: string[]): Write {
  const query = url.searchParams
  const [agent = 'unknown'] = (request.headers['user-agent'] ?? 'unknown').split('/')
  return {
    type,
    namespace: info.namespace,
    name: info.name,
    subresource: info.subresource,
    dryRun: query.getAll('dryRun').includes('All'),
    fieldManager: query.get('fieldManager') || agent,
    fieldValidation: (query.get('fieldValidation') || 'Warn') as Write['fieldValidation'],
    force: query.get('force') === 'true',
    warnings,
  }
}

const PATCH_TYPES: Readonly<Record<string, PatchType>> = {
  'application/merge-patch+json': 'merge',
  'application/json-patch+json': 'json',
  'application/strategic-merge-patch+json': 'strategic',
  'application/apply-patch+yaml': 'apply',
  'application/apply-patch+json': 'apply',
}

function patchTypeOf(contentType: string): PatchType {
  const type = PATCH_TYPES[contentType.split(';')[0]?.trim() ?? '']
  if (!type) throw unsupportedMediaType(Object.keys(PATCH_TYPES).join(', '))
  return type
}

function parseBody({ body, request }: Exchange): unknown {
  const contentType = request.headers['content-type'] ?? ''
  if (contentType.startsWith('application/vnd.kubernetes.protobuf')) return decodeProtobuf(body)
  const text = body.toString('utf8')
  try {
    if (/yaml/.test(contentType) && !text.trimStart().startsWith('{')) return parseYaml(text) as unknown
    return JSON.parse(text) as unknown
  } catch (error) {
    throw badRequest(`the object provided is unrecognized (must be of type runtime.Object): ${String(error)}`)
  }
}

function deleteOptions(exchange: Exchange): DeleteOptions {
  const body = exchange.body.length > 0 ? parseBody(exchange) : {}
  const policy = exchange.url.searchParams.get('propagationPolicy')
  return { ...(isFields(body) ? body : {}), ...(policy && { propagationPolicy: policy }) } as DeleteOptions
}

const isDryRun = ({ url, body }: Exchange) =>
  url.searchParams.getAll('dryRun').includes('All') || /"dryRun":\s*\[\s*"All"/.test(body.toString())

function deleteOne(parts: HandlerParts, exchange: Exchange, info: RequestInfo, type: ResourceType): void {
  const { store, deletions } = parts
  const options = deleteOptions(exchange)
  const found = demandDeletable(type, info.name, store.get(type.storageKey, info.namespace, info.name), options)
  const { object, gone } = isDryRun(exchange) ? { object: found, gone: true } : deletions.remove(type, found, options)
  if (!gone) return send(exchange.response, 200, fromStored(type, object))
  const { group, plural: kind } = type
  const details = { name: info.name, ...(group !== '' && { group }), kind, uid: object.metadata.uid }
  send(exchange.response, 200, { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details })
}

function deleteMany(parts: HandlerParts, exchange: Exchange, info: RequestInfo, type: ResourceType): void {
  const { store, deletions } = parts
  const page = listPage(store, type, info.namespace, listQuery(exchange.url.searchParams, info))
  const options = deleteOptions(exchange)
  if (!isDryRun(exchange)) for (const object of page.items) deletions.remove(type, object, options)
  const items = page.items.map((object) => fromStored(type, object))
  const metadata = { resourceVersion: String(store.revision) }
  send(exchange.response, 200, { kind: type.listKind, apiVersion: apiVersionOf(type), metadata, items })
}
