import { describe, isRecord, type Finding, type Path } from './finding.ts'
import { emptyHint, FINDINGS_MAX, QUOTE_HINT, unknownField } from './schema-check.ts'

/** Fields of `metadata` that every Kubernetes object may have (ObjectMeta). */
const METADATA_FIELDS = [
  'name',
  'namespace',
  'labels',
  'annotations',
  'generateName',
  'uid',
  'resourceVersion',
  'generation',
  'creationTimestamp',
  'deletionTimestamp',
  'deletionGracePeriodSeconds',
  'ownerReferences',
  'finalizers',
  'managedFields',
  'selfLink',
]

const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/
const NAME_MAX = 253
const LABEL_VALUE = /^([A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?)?$/
const LABEL_NAME = /^[A-Za-z0-9]([-._A-Za-z0-9]*[A-Za-z0-9])?$/
const LABEL_MAX = 63
/** Kubernetes: keys and values of all annotations together. */
const ANNOTATIONS_BYTES_MAX = 256 * 1024

export function isSubdomain(name: string): boolean {
  return name.length <= NAME_MAX && SUBDOMAIN.test(name)
}

/** What a cluster would refuse in `metadata`, so that files and clusters agree. The name of a kind is judged by its rules. */
export function checkMetadata(metadata: unknown): Finding[] {
  const path = ['metadata']
  if (metadata === undefined)
    return [{ path, code: 'InvalidName', message: 'is missing', hint: 'Add metadata: {name: ...}.', target: 'key' }]
  if (!isRecord(metadata))
    return [{ path, code: 'InvalidMetadata', message: `must be a mapping, found ${describe(metadata)}`, hint: '' }]
  const findings = checkName(metadata)
  const unknown = Object.keys(metadata).filter((field) => !METADATA_FIELDS.includes(field))
  for (const field of unknown.slice(0, FINDINGS_MAX))
    findings.push(unknownField(path, field, METADATA_FIELDS.slice(0, 4)))
  findings.push(...checkTexts(metadata['labels'], 'labels', labelValueFault))
  findings.push(...checkTexts(metadata['annotations'], 'annotations'))
  return findings
}

function checkName(metadata: Record<string, unknown>): Finding[] {
  const { name, generateName } = metadata
  const findings: Finding[] = []
  if (generateName !== undefined) {
    const message = 'is not supported: every apply would make a new resource'
    findings.push({
      path: ['metadata', 'generateName'],
      code: 'GenerateName',
      message,
      hint: 'Write metadata.name.',
      target: 'key',
    })
  }
  if (name === undefined) {
    if (generateName === undefined) findings.push(nameFinding('is missing', 'Add a name.', 'key'))
  } else if (typeof name !== 'string') {
    findings.push({ ...nameFinding(`must be text, found ${describe(name)}`, ''), ...quoteAdvice(name) })
  } else if (!isSubdomain(name)) findings.push(nameFinding(nameFault(name), nameHint(name)))
  return findings
}

/** What to do about a value that is not text. */
function quoteAdvice(value: unknown): Pick<Finding, 'quote'> & { hint: string } {
  return typeof value === 'number' || typeof value === 'boolean' ? { hint: QUOTE_HINT, quote: true } : { hint: '' }
}

function nameFinding(message: string, hint: string, target: 'key' | 'value' = 'value'): Finding {
  return { path: ['metadata', 'name'], code: 'InvalidName', message, hint, target }
}

function nameFault(name: string): string {
  if (name.length > NAME_MAX) return `has ${name.length} characters, at most ${NAME_MAX} are allowed`
  if (name === '') return 'must not be empty'
  return `${JSON.stringify(name)} is not a name: lower-case letters, digits, - and ., beginning and ending with a letter or digit`
}

function nameHint(name: string): string {
  const likely = name
    .toLowerCase()
    .replace(/[^a-z0-9.]+/g, '-')
    .replace(/^[-.]+|[-.]+$/g, '')
  return isSubdomain(likely) ? `For example ${likely}.` : ''
}

function checkTexts(texts: unknown, field: string, valueFault?: (value: string) => string | undefined): Finding[] {
  // Templates leave an empty field behind; everybody reads it as none.
  if (texts === undefined || texts === null) return []
  const base = ['metadata', field]
  if (!isRecord(texts)) return [fault(base, `must be a mapping of text to text, found ${describe(texts)}`, '')]
  const findings: Finding[] = []
  let bytes = 0
  for (const [key, value] of Object.entries(texts)) {
    const path = [...base, key]
    const keyFault = labelKeyFault(key)
    if (keyFault !== undefined) findings.push({ ...fault(path, keyFault, ''), target: 'key' })
    if (typeof value !== 'string') {
      const hint = value === null ? emptyHint(path) : ''
      findings.push({
        ...fault(path, `must be text, found ${describe(value)}`, hint),
        ...(value !== null && quoteAdvice(value)),
      })
      continue
    }
    bytes += Buffer.byteLength(key) + Buffer.byteLength(value)
    const wrong = valueFault?.(value)
    if (wrong !== undefined) findings.push(fault(path, wrong, ''))
  }
  if (field === 'annotations' && bytes > ANNOTATIONS_BYTES_MAX)
    findings.push(fault(base, `has ${bytes} bytes, at most ${ANNOTATIONS_BYTES_MAX} are allowed`, ''))
  return findings
}

function fault(path: Path, message: string, hint: string): Finding {
  return { path, code: 'InvalidMetadata', message, hint }
}

function labelValueFault(value: string): string | undefined {
  if (value.length <= LABEL_MAX && LABEL_VALUE.test(value)) return undefined
  return 'is not a label value: at most 63 letters, digits, -, _ and ., beginning and ending with a letter or digit'
}

/** `[prefix/]name`: the prefix a DNS subdomain, the name like a label value. */
function labelKeyFault(key: string): string | undefined {
  const slash = key.indexOf('/')
  const name = key.slice(slash + 1)
  const prefixOk = slash < 0 || isSubdomain(key.slice(0, slash))
  if (prefixOk && name.length <= LABEL_MAX && LABEL_NAME.test(name)) return undefined
  return `${JSON.stringify(key.slice(0, 60))} is not a key: [prefix/]name, the prefix a domain, the name at most 63 letters, digits, -, _ and .`
}
