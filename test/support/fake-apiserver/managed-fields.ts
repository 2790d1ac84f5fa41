import { ApiError, type Cause } from './api-error.ts'
import {
  type FieldPath,
  type FieldSet,
  describePath,
  fromFieldsV1,
  toFieldsV1,
  withParents,
  withoutTopLevel,
} from './field-set.ts'
import type { KubeObject, ManagedFieldsEntry } from './object.ts'
import { sameJson } from './object.ts'
import { type ResourceType, apiVersionOf } from './resource-type.ts'
import { compare, fieldsOf, merge, removeFields } from './typed-value.ts'

/** Who writes: `kubectl` with `apply`, through the main endpoint or a subresource. */
export interface Manager {
  readonly name: string
  readonly operation: 'Apply' | 'Update'
  readonly subresource: string | undefined
}

interface Owned {
  readonly entry: ManagedFieldsEntry
  readonly set: FieldSet
}

/** Never owned by anybody: the server's own. */
const UNOWNED = ['apiVersion', 'kind']
const UNOWNED_METADATA = [
  'name',
  'namespace',
  'creationTimestamp',
  'selfLink',
  'uid',
  'generation',
  'managedFields',
  'resourceVersion',
].map((name) => `f:metadata\u0000f:${name}`)

function ownable(type: ResourceType, manager: Manager, set: FieldSet): Set<FieldPath> {
  const own = new Set([...set].filter((path) => path !== '' && path !== 'f:metadata'))
  for (const path of UNOWNED_METADATA) own.delete(path)
  const known = withoutTopLevel(own, UNOWNED)
  if (manager.subresource === 'status') return withoutTopLevel(known, ['status'], true)
  return type.hasStatus ? withoutTopLevel(known, ['status']) : known
}

/** The managed fields after a write of a whole object: who changes a field owns it from then on, alone. */
export function updateManagedFields(
  type: ResourceType,
  before: KubeObject | undefined,
  after: KubeObject,
  manager: Manager,
  time: string,
): ManagedFieldsEntry[] {
  const { added, modified, removed } = compare(type.schema, withoutManaged(before) ?? {}, withoutManaged(after))
  const changed = ownable(type, manager, new Set([...added, ...modified]))
  const all = read(after.metadata.managedFields ?? before?.metadata.managedFields)
  const mine = all.find(({ entry }) => isSame(type, entry, manager))
  const others = all.filter((one) => one !== mine)
  const rest = others.map((one) => ({ ...one, set: without(one.set, changed, removed) }))
  const set = new Set([...without(mine?.set ?? new Set(), removed), ...changed])
  return write([...rest, { entry: entryOf(type, manager, time, mine?.entry, set), set }])
}

export interface Applied {
  readonly object: KubeObject
  readonly managedFields: ManagedFieldsEntry[]
}

/**
 * Server-side apply: the configuration over the live object. What this manager applied before and leaves out now goes, unless
 * somebody else owns it too; what somebody else owns and has another value for is a conflict (409) unless forced.
 */
export function applyConfiguration(
  type: ResourceType,
  live: KubeObject | undefined,
  configuration: KubeObject,
  { manager, force, time }: { manager: Manager; force: boolean; time: string },
): Applied {
  const all = read(live?.metadata.managedFields)
  const mine = all.find(({ entry }) => isSame(type, entry, manager))
  const others = all.filter((one) => one !== mine)
  const set = ownable(type, manager, fieldsOf(type.schema, configuration))
  const merged = merge(type.schema, withoutManaged(live), configuration) as KubeObject
  const object = dropAbandoned(type, merged, mine?.set ?? new Set(), [set, ...others.map((one) => one.set)])
  const { added, modified, removed } = compare(type.schema, withoutManaged(live) ?? {}, object)
  const changed = ownable(type, manager, new Set([...added, ...modified]))
  const conflicts = others.map((one) => ({ ...one, set: new Set([...one.set].filter((path) => changed.has(path))) }))
  const conflicting = conflicts.filter((one) => one.set.size > 0)
  if (live && !force && conflicting.length > 0) throw conflictError(conflicting)
  const rest = others.map((one) => ({ ...one, set: without(one.set, changed, removed) }))
  const own = { entry: entryOf(type, manager, time, mine?.entry, set), set }
  return { object, managedFields: write([...rest, own]) }
}

