import { X509Certificate } from 'node:crypto'
import { SecretValue } from '../base/secret.ts'
import { fail, ok, type Result } from '../base/result.ts'
import type { SecretLookup, SecretSource } from '../resources/source.ts'
import type { EffectiveWebhook, SecretKeyRef } from '../resources/webhook.ts'
import type { Credentials, Hold } from '../routing/snapshot.ts'

/** Shortest signature secret accepted, in bytes: a shorter one can be guessed. */
const SIGNATURE_BYTES_MIN = 16
const HEADER_VALUE_MAX = 4096
const URL_MAX = 2048
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/

/** Judges a secret's text for its use; an empty string means it is usable. Must not repeat the text. */
type Judge = (text: string) => string

/** Reads one key of one Secret, with the last value known standing in while a read fails. */
export type ReadSecret = (ref: SecretKeyRef) => SecretLookup

export interface RememberingReader {
  readonly read: ReadSecret
  /** Forgets whatever else it has read: nothing in force refers to it, and it may be rotated before anything does again. */
  keepOnly(refs: readonly SecretKeyRef[]): void
}

/** A reader that keeps, in memory only, what it last read: a failed read must not take a working webhook down. */
export function rememberingReader(source: SecretSource): RememberingReader {
  const known = new Map<string, SecretLookup>()
  return {
    read(ref) {
      const lookup = source.get(ref.name, ref.key)
      if (lookup.state === 'unreadable') return known.get(idOf(ref)) ?? lookup
      if (lookup.state === 'found') known.set(idOf(ref), lookup)
      else known.delete(idOf(ref))
      return lookup
    },
    keepOnly(refs) {
      const kept = new Set(refs.map(idOf))
      for (const id of known.keys()) if (!kept.has(id)) known.delete(id)
    },
  }
}

function idOf({ name, key }: SecretKeyRef): string {
  return `${name}/${key}`
}

/** What a webhook reads from Secrets. */
export function secretRefs(spec: EffectiveWebhook): SecretKeyRef[] {
  const refs = [
    spec.urlFrom,
    spec.ca,
    spec.signature?.current,
    spec.signature?.previous,
    ...spec.headers.map((header) => header.valueFrom),
  ]
  return refs.filter((ref) => ref !== undefined)
}

/** Resolves everything a webhook takes from Secrets, or says everything that keeps it from being sent. */
export function resolveCredentials(spec: EffectiveWebhook, read: ReadSecret): Result<Credentials, Hold> {
  const secrets: SecretValue[] = []
  const holds: Hold[] = []
  const resolve = (ref: SecretKeyRef, judge: Judge): string => {
    const lookup = resolveSecret(ref, read(ref), judge)
    if (lookup.ok) secrets.push(lookup.value)
    else holds.push(lookup.error)
    return lookup.ok ? lookup.value.reveal() : ''
  }

  const credentials: Credentials = {
    url: spec.urlFrom ? resolve(spec.urlFrom, judgeUrl) : (spec.url ?? ''),
    urlIsSecret: spec.urlFrom !== undefined,
    signing: signingRefs(spec).map((ref) => new SecretValue(resolve(ref, judgeSignatureSecret))),
    headers: spec.headers.map(({ name, value, valueFrom }) => ({
      name,
      value: valueFrom ? resolve(valueFrom, judgeHeaderValue) : (value ?? ''),
    })),
    ca: spec.ca && resolve(spec.ca, judgeCertificates),
    secrets,
  }
  const [first] = holds
  if (!first) return ok(credentials)
  return fail({ reason: first.reason, message: [...new Set(holds.map((hold) => hold.message))].join(' ') })
}

function signingRefs(spec: EffectiveWebhook): SecretKeyRef[] {
  if (!spec.signature) return []
  return spec.signature.previous ? [spec.signature.current, spec.signature.previous] : [spec.signature.current]
}

function resolveSecret(ref: SecretKeyRef, lookup: SecretLookup, judge: Judge): Result<SecretValue, Hold> {
  switch (lookup.state) {
    case 'not-found':
      return fail({ reason: 'SecretNotFound', message: `Secret ${ref.name} does not exist.` })
    case 'key-missing':
      return fail({ reason: 'SecretKeyMissing', message: `Secret ${ref.name} has no key ${ref.key}.` })
    case 'not-permitted':
      return fail({
        reason: 'RefNotPermitted',
        message: `Secret ${ref.name} is not open to webhooks: kubectl label secret ${ref.name} nepenthes.dev/webhook=true`,
      })
    case 'malformed':
      return fail({ reason: 'InvalidSecret', message: `Secret ${ref.name}, key ${ref.key}, ${lookup.reason}.` })
    case 'unreadable':
      return fail({
        reason: 'SecretNotFound',
        message: `Secret ${ref.name}, key ${ref.key}, cannot be read: ${lookup.reason}.`,
      })
    case 'found': {
      const text = lookup.value.reveal().replace(/\r?\n$/, '')
      const fault = text === '' ? 'is empty' : judge(text)
      if (fault) return fail({ reason: 'InvalidSecret', message: `Secret ${ref.name}, key ${ref.key}, ${fault}.` })
      return ok(new SecretValue(text))
    }
  }
}

/** Standard Webhooks: after `whsec_` comes base64 of the key. Padding may be missing, as some tools leave it out. */
function judgeSignatureSecret(text: string): string {
  if (!text.startsWith('whsec_')) {
    return Buffer.byteLength(text) < SIGNATURE_BYTES_MIN ? `is shorter than ${SIGNATURE_BYTES_MIN} bytes` : ''
  }
  const encoded = text.slice('whsec_'.length)
  if (encoded === '' || !BASE64.test(encoded)) return 'is not base64 after whsec_'
  return Buffer.from(encoded, 'base64').length < SIGNATURE_BYTES_MIN
    ? `decodes to less than ${SIGNATURE_BYTES_MIN} bytes`
    : ''
}

function judgeUrl(text: string): string {
  if (text.length > URL_MAX) return `is longer than ${URL_MAX} characters`
  const url = URL.parse(text)
  if (!url || !['http:', 'https:'].includes(url.protocol)) return 'is not an http or https URL'
  return url.username || url.password ? 'holds a URL with credentials in it: give them as a header' : ''
}

function judgeHeaderValue(text: string): string {
  if (text.length > HEADER_VALUE_MAX) return `is longer than ${HEADER_VALUE_MAX} characters`
  return HEADER_VALUE.test(text) ? '' : 'holds characters a header cannot carry'
}

function judgeCertificates(text: string): string {
  try {
    new X509Certificate(text)
    return ''
  } catch {
    return 'is not a certificate in PEM'
  }
}
