import { badRequest } from './api-error.ts'
import { matches } from './json-path.ts'
import type { KubeObject } from './object.ts'
import type { ResourceType } from './resource-type.ts'

export type Predicate = (object: KubeObject) => boolean

const all: Predicate = () => true

/** `a=b,c!=d,e in (x,y),f notin (x),g,!h` over labels. */
export function labelSelector(text: string | undefined): Predicate {
  if (!text) return all
  const each = splitOutsideParentheses(text).map((part) => labelRequirement(part.trim()))
  return (object) => each.every((holds) => holds(object))
}

function splitOutsideParentheses(text: string): string[] {
  return text.match(/(?:[^,(]|\([^)]*\))+/g) ?? []
}

function labelRequirement(text: string): Predicate {
  const set = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(text)
  if (set) {
    const [, key = '', operator, list = ''] = set
    const values = list.split(',').map((value) => value.trim())
    return (object) => values.includes(label(object, key) ?? '\0') === (operator === 'in')
  }
  const comparison = /^([^\s=!]+)\s*(==|=|!=)\s*(.*)$/.exec(text)
  if (comparison) {
    const [, key = '', operator, value] = comparison
    return (object) => (label(object, key) === value) === (operator !== '!=')
  }
  if (/^![^\s=!]+$/.test(text)) return (object) => label(object, text.slice(1).trim()) === undefined
  if (/^[^\s=!(]+$/.test(text)) return (object) => label(object, text) !== undefined
  throw badRequest(`unable to parse requirement: ${text}`)
}

const label = ({ metadata }: KubeObject, key: string) => metadata.labels?.[key]

/** `metadata.name=a,spec.enabled!=true` over what the resource lets one select by. */
export function fieldSelector(text: string | undefined, type: ResourceType): Predicate {
  if (!text) return all
  const each = text.split(',').map((part) => fieldRequirement(part, type))
  return (object) => each.every((holds) => holds(object))
}

function fieldRequirement(text: string, type: ResourceType): Predicate {
  const [, path = '', operator, value] = /^([^=!]+)(==|=|!=)(.*)$/.exec(text) ?? []
  if (operator === undefined) throw badRequest(`invalid selector: '${text}'; can't understand '${text}'`)
  const read = fieldReader(path, type)
  return (object) => (read(object) === value) === (operator !== '!=')
}

function fieldReader(path: string, type: ResourceType): (object: KubeObject) => string {
  if (path === 'metadata.name') return ({ metadata }) => metadata.name
  if (path === 'metadata.namespace' && type.namespaced) return ({ metadata }) => metadata.namespace ?? ''
  const read = type.selectable[path]
  if (!read) throw badRequest(`field label not supported: ${path}`)
  // A field that is not set is selected as the empty string.
  return (object) => text(read(object))
}

const text = (value: unknown) =>
  typeof value === 'string' ? value : typeof value === 'object' || value === undefined ? '' : JSON.stringify(value)

/** Selectors of a custom resource's `selectableFields`. */
export const bySelectablePath = (jsonPath: string) => (object: KubeObject) => matches(jsonPath, object)[0]
