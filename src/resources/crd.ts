import { isRecord } from './finding.ts'
import { CATEGORY, KINDS, type KindDefinition, type PrinterColumn } from './kinds.ts'
import type { Kind } from './resource.ts'
import { statusSchema } from './status-schema.ts'
import { GROUP, VERSION } from './vocabulary.ts'

type Schema = Record<string, unknown>

/** The CustomResourceDefinition of a kind: structural, pruning, no defaults under `spec`, every rule that CEL can say in it. */
export function customResourceDefinition(kind: Kind): Schema {
  const definition = KINDS[kind]
  const { plural, singular, shortNames } = definition
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${GROUP}`, labels: { 'app.kubernetes.io/part-of': 'nepenthes' } },
    spec: {
      group: GROUP,
      scope: 'Namespaced',
      names: {
        kind,
        listKind: `${kind}List`,
        plural,
        singular,
        ...(shortNames.length > 0 && { shortNames }),
        categories: [CATEGORY],
      },
      versions: [version(definition)],
    },
  }
}

function version(definition: KindDefinition): Schema {
  const { printerColumns, selectableFields } = definition
  return {
    name: VERSION,
    served: true,
    storage: true,
    subresources: { status: {} },
    additionalPrinterColumns: printerColumns.map(printerColumn),
    ...(selectableFields.length > 0 && { selectableFields: selectableFields.map((jsonPath) => ({ jsonPath })) }),
    schema: { openAPIV3Schema: openApiSchema(definition) },
  }
}

function printerColumn({ name, type, jsonPath, description, wide }: PrinterColumn): Schema {
  return { name, type, jsonPath, description, ...(wide && { priority: 1 }) }
}

function openApiSchema(definition: KindDefinition): Schema {
  const { kind, description, specSchema } = definition
  const root: Schema = {
    type: 'object',
    description,
    required: ['spec'],
    properties: {
      apiVersion: { type: 'string' },
      kind: { type: 'string' },
      metadata: { type: 'object' },
      spec: structural(specSchema),
      // Tells "not yet seen" from "current" for tools that compare it with metadata.generation.
      status: { ...statusSchema(kind), default: { observedGeneration: -1 } },
    },
  }
  for (const { at, cel, message } of definition.rules) if (cel !== undefined) addRule(schemaAt(root, at), cel, message)
  return root
}

/** JSON Schema to a structural schema: the server prunes unknown fields itself, and knows no annotations of ours. */
function structural(schema: unknown): Schema {
  if (!isRecord(schema)) return {}
  const result: Schema = {}
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === 'additionalProperties' || keyword === 'x-form') continue
    else if (keyword === 'properties') result[keyword] = mapValues(value as Schema, structural)
    else if (keyword === 'items') result[keyword] = structural(value)
    else result[keyword] = value
  }
  if (result['type'] === 'integer') result['format'] = 'int32'
  return result
}

function mapValues(object: Schema, change: (value: unknown) => unknown): Schema {
  return Object.fromEntries(Object.entries(object).map(([key, value]) => [key, change(value)]))
}

/** The schema at a rule's place, `spec.headers[]`. */
export function schemaAt(root: Schema, at: string): Schema {
  let schema = root
  for (const step of at === '' ? [] : at.replaceAll('[]', '.[]').split('.')) {
    const next = step === '[]' ? schema['items'] : (schema['properties'] as Schema)[step]
    schema = next as Schema
  }
  return schema
}

function addRule(schema: Schema, rule: string, message: string): void {
  const rules = (schema['x-kubernetes-validations'] ??= []) as Schema[]
  rules.push({ rule, message })
}
