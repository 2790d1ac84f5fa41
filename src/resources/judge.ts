import { formatPath, isRecord, type Finding, type Path } from './finding.ts'
import { KINDS, KIND_NAMES } from './kinds.ts'
import { checkMetadata } from './metadata.ts'
import type { AmbiguousValue, NodeValue } from './node-value.ts'
import type { Kind } from './resource.ts'
import { valuesAt } from './rule.ts'
import { EMBEDDED_EVENTS, EVENTS } from './vocabulary.ts'
import { FINDINGS_MAX, schemaCheck, unknownField, type SchemaCheck } from './schema-check.ts'

const TOP_FIELDS = ['apiVersion', 'kind', 'metadata', 'spec']
const SPEC = ['spec']

const specChecks = Object.fromEntries(
  KIND_NAMES.map((kind) => [kind, schemaCheck(KINDS[kind].specSchema)]),
) as Readonly<Record<Kind, SchemaCheck>>

/** All that is wrong with a document of `kind` at our `apiVersion`: fields, metadata, schema and rules. */
export function judge(kind: Kind, object: Readonly<Record<string, unknown>>): Finding[] {
  const findings: Finding[] = []
  for (const field of Object.keys(object)) {
    if (findings.length >= FINDINGS_MAX) break
    if (field !== 'status' && !TOP_FIELDS.includes(field)) findings.push(unknownField([], field, TOP_FIELDS))
  }
  findings.push(...checkMetadata(object['metadata']), ...checkSpec(kind, object['spec']))
  for (const rule of KINDS[kind].rules) {
    for (const { value, path } of valuesAt(object, rule.at)) {
      for (const violation of rule.check(value)) {
        const at = violation.path ? [...path, ...violation.path] : path
        const message = violation.message ?? rule.message
        findings.push({ path: at, code: rule.code, message, hint: violation.hint })
      }
    }
  }
  return findings
}

function checkSpec(kind: Kind, spec: unknown): Finding[] {
  const hint = kind === 'ApiSettings' ? 'Write spec: {} for all defaults.' : 'Write spec with events and url.'
  if (spec === undefined) return [{ path: SPEC, code: 'MissingField', message: 'is missing', hint, target: 'key' }]
  const findings = specChecks[kind](spec, SPEC)
  return spec === null ? findings.map((found) => ({ ...found, hint })) : findings
}

/** Probably unwise, though not wrong. */
export function warnings(kind: Kind, object: Readonly<Record<string, unknown>>): Finding[] {
  const { spec } = object
  if (kind !== 'Webhook' || !isRecord(spec)) return []
  const { url } = spec
  if (typeof url !== 'string' || !url.startsWith('http://')) return []
  const message = 'deliveries travel unencrypted over http'
  return [{ path: ['spec', 'url'], code: 'InsecureUrl', message, hint: 'Use https if the receiver can.' }]
}

/** Events that exist, and that no backend of a directory sends: there the backend is always the embedded one. */
export function unsupportedEvents(kind: Kind, object: Readonly<Record<string, unknown>>): Finding[] {
  const { spec } = object
  if (kind !== 'Webhook' || !isRecord(spec) || !Array.isArray(spec['events'])) return []
  const events: readonly unknown[] = spec['events']
  return events.slice(0, EVENTS.length).flatMap((event, index) => {
    const isUnsupported = EVENTS.some((name) => name === event) && !EMBEDDED_EVENTS.some((name) => name === event)
    if (!isUnsupported) return []
    const message = `the embedded backend does not send ${String(event)}: the operator does not accept this document`
    const hint = `It sends ${EMBEDDED_EVENTS.join(', ')}.`
    return [{ path: ['spec', 'events', index], code: 'UnsupportedEvent' as const, message, hint }]
  })
}

/**
 * What was found on reading and on judging, together. Where reading found a value or key that means one thing here and another
 * there, what judging says of that very place is only its echo and left out.
 */
export function allFindings(kind: Kind, read: NodeValue, judged: readonly Finding[]): readonly Finding[] {
  const { findings, ambiguous } = read
  if (findings.length === 0 && ambiguous.length === 0) return judged
  const unclear = findings.filter(({ code }) => code === 'UnsupportedYaml')
  const places = new Set([...ambiguous, ...unclear].map(({ path }) => formatPath(path)))
  return [
    ...findings,
    ...ambiguous.map((value) => ambiguousFinding(kind, value)),
    ...judged.filter(({ path }) => !places.has(formatPath(path))),
  ]
}

function ambiguousFinding(kind: Kind, { path, source, ambiguity, target, offset }: AmbiguousValue): Finding {
  const shown = source.slice(0, 60)
  const what = target === 'key' ? `the key ${shown}` : shown
  const hint = target === 'key' ? keyHint(shown) : valueHint(fieldType(kind, path), shown, ambiguity.plain)
  const message = `${what} is read one way by kubectl and another by YAML 1.2`
  return { path, code: 'AmbiguousScalar', message, hint, offset }
}

function keyHint(source: string): string {
  return source === '<<' ? 'Merge keys are not supported: write the fields out.' : `Quote it: "${source}".`
}

function valueHint(type: string | undefined, source: string, plain: string | undefined): string {
  const isSwitch = plain === 'true' || plain === 'false'
  if (type === 'boolean') return isSwitch ? `Write ${plain}.` : 'Write true or false.'
  if (type === 'integer' || type === 'number')
    return plain !== undefined && !isSwitch ? `Write it in plain decimal: kubectl reads ${plain}.` : 'Write a number.'
  if (type === 'string' || plain === undefined) return `Quote it: "${source}".`
  return `Quote it: "${source}"; or write ${plain}.`
}

/** The JSON type the schema gives to a field; metadata holds text only. */
function fieldType(kind: Kind, path: Path): string | undefined {
  if (path[0] !== 'spec') return path[0] === 'metadata' ? 'string' : undefined
  let schema: unknown = KINDS[kind].specSchema
  for (const step of path.slice(1)) {
    if (!isRecord(schema)) return undefined
    const properties = schema['properties']
    schema = typeof step === 'number' ? schema['items'] : isRecord(properties) ? properties[step] : undefined
  }
  return isRecord(schema) && typeof schema['type'] === 'string' ? schema['type'] : undefined
}
