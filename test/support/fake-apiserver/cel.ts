import { Environment, type ParseResult } from '@marcbachmann/cel-js'
import type { Cause } from './api-error.ts'
import { isFields } from './object.ts'
import { ANY, type CelRule, type Place, type Schema, child, item, propertySchema } from './schema.ts'

/** Runs the `x-kubernetes-validations` of a schema over a value, and its predecessor where there is one. */
export interface CelRules {
  check(schema: Schema, value: unknown, before: unknown): Cause[]
  /** Why a rule cannot be compiled. */
  compileProblem(rule: string): string | undefined
}

export function createCelRules(): CelRules {
  const environment = new Environment({ unlistedVariablesAreDyn: true })
  const compiled = new Map<string, ParseResult>()
  const compile = (rule: string): ParseResult => {
    const parsed = compiled.get(rule) ?? environment.parse(rule)
    compiled.set(rule, parsed)
    return parsed
  }
  return {
    check: (schema, value, before) => [...problems({ schema, value, before, place: '' }, compile)],
    compileProblem(rule) {
      try {
        return void compile(rule)
      } catch (error) {
        return error instanceof Error ? error.message : String(error)
      }
    },
  }
}

interface Visited {
  readonly schema: Schema
  readonly value: unknown
  readonly before: unknown
  readonly place: Place
}

type Compile = (rule: string) => ParseResult

function* problems(visited: Visited, compile: Compile): Generator<Cause> {
  for (const rule of visited.schema['x-kubernetes-validations'] ?? []) yield* problem(visited, rule, compile)
  for (const inner of children(visited)) yield* problems(inner, compile)
}

function* children({ schema, value, before, place }: Visited): Generator<Visited> {
  if (Array.isArray(value)) {
    for (const [index, each] of value.entries())
      yield { schema: schema.items ?? ANY, value: each, before: twin(schema, each, before), place: item(place, index) }
  } else if (isFields(value)) {
    for (const [name, each] of Object.entries(value)) {
      const former = isFields(before) ? before[name] : undefined
      yield { schema: propertySchema(schema, name) ?? ANY, value: each, before: former, place: child(place, name) }
    }
  }
}

/** The same item before: by its keys in a map, by its value in a set, none in an atomic list. */
function twin(schema: Schema, value: unknown, before: unknown): unknown {
  const keys = schema['x-kubernetes-list-map-keys']
  if (!Array.isArray(before) || schema['x-kubernetes-list-type'] !== 'map' || !keys) return undefined
  return before.find((one) => keys.every((key) => isFields(one) && isFields(value) && one[key] === value[key]))
}

function* problem({ schema, value, before, place }: Visited, rule: CelRule, compile: Compile): Generator<Cause> {
  const isTransition = /\boldSelf\b/.test(rule.rule)
  if (isTransition && before === undefined) return
  const self = typed(schema, value)
  const context = isTransition ? { self, oldSelf: typed(schema, before) } : { self }
  const message = failure(rule, context, compile)
  if (message === undefined) return
  const field = rule.fieldPath === undefined ? place : `${place}${rule.fieldPath}`
  const shown = isFields(value) || Array.isArray(value) ? typeName(value) : value
  yield {
    reason: rule.reason ?? 'FieldValueInvalid',
    field,
    message: `Invalid value: ${JSON.stringify(shown)}: ${message}`,
  }
}

const typeName = (value: unknown) => (Array.isArray(value) ? 'array' : 'object')

function failure(rule: CelRule, context: Record<string, unknown>, compile: Compile): string | undefined {
  try {
    if (compile(rule.rule)(context) === true) return undefined
    const said =
      rule.messageExpression === undefined ? undefined : (compile(rule.messageExpression)(context) as unknown)
    return typeof said === 'string' ? said : (rule.message ?? `failed rule: ${rule.rule}`)
  } catch (error) {
    return `rule evaluation error: ${error instanceof Error ? error.message : String(error)}`
  }
}

/** Integers as CEL's int: a JavaScript number would be a double. */
function typed(schema: Schema, value: unknown): unknown {
  if (typeof value === 'number' && schema.type === 'integer') return BigInt(value)
  if (Array.isArray(value)) return value.map((each) => typed(schema.items ?? ANY, each))
  if (!isFields(value)) return value
  return Object.fromEntries(
    Object.entries(value).map(([name, each]) => [name, typed(propertySchema(schema, name) ?? ANY, each)]),
  )
}
