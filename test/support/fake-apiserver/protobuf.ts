import { badRequest } from './api-error.ts'
import type { Fields } from './object.ts'

/**
 * Reads the protobuf that client-go sends for built-in kinds (kubectl create secret, auth can-i): Kubernetes' envelope, and of the
 * kinds in it the fields below. Numbers are those of the generated.proto files of k8s.io/api and k8s.io/apimachinery.
 */
export function decodeProtobuf(body: Buffer): Fields {
  if (body.subarray(0, 4).toString('latin1') !== 'k8s\0') throw badRequest('the body is no Kubernetes protobuf')
  const envelope = readMessage(body.subarray(4), ENVELOPE) as { typeMeta: Fields; raw: Buffer }
  const message = MESSAGES[String(envelope.typeMeta['kind'])]
  if (!message) throw badRequest(`no protobuf of kind ${String(envelope.typeMeta['kind'])} is understood`)
  return { ...envelope.typeMeta, ...readMessage(envelope.raw, message) }
}

type Kind = 'text' | 'bytes' | 'base64' | 'integer' | 'boolean' | 'time' | 'texts' | 'base64s' | Message
interface Field {
  readonly name: string
  readonly kind: Kind
  readonly isList?: boolean
}
interface Message {
  readonly [number: number]: Field
}

const field = (name: string, kind: Kind = 'text', isList = false): Field => ({ name, kind, isList })
const message = (...names: string[]): Message =>
  Object.fromEntries(names.map((name, index) => [index + 1, field(name)]))

const ENVELOPE: Message = { 1: field('typeMeta', message('apiVersion', 'kind')), 2: field('raw', 'bytes') }

const OWNER: Message = { 1: field('kind'), 3: field('name'), 4: field('uid'), 5: field('apiVersion') }
const METADATA: Message = {
  ...message('name', 'generateName', 'namespace', 'selfLink', 'uid', 'resourceVersion'),
  7: field('generation', 'integer'),
  8: field('creationTimestamp', 'time'),
  9: field('deletionTimestamp', 'time'),
  10: field('deletionGracePeriodSeconds', 'integer'),
  11: field('labels', 'texts'),
  12: field('annotations', 'texts'),
  13: field('ownerReferences', OWNER, true),
  14: field('finalizers', 'text', true),
}
const metadata = field('metadata', METADATA)
const ATTRIBUTES = message('namespace', 'verb', 'group', 'version', 'resource', 'subresource', 'name')
const LEASE_SPEC: Message = {
  1: field('holderIdentity'),
  2: field('leaseDurationSeconds', 'integer'),
  3: field('acquireTime', 'time'),
  4: field('renewTime', 'time'),
  5: field('leaseTransitions', 'integer'),
}

const MESSAGES: Readonly<Record<string, Message>> = {
  Secret: {
    1: metadata,
    2: field('data', 'base64s'),
    3: field('type'),
    4: field('stringData', 'texts'),
    5: field('immutable', 'boolean'),
  },
  ConfigMap: {
    1: metadata,
    2: field('data', 'texts'),
    3: field('binaryData', 'base64s'),
    4: field('immutable', 'boolean'),
  },
  Namespace: { 1: metadata, 2: field('spec', { 1: field('finalizers', 'text', true) }) },
  ServiceAccount: { 1: metadata },
  Lease: { 1: metadata, 2: field('spec', LEASE_SPEC) },
  SelfSubjectAccessReview: {
    1: metadata,
    2: field('spec', {
      1: field('resourceAttributes', ATTRIBUTES),
      2: field('nonResourceAttributes', message('path', 'verb')),
    }),
  },
  SelfSubjectRulesReview: { 1: metadata, 2: field('spec', message('namespace')) },
  SelfSubjectReview: { 1: metadata },
  DeleteOptions: {
    1: field('gracePeriodSeconds', 'integer'),
    2: field('preconditions', message('uid', 'resourceVersion')),
    4: field('propagationPolicy'),
    5: field('dryRun', 'text', true),
  },
}

function readMessage(bytes: Buffer, known: Message): Fields {
  const result: Fields = {}
  for (const { number, value } of wireFields(bytes)) {
    const found = known[number]
    if (!found) continue
    const { name, kind, isList } = found
    const read = readValue(kind, value)
    if (isList) result[name] = [...((result[name] as unknown[] | undefined) ?? []), read]
    else if (kind === 'texts' || kind === 'base64s') result[name] = { ...(result[name] as Fields), ...(read as Fields) }
    // Go writes what is not set as the empty string.
    else if (read !== '' && read !== undefined) result[name] = read
  }
  return result
}

function readValue(kind: Kind, value: Buffer | number): unknown {
  if (typeof value === 'number') return kind === 'boolean' ? value === 1 : value
  if (typeof kind === 'object') return readMessage(value, kind)
  if (kind === 'bytes') return value
  if (kind === 'base64') return value.toString('base64')
  if (kind === 'text') return value.toString('utf8')
  if (kind === 'time') return readTime(value)
  const entry = readMessage(value, { 1: field('key'), 2: field('value', kind === 'texts' ? 'text' : 'base64') })
  return { [String(entry['key'])]: entry['value'] ?? '' }
}

/** An empty message is no time. */
function readTime(value: Buffer): string | undefined {
  const { seconds } = readMessage(value, { 1: field('seconds', 'integer') }) as { seconds?: number }
  return seconds === undefined ? undefined : new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')
}

function* wireFields(bytes: Buffer): Generator<{ number: number; value: Buffer | number }> {
  let at = 0
  const varint = () => {
    let [value, factor] = [0, 1]
    for (;;) {
      const byte = bytes[at++] ?? 0
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
      factor *= 128
    }
  }
  while (at < bytes.length) {
    const tag = varint()
    const wireType = tag & 7
    if (wireType === 0) yield { number: tag >> 3, value: varint() }
    else if (wireType === 2) {
      const length = varint()
      yield { number: tag >> 3, value: bytes.subarray(at, (at += length)) }
    } else throw badRequest(`unexpected protobuf wire type ${wireType}`)
  }
}
