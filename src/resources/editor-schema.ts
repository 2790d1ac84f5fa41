import { isRecord } from './finding.ts'
import { schemaAt } from './crd.ts'
import { KINDS, KIND_NAMES } from './kinds.ts'
import type { Kind } from './resource.ts'
import { API_VERSION } from './vocabulary.ts'

type Schema = Record<string, unknown>

// What editors of YAML understand best; the schemas use nothing newer.
const DIALECT = 'http://json-schema.org/draft-07/schema#'

/** JSON Schema of a whole document of one kind, for completion and checks while typing. */
export function editorSchema(kind: Kind): Schema {
  return { $schema: DIALECT, title: kind, ...documentSchema(kind) }
}

/** JSON Schema of a document of any kind: for directories that mix them. */
export function combinedSchema(): Schema {
  return {
    $schema: DIALECT,
    title: 'Nepenthes resource',
    type: 'object',
    required: ['apiVersion', 'kind'],
    properties: { apiVersion: { const: API_VERSION }, kind: { enum: [...KIND_NAMES] } },
    allOf: KIND_NAMES.map((kind) => ({
      if: { required: ['kind'], properties: { kind: { const: kind } } },
      then: documentSchema(kind),
    })),
  }
}

function documentSchema(kind: Kind): Schema {
  const { description, specSchema, rules } = KINDS[kind]
  const root: Schema = {
    description,
    type: 'object',
    additionalProperties: false,
    required: ['apiVersion', 'kind', 'metadata', 'spec'],
    properties: {
      apiVersion: { const: API_VERSION, description: 'Group and version.' },
      kind: { const: kind, description },
      metadata: metadataSchema(),
      spec: forEditors(specSchema),
      status: { type: 'object', description: 'Written by the operator; ignored in files.' },
    },
  }
  for (const { at, editor } of rules) if (editor) addConstraint(schemaAt(root, at), editor)
  return root
}

/** Fresh on every call: rules add to it. */
function metadataSchema(): Schema {
  // Templates leave them empty, which everybody reads as none.
  const texts = { type: ['object', 'null'], additionalProperties: { type: 'string' } }
  return {
    type: 'object',
    description: 'Name, labels and annotations.',
    required: ['name'],
    properties: {
      name: {
        type: 'string',
        maxLength: 253,
        pattern: '^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$',
        description: 'Lower-case letters, digits, - and .; unique among the resources of the kind.',
      },
      namespace: { type: 'string', description: 'The environment, in a cluster; ignored in files.' },
      labels: { ...texts, description: 'For selecting resources.' },
      annotations: { ...texts, description: 'Notes, and nepenthes.dev/resumeAt.' },
    },
  }
}

/** Sets become `uniqueItems`, which editors know; what only the server and `validate` know goes. */
function forEditors(schema: unknown): Schema {
  if (!isRecord(schema)) return {}
  const result: Schema = {}
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === 'x-kubernetes-list-type' && value === 'set') result['uniqueItems'] = true
    if (keyword.startsWith('x-')) continue
    else if (keyword === 'properties')
      result[keyword] = Object.fromEntries(
        Object.entries(value as Schema).map(([key, inner]) => [key, forEditors(inner)]),
      )
    else if (keyword === 'items') result[keyword] = forEditors(value)
    else result[keyword] = value
  }
  return result
}

function addConstraint(schema: Schema, constraint: Readonly<Schema>): void {
  const all = (schema['allOf'] ??= []) as Readonly<Schema>[]
  all.push(constraint)
}
