import type { Cause } from './api-error.ts'
import { type Fields, isFields, sameJson } from './object.ts'
import { ANY, type Place, type Schema, child, item, preservesUnknown, propertySchema } from './schema.ts'

/** What a schema says against a value, in the words of the real server (k8s.io/kube-openapi, field.Error). */
export function validate(schema: Schema, value: unknown, place: Place = ''): Cause[] {
  if (value === null && schema.nullable) return []
  const mistyped = typeProblem(schema, value, place)
  if (mistyped) return [mistyped]
  return [...ownProblems(schema, value, place), ...combinations(schema, value, place), ...inner(schema, value, place)]
}

/** After one of these the server runs no CEL rules, which could not be sure of what they read. */
export const isBlocking = ({ reason }: Cause) => BLOCKING.includes(reason)

const BLOCKING = [
  'FieldValueNotSupported',
  'FieldValueRequired',
  'FieldValueTypeInvalid',
  'FieldValueTooLong',
  'FieldValueTooMany',
]

function inner(schema: Schema, value: unknown, place: Place): Cause[] {
  if (Array.isArray(value))
    return value.flatMap((each, index) => validate(schema.items ?? ANY, each, item(place, index)))
  if (!isFields(value)) return []
  const missing = (schema.required ?? []).filter((name) => value[name] === undefined)
  return [
    ...missing.map((name) => cause('FieldValueRequired', child(place, name), 'Required value')),
    ...Object.entries(value).flatMap(([name, each]) =>
      validate(propertySchema(schema, name) ?? ANY, each, child(place, name)),
    ),
  ]
}

function typeProblem(schema: Schema, value: unknown, place: Place): Cause | undefined {
  const { type } = schema
  if (schema['x-kubernetes-int-or-string'])
    return typeof value === 'string' || Number.isInteger(value) ? undefined : mistypedAs('integer,string', value, place)
  if (type === undefined || (preservesUnknown(schema) && value !== null)) return undefined
  return typeOf(value) === type || (type === 'number' && typeof value === 'number')
    ? undefined
    : mistypedAs(type, value, place)
}

function mistypedAs(type: string, value: unknown, place: Place): Cause {
  const shown = value === null ? 'null' : typeOf(value)
  const message = `Invalid value: ${JSON.stringify(shown)}: ${place} in body must be of type ${type}: ${JSON.stringify(shown)}`
  return cause('FieldValueTypeInvalid', place, message)
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value
}

function ownProblems(schema: Schema, value: unknown, place: Place): Cause[] {
  const { enum: words } = schema
  if (words && !words.some((word) => sameJson(word, value)))
    return [
      cause(
        'FieldValueNotSupported',
        place,
        `Unsupported value: ${shown(value)}: supported values: ${words.map((word) => JSON.stringify(word)).join(', ')}`,
      ),
    ]
  if (typeof value === 'string') return stringProblems(schema, value, place)
  if (typeof value === 'number') return numberProblems(schema, value, place)
  if (Array.isArray(value)) return listProblems(schema, value, place)
  return isFields(value) ? objectProblems(schema, value, place) : []
}

function stringProblems({ maxLength, minLength, pattern, format }: Schema, value: string, place: Place): Cause[] {
  const length = [...value].length
  const problems: Cause[] = []
  if (maxLength !== undefined && length > maxLength)
    problems.push(cause('FieldValueTooLong', place, `Too long: may not be more than ${maxLength} bytes`))
  if (minLength !== undefined && length < minLength)
    problems.push(wrong(place, value, `${place} in body should be at least ${minLength} chars long`))
  if (pattern !== undefined && !new RegExp(pattern, 'u').test(value))
    problems.push(wrong(place, value, `${place} in body should match '${pattern}'`))
  if (format !== undefined && !hasFormat(format, value))
    problems.push(wrong(place, value, `${place} in body must be of type ${format}: ${JSON.stringify(value)}`))
  return problems
}

const DATE_TIME = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2})$/

function hasFormat(format: string, value: string): boolean {
  if (format === 'date-time') return DATE_TIME.test(value) && !Number.isNaN(Date.parse(value))
  if (format === 'byte') return /^[A-Za-z0-9+/]*={0,2}$/.test(value) && value.length % 4 === 0
  return true
}

