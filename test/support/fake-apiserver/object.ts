/** Any JSON object. */
export type Fields = Record<string, unknown>

/** ObjectMeta, as far as the server itself reads or writes it. */
export interface Metadata extends Fields {
  name: string
  namespace?: string
  generateName?: string
  uid?: string
  resourceVersion?: string
  generation?: number
  creationTimestamp?: string
  deletionTimestamp?: string
  deletionGracePeriodSeconds?: number
  labels?: Record<string, string>
  annotations?: Record<string, string>
  finalizers?: string[]
  ownerReferences?: OwnerReference[]
  managedFields?: ManagedFieldsEntry[]
}

export interface OwnerReference {
  apiVersion: string
  kind: string
  name: string
  uid: string
}

/** What one manager owns of an object; `Update` stands for every writer that does not apply. */
export interface ManagedFieldsEntry {
  manager: string
  operation: 'Apply' | 'Update'
  apiVersion: string
  time?: string
  fieldsType: 'FieldsV1'
  fieldsV1: Fields
  subresource?: string
}

export interface KubeObject extends Fields {
  apiVersion: string
  kind: string
  metadata: Metadata
}

export function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The value at a path of property names; undefined where there is none. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  let at = value
  for (const step of path) at = isFields(at) ? at[step] : undefined
  return at
}

/** Equal as JSON: the order of properties does not count. */
export function sameJson(left: unknown, right: unknown): boolean {
  if (left === right) return true
  if (Array.isArray(left) && Array.isArray(right))
    return left.length === right.length && left.every((item, index) => sameJson(item, right[index]))
  if (!isFields(left) || !isFields(right)) return false
  const keys = Object.keys(left)
  return (
    keys.length === Object.keys(right).length &&
    keys.every((key) => Object.hasOwn(right, key) && sameJson(left[key], right[key]))
  )
}
