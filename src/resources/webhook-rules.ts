import { isRecord } from './finding.ts'
import { celString, objectCheck, textCheck, type Rule, type Violation } from './rule.ts'

const URL_SCHEME = '^https?://[^/?#]'
const URL_CREDENTIALS = '^https?://[^/?#]*@'
const URL_CHARACTERS = '^[^\\x00-\\x20\\x7f\\\\]*$'
/** Hop-by-hop (RFC 9110 §7.6.1) and those the sender sets itself; `expect` no HTTP client of ours can honour. */
const FORBIDDEN_HEADER =
  '^(?i:connection|proxy-connection|keep-alive|te|trailer|transfer-encoding|upgrade|host|expect|content-.*|user-agent|webhook-.*|x-op-.*|x-nepenthes-.*)$'
const CREDENTIAL_HEADER = '^(?i:authorization|cookie|proxy-.*)$'

const patterns = {
  scheme: new RegExp(URL_SCHEME),
  credentials: new RegExp(URL_CREDENTIALS),
  characters: new RegExp(URL_CHARACTERS),
  forbidden: new RegExp(FORBIDDEN_HEADER),
  credential: new RegExp(CREDENTIAL_HEADER),
}

const urlRules: readonly Rule[] = [
  {
    at: 'spec',
    code: 'ExactlyOne',
    cel: 'has(self.url) != has(self.urlFrom)',
    editor: { oneOf: [{ required: ['url'] }, { required: ['urlFrom'] }] },
    message: 'exactly one of url and urlFrom must be set',
    check: objectCheck((spec) => exactlyOne(spec, 'url', 'urlFrom')),
  },
  {
    at: 'spec.url',
    code: 'InvalidUrl',
    cel: `self.matches(${celString(URL_SCHEME)})`,
    editor: { pattern: URL_SCHEME },
    message: 'must begin with https:// or http:// and a host',
    check: textCheck((url) =>
      patterns.scheme.test(url) ? undefined : { hint: 'Write the whole URL, the scheme in lower case.' },
    ),
  },
  {
    at: 'spec.url',
    code: 'InvalidUrl',
    cel: `!self.matches(${celString(URL_CREDENTIALS)})`,
    editor: { not: { pattern: URL_CREDENTIALS } },
    message: 'must not contain credentials',
    check: textCheck((url) =>
      patterns.credentials.test(url)
        ? { hint: 'Send them in an authorization header with valueFrom, or put the whole URL into a Secret: urlFrom.' }
        : undefined,
    ),
  },
  {
    at: 'spec.url',
    code: 'InvalidUrl',
    cel: `self.matches(${celString(URL_CHARACTERS)})`,
    editor: { pattern: URL_CHARACTERS },
    message: 'must not contain spaces, control characters or backslashes',
    check: textCheck((url) => (patterns.characters.test(url) ? undefined : { hint: 'Percent-encode them.' })),
  },
  {
    at: 'spec.url',
    code: 'InvalidUrl',
    // Ports, percent signs, IPv6 and international names: a parser's work, beyond CEL without its URL library.
    cel: undefined,
    message: 'must be a URL',
    check: textCheck((url) =>
      patterns.scheme.test(url) && patterns.characters.test(url) && !URL.canParse(url)
        ? { hint: 'Look at the host and the port.' }
        : undefined,
    ),
  },
]

const headerRules: readonly Rule[] = [
  {
    at: 'spec.headers[]',
    code: 'ExactlyOne',
    cel: 'has(self.value) != has(self.valueFrom)',
    editor: { oneOf: [{ required: ['value'] }, { required: ['valueFrom'] }] },
    message: 'exactly one of value and valueFrom must be set',
    check: objectCheck((header) => exactlyOne(header, 'value', 'valueFrom')),
  },
  {
    at: 'spec.headers[]',
    code: 'ForbiddenHeader',
    cel: `!self.name.matches(${celString(FORBIDDEN_HEADER)})`,
    message: 'this header is set by the sender and cannot be configured',
    check: objectCheck(({ name }) =>
      typeof name === 'string' && patterns.forbidden.test(name)
        ? {
            path: ['name'],
            message: `the header ${name} is set by the sender and cannot be configured`,
            hint: 'Remove it.',
          }
        : undefined,
    ),
  },
  {
    at: 'spec.headers[]',
    code: 'SecretInClear',
    cel: `!has(self.value) || !self.name.matches(${celString(CREDENTIAL_HEADER)})`,
    message: 'authorization, cookie and proxy-* headers carry credentials: use valueFrom',
    check: objectCheck(({ name, value }) =>
      typeof name === 'string' && value !== undefined && patterns.credential.test(name)
        ? {
            path: ['value'],
            message: `the header ${name} carries credentials and must not be given in clear`,
            hint: 'Put the value into a Secret: valueFrom: {secretKeyRef: {name: ..., key: ...}}.',
          }
        : undefined,
    ),
  },
  {
    at: 'spec.headers',
    code: 'DuplicateItem',
    cel: 'self.all(a, self.exists_one(b, a.name.lowerAscii() == b.name.lowerAscii()))',
    message: 'header names must be unique, ignoring case',
    check: repeatedHeaders,
  },
]

const deliveryRules: readonly Rule[] = [
  {
    at: 'spec.delivery',
    code: 'StrictConcurrency',
    editor: { not: { required: ['maxConcurrency', 'ordering'], properties: { ordering: { const: 'Strict' } } } },
    cel: "!has(self.maxConcurrency) || !has(self.ordering) || self.ordering != 'Strict'",
    message: 'maxConcurrency cannot be combined with ordering Strict, which has one request in flight',
    check: objectCheck(({ maxConcurrency, ordering }) =>
      maxConcurrency !== undefined && ordering === 'Strict'
        ? {
            path: ['maxConcurrency'],
            message: 'has no place beside ordering Strict, which has one request in flight',
            hint: 'Remove maxConcurrency, or use PerProject.',
          }
        : undefined,
    ),
  },
]

export const WEBHOOK_RULES: readonly Rule[] = [...urlRules, ...headerRules, ...deliveryRules]

function exactlyOne(object: Record<string, unknown>, a: string, b: string): Violation | undefined {
  const hasA = Object.hasOwn(object, a)
  const hasB = Object.hasOwn(object, b)
  if (hasA !== hasB) return undefined
  if (hasA) return { path: [b], message: `${a} and ${b} are both there`, hint: 'Keep one.' }
  return { message: `one of ${a} and ${b} is needed`, hint: `Add ${a}, or ${b} to take it from a Secret.` }
}

function repeatedHeaders(headers: unknown): readonly Violation[] {
  if (!Array.isArray(headers)) return []
  const seen = new Map<string, number>()
  const violations: Violation[] = []
  for (const [index, header] of headers.entries()) {
    if (!isRecord(header) || typeof header['name'] !== 'string') continue
    const first = seen.get(header['name'].toLowerCase())
    if (first === undefined) seen.set(header['name'].toLowerCase(), index)
    else violations.push(repeatedHeader(header['name'], index, first))
  }
  return violations
}

function repeatedHeader(name: string, index: number, first: number): Violation {
  const message = `the header ${name} is already set at spec.headers[${first}]; names are compared ignoring case`
  return { path: [index, 'name'], message, hint: 'Keep one.' }
}
