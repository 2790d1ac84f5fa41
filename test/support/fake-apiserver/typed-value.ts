import { type FieldPath, elementsOf, pathOf } from './field-set.ts'
import { type Fields, isFields, sameJson } from './object.ts'
import { ANY, type Schema, propertySchema } from './schema.ts'

/** How a value is owned and merged: as a whole, by property, or by item. (sigs.k8s.io/structured-merge-diff) */
type Shape =
  | { readonly kind: 'leaf' }
  | { readonly kind: 'map'; readonly children: readonly Child[] }
  | { readonly kind: 'list'; readonly children: readonly Child[] }

interface Child {
  readonly element: string
  readonly schema: Schema
  readonly value: unknown
  /** Not a declared property: an entry of a map, or an item of a list, is owned itself, not only through what is in it. */
  readonly isEntry: boolean
}

const LEAF: Shape = { kind: 'leaf' }

function shapeOf(schema: Schema, value: unknown): Shape {
  if (isFields(value)) {
    if (schema['x-kubernetes-map-type'] === 'atomic') return LEAF
    return { kind: 'map', children: Object.entries(value).map(([name, inner]) => propertyChild(schema, name, inner)) }
  }
  if (!Array.isArray(value) || !isAssociative(schema)) return LEAF
  const items = schema.items ?? ANY
  const element = (inner: unknown) => itemElement(schema, inner)
  return {
    kind: 'list',
    children: value.map((inner: unknown) => ({ element: element(inner), schema: items, value: inner, isEntry: true })),
  }
}

function propertyChild(schema: Schema, name: string, value: unknown): Child {
  const isEntry = !(schema.properties && Object.hasOwn(schema.properties, name))
  return { element: `f:${name}`, schema: propertySchema(schema, name) ?? ANY, value, isEntry }
}

const isAssociative = (schema: Schema) => ['set', 'map'].includes(schema['x-kubernetes-list-type'] ?? 'atomic')

function itemElement(schema: Schema, value: unknown): string {
  const keys = schema['x-kubernetes-list-map-keys']
  if (schema['x-kubernetes-list-type'] !== 'map' || !keys) return `v:${JSON.stringify(value)}`
  const item = isFields(value) ? value : {}
  const identity = [...keys].sort().map((key) => [key, item[key] ?? schema.items?.properties?.[key]?.default])
  return `k:${JSON.stringify(Object.fromEntries(identity))}`
}

const isEmptyValue = (value: unknown) => value === null || (isFields(value) && Object.keys(value).length === 0)

/** The fields that a value sets: what its applier will own. */
export function fieldsOf(schema: Schema, value: unknown): Set<FieldPath> {
  const set = new Set<FieldPath>()
  collect(schema, value, [], set)
  return set
}

function collect(schema: Schema, value: unknown, at: readonly string[], set: Set<FieldPath>): void {
  const shape = shapeOf(schema, value)
  if (shape.kind === 'leaf') return void set.add(pathOf(at))
  for (const { element, schema: inner, value: each, isEntry } of shape.children) {
    const path = [...at, element]
    collect(inner, each, path, set)
    if (isEntry || isEmptyValue(each)) set.add(pathOf(path))
  }
}

export interface Comparison {
  readonly added: Set<FieldPath>
  readonly modified: Set<FieldPath>
  readonly removed: Set<FieldPath>
}

/** What a writer that sends whole objects has changed. A container that came or went counts as well as what is in it. */
export function compare(schema: Schema, before: unknown, after: unknown): Comparison {
  const result: Comparison = { added: new Set(), modified: new Set(), removed: new Set() }
  const visit = (inner: Schema, old: unknown, now: unknown, at: readonly string[]): void => {
    const [oldShape, newShape] = [shapeOf(inner, old), shapeOf(inner, now)]
    const path = pathOf(at)
    if (at.length > 0 && old === undefined) result.added.add(path)
    else if (at.length > 0 && now === undefined) result.removed.add(path)
    else if (isLeafPair(oldShape, newShape)) {
      if (!sameJson(old, now)) result.modified.add(path)
      return
    }
    const [was, is] = [childrenOf(oldShape), childrenOf(newShape)]
    for (const element of new Set([...was.keys(), ...is.keys()])) {
      const schemaOfChild = (is.get(element) ?? was.get(element))?.schema ?? ANY
      visit(schemaOfChild, was.get(element)?.value, is.get(element)?.value, [...at, element])
    }
  }
  visit(schema, before, after, [])
  return result
}

function isLeafPair(left: Shape, right: Shape): boolean {
  return left.kind === 'leaf' || right.kind === 'leaf' || left.kind !== right.kind
}

function childrenOf(shape: Shape): ReadonlyMap<string, Child> {
  return new Map(shape.kind === 'leaf' ? [] : shape.children.map((each) => [each.element, each]))
}

/** The live value with the applied one laid over it. */
export function merge(schema: Schema, live: unknown, applied: unknown): unknown {
  if (live === undefined || live === null) return structuredClone(applied)
  const [liveShape, appliedShape] = [shapeOf(schema, live), shapeOf(schema, applied)]
  if (isLeafPair(liveShape, appliedShape)) return structuredClone(applied)
  if (isFields(live) && isFields(applied)) return mergeMaps(schema, live, applied)
  return mergeLists(childrenOf(liveShape), childrenOf(appliedShape))
}

function mergeMaps(schema: Schema, live: Fields, applied: Fields): Fields {
  const merged: Fields = { ...live }
  for (const [name, value] of Object.entries(applied))
    merged[name] = merge(propertySchema(schema, name) ?? ANY, live[name], value)
  return merged
}

/** Items that both have come in the applied order; those only live keep their place among them. */
function mergeLists(live: ReadonlyMap<string, Child>, applied: ReadonlyMap<string, Child>): unknown[] {
  const order: string[] = []
  const waiting = [...applied.keys()]
  for (const element of live.keys()) {
    if (!applied.has(element)) order.push(element)
    else if (waiting.includes(element)) order.push(...waiting.splice(0, waiting.indexOf(element) + 1))
  }
  return [...order, ...waiting].map((element) => {
    const [was, is] = [live.get(element), applied.get(element)]
    return is ? merge(is.schema, was?.value, is.value) : was?.value
  })
}

/** Without the values at the paths; a container that this empties goes with them unless it is itself to be kept. */
export function removeFields(
  schema: Schema,
  root: unknown,
  paths: ReadonlySet<FieldPath>,
  isKept: (path: FieldPath) => boolean,
): unknown {
  const visit = (inner: Schema, value: unknown, at: readonly string[]): unknown => {
    const shape = shapeOf(inner, value)
    if (shape.kind === 'leaf' || shape.children.length === 0) return value
    const left = shape.children.flatMap((each) => {
      const path = [...at, each.element]
      if (paths.has(pathOf(path))) return []
      const kept = visit(each.schema, each.value, path)
      return kept === undefined ? [] : [{ ...each, value: kept }]
    })
    if (left.length === 0 && at.length > 0 && !isKept(pathOf(at))) return undefined
    if (shape.kind === 'list') return left.map((each) => each.value)
    return Object.fromEntries(left.map((each) => [nameOf(each.element), each.value]))
  }
  return visit(schema, root, [])
}

const nameOf = (element: string) => element.slice(2)

/** Whether a path's last element is an item of a list. */
export const isListItem = (path: FieldPath) => /^[kv]:/.test(elementsOf(path).at(-1) ?? '')
