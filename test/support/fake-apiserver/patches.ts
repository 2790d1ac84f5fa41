import { ApiError, badRequest } from './api-error.ts'
import { type Fields, isFields, sameJson } from './object.ts'
import { ANY, type Schema, propertySchema } from './schema.ts'

/** RFC 7396. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch
  const result: Fields = isFields(target) ? { ...target } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name]
    else result[name] = mergePatch(result[name], value)
  }
  return result
}

interface Operation {
  readonly op: string
  readonly path: string
  readonly from?: string
  readonly value?: unknown
}

/** RFC 6902. A failed `test`, or a path that is not there, is 422 as the server has it. */
export function jsonPatch(target: unknown, operations: unknown): unknown {
  if (!Array.isArray(operations)) throw badRequest('error decoding patch: a JSON patch is a list of operations')
  let document = structuredClone(target)
  for (const operation of operations as Operation[]) document = operate(document, operation)
  return document
}

function operate(document: unknown, { op, path, from = '', value }: Operation): unknown {
  if (op === 'test') {
    if (sameJson(lookUp(document, path), value)) return document
    throw unprocessable(`testing path ${path} failed: test failed`)
  }
  if (op === 'add' || op === 'replace') return edit(document, pointer(path), op, value)
  if (op === 'remove') return edit(document, pointer(path), op, undefined)
  const moved = lookUp(document, from)
  if (op === 'copy') return edit(document, pointer(path), 'add', structuredClone(moved))
  if (op === 'move') return edit(edit(document, pointer(from), 'remove', undefined), pointer(path), 'add', moved)
  throw badRequest(`Unexpected kind: ${op}`)
}

const unprocessable = (why: string) =>
  new ApiError(422, 'Invalid', `the server rejected our request due to an error in our request: ${why}`, {})

function pointer(path: string): string[] {
  if (path === '') return []
  return path
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))
}

function lookUp(document: unknown, path: string): unknown {
  let at = document
  for (const step of pointer(path)) at = Array.isArray(at) ? at[Number(step)] : isFields(at) ? at[step] : undefined
  return at
}

function edit(document: unknown, steps: readonly string[], op: 'add' | 'replace' | 'remove', value: unknown): unknown {
  const last = steps.at(-1)
  if (last === undefined) return value
  const parent = lookUp(
    document,
    steps
      .slice(0, -1)
      .map((step) => `/${step.replaceAll('~', '~0').replaceAll('/', '~1')}`)
      .join(''),
  )
  const isThere = Array.isArray(parent) ? Number(last) < parent.length : isFields(parent) && Object.hasOwn(parent, last)
  if (!Array.isArray(parent) && !isFields(parent)) throw unprocessable(`doc is missing path: /${steps.join('/')}`)
  if (op !== 'add' && !isThere)
    throw unprocessable(`${op} operation does not apply: doc is missing key: /${steps.join('/')}`)
  if (Array.isArray(parent)) editList(parent, last, op, value)
  else if (op === 'remove') delete parent[last]
  else parent[last] = value
  return document
}

function editList(list: unknown[], step: string, op: 'add' | 'replace' | 'remove', value: unknown): void {
  const index = step === '-' ? list.length : Number(step)
  if (op === 'remove') list.splice(index, 1)
  else list.splice(index, op === 'replace' ? 1 : 0, value)
}

/** A merge patch that knows lists with merge keys, and the directives of kubectl; for built-in types only. */
export function strategicMergePatch(schema: Schema, target: unknown, patch: unknown): unknown {
  if (!isFields(patch)) return patch
  if (patch['$patch'] === 'delete') return undefined
  if (patch['$patch'] === 'replace') return withoutDirectives(patch)
  const result: Fields = isFields(target) ? { ...target } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith('$')) directive(name, value, result)
    else if (value === null) delete result[name]
    else result[name] = strategicValue(propertySchema(schema, name) ?? ANY, result[name], value)
  }
  const retained = patch['$retainKeys']
  return Array.isArray(retained)
    ? Object.fromEntries(Object.entries(result).filter(([name]) => retained.includes(name)))
    : result
}

function directive(name: string, value: unknown, result: Fields): void {
  const [, field] = /^\$deleteFromPrimitiveList\/(.+)$/.exec(name) ?? []
  const list = field === undefined ? undefined : result[field]
  if (field !== undefined && Array.isArray(list) && Array.isArray(value))
    result[field] = list.filter((each) => !value.includes(each))
}

function strategicValue(schema: Schema, target: unknown, patch: unknown): unknown {
  if (!Array.isArray(patch)) return strategicMergePatch(schema, target, patch)
  const sent: readonly unknown[] = patch
  const isMerged = schema['x-kubernetes-patch-strategy']?.split(',').includes('merge')
  if (!isMerged || !Array.isArray(target)) return sent.filter((each) => !isFields(each) || each['$patch'] === undefined)
  const key = schema['x-kubernetes-patch-merge-key']
  if (key === undefined) return [...(target as unknown[]), ...sent.filter((each) => !target.includes(each))]
  return mergeByKey(schema.items ?? ANY, target, sent, key)
}

function mergeByKey(items: Schema, target: readonly unknown[], patch: readonly unknown[], key: string): unknown[] {
  const result = [...target]
  for (const each of patch) {
    if (!isFields(each)) continue
    const at = result.findIndex((one) => isFields(one) && one[key] === each[key])
    const merged = strategicMergePatch(items, at < 0 ? {} : result[at], each)
    if (at < 0 && merged !== undefined) result.push(merged)
    else if (at >= 0) result.splice(at, 1, ...(merged === undefined ? [] : [merged]))
  }
  return result
}

function withoutDirectives(patch: Fields): Fields {
  return Object.fromEntries(Object.entries(patch).filter(([name]) => !name.startsWith('$')))
}