function dropAbandoned(type: ResourceType, merged: KubeObject, last: FieldSet, owned: readonly FieldSet[]): KubeObject {
  if (last.size === 0) return merged
  const kept = withParents(new Set(owned.flatMap((set) => [...set])))
  const abandoned = new Set([...last].filter((path) => !kept.has(path)))
  if (abandoned.size === 0) return merged
  const named = withParents(last)
  return removeFields(type.schema, merged, abandoned, (path) => kept.has(path) || !named.has(path)) as KubeObject
}

const without = (set: FieldSet, ...dropped: readonly FieldSet[]) =>
  new Set([...set].filter((path) => !dropped.some((other) => other.has(path))))

/** An applier is the same whatever version it applies in; other writers are kept apart by it. */
function isSame(type: ResourceType, entry: ManagedFieldsEntry, { name, operation, subresource }: Manager): boolean {
  return (
    entry.manager === name &&
    entry.operation === operation &&
    (operation === 'Apply' || entry.apiVersion === apiVersionOf(type)) &&
    (entry.subresource ?? '') === (subresource ?? '')
  )
}

/** The time moves only with what is owned. */
function entryOf(
  type: ResourceType,
  { name, operation, subresource }: Manager,
  time: string,
  former: ManagedFieldsEntry | undefined,
  set: FieldSet,
): ManagedFieldsEntry {
  const fieldsV1 = toFieldsV1(set)
  const unchanged = former && sameJson(former.fieldsV1, fieldsV1)
  return {
    manager: name,
    operation,
    apiVersion: apiVersionOf(type),
    time: unchanged && former.time ? former.time : time,
    fieldsType: 'FieldsV1',
    fieldsV1,
    ...(subresource !== undefined && { subresource }),
  }
}

/** An empty entry, `[{}]`, is how one asks for a reset. */
function read(entries: readonly ManagedFieldsEntry[] | undefined): Owned[] {
  return (entries ?? [])
    .filter((entry) => typeof entry.manager === 'string')
    .map((entry) => ({ entry, set: fromFieldsV1(entry.fieldsV1) }))
}

function write(all: readonly Owned[]): ManagedFieldsEntry[] {
  return all
    .filter(({ set }) => set.size > 0)
    .map(({ entry, set }) => ({ ...entry, fieldsV1: toFieldsV1(set) }))
    .sort((left, right) => rank(left) - rank(right))
}

const rank = ({ operation }: ManagedFieldsEntry) => (operation === 'Apply' ? 0 : 1)

function withoutManaged(object: KubeObject | undefined): KubeObject | undefined {
  if (!object) return undefined
  const { managedFields: _, ...metadata } = object.metadata
  return { ...object, metadata: metadata }
}

function conflictError(conflicting: readonly Owned[]): ApiError {
  const causes: Cause[] = conflicting.flatMap(({ entry, set }) =>
    [...set].sort().map((path) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with ${whose(entry)}`,
      field: describePath(path),
    })),
  )
  const [only] = causes
  const message =
    causes.length === 1 && only
      ? `Apply failed with 1 conflict: ${only.message}: ${only.field}`
      : `Apply failed with ${causes.length} conflicts: ${conflicting.map(listed).join('\n')}`
  return new ApiError(409, 'Conflict', message, { causes })
}

const listed = ({ entry, set }: Owned) =>
  `conflicts with ${whose(entry)}:\n${[...set]
    .sort()
    .map((path) => `- ${describePath(path)}`)
    .join('\n')}`

function whose({ manager, apiVersion, operation, subresource }: ManagedFieldsEntry): string {
  const through = subresource === undefined ? '' : ` with subresource "${subresource}"`
  return `"${manager}"${through}${operation === 'Update' ? ` using ${apiVersion}` : ''}`
}
