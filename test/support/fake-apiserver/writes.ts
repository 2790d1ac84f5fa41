import type { Clock } from '../../../src/base/clock.ts'
import { rfc3339Seconds } from '../../../src/base/clock.ts'
import type { Random } from '../../../src/base/random.ts'
import { complete, semanticProblems } from './admission.ts'
import { ApiError, MODIFIED, alreadyExists, badRequest, conflict, forbidden, invalid, notFound } from './api-error.ts'
import { NAMESPACES } from './built-ins.ts'
import type { CelRules } from './cel.ts'
import { type Manager, applyConfiguration, updateManagedFields } from './managed-fields.ts'
import { type Fields, type KubeObject, isFields, sameJson } from './object.ts'
import { jsonPatch, mergePatch, strategicMergePatch } from './patches.ts'
import { type ResourceType, apiVersionOf } from './resource-type.ts'
import { type Place, applyDefaults, prune } from './schema.ts'
import type { ObjectStore } from './store.ts'
import { isBlocking, validate, wrong } from './validate.ts'

/** What a write is about, and how it is to be done. */
export interface Write {
  readonly type: ResourceType
  readonly namespace: string | undefined
  readonly name: string
  readonly subresource: string | undefined
  readonly dryRun: boolean
  readonly fieldManager: string
  readonly fieldValidation: 'Strict' | 'Warn' | 'Ignore'
  readonly force: boolean
  /** Collects what goes into `Warning` headers. */
  readonly warnings: string[]
}

export type PatchType = 'merge' | 'json' | 'strategic' | 'apply'

/** The writing verbs. Objects come and go in the version of the request; the store has the stored one. */
export interface Writes {
  create(write: Write, body: KubeObject): KubeObject
  update(write: Write, body: KubeObject): Written
  patch(write: Write, patchType: PatchType, body: unknown): Written
}

export interface Written {
  readonly object: KubeObject
  readonly created: boolean
}

export interface WritesOptions {
  readonly store: ObjectStore
  readonly cel: CelRules
  readonly clock: Clock
  readonly random: Random
}