function numberProblems(schema: Schema, value: number, place: Place): Cause[] {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf } = schema
  const problems: Cause[] = []
  if (minimum !== undefined && (exclusiveMinimum ? value <= minimum : value < minimum))
    problems.push(wrong(place, value, bound(place, exclusiveMinimum ? 'greater than' : GE, minimum)))
  if (maximum !== undefined && (exclusiveMaximum ? value >= maximum : value > maximum))
    problems.push(wrong(place, value, bound(place, exclusiveMaximum ? 'less than' : LE, maximum)))
  if (multipleOf !== undefined && value % multipleOf !== 0)
    problems.push(wrong(place, value, `${place} in body should be a multiple of ${multipleOf}`))
  if (schema.format === 'int32' && Math.abs(value) > 2 ** 31)
    problems.push(wrong(place, value, `${place} in body must be of type int32: "${value}"`))
  return problems
}

const GE = 'greater than or equal to'
const LE = 'less than or equal to'
const bound = (place: Place, relation: string, limit: number) => `${place} in body should be ${relation} ${limit}`

function listProblems(schema: Schema, value: readonly unknown[], place: Place): Cause[] {
  const { minItems, maxItems } = schema
  const problems: Cause[] = []
  if (maxItems !== undefined && value.length > maxItems)
    problems.push(
      cause('FieldValueTooMany', place, `Too many: ${value.length}: must have at most ${maxItems} ${items(maxItems)}`),
    )
  if (minItems !== undefined && value.length < minItems)
    problems.push(wrong(place, value.length, `${place} in body should have at least ${minItems} items`))
  return [...problems, ...duplicates(schema, value, place)]
}

const items = (count: number) => (count === 1 ? 'item' : 'items')

function duplicates(schema: Schema, value: readonly unknown[], place: Place): Cause[] {
  const keys = schema['x-kubernetes-list-map-keys']
  const isSet = schema['x-kubernetes-list-type'] === 'set'
  if (!isSet && (schema['x-kubernetes-list-type'] !== 'map' || !keys)) return []
  const seen = new Set<string>()
  return value.flatMap((each, index) => {
    const identity = isSet ? each : pick(each, keys ?? [])
    const text = JSON.stringify(identity)
    if (!seen.has(text)) return (seen.add(text), [])
    return [cause('FieldValueDuplicate', item(place, index), `Duplicate value: ${shown(identity)}`)]
  })
}

const pick = (value: unknown, keys: readonly string[]): Fields =>
  Object.fromEntries(keys.map((key) => [key, isFields(value) ? value[key] : undefined]))

function objectProblems({ minProperties, maxProperties }: Schema, value: Fields, place: Place): Cause[] {
  const count = Object.keys(value).length
  const problems: Cause[] = []
  if (maxProperties !== undefined && count > maxProperties)
    problems.push(cause('FieldValueTooMany', place, `Too many: ${count}: must have at most ${maxProperties} items`))
  if (minProperties !== undefined && count < minProperties)
    problems.push(wrong(place, count, `${place} in body should have at least ${minProperties} properties`))
  return problems
}

function combinations(schema: Schema, value: unknown, place: Place): Cause[] {
  const holds = (one: Schema) => validate(one, value, place).length === 0
  const { allOf = [], anyOf, oneOf, not } = schema
  const problems = allOf.flatMap((one) => validate(one, value, place))
  const must = (what: string) => wrong(place, value, `${place} in body must validate ${what}`)
  if (anyOf && !anyOf.some(holds)) problems.push(must('at least one schema (anyOf)'))
  if (oneOf && oneOf.filter(holds).length !== 1) problems.push(must('one and only one schema (oneOf)'))
  if (not && holds(not)) problems.push(wrong(place, value, `${place} in body must not validate the schema (not)`))
  return problems
}

const cause = (reason: string, field: Place, message: string): Cause => ({ reason, message, field })

/** FieldValueInvalid, with the value as the server shows it. */
export function wrong(place: Place, value: unknown, why: string): Cause {
  return cause('FieldValueInvalid', place, `Invalid value: ${shown(value)}: ${why}`)
}

const shown = (value: unknown) => JSON.stringify(value) ?? 'null'
