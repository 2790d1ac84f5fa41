import { isFields } from './object.ts'

/** An OpenAPI v3 schema as CustomResourceDefinitions have it. */
export interface Schema {
  readonly type?: string
  readonly format?: string
  readonly description?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
  readonly additionalProperties?: Schema | boolean
  readonly required?: readonly string[]
  readonly enum?: readonly unknown[]
  readonly default?: unknown
  readonly nullable?: boolean
  readonly pattern?: string
  readonly minLength?: number
  readonly maxLength?: number
  readonly minimum?: number
  readonly maximum?: number
  readonly exclusiveMinimum?: boolean
  readonly exclusiveMaximum?: boolean
  readonly multipleOf?: number
  readonly minItems?: number
  readonly maxItems?: number
  readonly minProperties?: number
  readonly maxProperties?: number
  readonly uniqueItems?: boolean
  readonly allOf?: readonly Schema[]
  readonly anyOf?: readonly Schema[]
  readonly oneOf?: readonly Schema[]
  readonly not?: Schema
  readonly 'x-kubernetes-list-type'?: 'atomic' | 'set' | 'map'
  readonly 'x-kubernetes-list-map-keys'?: readonly string[]
  readonly 'x-kubernetes-map-type'?: 'granular' | 'atomic'
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean
  readonly 'x-kubernetes-int-or-string'?: boolean
  readonly 'x-kubernetes-validations'?: readonly CelRule[]
  readonly 'x-kubernetes-patch-strategy'?: string
  readonly 'x-kubernetes-patch-merge-key'?: string
}

export interface CelRule {
  readonly rule: string
  readonly message?: string
  readonly messageExpression?: string
  readonly reason?: string
  readonly fieldPath?: string
}

export const ANY: Schema = { 'x-kubernetes-preserve-unknown-fields': true }

/** The schema of a property; undefined when the schema does not know it. */
export function propertySchema(schema: Schema, name: string): Schema | undefined {
  const { properties, additionalProperties } = schema
  if (properties && Object.hasOwn(properties, name)) return properties[name]
  if (isFields(additionalProperties)) return additionalProperties
  if (additionalProperties === true || preservesUnknown(schema)) return ANY
  return undefined
}

/** Whether a value under this schema is taken as it is, known or not. */
export function preservesUnknown(schema: Schema): boolean {
  return schema['x-kubernetes-preserve-unknown-fields'] === true
}

/** Where something is: `spec.headers[0].name`. */
export type Place = string

export const child = (place: Place, name: string) => (place === '' ? name : `${place}.${name}`)
export const item = (place: Place, index: number) => `${place}[${index}]`

/** Drops what the schema does not know, in place, and names it. (structural pruning) */
export function prune(schema: Schema, value: unknown, place: Place = ''): Place[] {
  if (Array.isArray(value))
    return value.flatMap((inner, index) => prune(schema.items ?? ANY, inner, item(place, index)))
  if (!isFields(value)) return []
  return Object.entries(value).flatMap(([name, inner]) => {
    const known = propertySchema(schema, name)
    if (known) return prune(known, inner, child(place, name))
    delete value[name]
    return [child(place, name)]
  })
}

/** Fills in what is missing, and drops nulls that the schema does not allow, in place. (structural defaulting) */
export function applyDefaults(schema: Schema, value: unknown): void {
  if (Array.isArray(value)) for (const inner of value) applyDefaults(schema.items ?? ANY, inner)
  if (!isFields(value)) return
  for (const [name, property] of Object.entries(schema.properties ?? {})) {
    if (value[name] === null && property.nullable !== true && !preservesUnknown(property)) delete value[name]
    if (value[name] === undefined && property.default !== undefined) value[name] = structuredClone(property.default)
  }
  for (const [name, inner] of Object.entries(value)) applyDefaults(propertySchema(schema, name) ?? ANY, inner)
}