export function createWrites({ store, cel, clock, random }: WritesOptions): Writes {
  const now = () => rfc3339Seconds(clock.now())
  const stored = ({ type, namespace, name }: Write) => {
    const found = store.get(type.storageKey, type.namespaced ? namespace : undefined, name)
    return found && fromStored(type, found)
  }
  const existing = (write: Write) => {
    const found = stored(write)
    if (!found) throw notFound(write.type, write.name)
    return found
  }

  /** Unchanged objects are not written: their version stays. An object on its way out goes with its last finalizer. */
  const persist = (write: Write, before: KubeObject | undefined, after: KubeObject): KubeObject => {
    const { type, dryRun } = write
    if (after.metadata.managedFields?.length === 0) delete after.metadata.managedFields
    if (before && sameJson(withoutVersion(before), withoutVersion(after))) return before
    if (dryRun) return after
    const object = type.convert?.toStored(after) ?? after
    const leaves = object.metadata.deletionTimestamp !== undefined && !object.metadata.finalizers?.length
    const written = leaves ? store.remove(type.storageKey, object) : store.put(type.storageKey, object)
    return fromStored(type, written)
  }

  const check = (write: Write, object: KubeObject, before: KubeObject | undefined) => {
    const problems = validate(write.type.schema, object)
    // Built-in kinds are decoded into their own types, which knows only what fits and what does not.
    const mistyped = problems.find(
      ({ reason, message }) => reason === 'FieldValueTypeInvalid' || NOT_BASE64.test(message),
    )
    if (mistyped && !write.type.custom) throw cannotBeHandled(write.type, mistyped.message)
    const all = [...problems, ...semanticProblems(write.type, object, { before, cel })]
    if (problems.some(isBlocking)) all.push(UNCHECKED)
    else all.push(...cel.check(write.type.schema, object, before))
    if (all.length > 0) throw invalid(write.type, object.metadata.name, all)
  }

  const demandNamespace = ({ type, namespace, name }: Write) => {
    if (!type.namespaced) return
    const found = store.get(NAMESPACES.storageKey, undefined, namespace ?? '')
    if (!found) throw notFound(NAMESPACES, namespace ?? '')
    if (found.metadata.deletionTimestamp)
      throw forbidden(
        type,
        name,
        `unable to create new content in namespace ${namespace} because it is being terminated`,
        [
          {
            reason: 'NamespaceTerminating',
            message: `namespace ${namespace} is being terminated`,
            field: 'metadata.namespace',
          },
        ],
      )
  }

  const updateTo = (write: Write, before: KubeObject, sent: KubeObject): KubeObject => {
    demandVersion(write.type, before, sent)
    const after = write.subresource === 'status' ? withStatusOf(before, sent) : withSpecOf(write.type, before, sent)
    const { manager } = managerOf(write, 'Update')
    after.metadata.managedFields = updateManagedFields(write.type, before, after, manager, now())
    check(write, after, before)
    return persist(write, before, after)
  }

  const createFrom = (write: Write, object: KubeObject, managedFields?: KubeObject['metadata']['managedFields']) => {
    const { type } = write
    demandNamespace(write)
    const { resourceVersion, ...metadata } = object.metadata
    if (resourceVersion) throw badRequest('resourceVersion should not be set on objects to be created')
    if (type.hasStatus) delete object['status']
    for (const own of ['deletionTimestamp', 'deletionGracePeriodSeconds', 'generation', 'selfLink'])
      delete metadata[own]
    object.metadata = {
      ...metadata,
      ...(type.namespaced && { namespace: write.namespace }),
      uid: random.uuid(),
      ...(type.hasGeneration && { generation: 1 }),
      creationTimestamp: now(),
    } as KubeObject['metadata']
    complete(type, object)
    applyDefaults(type.schema, object)
    const { manager } = managerOf(write, 'Update')
    object.metadata.managedFields = managedFields ?? updateManagedFields(type, undefined, object, manager, now())
    check(write, object, undefined)
    return persist(write, undefined, object)
  }

  const apply = (write: Write, sent: KubeObject) => {
    const { type } = write
    const before = stored(write)
    if (sent.metadata.managedFields) throw badRequest('metadata.managedFields must be nil')
    if (!before && write.subresource !== undefined) throw notFound(type, write.name)
    demandDeclared(write, sent)
    if (before) demandUid(write, before, sent)
    if (before) demandVersion(type, before, sent)
    const { manager } = managerOf(write, 'Apply')
    const { object, managedFields } = applyConfiguration(type, before, sent, {
      manager,
      force: write.force,
      time: now(),
    })
    if (!before) return { object: createFrom(write, object, managedFields), created: true }
    const after = write.subresource === 'status' ? withStatusOf(before, object) : withSpecOf(type, before, object)
    after.metadata.managedFields = managedFields
    applyDefaults(type.schema, after)
    check(write, after, before)
    return { object: persist(write, before, after), created: false }
  }

  return {
    create(write, body) {
      const object = decode(write, body)
      const name = object.metadata.name || generatedName(object, random)
      if (stored({ ...write, name })) throw alreadyExists(write.type, name)
      object.metadata.name = name
      return createFrom({ ...write, name }, object)
    },
    update(write, body) {
      const object = decode(write, body)
      if (object.metadata.name !== write.name) throw badRequest(misnamed(object.metadata.name, write.name))
      if (write.type.createOnUpdate && !stored(write)) {
        delete object.metadata.resourceVersion
        return { object: createFrom(write, object), created: true }
      }
      const before = existing(write)
      if (!object.metadata.resourceVersion && !write.type.unconditionalUpdate)
        throw invalid(write.type, write.name, [
          { reason: 'FieldValueInvalid', field: 'metadata.resourceVersion', message: VERSION_MISSING },
        ])
      if (object.metadata.uid && object.metadata.uid !== before.metadata.uid) throw otherUid(write, before, object)
      return { object: updateTo(write, before, object), created: false }
    },
    patch(write, patchType, body) {
      if (patchType === 'apply') return apply(write, applied(write, body))
      const before = existing(write)
      const object = decode(write, patched(write, patchType, before, body) as KubeObject)
      demandUid(write, before, object)
      return { object: updateTo(write, before, object), created: false }
    },
  }
}

