import { Document as YamlDocument, Scalar, visit } from 'yaml'
import { FORBIDDEN } from './yaml-text.ts'
import { isRecord } from './finding.ts'
import { KINDS } from './kinds.ts'
import type { Document } from './resource.ts'
import { API_VERSION } from './vocabulary.ts'

/** What `kubectl apply` remembers on the object: a copy of the document, of no use in the document itself. */
const LAST_APPLIED = 'kubectl.kubernetes.io/last-applied-configuration'

/**
 * A valid document as it is committed: what a person says, without what a server adds. The same document gives the same bytes, however
 * it was written and in whatever order a server returned its fields; kubectl and YAML 1.2 read them alike.
 */
export function manifestText({ kind, metadata, rawSpec }: Document): string {
  const { name, labels, annotations } = metadata
  const manifest = {
    apiVersion: API_VERSION,
    kind,
    metadata: { name, ...textsField('labels', labels), ...textsField('annotations', annotations) },
    spec: inSchemaOrder(rawSpec, KINDS[kind].specSchema),
  }
  const yaml = new YamlDocument(manifest, { aliasDuplicateObjects: false, compat: 'yaml-1.1' })
  visit(yaml, { Scalar: (_, scalar) => quoteIfDoubtful(scalar) })
  return escaped(yaml.toString({ lineWidth: 0 }))
}

function textsField(field: string, texts: Readonly<Record<string, string>>): Record<string, unknown> {
  const entries = Object.entries(texts)
    .filter(([key]) => key !== LAST_APPLIED)
    .sort(([a], [b]) => (a < b ? -1 : 1))
  // A Map: an object would put keys that look like numbers first.
  return entries.length === 0 ? {} : { [field]: new Map(entries) }
}

/** Fields in the order the schema has them, which is that of the documentation. */
function inSchemaOrder(value: unknown, schema: unknown): unknown {
  const { properties, items } = isRecord(schema) ? schema : {}
  if (Array.isArray(value)) return value.map((item) => inSchemaOrder(item, items))
  if (!isRecord(value) || !isRecord(properties)) return value
  const known = Object.keys(properties).filter((field) => Object.hasOwn(value, field))
  return Object.fromEntries(known.map((field) => [field, inSchemaOrder(value[field], properties[field])]))
}

/** Begins with a letter and goes on in ASCII: what the library then leaves without quotes, every reader takes for the same text. */
const PLAIN = /^[A-Za-z][\x20-\x7e]*$/
const ASCII_LINE = /^[\x20-\x7e]+$/

function quoteIfDoubtful(scalar: Scalar): void {
  const { value } = scalar
  if (typeof value !== 'string') return
  if (!PLAIN.test(value) && !isPlainBlock(value)) scalar.type = Scalar.QUOTE_DOUBLE
}

/** Several lines, none empty or with blanks at an end: as a block the same to every reader. */
function isPlainBlock(value: string): boolean {
  const lines = value.replace(/\n$/, '').split('\n')
  return value.includes('\n') && lines.every((line) => ASCII_LINE.test(line) && line.trim() === line)
}

/** Such characters are within double quotes only; the library writes some as they are. */
function escaped(text: string): string {
  return text.replace(new RegExp(FORBIDDEN, 'g'), (character) => {
    return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`
  })
}
