import { isRecord } from './finding.ts'
import { KINDS } from './kinds.ts'
import { PROBLEM_CODES } from './problem.ts'
import type { Kind } from './resource.ts'

type Schema = Record<string, unknown>

/** All there is to say of one field. */
export interface FieldHelp {
  /** `spec.headers[].name` */
  readonly field: string
  readonly type: string
  /** `required`, the value that leaving it out means, or empty. */
  readonly fallback: string
  readonly bounds: string
  readonly meaning: string
}

/** Every field of a kind's `spec`, each after the one it is in. */
export function fieldsOf(kind: Kind): FieldHelp[] {
  return [...fieldRows(KINDS[kind].specSchema as unknown as Schema, 'spec')]
}

/** Every field of a kind's `spec` as a Markdown table. */
export function fieldTable(kind: Kind): string {
  const rows = fieldsOf(kind)
  return table(
    ['field', 'type', 'default', 'bounds', 'meaning'],
    rows.map(({ field, type, fallback, bounds, meaning }) => [`\`${field}\``, type, fallback, bounds, meaning]),
  )
}

/** The rules between fields, as the server words them. */
export function ruleTable(kind: Kind): string {
  const rows = KINDS[kind].rules.map(({ at, message, code }) => [
    at === '' ? 'the document' : `\`${at}\``,
    message,
    `\`${code}\``,
  ])
  return table(['where', 'rule', 'problem code'], rows)
}

/** Every problem code. */
export function problemTable(): string {
  const rows = Object.entries(PROBLEM_CODES).map(([code, { what, cause, cure }]) => [`\`${code}\``, what, cause, cure])
  return table(['code', 'what', 'cause', 'cure'], rows)
}

function* fieldRows(schema: Schema, path: string): Generator<FieldHelp> {
  const required = Array.isArray(schema['required']) ? (schema['required'] as unknown[]) : []
  for (const [name, field] of Object.entries(isRecord(schema['properties']) ? schema['properties'] : {})) {
    if (!isRecord(field)) continue
    const at = `${path}.${name}`
    yield row(at, field, required.includes(name))
    if (field['type'] === 'object') yield* fieldRows(field, at)
    else if (isRecord(field['items'])) yield* fieldRows(field['items'], `${at}[]`)
  }
}

/** Descriptions end with `Default: <value>.` where leaving the field out means something. */
const DEFAULT = /^(.*?)\s*Default: (.+)\.$/s

export function splitDefault(description: string): { meaning: string; fallback: string | undefined } {
  const [, meaning, fallback] = DEFAULT.exec(description) ?? []
  return { meaning: meaning ?? description, fallback }
}

function row(field: string, schema: Schema, required: boolean): FieldHelp {
  const { meaning, fallback } = splitDefault(String(schema['description']))
  return {
    field,
    type: typeOf(schema),
    fallback: required ? 'required' : (fallback ?? ''),
    bounds: boundsOf(schema),
    meaning,
  }
}

function typeOf(schema: Schema): string {
  if (Array.isArray(schema['enum'])) return (schema['enum'] as string[]).map((value) => `\`${value}\``).join(', ')
  if (schema['type'] !== 'array') return String(schema['type'])
  const items = isRecord(schema['items']) ? typeOf(schema['items']) : ''
  return `${schema['x-kubernetes-list-type'] === 'set' ? 'set' : 'list'} of ${items}`
}

function boundsOf(schema: Schema): string {
  const items = isRecord(schema['items']) && schema['items']['type'] === 'string' ? boundsOf(schema['items']) : ''
  const own = [
    range(schema['minimum'], schema['maximum'], ''),
    range(schema['minLength'], schema['maxLength'], ' characters'),
    range(schema['minItems'], schema['maxItems'], ' entries'),
  ]
  return [...own, items === '' ? '' : `each ${items}`].filter((bound) => bound !== '').join(', ')
}

function range(min: unknown, max: unknown, unit: string): string {
  if (typeof max !== 'number') return ''
  return typeof min === 'number' ? `${min} to ${max}${unit}` : `at most ${max}${unit}`
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}