const NOT_BASE64 = /in body must be of type byte/
const VERSION_MISSING = 'Invalid value: 0: must be specified for an update'
const UNCHECKED = {
  reason: 'FieldValueInvalid',
  field: '<nil>',
  message:
    'Invalid value: null: some validation rules were not checked because the object was invalid; correct the existing errors to complete validation',
}

export function fromStored(type: ResourceType, object: KubeObject): KubeObject {
  const converted = type.convert?.fromStored(object) ?? object
  const apiVersion = apiVersionOf(type)
  return converted.apiVersion === apiVersion ? converted : { ...converted, apiVersion }
}

function withoutVersion(object: KubeObject): KubeObject {
  return { ...object, metadata: { ...object.metadata, resourceVersion: '' } }
}

function managerOf({ fieldManager, subresource }: Write, operation: Manager['operation']): { manager: Manager } {
  return { manager: { name: fieldManager, operation, subresource } }
}

const misnamed = (name: string, expected: string) =>
  `the name of the object (${name}) does not match the name on the URL (${expected})`

function generatedName({ metadata }: KubeObject, random: Random): string {
  if (!metadata.generateName) throw badRequest('name or generateName is required')
  return `${metadata.generateName}${random.uuid().slice(-5)}`
}

/** The object of a request, known fields only, defaults filled in. Throws 400 for what cannot be this kind. */
function decode(write: Write, body: KubeObject): KubeObject {
  const { type, namespace } = write
  if (!isFields(body)) throw badRequest('the object provided is unrecognized: not an object')
  const object = structuredClone(body)
  demandKind(type, object)
  if (!isFields(object.metadata)) object.metadata = { name: '' }
  if (type.namespaced && object.metadata.namespace && object.metadata.namespace !== namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  object.metadata.name ??= ''
  emptyNulls(object.metadata)
  tellUnknown(write, prune(type.schema, object))
  applyDefaults(type.schema, object)
  return object
}

/** Go reads a null among texts as the empty text. */
function emptyNulls({ labels, annotations }: KubeObject['metadata']): void {
  for (const texts of [labels, annotations] as (Fields | undefined)[])
    for (const [key, value] of Object.entries(texts ?? {})) if (texts && value === null) texts[key] = ''
}

function demandKind(type: ResourceType, object: KubeObject): void {
  object.apiVersion ??= apiVersionOf(type)
  object.kind ??= type.kind
  if (object.apiVersion !== apiVersionOf(type))
    throw badRequest(
      `the API version in the data (${object.apiVersion}) does not match the expected API version (${apiVersionOf(type)})`,
    )
  if (object.kind !== type.kind && type.custom)
    throw invalid({ ...type, kind: object.kind }, object.metadata?.name ?? '', [
      wrong('kind', object.kind, `must be ${type.kind}`),
    ])
  if (object.kind !== type.kind)
    throw badRequest(
      `${object.kind} in version "${type.version}" cannot be handled as a ${type.kind}: kind does not match`,
    )
}

function tellUnknown({ type, fieldValidation, warnings }: Write, unknown: readonly Place[]): void {
  if (unknown.length === 0 || fieldValidation === 'Ignore') return
  const each = unknown.map((place) => `unknown field "${place}"`)
  if (fieldValidation === 'Warn') warnings.push(...each)
  else throw cannotBeHandled(type, `strict decoding error: ${each.join(', ')}`)
}

const cannotBeHandled = ({ kind, version }: ResourceType, why: string) =>
  badRequest(`${kind} in version "${version}" cannot be handled as a ${kind}: ${why}`)

function applied(write: Write, body: unknown): KubeObject {
  const { type, name } = write
  if (!isFields(body) || !isFields(body['metadata'])) throw badRequest('the object provided has no metadata')
  const object = structuredClone(body) as KubeObject
  if (body['apiVersion'] === undefined || body['kind'] === undefined)
    throw badRequest('error decoding apply patch: apiVersion and kind must be set')
  demandKind(type, object)
  object.metadata.name ??= name
  if (object.metadata.name !== name) throw badRequest(misnamed(object.metadata.name, name))
  if (type.namespaced && object.metadata.namespace && object.metadata.namespace !== write.namespace)
    throw badRequest('the namespace of the provided object does not match the namespace sent on the request')
  return object
}

/** Apply needs every field declared, whatever `fieldValidation` says. */
function demandDeclared({ type, namespace, name }: Write, sent: KubeObject): void {
  const [first] = prune(type.schema, structuredClone(sent))
  if (first === undefined) return
  const what = `${namespace ?? ''}/${name}; ${apiVersionOf(type)}, Kind=${type.kind}`
  throw new ApiError(500, '', `failed to create typed patch object (${what}): .${first}: field not declared in schema`)
}

function patched({ type }: Write, patchType: PatchType, before: KubeObject, body: unknown): unknown {
  if (patchType === 'json') return jsonPatch(before, body)
  if (patchType === 'merge') return mergePatch(before, body)
  if (type.custom)
    throw new ApiError(
      415,
      'UnsupportedMediaType',
      'the body of the request was in an unknown format - accepted media types include: application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml',
    )
  return strategicMergePatch(type.schema, before, body)
}

function demandVersion(type: ResourceType, before: KubeObject, { metadata }: KubeObject): void {
  if (metadata.resourceVersion && metadata.resourceVersion !== before.metadata.resourceVersion)
    throw conflict(type, before.metadata.name, MODIFIED)
}

function otherUid({ type, name }: Write, before: KubeObject, { metadata }: KubeObject): ApiError {
  const uids = `UID in precondition: ${metadata.uid}, UID in object meta: ${before.metadata.uid}`
  return conflict(type, name, `Precondition failed: ${uids}`)
}

/** In a patch it is a field that cannot change; in a patch of a status nobody looks at it, as at nothing else but the status. */
function demandUid({ type, name, subresource }: Write, before: KubeObject, { metadata }: KubeObject): void {
  if (subresource === 'status' || !metadata.uid || metadata.uid === before.metadata.uid) return
  throw invalid(type, name, [wrong('metadata.uid', metadata.uid, 'field is immutable')])
}

/** Through `/status` nothing but the status changes. */
function withStatusOf(before: KubeObject, sent: KubeObject): KubeObject {
  const { status: _, ...rest } = before
  const status = sent['status'] === undefined ? {} : { status: sent['status'] }
  const managed = sent.metadata.managedFields && { managedFields: sent.metadata.managedFields }
  return { ...rest, ...status, metadata: { ...before.metadata, ...managed } }
}

/** Through the main endpoint everything but the status and what the server alone writes. */
function withSpecOf(type: ResourceType, before: KubeObject, sent: KubeObject): KubeObject {
  const { uid, creationTimestamp, generation, deletionTimestamp, deletionGracePeriodSeconds, resourceVersion } =
    before.metadata
  const after: KubeObject = { ...sent, metadata: { ...sent.metadata } }
  if (type.hasStatus) {
    delete after['status']
    if (before['status'] !== undefined) after['status'] = before['status']
  }
  const own = { uid, creationTimestamp, generation, deletionTimestamp, deletionGracePeriodSeconds, resourceVersion }
  for (const [name, value] of Object.entries(own)) {
    delete after.metadata[name]
    if (value !== undefined) after.metadata[name] = value
  }
  if (before.metadata.namespace !== undefined) after.metadata.namespace = before.metadata.namespace
  demandNoNewFinalizers(type, before, after)
  complete(type, after)
  if (type.hasGeneration && !sameJson(desired(before), desired(after)))
    after.metadata.generation = (before.metadata.generation ?? 0) + 1
  return after
}

function desired(object: KubeObject): Fields {
  const { metadata: _1, status: _2, ...rest } = object as Fields
  return rest
}

function demandNoNewFinalizers(type: ResourceType, before: KubeObject, after: KubeObject): void {
  if (!before.metadata.deletionTimestamp) return
  const former = before.metadata.finalizers ?? []
  const added = (after.metadata.finalizers ?? []).filter((one) => !former.includes(one))
  if (added.length === 0) return
  const message = `Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers ${JSON.stringify(added)}`
  throw invalid(type, before.metadata.name, [{ reason: 'FieldValueForbidden', field: 'metadata.finalizers', message }])
}
