import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Environment, type ParseResult } from '@marcbachmann/cel-js'
import { Ajv, type ValidateFunction } from 'ajv'
import { parse } from 'yaml'

type Schema = Record<string, unknown>

interface InstalledCrd {
  readonly apiVersion: string
  readonly kind: string
  readonly validate: ValidateFunction
  readonly schema: Schema
}

/** What an API server with our committed CRDs says of an object, with strict field validation: true when it would store it. */
export function clusterVerdict(): (object: unknown) => boolean {
  const installed = ['apisettings', 'webhooks'].map(install)
  const rules = new Map<string, ParseResult>()
  const environment = new Environment({ unlistedVariablesAreDyn: true })
  const holds = (rule: string, self: unknown): boolean => {
    const parsed = rules.get(rule) ?? environment.parse(rule)
    rules.set(rule, parsed)
    return parsed({ self }) === true
  }
  return (read) => {
    const { apiVersion, kind } = read as Schema
    const crd = installed.find((one) => one.apiVersion === apiVersion && one.kind === kind)
    if (!crd) return false
    const object = withoutNulls(crd.schema, read)
    return crd.validate(object) && [...walk(crd.schema, object)].every((node) => accepts(node, holds))
  }
}

/**
 * Before it validates, a server drops every property that is null where its schema is not nullable; nulls in a list stay, and are
 * refused. (apiextensions-apiserver, structural/defaulting: PruneNonNullableNullsWithoutDefaults)
 */
function withoutNulls(schema: Schema, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => withoutNulls((schema['items'] ?? {}) as Schema, item))
  if (typeof value !== 'object' || value === null) return value
  const properties = (schema['properties'] ?? {}) as Record<string, Schema>
  const kept = Object.entries(value).filter(([name, inner]) => {
    const property = properties[name]
    return inner !== null || property === undefined || property['nullable'] === true
  })
  return Object.fromEntries(kept.map(([name, inner]) => [name, withoutNulls(properties[name] ?? {}, inner)]))
}

function install(plural: string): InstalledCrd {
  const path = join(import.meta.dirname, '..', '..', 'crds', `${plural}.yaml`)
  const { spec } = parse(readFileSync(path, 'utf8')) as { spec: Schema }
  const { group, names, versions } = spec as {
    group: string
    names: { kind: string }
    versions: [{ name: string; schema: { openAPIV3Schema: Schema } }]
  }
  const schema = versions[0].schema.openAPIV3Schema
  // Extensions and formats are the server's: what they say is checked by `accepts`, or not about users' fields.
  const ajv = new Ajv({ strict: false, validateFormats: false })
  const apiVersion = `${group}/${versions[0].name}`
  return { apiVersion, kind: names.kind, validate: ajv.compile(strictly(schema)), schema }
}

/** Strict field validation: what pruning would drop is refused. Metadata is ObjectMeta, not the CRD's. */
function strictly(schema: Schema): Schema {
  const properties = schema['properties'] as Record<string, Schema> | undefined
  const items = schema['items'] as Schema | undefined
  return {
    ...schema,
    ...(properties && {
      additionalProperties: false,
      properties: Object.fromEntries(Object.entries(properties).map(([name, inner]) => [name, strictly(inner)])),
    }),
    ...(items && { items: strictly(items) }),
  }
}

interface Visited {
  readonly schema: Schema
  readonly value: unknown
}

function* walk(schema: Schema, value: unknown): Generator<Visited> {
  yield { schema, value }
  if (Array.isArray(value)) {
    for (const item of value) yield* walk(schema['items'] as Schema, item)
    return
  }
  if (typeof value !== 'object' || value === null) return
  for (const [name, inner] of Object.entries((schema['properties'] ?? {}) as Record<string, Schema>))
    if (Object.hasOwn(value, name)) yield* walk(inner, (value as Schema)[name])
}

function accepts({ schema, value }: Visited, holds: (rule: string, self: unknown) => boolean): boolean {
  const rules = (schema['x-kubernetes-validations'] ?? []) as { rule: string }[]
  return listIsUnique(schema, value) && rules.every(({ rule }) => holds(rule, value))
}

function listIsUnique(schema: Schema, value: unknown): boolean {
  const type = schema['x-kubernetes-list-type']
  if (!Array.isArray(value) || type === 'atomic') return true
  const keys = schema['x-kubernetes-list-map-keys'] as string[] | undefined
  const identities = value.map((item) => JSON.stringify(keys ? keys.map((key) => (item as Schema)[key]) : item))
  return new Set(identities).size === identities.length
}
