import { ApiError, badRequest, expired } from './api-error.ts'
import type { KubeObject } from './object.ts'
import type { ResourceType } from './resource-type.ts'
import { type Predicate, fieldSelector, labelSelector } from './selectors.ts'
import { type ObjectStore, keyOfObject } from './store.ts'

export interface ListQuery {
  readonly labelSelector: string | undefined
  readonly fieldSelector: string | undefined
  readonly limit: number
  readonly continueToken: string | undefined
  readonly resourceVersion: string | undefined
  readonly resourceVersionMatch: string | undefined
}

export interface Page {
  /** As stored. */
  readonly items: readonly KubeObject[]
  readonly resourceVersion: string
  readonly continueToken?: string
  readonly remainingItemCount?: number
}

/** One page of a list, all pages as of the revision of the first. */
export function listPage(
  store: ObjectStore,
  type: ResourceType,
  namespace: string | undefined,
  query: ListQuery,
): Page {
  const position = positionOf(store, query)
  const holds = predicate(type, query)
  const all = position.exact
    ? store.listAt(type.storageKey, namespace, position.revision)
    : store.list(type.storageKey, namespace)
  const rest = all.filter((object) => keyOfObject(object) > position.after && holds(object))
  const items = query.limit > 0 ? rest.slice(0, query.limit) : rest
  const resourceVersion = String(position.revision)
  const last = items.at(-1)
  if (!last || items.length === rest.length) return { items, resourceVersion }
  const isSelected = query.labelSelector || query.fieldSelector
  return {
    items,
    resourceVersion,
    continueToken: encode({ rv: position.revision, start: keyOfObject(last) }),
    ...(!isSelected && { remainingItemCount: rest.length - items.length }),
  }
}

export function predicate(type: ResourceType, query: Pick<ListQuery, 'labelSelector' | 'fieldSelector'>): Predicate {
  const byLabel = labelSelector(query.labelSelector)
  const byField = fieldSelector(query.fieldSelector, type)
  return (object) => byLabel(object) && byField(object)
}

interface Position {
  readonly revision: number
  /** Key of the last object told already. */
  readonly after: string
  readonly exact: boolean
}

function positionOf(store: ObjectStore, query: ListQuery): Position {
  if (query.continueToken) return continued(store, query.continueToken)
  const wanted = query.resourceVersion
  if (wanted === undefined || wanted === '' || wanted === '0')
    return { revision: store.revision, after: '', exact: false }
  const revision = revisionOf(wanted)
  demandReached(store, revision)
  const exact = query.resourceVersionMatch === 'Exact' || (query.resourceVersionMatch === undefined && query.limit > 0)
  return { revision: exact ? revision : store.revision, after: '', exact }
}

export function revisionOf(text: string): number {
  if (!/^\d+$/.test(text))
    throw badRequest(`Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing "${text}": invalid syntax`)
  return Number(text)
}

/** A revision that is yet to come: after a restore from a backup, or of another server. */
export function demandReached(store: ObjectStore, revision: number): void {
  if (revision <= store.revision) return
  throw new ApiError(504, 'Timeout', `Too large resource version: ${revision}, current: ${store.revision}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version', field: '' }],
    retryAfterSeconds: 1,
  })
}

/** A token of before a compaction leads to 410, with another token that goes on inconsistently. */
function continued(store: ObjectStore, token: string): Position {
  const { rv, start } = decode(token)
  if (rv === -1) return { revision: store.revision, after: start, exact: false }
  if (rv < store.compacted) throw expired(CONTINUE_EXPIRED, encode({ rv: -1, start }))
  return { revision: rv, after: start, exact: true }
}

const CONTINUE_EXPIRED =
  'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.'

interface Token {
  readonly rv: number
  readonly start: string
}

const encode = (token: Token) => Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', ...token })).toString('base64url')

function decode(token: string): Token {
  try {
    return JSON.parse(Buffer.from(token, 'base64url').toString()) as Token
  } catch {
    throw badRequest('continue key is not valid: illegal base64 data')
  }
}
