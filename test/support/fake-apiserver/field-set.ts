import { type Fields, isFields } from './object.ts'

/**
 * A set of field paths, as `managedFields` records who owns what. A path is a list of elements in the notation of FieldsV1:
 * `f:name` a property, `k:{"name":"a"}` an item of a list of kind map, `v:"a"` an item of a set.
 */
export type FieldSet = ReadonlySet<FieldPath>

/** Elements joined by a separator that cannot be in one. */
export type FieldPath = string

const SEPARATOR = '\u0000'

export const pathOf = (elements: readonly string[]): FieldPath => elements.join(SEPARATOR)
export const elementsOf = (path: FieldPath): string[] => path.split(SEPARATOR)

/** With every path that leads to a member: a container counts as owned while something in it is. */
export function withParents(set: FieldSet): Set<FieldPath> {
  const all = new Set<FieldPath>()
  for (const path of set) {
    const elements = elementsOf(path)
    for (let length = elements.length; length > 0; length -= 1) all.add(pathOf(elements.slice(0, length)))
  }
  return all
}

/** Without what lies under any of the top-level fields, or without everything else. */
export function withoutTopLevel(set: FieldSet, names: readonly string[], keepOnlyThese = false): Set<FieldPath> {
  const isNamed = (path: FieldPath) => names.includes((elementsOf(path)[0] ?? '').slice(2))
  return new Set([...set].filter((path) => isNamed(path) === keepOnlyThese))
}

export function toFieldsV1(set: FieldSet): Fields {
  const root: Fields = {}
  for (const path of [...set].sort()) insert(root, elementsOf(path))
  markMembers(root, set, [])
  return root
}

function insert(root: Fields, elements: readonly string[]): void {
  let at = root
  for (const element of elements) at = (at[element] ??= {}) as Fields
}

/** A member that has members below it says so with a dot; one without is `{}`. */
function markMembers(node: Fields, set: FieldSet, above: readonly string[]): void {
  for (const [element, inner] of Object.entries(node)) {
    const elements = [...above, element]
    const fields = inner as Fields
    if (Object.keys(fields).length === 0) continue
    markMembers(fields, set, elements)
    if (set.has(pathOf(elements))) node[element] = { '.': {}, ...fields }
  }
}

export function fromFieldsV1(fields: unknown): Set<FieldPath> {
  const set = new Set<FieldPath>()
  collect(fields, [], set)
  return set
}

function collect(node: unknown, above: readonly string[], set: Set<FieldPath>): void {
  if (!isFields(node)) return
  for (const [element, inner] of Object.entries(node)) {
    if (element === '.') set.add(pathOf(above))
    else if (isFields(inner) && Object.keys(inner).length > 0) collect(inner, [...above, element], set)
    else set.add(pathOf([...above, element]))
  }
}

/** As the server writes a path for people: `.spec.headers[name="X-Tenant"].value`. */
export function describePath(path: FieldPath): string {
  return elementsOf(path).map(describeElement).join('')
}

function describeElement(element: string): string {
  const rest = element.slice(2)
  if (element.startsWith('f:')) return `.${rest}`
  if (element.startsWith('v:')) return `[=${rest}]`
  const keys = Object.entries(JSON.parse(rest) as Fields).map(([key, value]) => `${key}=${JSON.stringify(value)}`)
  return `[${keys.join(',')}]`
}
